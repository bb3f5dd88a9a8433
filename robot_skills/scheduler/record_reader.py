"""From the events of a run to its record."""

from collections.abc import Iterable, Mapping
from typing import Any

from robot_skills.core.events import Event, EventKind
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.scheduler.run_record import (
    Broken,
    GoalMissed,
    PlanBroken,
    Refusal,
    RefusedChunk,
    RunRecord,
    Sighting,
    Stuck,
    Thing,
    Trouble,
    Try,
)


def read_record(events: Iterable[Event]) -> RunRecord:
    """The record of one run."""
    reader = _Reader()
    for event in events:
        reader.take(event)
    return reader.record()


class _Reader:
    def __init__(self) -> None:
        self._refusal: Refusal | None = None
        self._planned = False
        self._sightings: list[Sighting] = []
        self._tries: list[Try] = []
        self._troubles: list[Trouble] = []
        self._explained = True
        self._believed = self._stopped = False
        self._forget_call()

    def _forget_call(self) -> None:
        """What belongs to the call that is under way begins anew."""
        self._open = False
        self._start: Event | None = None
        self._before: Sighting | None = None
        self._needed: tuple[str, ...] = ()
        self._promised: tuple[str, ...] = ()
        self._refusals: list[RefusedChunk] = []
        self._stuck: list[Stuck] = []

    def record(self) -> RunRecord:
        return RunRecord(
            refusal=self._refusal,
            sightings=tuple(self._sightings),
            tries=tuple(self._tries),
            troubles=tuple(self._troubles),
            believed=self._believed,
            stopped=self._stopped,
        )

    def take(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case EventKind.LOOK:
                self._sightings.append(_sighting(event, len(self._tries) - (not self._open)))
            case EventKind.PLAN:
                self._planned = True
            case EventKind.REFUSED if not self._planned:
                self._refusal = Refusal(
                    stamp_s=event.stamp_s,
                    reason=str(data.get("reason", "")),
                    error=str(data.get("error", "")),
                    skill=str(data.get("skill", "")),
                    args=dict(data.get("args", {})),
                )
            case EventKind.PRECONDITIONS:
                self._forget_call()
                self._open = True
                self._before = self._latest()
                self._needed = _texts(data, "unmet")
            case EventKind.SKILL_START:
                self._start = event
            case EventKind.GATE if not data.get("accepted", True):
                self._refusals.append(
                    RefusedChunk(
                        stamp_s=event.stamp_s,
                        code=str(data.get("code", "")),
                        message=str(data.get("message", "")),
                        details=data.get("details", {}),
                    )
                )
            case EventKind.DRIVER:
                message = str(data.get("message", ""))
                self._stuck.append(Stuck(stamp_s=event.stamp_s, message=message))
            case EventKind.EFFECTS if "checked" in data:
                self._promised = _texts(data, "checked")
            case EventKind.SKILL_END:
                self._end(event)
            case EventKind.GOAL:
                unmet = (*_texts(data, "unmet"), *_texts(data, "ahead"))
                if unmet:
                    attempts = len(self._tries)
                    self._trouble(GoalMissed(stamp_s=event.stamp_s, attempts=attempts, unmet=unmet))
            case EventKind.REPLAN if not (self._explained or data.get("corrected")):
                reason, attempts = str(data.get("reason", "")), len(self._tries)
                self._trouble(PlanBroken(stamp_s=event.stamp_s, attempts=attempts, reason=reason))
            case EventKind.SPECIFICATION if "refused" not in data:
                reason, attempts = str(data.get("reason", "")), len(self._tries)
                self._trouble(
                    PlanBroken(
                        stamp_s=event.stamp_s, attempts=attempts, reason=reason, event=event.kind
                    )
                )
            case EventKind.RUN_END:
                self._run_end(event)
            case _:
                pass

    def _trouble(self, trouble: Trouble) -> None:
        self._troubles.append(trouble)
        self._explained = True

    def _latest(self) -> Sighting | None:
        return self._sightings[-1] if self._sightings else None

    def _end(self, event: Event) -> None:
        data, start = event.data, self._start
        begun = {} if start is None else start.data
        after = self._latest()
        found = Try(
            call=SkillCall(skill=str(data.get("skill", "")), args=dict(data.get("args", {}))),
            began=start is not None,
            start_s=event.stamp_s if start is None else start.stamp_s,
            end_s=event.stamp_s,
            outcome=Outcome(data.get("outcome", Outcome.FAILED.value)),
            reason=str(data.get("reason", "")),
            error=str(data.get("error", "")),
            refused_by=str(data.get("refused_by", "")),
            chunks=int(data.get("chunks", 0)),
            refusals=tuple(self._refusals),
            stuck=tuple(self._stuck),
            needed=self._needed,
            promised=self._promised,
            nearest_m=data.get("nearest_m", {}),
            least_opening=data.get("least_opening"),
            least_told=data.get("least_told"),
            max_speed_m_s=begun.get("max_speed_m_s"),
            from_m=tuple(begun.get("from_m", ())),
            before=self._before,
            after=None if after is self._before else after,
        )
        self._tries.append(found)
        self._explained = False
        if not found.ok and found.outcome is not Outcome.STOPPED:
            self._trouble(found)
        self._forget_call()

    def _run_end(self, event: Event) -> None:
        data = event.data
        self._believed = bool(data.get("success"))
        self._stopped = bool(data.get("stopped"))
        if data.get("error"):
            self._trouble(
                Broken(
                    stamp_s=event.stamp_s,
                    attempts=len(self._tries),
                    error=str(data["error"]),
                    reason=str(data.get("reason", "")),
                )
            )


def _sighting(event: Event, attempt: int) -> Sighting:
    views = event.data.get("views", {})
    return Sighting(
        stamp_s=event.stamp_s,
        attempt=attempt,
        things={name: _thing(data) for name, data in event.data.get("things", {}).items()},
        readings={name: float(view["readings"]) for name, view in views.items()},
    )


def _thing(data: Mapping[str, Any]) -> Thing:
    return Thing(
        p_m=tuple(data["p_m"]),
        movable=bool(data["movable"]),
        visible=bool(data["visible"]),
        held=bool(data["held"]),
    )


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    return tuple(str(value) for value in data.get(key, ()))
