"""From the events of a run to an account of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from robot_skills.app.explain.account import Account, Motive, PlanAccount, StepAccount
from robot_skills.core.events import Event, EventKind
from robot_skills.core.plan import SkillCall
from robot_skills.scheduler.attribution import attribute, attribute_attempts
from robot_skills.scheduler.expected import Link, Served, expected_of_event


def account_of(events: Sequence[Event]) -> Account:
    """Give an account of a run from its events, in order."""
    accountant = _Accountant()
    for event in events:
        accountant.take(event)
    steps = _with_links(accountant.finished_steps(), accountant.plans)
    faults = attribute_attempts(events)
    told = [
        replace(step, fault=faults[i] if i < len(faults) else None) for i, step in enumerate(steps)
    ]
    return Account(
        instruction=accountant.instruction,
        entities=tuple(accountant.entities),
        plans=tuple(accountant.plans),
        steps=tuple(told),
        refusals=tuple(accountant.refusals),
        corrections=tuple(accountant.corrections),
        refused=accountant.refused,
        unmet=accountant.unmet,
        success=accountant.success,
        stopped=accountant.stopped,
        reason=accountant.reason,
        end_s=events[-1].stamp_s if events else 0.0,
        fault=attribute(events),
    )


@dataclass(kw_only=True)
class _Open:
    """The attempt that is under way."""

    start_s: float
    needed: tuple[str, ...] = ()
    unready: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    gate: dict[str, None] = field(default_factory=dict)
    call: SkillCall | None = None


class _Accountant:
    """Takes events in order."""

    def __init__(self) -> None:
        self.instruction = self.refused = self.reason = ""
        self.entities: dict[str, None] = {}
        self.plans: list[PlanAccount] = []
        self.refusals: list[tuple[float, str]] = []
        self.corrections: list[tuple[float, str]] = []
        self.unmet: tuple[str, ...] = ()
        self.success: bool | None = None
        self.stopped = False
        self._steps: list[StepAccount] = []
        self._open: _Open | None = None
        self._again: Mapping[str, Any] | None = None
        self._anew = ""
        self._next_place = 0
        self._last_s = 0.0

    def finished_steps(self) -> list[StepAccount]:
        """All steps, with the one that the log breaks off."""
        if self._open is None or self._open.call is None:
            return self._steps
        return [*self._steps, self._step(self._open.call, self._open, self._last_s)]

    def take(self, event: Event) -> None:
        data = event.data
        self._last_s = event.stamp_s
        match event.kind:
            case EventKind.INSTRUCTION:
                self.instruction = str(data.get("text", ""))
            case EventKind.LOOK:
                self.entities |= dict.fromkeys(_texts(data, "entities"))
            case EventKind.PLAN:
                self._plan(event)
            case EventKind.REPLAN:
                self._anew = str(data.get("reason", ""))
            case EventKind.REFUSED:
                self._refuse(event)
            case EventKind.SPECIFICATION:
                self.refusals.append((event.stamp_s, str(data.get("reason", ""))))
            case EventKind.RETRY:
                self._again = data
            case EventKind.CORRECTION:
                said = f'"{data.get("words", "")}": {data.get("does", "")} {data.get("text", "")}'
                self.corrections.append((event.stamp_s, said))
            case EventKind.PRECONDITIONS:
                needed, unready = _texts(data, "checked"), _texts(data, "unmet")
                self._open = _Open(start_s=event.stamp_s, needed=needed, unready=unready)
            case EventKind.SKILL_START:
                self._open = self._open or _Open(start_s=event.stamp_s)
                self._open.call = _call(data)
            case EventKind.GATE if not data.get("accepted", True) and self._open is not None:
                self._open.gate[str(data.get("message", ""))] = None
            case EventKind.EFFECTS:
                self._effects(data)
            case EventKind.SKILL_END:
                begun, self._open = self._open or _Open(start_s=event.stamp_s), None
                self._end(event, begun)
            case EventKind.GOAL:
                self.unmet = (*_texts(data, "unmet"), *_texts(data, "ahead"))
            case EventKind.RUN_END:
                self.success, self.reason = bool(data.get("success")), str(data.get("reason", ""))
                self.stopped = bool(data.get("stopped"))
            case _:
                pass

    def _plan(self, event: Event) -> None:
        data = event.data
        self.plans.append(
            PlanAccount(
                number=len(self.plans),
                stamp_s=event.stamp_s,
                planner=str(data.get("planner", "")),
                reason=self._anew,
                goal=_texts(data, "goal"),
                milestones=_texts(data, "milestones"),
                calls=tuple(map(_call, data.get("calls", ()))),
                expected=expected_of_event(data),
                wording=_texts(data, "wording"),
                specification=str(data.get("specification", "")),
            )
        )
        self._anew, self._next_place = "", 0

    def _refuse(self, event: Event) -> None:
        reason = str(event.data.get("reason", ""))
        if self.plans:
            self.refusals.append((event.stamp_s, reason))
        else:
            self.refused = reason

    def _effects(self, data: Mapping[str, Any]) -> None:
        if self._open is not None and "checked" in data:
            self._open.checked = _texts(data, "checked")
            self._open.missing = _texts(data, "unmet")
        elif data.get("surprises") and self._steps:
            surprises = (*self._steps[-1].surprises, *_texts(data, "surprises"))
            self._steps[-1] = replace(self._steps[-1], surprises=surprises)

    def _end(self, event: Event, begun: _Open) -> None:
        data = event.data
        step = self._step(_call(data), begun, event.stamp_s)
        self._steps.append(
            replace(
                step,
                outcome=str(data.get("outcome", "")),
                reason=str(data.get("reason", "")),
                likely=data.get("likely"),
            )
        )
        self._again = None
        if self._steps[-1].ok and step.place is not None:
            self._next_place = step.place + 1

    def _step(self, call: SkillCall, begun: _Open, end_s: float) -> StepAccount:
        place = self._place(call)
        again = None if self._again is None or _call(self._again) != call else self._again
        attempt = 1 if again is None else int(again.get("attempt", 1))
        because = "" if again is None else _retried(again)
        motive = Motive.PLANNED
        if attempt > 1:
            motive = Motive.AGAIN
        elif place is None:
            motive, because = Motive.RECOVERY, because or self._last_failure()
        return StepAccount(
            number=len(self._steps) + 1,
            call=call,
            attempt=attempt,
            start_s=begun.start_s,
            end_s=end_s,
            plan=len(self.plans) - 1 if self.plans else None,
            place=place,
            motive=motive,
            because=because,
            needed=begun.needed,
            unready=begun.unready,
            checked=begun.checked,
            missing=begun.missing,
            refused_chunks=tuple(begun.gate),
        )

    def _last_failure(self) -> str:
        """How the latest attempt that failed ended."""
        return next((step.reason for step in reversed(self._steps) if not step.ok), "")

    def _place(self, call: SkillCall) -> int | None:
        """Where in the plan that is followed a call comes next."""
        calls = self.plans[-1].calls if self.plans else ()
        ahead = (i for i in range(self._next_place, len(calls)) if calls[i] == call)
        return next(ahead, None)


def _with_links(steps: list[StepAccount], plans: Sequence[PlanAccount]) -> Iterator[StepAccount]:
    """The steps with what was expected of them, and what they were for."""
    for step in steps:
        if step.plan is None or step.place is None:
            yield step
        elif step.place < len(plans[step.plan].expected):
            expected = plans[step.plan].expected[step.place]
            yield replace(step, expected=expected, links=expected.links)
        else:
            yield replace(step, links=tuple(_links_by_checks(step, steps, plans[step.plan])))


def _links_by_checks(
    step: StepAccount, steps: Iterable[StepAccount], plan: PlanAccount
) -> Iterator[Link]:
    """What a step was for, as far as a log that holds no expectations tells: its own effects."""
    for effect in step.checked:
        later = (
            other.place
            for other in steps
            if other.plan == step.plan and other.place is not None and effect in other.needed
        )
        assert step.place is not None
        for place in sorted({place for place in later if place > step.place}):
            yield Link(served=Served.CALL, literal=effect, step=place)
        if effect in plan.goal:
            yield Link(served=Served.GOAL, literal=effect)


def _retried(data: Mapping[str, Any]) -> str:
    """Why another attempt is made, and what of it is otherwise."""
    reason, variation = str(data.get("reason", "")), data.get("variation")
    return f"{reason}; this time {variation}" if variation else reason


def _call(data: Mapping[str, Any]) -> SkillCall:
    return SkillCall(skill=str(data.get("skill", "")), args=dict(data.get("args", {})))


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(str(value) for value in data.get(key, ()))
