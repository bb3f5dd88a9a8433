"""Takes down what a run decides, as it decides it.

Every decision is in the file before the next one is made. A file that cannot be written does not
stop a robot: that is said once, and the run goes on without.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from robot_skills.core.errors import RefusedError, StorageError
from robot_skills.core.events import Event, EventKind
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.scheduler.attribution import attribute_attempts
from robot_skills.scheduler.memory.records import TaskState, Where
from robot_skills.scheduler.memory.store import TaskMemory
from robot_skills.scheduler.runs import call_data

_log = logging.getLogger(__name__)


class Journal:
    """An `EventSink` that keeps a memory up to date.

    Args:
        memory: Open.
        where: The cell that it runs in.
        resumes: Number of the task that the next run goes on with; a new one when None.
        now: Unix time [s].
    """

    def __init__(
        self,
        memory: TaskMemory,
        where: Where,
        resumes: int | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._memory = memory
        self._where = where
        self._resumes = resumes
        self._now = now
        self._broken = False
        self._events: list[Event] = []
        self._task: int | None = None
        self._run = 1
        self._step: int | None = None
        self._under_way = self._planned = False
        self._calls: list[dict[str, Any]] = []
        self._expected: list[dict[str, Any]] = []
        self._place = 0
        self._milestones: list[Any] = []
        self._missing: list[str] = []

    @property
    def task(self) -> int | None:
        """Number of the task that is under way, or was last."""
        return self._task

    def emit(self, event: Event) -> None:
        if self._broken:
            return
        if event.kind is not EventKind.CHUNK and not _accepts_chunk(event):
            # Chunks that were accepted are many, and nobody is to blame for them.
            self._events.append(event)
        try:
            self._take(event)
        except (StorageError, RefusedError) as error:
            self._broken = True
            _log.warning("What happens from now on is not remembered: %s", error)

    def _take(self, event: Event) -> None:
        if event.kind is EventKind.INSTRUCTION:
            self._begin(event)
        if self._task is None:
            return
        data, tasks = event.data, self._memory.tasks
        match event.kind:
            case EventKind.PLAN:
                self._plan(event, self._task)
            case EventKind.PROGRESS:
                self._milestones = list(data["milestones"])
                tasks.ahead(self._task, data)
            case EventKind.SKILL_START:
                self._start(event, self._task)
            case EventKind.EFFECTS if "checked" in data:
                self._missing = list(data["unmet"])
            case EventKind.EFFECTS if self._step is not None:
                tasks.surprised(self._task, self._step, data.get("surprises", ()))
            case EventKind.SKILL_END:
                self._end(event, self._task)
            case EventKind.REFUSED if not self._planned:
                tasks.end(self._task, self._state(data), str(data["reason"]), self._now())
            case EventKind.RUN_END:
                tasks.end(self._task, self._state(data), str(data["reason"]), self._now())
            case _:
                pass

    def _begin(self, event: Event) -> None:
        now, tasks = self._now(), self._memory.tasks
        self._events = [event]
        self._step, self._under_way, self._planned = None, False, False
        if self._resumes is None:
            self._task, self._run = tasks.begin(str(event.data["text"]), self._where, now), 1
        else:
            self._task, self._resumes = self._resumes, None
            self._run = tasks.resume(self._task, now)

    def _plan(self, event: Event, task: int) -> None:
        data = event.data
        self._planned, self._place = True, 0
        self._calls, self._expected = list(data["calls"]), list(data["expected"])
        self._milestones = list(data["ahead"]["milestones"])
        self._memory.tasks.planned(
            task, str(data["planner"]), data["goal"], data["ahead"], self._now()
        )

    def _start(self, event: Event, task: int) -> None:
        call = _call(event)
        place = self._place_of(call)
        # A plan that names what is not there has no expectations.
        foreseen = self._expected[place : place + 1] if place is not None else []
        expected = foreseen[0] if foreseen else {}
        self._missing, self._under_way = [], True
        self._step = self._memory.tasks.begin_step(task, self._run, call, expected, self._now())

    def _place_of(self, call: SkillCall) -> int | None:
        """Where in what is left of the plan a call is."""
        data = call_data(call)
        ahead = range(self._place, len(self._calls))
        return next((place for place in ahead if self._calls[place] == data), None)

    def _end(self, event: Event, task: int) -> None:
        data, call, tasks = event.data, _call(event), self._memory.tasks
        if not self._under_way:
            # It ended before it began.
            self._start(event, task)
        step, self._under_way = self._step, False
        assert step is not None
        ok = data.get("outcome") == Outcome.SUCCESS.value
        if ok:
            self._go_on_behind(call)
        tasks.end_step(
            task,
            step,
            outcome=str(data.get("outcome", "")),
            reason=str(data.get("reason", "")),
            missing=self._missing,
            likely=data.get("likely"),
            milestones=self._milestones,
            at=self._now(),
        )
        if not ok:
            self._blame(task, step)

    def _state(self, end: Mapping[str, Any]) -> TaskState:
        """How a task stands when a run of it has ended, or was refused.

        What somebody stopped can be gone on with, and so can what could not even begin again.
        """
        if end.get("success"):
            return TaskState.DONE
        not_begun = self._run > 1 and not self._planned
        return TaskState.INTERRUPTED if end.get("stopped") or not_begun else TaskState.FAILED

    def _go_on_behind(self, call: SkillCall) -> None:
        """A call that succeeded is behind, in the plan and among the milestones."""
        place = self._place_of(call)
        if place is not None:
            self._place = place + 1
        if self._milestones[:1] == [call_data(call)]:
            self._milestones = self._milestones[1:]

    def _blame(self, task: int, step: int) -> None:
        fault = attribute_attempts(self._events)[-1]
        if fault is not None:
            self._memory.tasks.failed(
                task,
                step,
                layer=fault.layer.value,
                during=fault.skill,
                cause=fault.reason,
                at=self._now(),
            )


def _accepts_chunk(event: Event) -> bool:
    return event.kind is EventKind.GATE and bool(event.data.get("accepted", True))


def _call(event: Event) -> SkillCall:
    return SkillCall(skill=str(event.data["skill"]), args=dict(event.data["args"]))
