"""Expert for `push`: slide a thing over the table with both fingers, straight to a place.

The fingers, a little open, are kept behind the thing: two points of contact, with which pushing
straight is stable (Lynch & Mason, *Stable pushing*, 1996). What is round, or has its corner towards
them, lies between them.
"""

import numpy as np

from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3
from sim.experts.expert import ExpertStep
from sim.experts.motion import (
    MotionStyle,
    Mover,
    funnel_height,
    nearest_half_turn,
    pointing_down,
)

PUSH_OPENING = 0.4
FINGER_HALF_M = 0.011
"""Half of the fingers' thickness along the push."""
BEHIND_M = 0.03
"""Free distance behind the thing at which the fingers come down."""
TOOL_ABOVE_TABLE_M = 0.028
BACK_M = 0.02
RISE_M = 0.12


class PushExpert:
    """Token 0 is the thing's box, token 1 the top of the place that it is pushed to."""

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        thing, place = tokens
        self._style = style
        self._mover = Mover(start, style, period_s)
        way = (place.T_base_anchor.p - thing.T_base_anchor.p)[:2]
        ahead = np.array([*(way / np.linalg.norm(way)), 0.0])
        self._R = pointing_down(nearest_half_turn(ahead, start))
        # Half of the thing's size along the push, as it stands.
        local = np.abs(thing.T_base_anchor.R.T @ ahead)
        half_m = 0.5 * float(local[:2] @ thing.extents_m[:2])
        z = float(place.T_base_anchor.p[2]) + TOOL_ABOVE_TABLE_M
        self._ahead = ahead
        self._thing = np.array([*thing.T_base_anchor.p[:2], z])
        self._place = np.array([*place.T_base_anchor.p[:2], z])
        self._behind_m = half_m + FINGER_HALF_M
        self._phase = "approach"

    def displace(self, offset_m: np.ndarray, turn_rad: np.ndarray) -> SE3:
        return self._mover.displace(offset_m, turn_rad)

    def _behind(self, point: np.ndarray, free_m: float, rise_m: float = 0.0) -> SE3:
        p = point - (self._behind_m + free_m) * self._ahead
        return SE3(self._R, p + np.array([0.0, 0.0, rise_m]))

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep:
        match self._phase:
            case "approach":
                begin = self._behind(self._thing, BEHIND_M)
                reference = self._mover.reference
                sideways = float(np.linalg.norm(reference.p[:2] - begin.p[:2]))
                turn = reference.distance_to(begin)[1]
                rise = funnel_height(self._style, sideways, turn, free_m=0.004)
                target = self._mover.towards(self._behind(self._thing, BEHIND_M, rise))
                near_m, near_rad = T_base_tool.distance_to(begin)
                if near_m < 0.008 and near_rad < 0.1 and abs(opening - PUSH_OPENING) < 0.1:
                    self._phase = "push"
            case "push":
                end = self._behind(self._place, 0.0)
                target = self._mover.towards(end, slow=0.5)
                if T_base_tool.distance_to(end)[0] < 0.006:
                    self._phase = "back off"
            case "back off":
                end = self._behind(self._place, BACK_M)
                target = self._mover.towards(end)
                if target.distance_to(end)[0] < 0.004:
                    self._phase = "rise"
            case _:
                top = self._behind(self._place, BACK_M, RISE_M)
                target = self._mover.towards(top)
                done = target.distance_to(top)[0] < 0.005
                return ExpertStep(T_base_tool=target, opening=PUSH_OPENING, phase="rise", done=done)
        return ExpertStep(T_base_tool=target, opening=PUSH_OPENING, phase=self._phase, done=False)
