"""Experts for what can be done to a thing on the table: pick it, touch it, push it.

A learned policy sees no more than one moment, so every expert leaves a mark by which the end can be
told from the beginning: after a touch or a push the hand opens wide, which it never is before.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3, Array
from sim.experts import ExpertStep, MotionStyle
from sim.experts.grasp import GraspExpert
from sim.experts.motion import Mover, funnel_height, pointing_down
from sim.suites.phrases import Verb
from sim.suites.table import FINGERTIP_M

PUSHED_M = 0.085
"""How far a thing is pushed."""
_PRESS_M = 0.003
"""How far below a thing's top the fingertips are sent."""
_PUSH_HEIGHT_M = 0.030
"""Of the tool over the table: the palm passes over the neighbours, the fingertips push low."""
_FINGER_HALF_M = 0.0095
_GAP_M = 0.014
"""Room between the fingers and the thing where a push begins."""
_BACK_M = 0.02
_RISE_M = 0.10
_AHEAD = np.array([1.0, 0.0, 0.0])
"""Pushing is away from the robot."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Thing:
    """What is acted on, as it is now.

    Attributes:
        T_base_thing: Centre of its box.
        extents_m: Sizes of its box, (3,).
        moved_m: How far it has been moved along the table since the start.
    """

    T_base_thing: SE3
    extents_m: Array
    moved_m: float = 0.0


class VerbExpert(Protocol):
    """Acts from the measured tool and the thing; keeps its own notion of how far it has come."""

    def act(self, T_base_tool: SE3, opening: float, thing: Thing) -> ExpertStep: ...

    def displace(self, offset_m: Array, turn_rad: Array) -> SE3:
        """Be pushed off the way; returns the pushed reference pose."""
        ...


def draw_style(rng: np.random.Generator) -> MotionStyle:
    """How one demonstration moves. Things stand closer here than in the tabletop cell."""
    return MotionStyle(
        speed_m_s=rng.uniform(0.32, 0.42),
        turn_rate_rad_s=rng.uniform(1.5, 2.1),
        acceleration_m_s2=rng.uniform(1.2, 1.8),
        hover_m=rng.uniform(0.075, 0.10),
        funnel_m=rng.uniform(0.016, 0.028),
        depth_m=rng.uniform(0.017, 0.021),
        settle_ticks=int(rng.integers(7, 9)),
    )


class PickExpert:
    """`sim.experts.GraspExpert` as it is."""

    def __init__(self, thing: Thing, start: SE3, style: MotionStyle, period_s: float) -> None:
        token = EntityToken(T_base_anchor=thing.T_base_thing, extents_m=thing.extents_m)
        self._grasp = GraspExpert((token,), start, style, period_s)

    def act(self, T_base_tool: SE3, opening: float, thing: Thing) -> ExpertStep:
        return self._grasp.act(T_base_tool, opening)

    def displace(self, offset_m: Array, turn_rad: Array) -> SE3:
        return self._grasp.displace(offset_m, turn_rad)


class _ClosedHandExpert:
    """What touching and pushing share: come down with a closed hand, work, rise with an open one.

    Args:
        start: Where the tool is.
        style: How to move.
        period_s: Time between ticks.
        first: Tool pose at which the work begins.
    """

    def __init__(self, start: SE3, style: MotionStyle, period_s: float, first: SE3) -> None:
        self._style = style
        self._mover = Mover(start, style, period_s)
        self._first = first
        self._top: SE3 | None = None
        self._ticks = 0

    def displace(self, offset_m: Array, turn_rad: Array) -> SE3:
        return self._mover.displace(offset_m, turn_rad)

    def _come_down(self) -> SE3:
        reference, goal = self._mover.reference, self._first
        sideways = float(np.linalg.norm(reference.p[:2] - goal.p[:2]))
        turn = reference.distance_to(goal)[1]
        rise = funnel_height(self._style, sideways, turn, free_m=0.004)
        return self._mover.towards(SE3(goal.R, goal.p + np.array([0.0, 0.0, rise])))

    def _rise(self) -> ExpertStep:
        if self._top is None:
            reference = self._mover.reference
            self._top = SE3(reference.R, reference.p + np.array([0.0, 0.0, _RISE_M]))
        target = self._mover.towards(self._top)
        done = target.distance_to(self._top)[0] < 0.005
        return ExpertStep(T_base_tool=target, opening=1.0, phase="rise", done=done)


class TouchExpert(_ClosedHandExpert):
    """Puts closed fingertips on the middle of the top."""

    def __init__(self, thing: Thing, start: SE3, style: MotionStyle, period_s: float) -> None:
        top = thing.T_base_thing.p + np.array([0.0, 0.0, 0.5 * float(thing.extents_m[2])])
        p = top + np.array([0.0, 0.0, FINGERTIP_M - _PRESS_M])
        super().__init__(start, style, period_s, SE3(pointing_down(_AHEAD), p))
        self._phase = "approach"

    def act(self, T_base_tool: SE3, opening: float, thing: Thing) -> ExpertStep:
        match self._phase:
            case "approach":
                target = self._come_down()
                near_m, _ = T_base_tool.distance_to(self._first)
                if near_m < 0.005 and opening < 0.1:
                    self._phase = "touch"
            case "touch":
                target = self._mover.towards(self._first)
                self._ticks += 1
                if self._ticks >= 3:
                    self._phase = "rise"
            case _:
                return self._rise()
        return ExpertStep(T_base_tool=target, opening=0.0, phase=self._phase, done=False)


class PushExpert(_ClosedHandExpert):
    """Comes down on the robot's side of a thing and pushes it straight away from the robot."""

    def __init__(self, thing: Thing, start: SE3, style: MotionStyle, period_s: float) -> None:
        radius = 0.5 * float(np.hypot(*thing.extents_m[:2]))
        centre = thing.T_base_thing.p
        p = centre - (radius + _FINGER_HALF_M + _GAP_M) * _AHEAD
        first = SE3(pointing_down(_AHEAD), np.array([p[0], p[1], _PUSH_HEIGHT_M]))
        super().__init__(start, style, period_s, first)
        self._back: SE3 | None = None
        self._phase = "approach"

    def act(self, T_base_tool: SE3, opening: float, thing: Thing) -> ExpertStep:
        match self._phase:
            case "approach":
                target, command = self._come_down(), 0.0
                near_m, near_rad = T_base_tool.distance_to(self._first)
                if near_m < 0.006 and near_rad < 0.08 and opening < 0.1:
                    self._phase = "push"
            case "push":
                # Half of what is left beyond the wanted place makes the motion run out gently.
                left_m = PUSHED_M - thing.moved_m
                line = self._first.p + (T_base_tool.p[0] - self._first.p[0] + left_m) * _AHEAD
                target, command = self._mover.towards(SE3(self._first.R, line), slow=0.5), 0.0
                if left_m < 0.004:
                    self._phase = "back off"
            case "back off":
                if self._back is None:
                    p = self._mover.reference.p - _BACK_M * _AHEAD
                    self._back = SE3(self._first.R, p)
                target, command = self._mover.towards(self._back), 0.0
                if target.distance_to(self._back)[0] < 0.004:
                    self._phase = "rise"
            case _:
                return self._rise()
        return ExpertStep(T_base_tool=target, opening=command, phase=self._phase, done=False)


VERB_EXPERTS: Mapping[Verb, Callable[[Thing, SE3, MotionStyle, float], VerbExpert]] = {
    Verb.PICK: PickExpert,
    Verb.TOUCH: TouchExpert,
    Verb.PUSH: PushExpert,
}
