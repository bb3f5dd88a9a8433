"""The running plan as the console shows it, read from the events of the executive."""

from dataclasses import replace
from typing import Any

from robot_skills.app.story import call_text
from robot_skills.console.backend import StepStatus
from robot_skills.core.events import Event, EventKind

Checks = tuple[tuple[str, bool], ...]
"""Conditions, and whether they held."""

WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


class PlanBoard:
    """An `EventSink` that keeps the steps of the newest plan, and of those before it what was done.

    Attributes:
        instruction: The words.
        steps: In order.
        begun: The call that is being carried out, as its event has it; None between calls.
        plans: How many plans there were.
        chunks: Of the call that is being carried out.
    """

    def __init__(self) -> None:
        self.clear("")

    def clear(self, instruction: str) -> None:
        """Begin with other words."""
        self.instruction = instruction
        self.steps: tuple[StepStatus, ...] = ()
        self.begun: Event | None = None
        self.plans = self.chunks = 0
        self._at = 0

    def emit(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case EventKind.INSTRUCTION:
                self.clear(str(data.get("text", "")))
            case EventKind.PLAN:
                self._plan([call_text(call) for call in data.get("calls", ())])
            case EventKind.PRECONDITIONS:
                self._begin(call_text(data), _checks("before", data))
            case EventKind.SKILL_START:
                self.begun, self.chunks = event, 0
            case EventKind.CHUNK:
                self.chunks += 1
            case EventKind.EFFECTS:
                self._change(call_text(data), checks=_checks("after", data))
            case EventKind.SKILL_END:
                self._end(call_text(data), data)
            case EventKind.RETRY:
                again = f"once more ({data.get('attempt')} of {data.get('of')})"
                self._change(call_text(data), reason=f"{again}: {data.get('reason', '')}")
            case EventKind.RUN_END:
                self._close(str(data.get("reason", "")))
            case _:
                pass

    def _close(self, reason: str) -> None:
        """A step without an end has failed."""
        self.begun = None
        self.steps = tuple(
            replace(step, state=FAILED, reason=reason) if step.state == RUNNING else step
            for step in self.steps
        )

    def _plan(self, calls: list[str]) -> None:
        """Keep what was done or failed; what was still to come is to come no more."""
        self.plans += 1
        kept = tuple(step for step in self.steps if step.state != WAITING)
        self.steps = kept + tuple(StepStatus(call=call, state=WAITING) for call in calls)
        self._at = len(kept)

    def _begin(self, call: str, checks: Checks) -> None:
        """Go to the step of this call; one that is in no plan, as the way home, gets a step."""
        shown = self.steps[self._at :]
        if shown and shown[0].state == FAILED and shown[0].call != call:
            self._at += 1
            shown = shown[1:]
        step = StepStatus(call=call, state=RUNNING, checks=checks)
        rest = shown[1:] if shown and shown[0].call == call else shown
        self.steps = (*self.steps[: self._at], step, *rest)

    def _end(self, call: str, data: Any) -> None:
        self.begun = None
        good = data.get("outcome") == "success"
        self._change(call, state=DONE if good else FAILED, reason=str(data.get("reason", "")))
        # A step that failed may be tried again.
        self._at += good

    def _change(self, call: str, *, checks: Checks = (), **changes: str) -> None:
        """Of the last step with this call that has begun: new values, and more checks."""
        begun = [i for i, one in enumerate(self.steps) if one.call == call and _begun(one)]
        if begun:
            steps = list(self.steps)
            step = steps[begun[-1]]
            steps[begun[-1]] = replace(step, checks=step.checks + checks, **changes)
            self.steps = tuple(steps)


def _begun(step: StepStatus) -> bool:
    return step.state != WAITING


def _checks(when: str, data: Any) -> Checks:
    """Conditions that an event says were looked at, and whether they held."""
    unmet = [str(literal) for literal in data.get("unmet", ())]
    checked = [str(literal) for literal in data.get("checked", ())]
    checks = [(f"{when}: {literal}", literal not in unmet) for literal in checked]
    checks += [(f"{when}: {literal}", False) for literal in unmet if literal not in checked]
    checks += [(f"{when}: {surprise}", False) for surprise in data.get("surprises", ())]
    return tuple(checks)
