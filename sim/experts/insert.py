"""Expert for `insert`: bring a held peg over its hole, feel for it, lower it in, let go, rise.

Where a peg meets the rim, it is moved outwards on a spiral under light pressure until it drops
(Chhatpar & Branicky, *Search strategies for peg-in-hole assemblies with position uncertainty*,
2001).
"""

import numpy as np

from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3, Array
from sim.experts.expert import ExpertStep
from sim.experts.motion import MotionStyle, Mover, funnel_height, pointing_down

HOVER_M = 0.012
"""Height of the peg's end above the rim before it is lowered."""
PRESSED_M = 0.0012
"""On the rim the peg is sent this far below where it is, which presses it on."""
FOUND_M = 0.005
"""The peg has found its hole when its end is this far below the rim."""
FLOOR_M = 0.003
"""Height above the floor of the hole at which it is let go."""
PITCH_M = 0.0012
"""Between two turns of the spiral."""
WIDEST_M = 0.006
"""Where the spiral begins anew."""
RISE_M = 0.10
_TURN_RAD = 0.55
"""Of the spiral, per tick."""


class InsertExpert:
    """Token 0 is the held peg, token 1 the hole: on its floor, the third size its depth."""

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        peg, hole = tokens
        self._style = style
        self._mover = Mover(start, style, period_s)
        # The way round by which two square outlines come to lie over each other.
        off = hole.T_base_anchor.yaw_rad() - peg.T_base_anchor.yaw_rad()
        turn_rad = (off + 0.25 * np.pi) % (0.5 * np.pi) - 0.25 * np.pi
        turn = SE3.from_yaw(turn_rad, (0.0, 0.0, 0.0)).R
        self._R = pointing_down(turn @ start.R[:, 0])
        offset = turn @ (peg.T_base_anchor.p - start.p)
        end_below_m = 0.5 * float(peg.extents_m[2]) - float(offset[2])
        floor = hole.T_base_anchor.p
        self._depth_m = float(hole.extents_m[2])
        self._rim = np.array(
            [floor[0] - offset[0], floor[1] - offset[1], floor[2] + self._depth_m + end_below_m]
        )
        self._angle_rad = 0.0
        self._at_m = np.zeros(2)
        self._phase = "carry"
        self._ticks = 0

    def displace(self, offset_m: np.ndarray, turn_rad: np.ndarray) -> SE3:
        return self._mover.displace(offset_m, turn_rad)

    def _over(self, height_m: float, aside_m: Array | None = None) -> SE3:
        """The hand with the peg's end so high above the rim."""
        aside = np.zeros(2) if aside_m is None else aside_m
        return SE3(self._R, self._rim + np.array([*aside, height_m]))

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep:
        command = 0.0
        height_m = float(T_base_tool.p[2] - self._rim[2])
        match self._phase:
            case "carry":
                target = self._carry(T_base_tool)
            case "feel":
                target = self._feel(T_base_tool, height_m)
            case "lower":
                bottom = self._over(FLOOR_M - self._depth_m, self._at_m)
                target = self._mover.towards(bottom, slow=0.35)
                if height_m < 0.006 - self._depth_m:
                    self._phase = "let go"
            case "let go":
                bottom = self._over(FLOOR_M - self._depth_m, self._at_m)
                target, command = self._mover.towards(bottom, slow=0.3), 1.0
                self._ticks += 1
                if self._ticks >= self._style.settle_ticks - 2:
                    self._phase = "rise"
            case _:
                top = self._over(RISE_M - self._depth_m, self._at_m)
                target = self._mover.towards(top)
                done = target.distance_to(top)[0] < 0.005
                return ExpertStep(T_base_tool=target, opening=1.0, phase="rise", done=done)
        return ExpertStep(T_base_tool=target, opening=command, phase=self._phase, done=False)

    def _carry(self, tool: SE3) -> SE3:
        goal = self._over(HOVER_M)
        reference = self._mover.reference
        sideways = float(np.linalg.norm(reference.p[:2] - goal.p[:2]))
        turn = reference.distance_to(goal)[1]
        rise = funnel_height(self._style, sideways, turn, free_m=0.003)
        near_m, near_rad = tool.distance_to(goal)
        if near_m < 0.004 and near_rad < 0.04:
            self._phase = "feel"
        return self._mover.towards(self._over(HOVER_M + rise), slow=0.9)

    def _feel(self, tool: SE3, height_m: float) -> SE3:
        """Down until the peg stands on the rim, then outwards in turns until it drops."""
        if height_m < -FOUND_M:
            self._phase = "lower"
            self._at_m = tool.p[:2] - self._rim[:2]
        on_rim = height_m < 0.004 and self._mover.reference.p[2] < tool.p[2] - 0.5 * PRESSED_M
        if on_rim:
            self._angle_rad += _TURN_RAD
        radius_m = PITCH_M * self._angle_rad / (2.0 * np.pi)
        if radius_m > WIDEST_M:
            self._angle_rad = 0.0
        aside = radius_m * np.array([np.cos(self._angle_rad), np.sin(self._angle_rad)])
        down_m = max(height_m - PRESSED_M, -2.0 * FOUND_M) if on_rim else -2.0 * FOUND_M
        return self._mover.towards(self._over(down_m, aside), slow=0.15)
