"""An account of a run in plain English: what the terminal and the report show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from robot_skills.app.explain.account import Account, Motive, PlanAccount, StepAccount
from robot_skills.app.explain.phrases import (
    join,
    say_call,
    say_fact,
    say_facts,
    say_milestone,
    say_reason,
    sentence,
)
from robot_skills.core.plan import SkillCall
from robot_skills.scheduler.attribution import Fault
from robot_skills.scheduler.expected import Link, Served

_OUTCOMES = {
    "success": "done",
    "failed": "failed",
    "timeout": "ran out of time",
    "stopped": "stopped on request",
    "fault": "ended in a fault",
    "unended": "not ended: the log breaks off here",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ToldStep:
    """One step in words.

    Attributes:
        number: From 1.
        title: What was done, when, and how it ended.
        lines: Label and text: ``why``, ``expected``, ``seen``, ``ended``, ``cause``.
        ok: Whether it went well.
        plan: Of the plan that begins with this step: why it was made; empty for other steps.
    """

    number: int
    title: str
    lines: tuple[tuple[str, str], ...]
    ok: bool
    plan: str = ""


def tell_head(account: Account) -> tuple[tuple[str, str], ...]:
    """What was asked, how it was understood, planned, heeded, and how it ended: label and text."""
    return tuple((label, text) for label, text in _head(account) if text)


def tell_steps(account: Account) -> tuple[ToldStep, ...]:
    """Every step in words."""
    told, plan = [], 0
    for step in account.steps:
        begins = step.plan is not None and step.plan > plan
        plan = step.plan or plan
        told.append(
            ToldStep(
                number=step.number,
                title=_title(step),
                lines=tuple((label, sentence(text)) for label, text in _lines(account, step)),
                ok=step.ok,
                plan=_plan_anew(account, account.plans[plan]) if begins else "",
            )
        )
    return tuple(told)


def tell_end(account: Account) -> str:
    """How a run ended, in a sentence."""
    if account.refused:
        return sentence(f"refused before anything moved: {say_reason(account.refused)}")
    if account.success is None:
        return "The log breaks off before the run ends."
    how = "it succeeded" if account.success else "it failed"
    if account.stopped:
        how = "it was stopped"
    return sentence(f"{how} after {account.end_s:.1f} s: {say_reason(account.reason)}")


def tell_fault(account: Account) -> str:
    """Whose fault it was that something went wrong, with the evidence; empty when nothing did."""
    fault = account.fault
    if fault is None:
        return ""
    call = SkillCall(skill=fault.skill, args=fault.args)
    during = f', during "{say_call(call)}"' if fault.skill else ""
    where = f"seen in the event {fault.event.value} at {fault.stamp_s:.2f} s"
    return sentence(f"the {fault.layer.value} layer{during}: {say_reason(fault.reason)} ({where})")


def _head(account: Account) -> Iterator[tuple[str, str]]:
    yield "asked", account.instruction
    yield "ended", tell_end(account)
    yield "cause", tell_fault(account)
    if not account.plans:
        return
    first = account.plans[0]
    yield "words", sentence("; ".join(first.wording))
    yield "wanted", sentence(_wanted(first))
    heeded = first.specification and f"the whole run has to satisfy {first.specification}"
    yield "heeded", sentence(heeded)
    yield "planned", sentence(_planned(first))
    for stamp_s, said in account.corrections:
        yield "corrected", sentence(f"at {stamp_s:.1f} s: {said}")
    for stamp_s, reason in account.refusals:
        yield "not done", sentence(f"at {stamp_s:.1f} s: {say_reason(reason)}")


def _wanted(plan: PlanAccount) -> str:
    steps = [say_milestone(text) for text in plan.milestones]
    if plan.goal:
        steps.append(say_facts(plan.goal))
    return ", and then ".join(steps) or "that the calls be made"


def _planned(plan: PlanAccount) -> str:
    calls = [say_call(call) for call in plan.calls]
    by = f"by {plan.planner}: " if plan.planner else ""
    return by + (", ".join(calls) or "nothing, for all of it held already")


def _plan_anew(account: Account, plan: PlanAccount) -> str:
    because = f" because {say_reason(plan.reason)}" if plan.reason else ""
    return sentence(f"at {plan.stamp_s:.1f} s it was planned anew{because}; {_planned(plan)}")


def _title(step: StepAccount) -> str:
    tried = "" if step.attempt == 1 else f", attempt {step.attempt}"
    ended = _OUTCOMES.get(step.outcome, step.outcome)
    when = f"{step.start_s:.1f} to {step.end_s:.1f} s"
    call = say_call(step.call)
    return f"{call[0].upper()}{call[1:]}{tried}, {when}: {ended}"


def _lines(account: Account, step: StepAccount) -> Iterator[tuple[str, str]]:
    yield "why", tell_why(account, step)
    expected = _expected(step)
    if expected:
        yield "expected", expected
    seen = _seen(step)
    if seen:
        yield "seen", seen
    if not step.ok and not step.unended and step.reason:
        yield "ended", say_reason(step.reason)
    if step.fault is not None:
        yield "cause", _cause(step.fault, told=step.reason)


def _cause(fault: Fault, told: str) -> str:
    """Whose fault it was, with the evidence; the reason only where it has not been told."""
    reason = "" if fault.reason == told else f": {say_reason(fault.reason)}"
    where = f"seen in the event {fault.event.value} at {fault.stamp_s:.2f} s"
    return f"the {fault.layer.value} layer{reason} ({where})"


def tell_why(account: Account, step: StepAccount) -> str:
    """Why a step was taken, as a clause."""
    served = _served(account, step)
    match step.motive:
        case Motive.AGAIN:
            because = say_reason(step.because) or "the attempt before failed"
            return f"tried again, because {because}" + (f"; {served}" if served else "")
        case Motive.RECOVERY:
            because = f": {say_reason(step.because)}" if step.because else ""
            return f"no plan holds it; it was to put right what had gone wrong{because}"
        case Motive.PLANNED:
            return served or "the plan holds it, and nothing that was wanted needs it"


def _served(account: Account, step: StepAccount) -> str:
    """What the plan had the step for."""
    facts: dict[str, list[str]] = {}
    for link in step.links:
        facts.setdefault(_who_needs(account, step, link), []).append(_needed(link))
    said = ((who, [fact for fact in needed if fact]) for who, needed in facts.items())
    return "; ".join(f"{who}{join(needed)}" for who, needed in said)


def _who_needs(account: Account, step: StepAccount, link: Link) -> str:
    match link.served:
        case Served.CALL:
            return f"{_later_call(account, step, link)} needs that "
        case Served.GOAL:
            return "the goal is that "
        case Served.MILESTONE:
            return "on the way to the goal it was asked that "
        case Served.SPECIFICATION:
            return "the whole run has to satisfy "
        case Served.ASKED:
            return "the words ask for it"


def _needed(link: Link) -> str:
    if link.served is Served.SPECIFICATION:
        return link.literal
    return say_fact(link.literal) if link.literal else ""


def _later_call(account: Account, step: StepAccount, link: Link) -> str:
    """A later call of a step's plan: ``step 3 (put the red cube in the drawer)``."""
    plan = account.plan_of(step)
    assert plan is not None
    assert link.step is not None
    call = say_call(plan.calls[link.step])
    later = account.step_of(plan.number, link.step)
    if later is None:
        return f'"{call}", which was to come later,'
    return f"step {later.number} ({call})"


def _expected(step: StepAccount) -> str:
    if step.expected is None:
        return say_facts(step.checked)
    brings, keeps = say_facts(step.expected.brings), say_facts(step.expected.keeps)
    lasting = f"to last meanwhile: {keeps}" if keeps else ""
    return "; ".join(part for part in (brings, lasting) if part)


def _seen(step: StepAccount) -> str:
    parts = []
    if step.unready:
        parts.append(f"it could not begin, for {join(_contrary(step.unready))}")
    elif step.missing:
        parts.append(join(_contrary(step.missing)))
    elif step.checked and step.ok:
        parts.append(say_facts(step.checked))
    if step.refused_chunks:
        parts.append(f"the safety gate refused motion: {'; '.join(step.refused_chunks)}")
    surprises = _once([say_reason(text) for text in step.surprises])
    if surprises:
        parts.append(f"also, {join(surprises)}")
    if step.likely is not None:
        parts.append(f"success had been foreseen with {step.likely:.2f}")
    return "; ".join(parts)


def _contrary(literals: Sequence[str]) -> list[str]:
    return [say_reason(f"{literal} does not hold") for literal in literals]


def _once(surprises: Sequence[str]) -> list[str]:
    """What stands beside what is said in one order only."""
    told: dict[frozenset[str], str] = {}
    for text in surprises:
        told.setdefault(frozenset(text.split()), text)
    return list(told.values())
