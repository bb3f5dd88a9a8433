"""Expert for `grasp`: come down over a thing, close across its shorter side, lift it."""

import numpy as np

from robot_skills.core.policy import EntityToken
from robot_skills.core.se3 import SE3
from sim.experts.expert import ExpertStep
from sim.experts.motion import MotionStyle, Mover, funnel_height, pointing_down

LIFT_M = 0.13
"""Rise of the tool after the grip."""
CLEARANCE_M = 0.028
"""How much wider than the thing the gripper opens: neighbours and walls are near."""
GRIPPER_WIDTH_M = 0.08
"""Of a gripper at opening 1; the two arms' differ by 5 mm, which the clearance covers."""
PALM_M = 0.028
"""The tool origin may be this far below the walls around a thing before the palm meets them."""
FINGERTIP_M = 0.014
"""The pads reach this far below the tool origin; they must clear what the thing stands on."""


class GraspExpert:
    """Token 0 is the box of the thing; its `value` is the height of the walls around it."""

    def __init__(
        self, tokens: tuple[EntityToken, ...], start: SE3, style: MotionStyle, period_s: float
    ) -> None:
        (thing,) = tokens
        self._style = style
        self._mover = Mover(start, style, period_s)
        height = float(thing.extents_m[2])
        depth = min(style.depth_m, 0.5 * height)
        centre = thing.T_base_anchor.p
        bottom = centre[2] - 0.5 * height
        grip_z = max(
            bottom + FINGERTIP_M,
            centre[2] + 0.5 * height - depth,
            bottom + thing.value - PALM_M,
        )
        self._grip = SE3(
            pointing_down(thing.T_base_anchor.R[:, 0]), np.array([centre[0], centre[1], grip_z])
        )
        self._wide = min(1.0, (float(thing.extents_m[1]) + CLEARANCE_M) / GRIPPER_WIDTH_M)
        self._phase = "approach"
        self._ticks = 0

    def displace(self, offset_m: np.ndarray, turn_rad: np.ndarray) -> SE3:
        return self._mover.displace(offset_m, turn_rad)

    def act(self, T_base_tool: SE3, opening: float) -> ExpertStep:
        reference = self._mover.reference
        if self._phase == "approach":
            return self._approach(reference, T_base_tool)
        if self._phase == "grip":
            return self._close(T_base_tool)
        return self._lift()

    def _approach(self, reference: SE3, tool: SE3) -> ExpertStep:
        sideways = float(np.linalg.norm(reference.p[:2] - self._grip.p[:2]))
        turn = reference.distance_to(self._grip)[1]
        rise = funnel_height(self._style, sideways, turn, free_m=0.004)
        goal = SE3(self._grip.R, self._grip.p + np.array([0.0, 0.0, rise]))
        near_m, near_rad = tool.distance_to(self._grip)
        target = self._mover.towards(goal)
        if near_m < 0.006 and near_rad < 0.08:
            self._phase, self._ticks = "grip", 0
        return ExpertStep(T_base_tool=target, opening=self._wide, phase="approach", done=False)

    def _close(self, tool: SE3) -> ExpertStep:
        self._ticks += 1
        if self._ticks < 5 and tool.distance_to(self._grip)[0] > 0.02:
            self._phase = "approach"
        if self._ticks >= self._style.settle_ticks:
            self._phase = "lift"
        target = self._mover.towards(self._grip, slow=0.5)
        return ExpertStep(T_base_tool=target, opening=0.0, phase="grip", done=False)

    def _lift(self) -> ExpertStep:
        top = SE3(self._grip.R, self._grip.p + np.array([0.0, 0.0, LIFT_M]))
        target = self._mover.towards(top)
        done = target.distance_to(top)[0] < 0.005
        return ExpertStep(T_base_tool=target, opening=0.0, phase="lift", done=done)
