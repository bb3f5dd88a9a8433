"""A simulated cell as an arm's own controllers see it: joint setpoints in, joint states out.

`SimRobot` takes chunks and steps in lock-step with whoever waits. Here time belongs to the caller,
who steps the cell in periods of its own, as a real arm goes on whether or not somebody commands it.
Drawing can be done in another process, from `pose`, so that no period waits for a picture.
"""

from collections.abc import Callable

import numpy as np

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import ArmState, RgbdFrame
from sim.arms import ARMS, ArmSpec
from sim.placements import Layout
from sim.render import RgbdRenderer
from sim.world import CAMERAS, PHYSICS_STEP_S, TabletopWorld


class ServoCell:
    """An arm on a table, under joint setpoints.

    Args:
        arm: Key in `sim.arms.ARMS`.
        layout: What stands where.
        period_s: Of `step`; a multiple of the physics' step.
        build: Makes the world of an arm and a layout.

    Raises:
        UnknownNameError: There is no such arm.
        RefusedError: The period is no multiple of the physics' step.
    """

    def __init__(
        self,
        arm: str,
        layout: Layout,
        period_s: float = 0.01,
        build: Callable[[str, Layout], TabletopWorld] = TabletopWorld,
    ) -> None:
        if arm not in ARMS:
            raise unknown_name("arm", arm, ARMS)
        steps = round(period_s / PHYSICS_STEP_S)
        if steps < 1 or abs(steps * PHYSICS_STEP_S - period_s) > 1e-9:
            raise RefusedError(
                f"The period has to be a multiple of {PHYSICS_STEP_S} s, got {period_s} s."
            )
        self._steps, self.period_s = steps, period_s
        self.world = build(arm, layout)

    @property
    def arm(self) -> ArmSpec:
        return self.world.arm

    @property
    def time_s(self) -> float:
        """Simulated seconds since the start of the episode."""
        return float(self.world.data.time)

    @property
    def setpoint_rad(self) -> Array:
        """Where the servos are told to be, (n,)."""
        return self.world.data.act[self.world.servos.setpoint_act].copy()

    def reset(self) -> None:
        """Begin the episode again."""
        self.world.reset()

    def rearrange(self) -> None:
        """Put the things back where the layout says; the arm stays where it is."""
        self.world.rearrange()

    def step(self, q_rad: Array | None = None, opening: float | None = None) -> None:
        """One period.

        Args:
            q_rad: Where the joints should be at its end, (n,); None leaves the setpoint. A servo
                follows no faster than its joint may move.
            opening: Of the gripper, in [0, 1]; None leaves it.
        """
        world, data = self.world, self.world.data
        rate = np.zeros(len(world.servos.setpoint_act))
        if q_rad is not None:
            limit = self.arm.limits.joint.velocity_rad_s
            rate = (q_rad - data.act[world.servos.setpoint_act]) / self.period_s
            rate = np.minimum(np.maximum(rate, -limit), limit)
        data.ctrl[world.servos.rate_ctrl] = rate
        if opening is not None:
            world.command_opening(opening)
        world.step(self._steps)

    def state(self, stamp_s: float) -> ArmState:
        """What the arm measures."""
        world, data = self.world, self.world.data
        return ArmState(
            stamp_s=stamp_s,
            q_rad=data.qpos[world.servos.qpos],
            dq_rad_s=data.qvel[world.servos.dofs],
            tau_nm=data.qfrc_actuator[world.servos.dofs],
            T_base_tool=world.T_base_tool(),
            opening=world.opening(),
        )

    def pose(self) -> Array:
        """Where everything is: enough to draw it elsewhere."""
        return self.world.data.qpos.copy()


class CellEyes:
    """Draws a cell from its pose. Use from one thread.

    Args:
        world: To be drawn.
        renderer: Draws it; closed with this.

    Attributes:
        late_s: How much later than they were taken pictures come.
    """

    def __init__(self, world: TabletopWorld, renderer: RgbdRenderer) -> None:
        self._world, self._renderer = world, renderer
        self.late_s = 0.0

    @classmethod
    def of(cls, arm: str, layout: Layout, size_px: tuple[int, int]) -> "CellEyes":
        """Of a cell.

        Args:
            arm: Key in `sim.arms.ARMS`.
            layout: What stands where.
            size_px: Width and height of the pictures.
        """
        world = TabletopWorld(arm, layout)
        return CellEyes(world, RgbdRenderer(world.model, *size_px))

    @property
    def pose_size(self) -> int:
        """Numbers in a pose."""
        return self._world.model.nq

    def draw(self, pose: Array, camera: str, stamp_s: float) -> RgbdFrame:
        """A picture.

        Args:
            pose: Of the cell, from `ServoCell.pose`.
            camera: Which.
            stamp_s: When the pose was.

        Raises:
            UnknownNameError: There is no such camera.
        """
        if camera not in CAMERAS:
            raise unknown_name("camera", camera, CAMERAS)
        self._world.data.qpos[:] = pose
        self._world.step(0)
        self._world.refresh()
        rgb, depth_m, K, T_base_camera = self._renderer.render(self._world.data, camera)
        return RgbdFrame(
            stamp_s=stamp_s, rgb=rgb, depth_m=depth_m, K=K, T_base_camera=T_base_camera
        )

    def place_of(self, camera: str, pose: Array) -> SE3:
        """`T_base_camera` where everything is as the pose says."""
        return self.draw(pose, camera, 0.0).T_base_camera

    def close(self) -> None:
        self._renderer.close()
