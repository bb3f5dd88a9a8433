"""Expert for `press`: come down on a point with closed fingers, press, rise."""

import numpy as np

from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3
from sim.experts.expert import ExpertStep
from sim.experts.motion import MotionStyle, Mover, funnel_height, pointing_down

FINGERTIP_M = 0.012
"""Closed fingers reach this far below the tool origin."""
OVER_M = 0.03
"""The fingers are closed and over the point before they come down from here."""
DEEPER_M = 0.003
"""It is pressed this much farther than it has to go."""
RISE_M = 0.10
_PRESS_TICKS = 4


class PressExpert:
    """Token 0 is where to press, +z up; `value` is how far it goes down."""

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        (point,) = tokens
        self._style = style
        self._mover = Mover(start, style, period_s)
        self._R = pointing_down(point.T_base_anchor.R[:, 0])
        self._touch = point.T_base_anchor.p + np.array([0.0, 0.0, FINGERTIP_M])
        self._depth_m = point.value + DEEPER_M
        self._phase = "approach"
        self._ticks = 0

    def displace(self, offset_m: np.ndarray, turn_rad: np.ndarray) -> SE3:
        return self._mover.displace(offset_m, turn_rad)

    def _at(self, height_m: float) -> SE3:
        return SE3(self._R, self._touch + np.array([0.0, 0.0, height_m]))

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep:
        match self._phase:
            case "approach":
                over = self._at(OVER_M)
                reference = self._mover.reference
                sideways = float(np.linalg.norm(reference.p[:2] - over.p[:2]))
                rise = funnel_height(self._style, sideways, 0.0, free_m=0.004)
                target = self._mover.towards(self._at(OVER_M + rise))
                if T_base_tool.distance_to(over)[0] < 0.008 and opening < 0.1:
                    self._phase = "press"
            case "press":
                bottom = self._at(-self._depth_m)
                target = self._mover.towards(bottom, slow=0.4)
                self._ticks += target.distance_to(bottom)[0] < 0.001
                if self._ticks >= _PRESS_TICKS:
                    self._phase = "rise"
            case _:
                top = self._at(RISE_M)
                target = self._mover.towards(top)
                done = target.distance_to(top)[0] < 0.005
                return ExpertStep(T_base_tool=target, opening=0.0, phase="rise", done=done)
        return ExpertStep(T_base_tool=target, opening=0.0, phase=self._phase, done=False)
