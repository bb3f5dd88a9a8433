"""Expert for `reach`: go to a point over or alongside a thing, down only at the end."""

import numpy as np

from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3
from sim.experts.expert import ExpertStep
from sim.experts.motion import MotionStyle, Mover, funnel_height, pointing_down


class ReachExpert:
    """Token 0 is the point to go to. The hand is kept shut: it may hold something."""

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        (point,) = tokens
        self._style = style
        self._mover = Mover(start, style, period_s)
        self._goal = SE3(pointing_down(point.T_base_anchor.R[:, 0]), point.T_base_anchor.p)

    def displace(self, offset_m: np.ndarray, turn_rad: np.ndarray) -> SE3:
        return self._mover.displace(offset_m, turn_rad)

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep:
        reference = self._mover.reference
        sideways = float(np.linalg.norm(reference.p[:2] - self._goal.p[:2]))
        rise = funnel_height(self._style, sideways, 0.0, free_m=0.01)
        target = self._mover.towards(SE3(self._goal.R, self._goal.p + np.array([0.0, 0.0, rise])))
        near_m, near_rad = T_base_tool.distance_to(self._goal)
        done = near_m < 0.008 and near_rad < 0.1
        return ExpertStep(T_base_tool=target, opening=0.0, phase="reach", done=done)
