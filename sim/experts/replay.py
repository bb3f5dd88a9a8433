"""Expert that repeats a recorded demonstration where the entities of its call stand now.

Each segment is carried over to its entity and joined to where the hand is by a move through free
space, as in MimicGen (Mandlekar et al., 2023). Pushed off, the hand returns to its way before it
goes on, so that the data shows that too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3, Array, so3_exp
from sim.experts.expert import ExpertStep
from sim.experts.motion import MotionStyle, Mover, funnel_height
from sim.segments import Segment

_ON_THE_WAY_M = 0.006
"""The recorded motion goes on while the hand is no farther from its way than this."""
_ON_THE_WAY_RAD = 0.06
_ARRIVED_M, _ARRIVED_RAD = 1e-3, 0.01
_LONGEST_JOIN = 200
"""Ticks after which a move to a segment's start is given up; it is then a leap, and fails."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Waypoint:
    """Where to be at one tick of the undisturbed motion."""

    T_base_tool: SE3
    opening: float
    phase: str
    done: bool


class ReplayExpert:
    """Carries segments out one after the other.

    Args:
        segments: Of one demonstration.
        tokens: Of the call, in the order in which the demonstration saw them.
        start: Tool pose at the start.
        style: How free space is crossed, and how fast the way is found back.
        period_s: Time between ticks.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        tokens: tuple[EntityToken, ...],
        start: SE3,
        style: MotionStyle,
        period_s: float,
    ) -> None:
        self._way = _joined(segments, tokens, start, style, period_s)
        self._back_m = 0.5 * style.speed_m_s * period_s
        self._back_rad = 0.5 * style.turn_rate_rad_s * period_s
        self._off_m, self._off_rad = np.zeros(3), np.zeros(3)
        self._at = 0

    def displace(self, offset_m: Array, turn_rad: Array) -> SE3:
        self._off_m, self._off_rad = self._off_m + offset_m, self._off_rad + turn_rad
        return self._reference()

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep:
        self._off_m = _shorter(self._off_m, self._back_m)
        self._off_rad = _shorter(self._off_rad, self._back_rad)
        off_m, off_rad = np.linalg.norm(self._off_m), np.linalg.norm(self._off_rad)
        if off_m <= _ON_THE_WAY_M and off_rad <= _ON_THE_WAY_RAD:
            self._at = min(self._at + 1, len(self._way) - 1)
        now = self._way[self._at]
        return ExpertStep(
            T_base_tool=self._reference(), opening=now.opening, phase=now.phase, done=now.done
        )

    def _reference(self) -> SE3:
        T = self._way[self._at].T_base_tool
        return SE3(so3_exp(self._off_rad) @ T.R, T.p + self._off_m)


def _shorter(vector: Array, by: float) -> Array:
    length = float(np.linalg.norm(vector))
    return vector * max(0.0, 1.0 - by / length) if length > 0.0 else vector


def _joined(
    segments: Sequence[Segment],
    tokens: tuple[EntityToken, ...],
    start: SE3,
    style: MotionStyle,
    period_s: float,
) -> list[_Waypoint]:
    """The whole motion, tick by tick."""
    way: list[_Waypoint] = []
    here, opening = start, float(segments[0].opening[0])
    for number, segment in enumerate(segments, start=1):
        T_base_tool = tokens[segment.token].T_base_anchor.matrix() @ segment.T_anchor_tool
        poses = [SE3.from_matrix(T) for T in T_base_tool]
        way += [
            _Waypoint(T_base_tool=T, opening=opening, phase="approach", done=False)
            for T in _through_free_space(here, poses[0], style, period_s)
        ]
        way += [
            _Waypoint(T_base_tool=T, opening=float(o), phase=f"segment {number}", done=bool(done))
            for T, o, done in zip(poses, segment.opening, segment.done, strict=True)
        ]
        here, opening = poses[-1], float(segment.opening[-1])
    return way


def _through_free_space(start: SE3, goal: SE3, style: MotionStyle, period_s: float) -> list[SE3]:
    """Tool poses on the way to a goal, which is come down upon from above."""
    mover = Mover(start, style, period_s)
    poses: list[SE3] = []
    for _ in range(_LONGEST_JOIN):
        here = mover.reference
        away_m, turn_rad = here.distance_to(goal)
        if away_m < _ARRIVED_M and turn_rad < _ARRIVED_RAD:
            break
        sideways_m = float(np.linalg.norm((here.p - goal.p)[:2]))
        rise = np.array([0.0, 0.0, funnel_height(style, sideways_m, turn_rad, free_m=0.01)])
        poses.append(mover.towards(SE3(goal.R, goal.p + rise)))
    return poses
