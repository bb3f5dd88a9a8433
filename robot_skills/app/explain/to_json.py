"""An account of a run as JSON values."""

from typing import Any

from robot_skills.app.explain.account import Account, PlanAccount, StepAccount
from robot_skills.app.explain.telling import ToldStep, tell_end
from robot_skills.scheduler.runs import call_data


def account_to_json(account: Account, told: tuple[ToldStep, ...]) -> dict[str, Any]:
    """A run as JSON values.

    Args:
        account: Of the run.
        told: The steps to tell, in words.
    """
    steps = {step.number: step for step in account.steps}
    return {
        "instruction": account.instruction,
        "refused": account.refused or None,
        "success": account.success,
        "stopped": account.stopped,
        "reason": account.refused or account.reason,
        "end": tell_end(account),
        "plans": [_plan(plan) for plan in account.plans],
        "steps": [_step(steps[one.number], one) for one in told],
        "corrections": _told(account.corrections),
        "refusals": _told(account.refusals),
        "fault": None if account.fault is None else account.fault.to_json(),
    }


def _told(notes: tuple[tuple[float, str], ...]) -> list[dict[str, Any]]:
    return [{"stamp_s": stamp_s, "text": text} for stamp_s, text in notes]


def _plan(plan: PlanAccount) -> dict[str, Any]:
    return {
        "number": plan.number,
        "stamp_s": plan.stamp_s,
        "planner": plan.planner,
        "reason": plan.reason or None,
        "goal": list(plan.goal),
        "milestones": list(plan.milestones),
        "specification": plan.specification or None,
        "wording": list(plan.wording),
        "calls": [call_data(call) for call in plan.calls],
    }


def _step(step: StepAccount, told: ToldStep) -> dict[str, Any]:
    expected = None if step.expected is None else step.expected.to_json()
    return {
        "number": step.number,
        **call_data(step.call),
        "attempt": step.attempt,
        "start_s": step.start_s,
        "end_s": step.end_s,
        "plan": step.plan,
        "place": step.place,
        "motive": step.motive.value,
        "because": step.because or None,
        "for": [
            {"served": link.served.value, "literal": link.literal, "step": link.step}
            for link in step.links
        ],
        "expected": expected,
        "unready": list(step.unready),
        "checked": list(step.checked),
        "missing": list(step.missing),
        "surprises": list(step.surprises),
        "likely": step.likely,
        "refused_chunks": list(step.refused_chunks),
        "outcome": step.outcome,
        "reason": step.reason,
        "fault": None if step.fault is None else step.fault.to_json(),
        "text": {"title": told.title, **dict(told.lines)},
    }
