"""A run in the shape in which one asks whose fault something was."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from robot_skills.core.events import EventKind
from robot_skills.core.plan import Outcome, SkillCall


@dataclass(frozen=True, kw_only=True, slots=True)
class Thing:
    """Where a thing was believed to be.

    Attributes:
        p_m: Its centre in the base frame, (3,).
        movable: Whether it is one that can be moved at all.
        visible: Whether it was seen, or remembered.
        held: Whether it was in a hand.
    """

    p_m: tuple[float, ...]
    movable: bool
    visible: bool
    held: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """One look.

    Attributes:
        stamp_s: When.
        things: What was believed, by name, without the table.
        readings: Share of pixels with a depth, per camera.
        attempt: Number of the attempt that was under way, or had ended last; -1 before the first.
    """

    stamp_s: float
    attempt: int
    things: Mapping[str, Thing]
    readings: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedChunk:
    """A verdict of the safety gate.

    Attributes:
        stamp_s: When.
        code: Its reason code.
        message: The reason in words.
        details: Numbers behind it.
    """

    stamp_s: float
    code: str
    message: str
    details: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Stuck:
    """A part of the arm that did not move as it was told, in words, and when that was noticed."""

    stamp_s: float
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Try:
    """One attempt at a call.

    Attributes:
        call: What was tried.
        began: Whether it moved anything; a call whose preconditions do not hold never begins.
        start_s: When it began.
        end_s: When it ended.
        outcome: How.
        reason: Why, in words.
        error: Name of the type of the error that ended it; empty where none did.
        refused_by: Code of the gate's verdict that ended it; empty when something else did.
        chunks: Chunks that were made.
        refusals: Of the gate.
        stuck: What of the arm did not move as it was told.
        needed: Preconditions that did not hold.
        promised: Effects that were looked for.
        nearest_m: How near the tool came to what the call is about, by name.
        least_opening: Smallest opening of the gripper that was measured; None where nobody says.
        least_told: Smallest opening that it was told; None where it was told nothing.
        max_speed_m_s: Fastest that the skill may move the tool; None where nobody says.
        from_m: Where the tool was at the start, (3,); empty where nobody says.
        before: The last look before it; None where there was none.
        after: The last look of it; None where it ended unseen.
    """

    call: SkillCall
    began: bool = False
    start_s: float
    end_s: float
    outcome: Outcome
    reason: str = ""
    error: str = ""
    refused_by: str = ""
    chunks: int = 0
    refusals: tuple[RefusedChunk, ...] = ()
    stuck: tuple[Stuck, ...] = ()
    needed: tuple[str, ...] = ()
    promised: tuple[str, ...] = ()
    nearest_m: Mapping[str, float] = field(default_factory=dict)
    least_opening: float | None = None
    least_told: float | None = None
    max_speed_m_s: float | None = None
    from_m: tuple[float, ...] = ()
    before: Sighting | None = None
    after: Sighting | None = None

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.SUCCESS


@dataclass(frozen=True, kw_only=True, slots=True)
class GoalMissed:
    """All calls were made, `attempts` in all, and the goal does not hold; `unmet` is what of it."""

    stamp_s: float
    attempts: int
    unmet: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlanBroken:
    """After so many attempts what is left of the plan is seen not to do any more.

    Attributes:
        stamp_s: When.
        attempts: How many.
        reason: Why.
        event: That shows it: it does not lead to the goal, or the specification is violated.
    """

    stamp_s: float
    attempts: int
    reason: str
    event: EventKind = EventKind.REPLAN


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """An error ended the run after so many attempts, outside of any."""

    stamp_s: float
    attempts: int
    error: str
    reason: str


type Trouble = Try | GoalMissed | PlanBroken | Broken


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """There was no first plan.

    Attributes:
        stamp_s: When that was said.
        reason: Why, in words.
        error: Name of the error's type.
        skill: That is in the way; empty where none is.
        args: Of the call that is in the way.
    """

    stamp_s: float
    reason: str
    error: str
    skill: str = ""
    args: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRecord:
    """A whole run.

    Attributes:
        refusal: Why there was no first plan; None when there was one.
        sightings: Looks in order.
        tries: Attempts in order.
        troubles: What went wrong, in order.
        believed: Whether the goal was seen to hold at the end.
        stopped: Whether somebody asked it to stop.
    """

    refusal: Refusal | None
    sightings: tuple[Sighting, ...]
    tries: tuple[Try, ...]
    troubles: tuple[Trouble, ...]
    believed: bool
    stopped: bool
