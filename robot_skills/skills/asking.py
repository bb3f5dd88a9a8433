"""Asking a policy for a chunk while the arm follows the one before.

A policy's answer takes time, and the arm does not wait for it. So the question goes out early, and
the chunk that comes back has to fit what the arm did meanwhile; see `robot_skills.skills.stitching`
for the ways to make it fit.
"""

import math
import time
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from robot_skills.core.policy import Policy, PolicyInput, PolicyOutput


@runtime_checkable
class ContinuingPolicy(Policy, Protocol):
    """A policy that can go on from what the arm does in any case."""

    @property
    def can_continue(self) -> bool:
        """Whether `prefix` is heeded."""
        ...

    def infer(self, inputs: PolicyInput, prefix: PolicyOutput | None = None) -> PolicyOutput:
        """A chunk whose first steps are those of the prefix."""
        ...


@runtime_checkable
class AskedPolicy(Policy, Protocol):
    """A policy that thinks elsewhere: it is asked, and answers when it is ready."""

    @property
    def can_continue(self) -> bool:
        """Whether `prefix` is heeded."""
        ...

    @property
    def expected_latency_s(self) -> float:
        """Time within which nearly all answers come."""
        ...

    def submit(self, inputs: PolicyInput, prefix: PolicyOutput | None = None) -> None:
        """Ask; an answer that is still owed is dropped."""
        ...

    def poll(self) -> PolicyOutput | None:
        """The answer, once, when it is there."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Answer:
    """What a policy said.

    Attributes:
        output: The chunk.
        latency_ms: Wall time that it took.
    """

    output: PolicyOutput
    latency_ms: float


class Asker(Protocol):
    """How a policy is asked. Time is counted in periods of the policy."""

    @property
    def expected_steps(self) -> int:
        """Periods between a question and its answer."""
        ...

    @property
    def can_continue(self) -> bool:
        """Whether a prefix is heeded."""
        ...

    def ask(self, inputs: PolicyInput, prefix: PolicyOutput | None, tick: int) -> None:
        """Ask at this period."""
        ...

    def answer(self, tick: int) -> Answer | None:
        """The answer, once, when it is there at this period."""
        ...


def asker_of(policy: Policy, latency_steps: int) -> Asker:
    """Ask a policy that thinks elsewhere without waiting, and any other one in lock-step.

    Args:
        policy: Who is asked.
        latency_steps: Periods after which a lock-step answer is handed over.
    """
    return LiveAsker(policy) if isinstance(policy, AskedPolicy) else LockStep(policy, latency_steps)


class LockStep:
    """The clock stands still while the policy thinks; its answer is handed over when it is due.

    So a simulated arm can be late by exactly as much as is wanted, and every run is reproducible.
    """

    def __init__(self, policy: Policy, latency_steps: int) -> None:
        self._policy = policy
        self._due: tuple[int, Answer] | None = None
        self.expected_steps = latency_steps
        self.can_continue = isinstance(policy, ContinuingPolicy) and policy.can_continue

    def ask(self, inputs: PolicyInput, prefix: PolicyOutput | None, tick: int) -> None:
        before_s = time.perf_counter()
        if prefix is not None and isinstance(self._policy, ContinuingPolicy):
            output = self._policy.infer(inputs, prefix)
        else:
            output = self._policy.infer(inputs)
        answer = Answer(output=output, latency_ms=1e3 * (time.perf_counter() - before_s))
        self._due = (tick + self.expected_steps, answer)

    def answer(self, tick: int) -> Answer | None:
        if self._due is None or tick < self._due[0]:
            return None
        answer, self._due = self._due[1], None
        return answer


class LiveAsker:
    """The clock goes on while the policy thinks in a process of its own."""

    def __init__(self, policy: AskedPolicy) -> None:
        self._policy = policy
        self._asked_s = 0.0
        self.can_continue = policy.can_continue

    @property
    def expected_steps(self) -> int:
        return math.ceil(self._policy.expected_latency_s / self._policy.period_s)

    def ask(self, inputs: PolicyInput, prefix: PolicyOutput | None, tick: int) -> None:
        self._asked_s = time.perf_counter()
        self._policy.submit(inputs, prefix)

    def answer(self, tick: int) -> Answer | None:
        output = self._policy.poll()
        if output is None:
            return None
        return Answer(output=output, latency_ms=1e3 * (time.perf_counter() - self._asked_s))
