"""Expert for picking a thing up and, where there is a place for it, setting it down there.

It looks at the thing and the place at every tick, so it answers to what really happened: a thing
that slipped away is fetched again, one that turned in the hand is set down the right way. What it
does depends on what it sees and on the phase alone, never on a style of its own: few
demonstrations suffice to learn from it.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3, Array
from sim.experts.expert import ExpertStep
from sim.experts.motion import MotionStyle, Mover, funnel_height, pointing_down

BRISK = MotionStyle(
    speed_m_s=0.45,
    turn_rate_rad_s=2.3,
    acceleration_m_s2=1.6,
    hover_m=0.06,
    funnel_m=0.035,
    depth_m=0.03,
    settle_ticks=8,
)
_AT_GRIP_M, _AT_GRIP_RAD = 0.004, 0.05
_AT_PLACE_M = 0.004
_FREE_RAD = 0.1
"""A thing that is turned by less may go down."""
_GRIP_TICKS = (3, 12)
"""Ticks that closing takes at least and at most."""
_STILL = 0.004
"""Change of the opening per tick below which the fingers have stopped."""
_LOST_TICKS = 3
_LOOK_AHEAD_RAD = 1.5
"""Turns are asked for in pieces, so that the hand never takes the other way round."""
_RAMP_M = 0.05
"""A thing that is this much too low does not move sideways yet."""


class Phase(StrEnum):
    """What the expert is doing."""

    APPROACH = "approach"
    GRIP = "grip"
    LIFT = "lift"
    CARRY = "carry"
    LET_GO = "let go"
    RISE = "rise"


@dataclass(frozen=True, kw_only=True, slots=True)
class TransferStyle:
    """What differs from task to task.

    Attributes:
        grip_above_m: Height of the tool over the thing's anchor when it grips.
        wide: Gripper opening on the way to the thing.
        lift_m: How far the thing is lifted where there is no place for it.
        carry_m: Height over its release at which a thing travels.
        release_m: Height of the thing's anchor over the place's when it is let go.
        free_m: Distance from the axis of the place within which the thing goes down.
        funnel_m: Distance beyond that at which it travels at full height.
        funnel_rad: The same for how far it is turned from the way that it shall lie.
        rise_m: How far the hand rises when it has let go.
        yaw_from_rad: Lower end of the full turn of hand directions that the arm can take.
        style: Speeds.
    """

    grip_above_m: float = 0.0
    wide: float = 1.0
    lift_m: float = 0.08
    carry_m: float = 0.06
    release_m: float = 0.0
    free_m: float = 0.004
    funnel_m: float = 0.035
    funnel_rad: float = 0.5
    rise_m: float = 0.08
    yaw_from_rad: float = -np.pi
    style: MotionStyle = BRISK


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Situation:
    """What the expert sees at a tick.

    Attributes:
        T_base_tool: Tool pose.
        opening: Gripper opening.
        thing: What to pick up; the tool's x axis is laid along the anchor's.
        place: Where the thing's anchor shall be, or None.
        held: Whether the thing is between the fingers.
    """

    T_base_tool: SE3
    opening: float
    thing: EntityToken
    place: EntityToken | None
    held: bool


class TransferExpert:
    """See the top of this file."""

    def __init__(self, start: SE3, config: TransferStyle, period_s: float) -> None:
        self._config = config
        self._mover = Mover(start, config.style, period_s)
        self._phase = Phase.APPROACH
        self._ticks = 0
        self._lost = 0
        self._last_opening = 0.0
        self._top: SE3 | None = None
        self._delicate = False

    @property
    def phase(self) -> Phase:
        return self._phase

    @property
    def delicate(self) -> bool:
        """Whether a hard push now would knock something over or wedge it."""
        return self._delicate or self._phase in (Phase.GRIP, Phase.LET_GO)

    def displace(self, offset_m: Array, turn_rad: Array) -> SE3:
        """Be pushed off the way; returns the pushed reference pose."""
        return self._mover.displace(offset_m, turn_rad)

    def act(self, seen: Situation) -> ExpertStep:
        """The next tool pose and opening; `done` once the last phase is reached."""
        self._watch_the_grip(seen)
        match self._phase:
            case Phase.APPROACH:
                target, opening = self._approach(seen), self._config.wide
            case Phase.GRIP:
                target, opening = self._grip(seen), 0.0
            case Phase.LIFT:
                target, opening = self._lift(), 0.0
            case Phase.CARRY:
                target, opening = self._carry(seen), 0.0
            case Phase.LET_GO:
                target, opening = self._let_go(seen), 1.0
            case Phase.RISE:
                target, opening = self._rise(), 1.0
        self._last_opening = seen.opening
        last = self._phase in (Phase.LIFT, Phase.RISE)
        return ExpertStep(T_base_tool=target, opening=opening, phase=str(self._phase), done=last)

    def _enter(self, phase: Phase) -> None:
        self._phase, self._ticks, self._lost, self._delicate = phase, 0, 0, False

    def _watch_the_grip(self, seen: Situation) -> None:
        if self._phase not in (Phase.LIFT, Phase.CARRY):
            return
        self._lost = 0 if seen.held else self._lost + 1
        if self._lost >= _LOST_TICKS:
            self._enter(Phase.APPROACH)

    def _gripping(self, seen: Situation) -> SE3:
        anchor = seen.thing.T_base_anchor
        up = np.array([0.0, 0.0, self._config.grip_above_m])
        # A thing that was knocked over is gripped by another of its axes.
        fallen = float(np.linalg.norm(anchor.R[:2, 0])) < 0.5
        return SE3(pointing_down(anchor.R[:, 2 if fallen else 0]), anchor.p + up)

    def _approach(self, seen: Situation) -> SE3:
        grip = self._gripping(seen)
        reference = self._mover.reference
        sideways = float(np.linalg.norm(reference.p[:2] - grip.p[:2]))
        turn = reference.distance_to(grip)[1]
        rise = funnel_height(self._config.style, sideways, turn, free_m=0.004)
        near_m, near_rad = seen.T_base_tool.distance_to(grip)
        if near_m < _AT_GRIP_M and near_rad < _AT_GRIP_RAD:
            self._enter(Phase.GRIP)
        return self._towards(SE3(grip.R, grip.p + np.array([0.0, 0.0, rise])))

    def _grip(self, seen: Situation) -> SE3:
        self._ticks += 1
        least, most = _GRIP_TICKS
        still = abs(seen.opening - self._last_opening) < _STILL
        if self._ticks >= least and still and seen.held:
            self._top = self._raised(self._mover.reference, self._config.lift_m)
            self._enter(Phase.LIFT if seen.place is None else Phase.CARRY)
        elif self._ticks >= most:
            self._enter(Phase.APPROACH)
        return self._mover.reference

    def _lift(self) -> SE3:
        assert self._top is not None
        return self._towards(self._top)

    def _carry(self, seen: Situation) -> SE3:
        config = self._config
        goal = self._releasing(seen)
        reference = self._mover.reference
        offset = reference.p - goal.p
        # Both must have arrived: the arm trails the reference, and what it holds is what must fit.
        missing = seen.T_base_tool.p - goal.p
        sideways = float(max(np.linalg.norm(offset[:2]), np.linalg.norm(missing[:2])))
        turn = max(pose.distance_to(goal)[1] for pose in (reference, seen.T_base_tool))
        off = max(0.0, sideways - config.free_m) / config.funnel_m
        share = min(1.0, off + max(0.0, turn - _FREE_RAD) / config.funnel_rad)
        height = config.carry_m * share * share * (3.0 - 2.0 * share)
        self._delicate = offset[2] < config.carry_m - _AT_PLACE_M and share < 1.0
        if sideways < config.free_m and abs(offset[2]) < _AT_PLACE_M:
            self._enter(Phase.LET_GO)
            return self._towards(goal)
        too_low = max(0.0, height - float(offset[2]))
        ahead = 1.0 - min(1.0, too_low / _RAMP_M)
        xy = reference.p[:2] - ahead * offset[:2]
        return self._towards(SE3(goal.R, np.array([*xy, goal.p[2] + height])))

    def _releasing(self, seen: Situation) -> SE3:
        """Tool pose that puts the thing, as it hangs in the hand, over its place."""
        assert seen.place is not None
        T_tool_thing = seen.T_base_tool.inverse() @ seen.thing.T_base_anchor
        place = seen.place.T_base_anchor
        up = np.array([0.0, 0.0, self._config.release_m])
        # The hand points down: only the thing's turn about the vertical is made up for.
        turned_rad = _yaw(SE3(_DOWN, np.zeros(3)) @ T_tool_thing)
        R = SE3.from_yaw(_yaw(place) - turned_rad).R @ _DOWN
        return SE3(R, place.p + up - R @ T_tool_thing.p)

    def _let_go(self, seen: Situation) -> SE3:
        self._ticks += 1
        if self._ticks >= _GRIP_TICKS[0] and not seen.held:
            self._top = self._raised(self._mover.reference, self._config.rise_m)
            self._enter(Phase.RISE)
        return self._mover.reference

    def _rise(self) -> SE3:
        assert self._top is not None
        return self._towards(self._top)

    def _raised(self, pose: SE3, height_m: float) -> SE3:
        return SE3(pose.R, pose.p + np.array([0.0, 0.0, height_m]))

    def _towards(self, goal: SE3) -> SE3:
        """Move on, turning the way round that the arm can go."""
        reference = self._mover.reference
        low = self._config.yaw_from_rad
        yaw, goal_yaw = (low + (_yaw(pose) - low) % (2.0 * np.pi) for pose in (reference, goal))
        turn = goal_yaw - yaw
        if abs(turn) > _LOOK_AHEAD_RAD:
            R = SE3.from_yaw(yaw + np.sign(turn) * _LOOK_AHEAD_RAD).R @ _DOWN
            goal = SE3(R, goal.p)
        return self._mover.towards(goal)


_DOWN = np.diag([1.0, -1.0, -1.0])
"""Rotation of a tool that points down, its x axis along the base's."""


def _yaw(pose: SE3) -> float:
    return pose.yaw_rad()
