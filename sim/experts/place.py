"""Expert for `place`: carry a held thing over its place, lower it, let go, rise."""

import numpy as np

from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3
from sim.experts.expert import ExpertStep
from sim.experts.motion import MotionStyle, Mover, funnel_height, pointing_down

RISE_M = 0.11
"""Rise of the tool after letting go."""
GAP_M = 0.004
"""Height above the support at which the thing is let go."""
HAND_ABOVE_RIM_M = 0.016
"""The tool stays this far above a container's walls, so that the fingertips clear them."""


class PlaceExpert:
    """Token 0 is the held thing; token 1 the spot: +z up on the surface that it shall rest on.

    The spot's third size is the height of the walls around it: 0 on a top face.
    """

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        thing, spot = tokens
        self._style = style
        self._mover = Mover(start, style, period_s)
        # The thing hangs in the gripper: its place relative to the tool stays.
        offset = thing.T_base_anchor.p - start.p
        below_m = -float(offset[2]) + 0.5 * float(thing.extents_m[2])
        floor = spot.T_base_anchor.p
        wall_m = float(spot.extents_m[2])
        rim_z = floor[2] + wall_m
        release_z = floor[2] + GAP_M + below_m
        if wall_m > 0.0:
            release_z = max(release_z, rim_z + HAND_ABOVE_RIM_M)
        self._carry_rise_m = max(0.0, rim_z + 0.02 + below_m - release_z)
        self._release = SE3(
            pointing_down(start.R[:, 0]),
            np.array([floor[0] - offset[0], floor[1] - offset[1], release_z]),
        )
        self._phase = "carry"
        self._ticks = 0

    def displace(self, offset_m: np.ndarray, turn_rad: np.ndarray) -> SE3:
        return self._mover.displace(offset_m, turn_rad)

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep:
        if self._phase == "carry":
            return self._carry(T_base_tool)
        if self._phase == "let go":
            return self._let_go()
        return self._rise()

    def _carry(self, tool: SE3) -> ExpertStep:
        reference = self._mover.reference
        sideways = float(np.linalg.norm(reference.p[:2] - self._release.p[:2]))
        share = funnel_height(self._style, sideways, 0.0, free_m=0.004) / self._style.hover_m
        rise = share * (self._carry_rise_m + self._style.hover_m)
        goal = SE3(self._release.R, self._release.p + np.array([0.0, 0.0, rise]))
        near_m, _ = tool.distance_to(self._release)
        target = self._mover.towards(goal, slow=0.9)
        if near_m < 0.006:
            self._phase = "let go"
        return ExpertStep(T_base_tool=target, opening=0.0, phase="carry", done=False)

    def _let_go(self) -> ExpertStep:
        self._ticks += 1
        if self._ticks >= self._style.settle_ticks - 2:
            self._phase = "rise"
        target = self._mover.towards(self._release, slow=0.3)
        return ExpertStep(T_base_tool=target, opening=1.0, phase="let go", done=False)

    def _rise(self) -> ExpertStep:
        top = SE3(self._release.R, self._release.p + np.array([0.0, 0.0, RISE_M]))
        target = self._mover.towards(top)
        done = target.distance_to(top)[0] < 0.005
        return ExpertStep(T_base_tool=target, opening=1.0, phase="rise", done=done)
