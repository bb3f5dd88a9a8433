"""Policies in processes of their own, so that no robot waits for one."""

from policies.runtime.process import PolicyProcess, PolicyProcessDied, PolicyProcessLate

__all__ = ["PolicyProcess", "PolicyProcessDied", "PolicyProcessLate"]
