"""Experts for what can be done to a thing on the table: pick it, touch it, push it.

Every expert starts from where the hand was last sent and looks where the thing is now, so that it
answers rightly wherever noise has brought the two. A learned policy sees no more than one moment;
so after a touch or a push the hand opens wide, which it never is before, and the end can be told
from the beginning.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robot_skills.core.se3 import Array
from sim.experts.grasp import CLEARANCE_M, GRIPPER_WIDTH_M
from sim.suites.phrases import Verb
from sim.suites.table import FINGERTIP_M

PUSHED_M = 0.085
"""How far a thing is pushed."""
LIFT_M = 0.12
"""Rise of the tool after the grip."""
_PRESS_M = 0.004
"""How far below a thing's top the fingertips are sent."""
_PUSH_HEIGHT_M = 0.030
"""Of the tool over the table: the palm passes over the neighbours, the fingertips push low."""
_PUSH_ASIDE_M = 0.018
"""Farther beside the middle of the thing, a push would only turn it."""
_FINGER_HALF_M = 0.0095
_GAP_M = 0.016
"""Room between the fingers and the thing where a push begins."""
_BACK_M = 0.02
_RISE_M = 0.10
_TOUCH_TICKS = 5
_FUNNEL_FREE_M = 0.005
_UP = np.array([0.0, 0.0, 1.0])
_AHEAD = np.array([1.0, 0.0, 0.0])
"""Pushing is away from the robot."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Hand:
    """A hand that points straight down.

    Attributes:
        p: Where its tool was last sent, base frame, (3,) [m].
        yaw_rad: Turn about the vertical to which it was last sent.
        opening: Measured opening in [0, 1].
    """

    p: Array
    yaw_rad: float
    opening: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Thing:
    """What is acted on, as it is now.

    Attributes:
        p: Centre of its box, base frame, (3,) [m].
        yaw_rad: Turn of the hand that closes across its shorter side: the one nearest to zero.
        extents_m: Sizes of its box, (3,).
        moved_m: How far it has been moved along the table since the start.
    """

    p: Array
    yaw_rad: float
    extents_m: Array
    moved_m: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Move:
    """One step of an expert.

    Attributes:
        move_m: Motion of the tool, base axes, (3,).
        turn_rad: Turn about the vertical.
        opening: Gripper opening to be at next.
        phase: What the expert is doing, in words.
        done: The work is finished.
    """

    move_m: Array
    turn_rad: float
    opening: float
    phase: str
    done: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Style:
    """How one demonstration moves.

    Attributes:
        speed_m_s: Top speed.
        ramp_m_s2: Acceleration away from rest.
        brake_m_s2: Deceleration towards a goal: a gentle one makes the end of a way precise.
        turn_rate_rad_s: Top rate of turning.
        hover_m: Height over the goal that is kept until the tool is above it.
        funnel_m: Sideways distance over which that height is given up.
        depth_m: How far below a thing's top it is gripped.
        grip_ticks: Steps to wait for the gripper.
    """

    speed_m_s: float
    ramp_m_s2: float
    brake_m_s2: float
    turn_rate_rad_s: float
    hover_m: float
    funnel_m: float
    depth_m: float
    grip_ticks: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "Style":
        """A style of its own for every demonstration, so that the data is not one single path."""
        return cls(
            speed_m_s=rng.uniform(0.28, 0.36),
            ramp_m_s2=rng.uniform(1.4, 2.2),
            brake_m_s2=rng.uniform(0.7, 1.0),
            turn_rate_rad_s=rng.uniform(1.3, 1.8),
            hover_m=rng.uniform(0.070, 0.085),
            funnel_m=rng.uniform(0.018, 0.026),
            depth_m=rng.uniform(0.017, 0.021),
            grip_ticks=int(rng.integers(6, 8)),
        )


class VerbExpert(Protocol):
    """Acts from the hand and the thing; keeps its own notion of how far it has come."""

    def act(self, hand: Hand, thing: Thing) -> Move: ...


class _HandExpert:
    """What all experts share: how the hand moves.

    Args:
        style: How to move.
        period_s: Time between steps.
    """

    def __init__(self, style: Style, period_s: float) -> None:
        self._style = style
        self._period_s = period_s
        self._speed_m_s = 0.0
        self._phase = "approach"
        self._ticks = 0
        self._goal = np.zeros(3)

    def _start(self, phase: str, goal: Array) -> None:
        self._phase, self._goal, self._ticks = phase, goal, 0

    def _towards(
        self, hand: Hand, p: Array, yaw_rad: float, opening: float, slow: float = 1.0
    ) -> Move:
        """The next step on the straight way to a place; `slow` scales the top speed."""
        style, dt = self._style, self._period_s
        way = p - hand.p
        distance = float(np.linalg.norm(way))
        self._speed_m_s = min(
            slow * style.speed_m_s,
            self._speed_m_s + style.ramp_m_s2 * dt,
            float(np.sqrt(2.0 * style.brake_m_s2 * distance)),
        )
        step = min(distance, self._speed_m_s * dt)
        move = way * (step / distance) if distance > 1e-9 else np.zeros(3)
        largest = style.turn_rate_rad_s * dt
        turn = float(np.clip(0.5 * (yaw_rad - hand.yaw_rad), -largest, largest))
        return Move(move_m=move, turn_rad=turn, opening=opening, phase=self._phase)

    def _come_down(self, hand: Hand, p: Array, yaw_rad: float, opening: float) -> Move:
        """The next step to a place from above: stay up while still beside it."""
        off = max(0.0, float(np.linalg.norm(hand.p[:2] - p[:2])) - _FUNNEL_FREE_M)
        off = off / self._style.funnel_m + max(0.0, abs(yaw_rad - hand.yaw_rad) - 0.08) / 0.5
        share = min(1.0, off)
        rise = self._style.hover_m * share * share * (3.0 - 2.0 * share)
        return self._towards(hand, p + rise * _UP, yaw_rad, opening)

    def _rise(self, hand: Hand, opening: float) -> Move:
        """The next step up to the goal, where the work is finished."""
        move = self._towards(hand, self._goal, hand.yaw_rad, opening)
        done = float(np.linalg.norm(self._goal - hand.p)) < 0.006
        return Move(move_m=move.move_m, turn_rad=0.0, opening=opening, phase=self._phase, done=done)


class PickExpert(_HandExpert):
    """Comes down over a thing, closes across its shorter side, lifts it."""

    def act(self, hand: Hand, thing: Thing) -> Move:
        top_m = float(thing.p[2] + 0.5 * thing.extents_m[2])
        grip = np.array([*thing.p[:2], top_m - self._style.depth_m])
        match self._phase:
            case "approach":
                wide = min(1.0, (float(thing.extents_m[1]) + CLEARANCE_M) / GRIPPER_WIDTH_M)
                move = self._come_down(hand, grip, thing.yaw_rad, wide)
                near = float(np.linalg.norm(hand.p - grip)) < 0.005
                if near and abs(hand.yaw_rad - thing.yaw_rad) < 0.08:
                    self._start("grip", hand.p)
            case "grip":
                move = self._towards(hand, self._goal, hand.yaw_rad, 0.0)
                self._ticks += 1
                if self._ticks >= self._style.grip_ticks:
                    self._start("lift", hand.p + LIFT_M * _UP)
            case _:
                move = self._rise(hand, 0.0)
        return move


class TouchExpert(_HandExpert):
    """Puts closed fingertips on the middle of the top."""

    def act(self, hand: Hand, thing: Thing) -> Move:
        tip_m = 0.5 * float(thing.extents_m[2]) + FINGERTIP_M - _PRESS_M
        on_top = thing.p + tip_m * _UP
        match self._phase:
            case "approach":
                move = self._come_down(hand, on_top, 0.0, 0.0)
                if float(np.linalg.norm(hand.p - on_top)) < 0.004 and hand.opening < 0.1:
                    self._start("touch", on_top)
            case "touch":
                move = self._towards(hand, self._goal, 0.0, 0.0)
                self._ticks += 1
                if self._ticks >= _TOUCH_TICKS:
                    self._start("rise", self._goal + _RISE_M * _UP)
            case _:
                move = self._rise(hand, 1.0)
        return move


class PushExpert(_HandExpert):
    """Comes down on the robot's side of a thing and pushes it straight away from the robot."""

    def act(self, hand: Hand, thing: Thing) -> Move:
        radius = 0.5 * float(np.hypot(*thing.extents_m[:2]))
        behind = thing.p - (radius + _FINGER_HALF_M + _GAP_M) * _AHEAD
        behind[2] = _PUSH_HEIGHT_M
        match self._phase:
            case "approach":
                move = self._come_down(hand, behind, 0.0, 0.0)
                near = float(np.linalg.norm(hand.p - behind)) < 0.006
                if near and abs(hand.yaw_rad) < 0.08 and hand.opening < 0.1:
                    self._start("push", behind)
            case "push":
                left_m = PUSHED_M - thing.moved_m
                line = np.array([hand.p[0] + left_m + 0.01, thing.p[1], _PUSH_HEIGHT_M])
                move = self._towards(hand, line, 0.0, 0.0, slow=0.5)
                if left_m < 0.004:
                    self._start("back off", hand.p - _BACK_M * _AHEAD)
                elif abs(thing.p[1] - hand.p[1]) > _PUSH_ASIDE_M:
                    self._start("approach", behind)
            case "back off":
                move = self._towards(hand, self._goal, 0.0, 0.0)
                if float(np.linalg.norm(self._goal - hand.p)) < 0.006:
                    self._start("rise", self._goal + _RISE_M * _UP)
            case _:
                move = self._rise(hand, 1.0)
        return move


VERB_EXPERTS: Mapping[Verb, Callable[[Style, float], VerbExpert]] = {
    Verb.PICK: PickExpert,
    Verb.TOUCH: TouchExpert,
    Verb.PUSH: PushExpert,
}
