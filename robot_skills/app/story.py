"""What happened in a run, read from its events: the rows of the report."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from robot_skills.core.events import Event, EventKind


class MarkKind(Enum):
    """What a mark on the time line stands for."""

    LOOK = "look"
    PLAN = "plan"
    RETRY = "retry"
    CHECK_PASSED = "passed"
    CHECK_FAILED = "failed"
    GATE = "gate"


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """Something that took no time."""

    stamp_s: float
    kind: MarkKind
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One run of a skill.

    Attributes:
        call: The call as text.
        skill: Name of the skill.
        number: 1 for the first attempt at this call, 2 for the next, ...
        start_s: When it began.
        end_s: When it ended.
        outcome: ``success``, ``failed``, ``timeout``, ``stopped`` or ``fault``.
        reason: Why it ended so.
        chunks: Action chunks that it commanded.
        likely: Probability of success as foreseen at the end of its motion; None where nothing
            foresees it.
    """

    call: str
    skill: str
    number: int
    start_s: float
    end_s: float
    outcome: str = "stopped"
    reason: str = "the run ended"
    chunks: int = 0
    likely: float | None = None

    @property
    def ok(self) -> bool:
        return self.outcome == "success"

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """A run, told in order.

    Attributes:
        instruction: The words.
        wording: How they were understood.
        goal: What has to hold at the end.
        plans: Calls of the first plan and of every later one.
        attempts: Skills in order.
        marks: Everything that took no time, in order.
        refusal: Why nothing was done, if so.
        believed: Whether the executive thinks that the goal holds; None when it never came so far.
        reason: Why the run ended as it did.
    """

    instruction: str
    wording: tuple[str, ...]
    goal: tuple[str, ...]
    plans: tuple[tuple[str, ...], ...]
    attempts: tuple[Attempt, ...]
    marks: tuple[Mark, ...]
    refusal: str | None
    believed: bool | None
    reason: str


def tell(events: Iterable[Event]) -> Story:
    """Read the story from the events of one run."""
    teller = _Teller()
    last_s = 0.0
    for event in events:
        teller.take(event)
        last_s = event.stamp_s
    return teller.story(last_s)


def call_text(data: Any) -> str:
    """A call as text, from the mapping that an event holds."""
    if isinstance(data, Mapping):
        args = ", ".join(str(value) for value in data.get("args", {}).values())
        return f"{data.get('skill', '?')}({args})"
    return str(data)


class _Teller:
    def __init__(self) -> None:
        self._instruction = ""
        self._wording: tuple[str, ...] = ()
        self._goal: tuple[str, ...] = ()
        self._plans: list[tuple[str, ...]] = []
        self._attempts: list[Attempt] = []
        self._open: Attempt | None = None
        self._marks: list[Mark] = []
        self._refusal: str | None = None
        self._believed: bool | None = None
        self._reason = ""

    def story(self, last_s: float) -> Story:
        if self._open is not None:
            self._attempts.append(replace(self._open, end_s=last_s))
        return Story(
            instruction=self._instruction,
            wording=self._wording,
            goal=self._goal,
            plans=tuple(self._plans),
            attempts=tuple(self._attempts),
            marks=tuple(self._marks),
            refusal=self._refusal,
            believed=self._believed,
            reason=self._reason,
        )

    def take(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case EventKind.INSTRUCTION:
                self._instruction = str(data.get("text", ""))
            case EventKind.LOOK:
                seen = ", ".join(map(str, data.get("entities", ())))
                self._mark(event, MarkKind.LOOK, f"sees {seen or 'nothing'}")
            case EventKind.PLAN:
                self._plan(event)
            case EventKind.REPLAN:
                self._mark(event, MarkKind.RETRY, f"new plan wanted: {data.get('reason', '')}")
            case EventKind.SPECIFICATION:
                self._mark(event, MarkKind.CHECK_FAILED, str(data.get("reason", "")))
            case EventKind.REFUSED:
                self._refusal = str(data.get("reason", "refused"))
            case EventKind.PRECONDITIONS | EventKind.EFFECTS:
                self._check(event)
            case EventKind.SKILL_START:
                self._start(event)
            case EventKind.SKILL_END:
                self._end(event)
            case EventKind.CHUNK:
                pass
            case EventKind.RETRY:
                self._mark(event, MarkKind.RETRY, f"once more: {data.get('reason', '')}")
            case EventKind.CORRECTION:
                text = f"{data.get('does', '')} {data.get('words', '')!r}: {data.get('text', '')}"
                self._mark(event, MarkKind.RETRY, text)
            case EventKind.GATE:
                if not data.get("accepted", True):
                    self._mark(event, MarkKind.GATE, str(data.get("message", "refused")))
            case EventKind.RUN_END:
                self._believed = bool(data.get("success"))
                self._reason = str(data.get("reason", ""))

    def _mark(self, event: Event, kind: MarkKind, text: str) -> None:
        self._marks.append(Mark(stamp_s=event.stamp_s, kind=kind, text=text))

    def _plan(self, event: Event) -> None:
        calls = tuple(call_text(call) for call in event.data.get("calls", ()))
        self._plans.append(calls)
        if len(self._plans) == 1:
            self._goal = tuple(str(literal) for literal in event.data.get("goal", ()))
            self._wording = tuple(str(line) for line in event.data.get("wording", ()))
        self._mark(event, MarkKind.PLAN, ", ".join(calls) or "nothing to do")

    def _check(self, event: Event) -> None:
        surprises = [str(surprise) for surprise in event.data.get("surprises", ())]
        if surprises:
            text = f"after {call_text(event.data)}: {'; '.join(surprises)}"
            self._mark(event, MarkKind.CHECK_FAILED, text)
            return
        unmet = [str(literal) for literal in event.data.get("unmet", ())]
        what = "before" if event.kind is EventKind.PRECONDITIONS else "after"
        call = call_text(event.data)
        kind = MarkKind.CHECK_FAILED if unmet else MarkKind.CHECK_PASSED
        said = f"does not hold: {', '.join(unmet)}" if unmet else "holds"
        self._mark(event, kind, f"{what} {call}: {said}")

    def _start(self, event: Event) -> None:
        self._open = self._attempt(event)

    def _attempt(self, event: Event) -> Attempt:
        call = call_text(event.data)
        return Attempt(
            call=call,
            skill=str(event.data.get("skill", "?")),
            number=1 + sum(attempt.call == call for attempt in self._attempts),
            start_s=event.stamp_s,
            end_s=event.stamp_s,
        )

    def _end(self, event: Event) -> None:
        # A call whose preconditions do not hold ends without having begun.
        begun = self._open or self._attempt(event)
        self._open = None
        self._attempts.append(
            replace(
                begun,
                end_s=event.stamp_s,
                outcome=str(event.data.get("outcome", "")),
                reason=str(event.data.get("reason", "")),
                chunks=int(event.data.get("chunks", begun.chunks)),
                likely=event.data.get("likely"),
            )
        )
