"""What the gate in motion is doing, and why it does not let anything move."""

from dataclasses import dataclass, field
from enum import Enum


class GateState(Enum):
    """What the gate does with the arm."""

    IDLE = "idle"
    """Nothing is commanded; the arm holds itself."""
    RUNNING = "running"
    """The arm follows accepted waypoints."""
    HOLD = "hold"
    """It has braked and holds; the next waypoints that are accepted move it again."""
    FAULT = "fault"
    """It has braked and holds until a person acknowledges."""
    ESTOP = "estop"
    """The same, and after acknowledging it has to be enabled as well."""


LATCHED = frozenset({GateState.FAULT, GateState.ESTOP})


class Cause(Enum):
    """Why the arm was stopped."""

    CHUNK_ENDED = "chunk_ended"
    """Its waypoints came to an end, and no newer ones were there."""
    CHUNK_REFUSED = "chunk_refused"
    ASKED = "asked_to_stop"
    STATE_LATE = "state_late"
    STATE_LOST = "state_lost"
    STATE_BAD = "state_bad"
    TRACKING = "tracking"
    """The arm is not where it was told to be."""
    SENSOR_LOST = "sensor_lost"
    """No fresh pictures of a camera: unplugged, frozen, late."""
    SENSOR_MISFIT = "sensor_misfit"
    """A camera gives pictures of another size or lens than those that were calibrated."""
    UNFIT = "unfit"
    """What the arm sends was not checked yet, or is not what the cell says."""
    CONTROLLER = "no_controller"
    """Nothing listens to the commands."""
    OVERRUN = "overrun"
    """The control loop itself cannot keep its period."""
    ROBOT = "robot"
    """The arm's own controller has stopped it: a protective stop, a reflex."""
    ESTOP = "emergency_stop"
    INTERNAL = "internal"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trouble:
    """One reason why nothing may move.

    Attributes:
        cause: Which kind.
        why: In words, with the names and numbers behind it.
        since_s: When it was noticed.
        of: What it is about, where there are several: names of cameras.
    """

    cause: Cause
    why: str
    since_s: float
    of: str = ""

    @property
    def words(self) -> str:
        """Why, with what it is about."""
        return f"{self.of}: {self.why}" if self.of else self.why

    def __str__(self) -> str:
        about = f"({self.of})" if self.of else ""
        return f"{self.cause.value}{about}: {self.why}"


@dataclass(slots=True)
class Counters:
    """What has happened since the start.

    Attributes:
        ticks: Control periods.
        overruns: Of these, begun more than a period late.
        chunks: Chunks that were submitted.
        refused: Of these, refused by a check.
        stale_lease: Of these, from somebody who is no longer in command.
        states: States of the arm that came.
        bad_states: Of these, refused.
        holds: How often the arm was held, by cause.
        faults: How often it was latched, by cause.
    """

    ticks: int = 0
    overruns: int = 0
    chunks: int = 0
    refused: int = 0
    stale_lease: int = 0
    states: int = 0
    bad_states: int = 0
    holds: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
