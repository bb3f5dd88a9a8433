"""Decisions as data: every plan, check, skill, chunk and verdict is one event in the log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol


class EventKind(Enum):
    """What happened. The names are what a log holds."""

    INSTRUCTION = "instruction"
    LOOK = "look"
    PLAN = "plan"
    REFUSED = "refused"
    PRECONDITIONS = "preconditions"
    SKILL_START = "skill_start"
    CHUNK = "chunk"
    GATE = "gate"
    SKILL_END = "skill_end"
    EFFECTS = "effects"
    GOAL = "goal"
    """What of the goal was seen not to hold when all calls had been made."""
    SPECIFICATION = "specification"
    """A call was not made because it would violate what the whole run has to satisfy, or what is
    seen violates it."""
    PROGRESS = "progress"
    """What is still ahead of milestones and specification, when that has changed since the plan."""
    RETRY = "retry"
    REPLAN = "replan"
    RUN_END = "run_end"
    CORRECTION = "correction"
    """What a person wants otherwise is heeded, remembered, refused or taken back."""
    SUBTASK = "subtask"
    """What is being done from now on, in words."""
    OPERATOR = "operator"
    """A hand engaged, let go, was refused or was lost."""
    INTERVENTION = "intervention"
    """A person took over from a policy, or gave back."""
    SAID = "said"
    """Typed words that move the arm."""
    ESTOP = "estop"
    DRIVER = "driver"
    """The arm or its gripper does not do what it was told."""
    SENSOR = "sensor"
    """A camera or a device was lost, or came back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One decision.

    Attributes:
        stamp_s: On the project clock.
        kind: What happened.
        data: JSON values only.
    """

    stamp_s: float
    kind: EventKind
    data: Mapping[str, Any] = field(default_factory=dict)


class EventSink(Protocol):
    """Whoever wants to know: the episode log, a progress display, a test."""

    def emit(self, event: Event) -> None: ...


class EventList:
    """Keeps events in memory."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)

    def of_kind(self, kind: EventKind) -> list[Event]:
        return [event for event in self.events if event.kind is kind]


class EventFanOut:
    """Passes every event on to several sinks, in order."""

    def __init__(self, *sinks: EventSink) -> None:
        self._sinks = sinks

    def emit(self, event: Event) -> None:
        for sink in self._sinks:
            sink.emit(event)
