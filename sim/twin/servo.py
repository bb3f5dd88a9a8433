"""A twin as its arm's own controllers and its cameras' drivers see it: late, and as it truly is.

What `sim.servo_cell` is for the simulation, in two processes too; time belongs to the caller.
"""

from collections import deque
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from robot_skills.core.excitation import SensorNoise
from robot_skills.core.se3 import Array
from robot_skills.core.types import ArmState, RgbdFrame
from sim.kinematics import ArmKinematics
from sim.placements import Layout
from sim.servo_cell import CellEyes, ServoCell
from sim.twin.cell import TwinWorld, with_noise
from sim.twin.eyes import TrueEyes, nominal_K
from sim.twin.hidden import Hidden

_KEPT_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Told:
    """What the controllers were told at a time."""

    time_s: float
    q_rad: Array | None
    opening: float | None


class TwinServoCell(ServoCell):
    """The arm of a twin, under joint setpoints that it takes late.

    Args:
        hidden: The truth.
        layout: What stands where.
        period_s: Of `step`.

    Raises:
        RefusedError: The period is no multiple of the physics' step.
    """

    def __init__(self, hidden: Hidden, layout: Layout, period_s: float = 0.01) -> None:
        super().__init__(hidden.arm, layout, period_s, partial(TwinWorld, hidden, None))
        self._hidden = hidden
        self._kinematics, self._noise = ArmKinematics(self.arm), SensorNoise()
        self._begin()

    def _begin(self) -> None:
        kept = round(_KEPT_S / self.period_s)
        self._rng = np.random.default_rng((self._hidden.seed, 2))
        self._told: deque[_Told] = deque(maxlen=kept)
        self._states: deque[ArmState] = deque([super().state(self.time_s)], maxlen=kept)

    def reset(self) -> None:
        super().reset()
        self._begin()

    def step(self, q_rad: Array | None = None, opening: float | None = None) -> None:
        """One period; what is told is done when the arm and its gripper come to it."""
        delays, now_s = self._hidden.delays, self.time_s
        self._told.append(_Told(time_s=now_s, q_rad=q_rad, opening=opening))
        arm, gripper = self._heard(now_s - delays.action_s), self._heard(now_s - delays.gripper_s)
        super().step(
            None if arm is None else arm.q_rad, None if gripper is None else gripper.opening
        )
        self._states.append(super().state(self.time_s))

    def _heard(self, time_s: float) -> _Told | None:
        """The last that was told until a time."""
        return next((told for told in reversed(self._told) if told.time_s <= time_s + 1e-9), None)

    def state(self, stamp_s: float) -> ArmState:
        """What the arm says: of a moment ago, and with noise."""
        measured_s = self.time_s - self._hidden.delays.state_s
        past = (one for one in reversed(self._states) if one.stamp_s <= measured_s + 1e-9)
        state = next(past, self._states[0])
        return replace(with_noise(state, self._noise, self._kinematics, self._rng), stamp_s=stamp_s)


class TwinEyes(CellEyes):
    """Draws a twin from its pose, as its cameras' drivers give it. Use from one thread.

    Args:
        hidden: The truth.
        layout: What stands where.
        size_px: Width and height of the pictures.
        filters: Whether the drivers smooth depth.
    """

    def __init__(
        self, hidden: Hidden, layout: Layout, size_px: tuple[int, int], *, filters: bool
    ) -> None:
        world = TwinWorld(hidden, None, hidden.arm, layout)
        self._eyes = TrueEyes(hidden, size_px, filters=filters)
        super().__init__(world, self._eyes.renderer(world.model))
        self._size_px, self.late_s = size_px, hidden.delays.camera_s

    def draw(self, pose: Array, camera: str, stamp_s: float) -> RgbdFrame:
        """A picture; its lens is what the camera is taken to have. Raises `UnknownNameError`."""
        drawn = super().draw(pose, camera, stamp_s)
        rgb, depth_m = self._eyes.see(camera, drawn.rgb, drawn.depth_m)
        return replace(drawn, rgb=rgb, depth_m=depth_m, K=nominal_K(camera, self._size_px))
