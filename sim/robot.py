"""The simulated cell behind the robot contract: waiting is stepping, one call per control step."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol, Self

import mujoco
import numpy as np

from robot_skills.core.errors import RobotFault, unknown_name
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import SE3, Array, interpolate
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, ArmState, Observation, RgbdFrame
from sim.arms import ARMS, ArmSpec, ServoAddresses
from sim.dynamics import NOMINAL, Dynamics
from sim.kinematics import ArmKinematics
from sim.placements import Layout
from sim.render import RgbdRenderer
from sim.world import CAMERAS, PHYSICS_STEP_S, TabletopWorld

PHYSICS_PER_CONTROL = 25
CONTROL_PERIOD_S = PHYSICS_PER_CONTROL * PHYSICS_STEP_S
_STAMP_TOLERANCE_S = 1e-6


class World(Protocol):
    """What the robot needs of a simulated world; its world frame is the arm's base frame."""

    arm: ArmSpec
    model: mujoco.MjModel
    data: mujoco.MjData
    servos: ServoAddresses

    def reset(self) -> None: ...

    def step(self, n_physics: int) -> None: ...

    def T_base_tool(self) -> SE3: ...

    def opening(self) -> float: ...

    def command_opening(self, opening: float) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell[WorldT: World, LayoutT]:
    """One kind of simulated cell.

    Attributes:
        arms: Arms that it can have, by name.
        build: Makes the world of one arm and layout.
        layout: What stands where unless the caller says otherwise.
        cameras: Names of its cameras.
    """

    arms: Mapping[str, ArmSpec]
    build: Callable[[str, LayoutT], WorldT]
    layout: LayoutT
    cameras: tuple[str, ...]


TABLETOP: Cell[TabletopWorld, Layout] = Cell(
    arms=ARMS, build=TabletopWorld, layout=Layout(), cameras=CAMERAS
)


class SimClock:
    """Simulated seconds since the start of the episode; sleeping steps the world."""

    def __init__(
        self,
        advance: Callable[[], None],
        after_step: Callable[[], None],
        period_s: float = CONTROL_PERIOD_S,
    ) -> None:
        self._advance = advance
        self._after_step = after_step
        self._period_s = period_s
        self._steps = 0

    def now_s(self) -> float:
        return self._steps * self._period_s

    def sleep_until(self, stamp_s: float) -> None:
        while self.now_s() < stamp_s - _STAMP_TOLERANCE_S:
            self._advance()
            self._steps += 1
            self._after_step()

    def restart(self) -> None:
        """Back to zero, at the start of an episode."""
        self._steps = 0


@dataclass(slots=True, eq=False)
class _Track:
    """Waypoints that remain, one per control step from the next one on."""

    poses: Array
    opening: Array
    next: int = 0


class CellRobot[WorldT: World, LayoutT]:
    """`robot_skills.core.robot.Robot` on a simulated cell, in lock-step and deterministic.

    Args:
        cell: What kind of cell.
        arm: Key in the cell's `arms`.
        layout: What stands where.
        camera_size_px: Width and height of camera frames.
        physics_per_control: Steps of physics in a control step.

    Attributes:
        kind: Key of its arm.
        on_step: Called with the robot after every control step: videos, logs, displays.

    Raises:
        UnknownNameError: The cell has no such arm.
    """

    def __init__(
        self,
        cell: Cell[WorldT, LayoutT],
        arm: str = "panda",
        *,
        layout: LayoutT | None = None,
        camera_size_px: tuple[int, int] = (128, 128),
        physics_per_control: int = PHYSICS_PER_CONTROL,
    ) -> None:
        if arm not in cell.arms:
            raise unknown_name("arm", arm, cell.arms)
        self._cell = cell
        self.kind = arm
        self._spec = cell.arms[arm]
        self._layout = cell.layout if layout is None else layout
        self._camera_size_px = camera_size_px
        self._physics_per_control = physics_per_control
        self._period_s = physics_per_control * PHYSICS_STEP_S
        self._clock = SimClock(self._advance, self._notify, self._period_s)
        self._world: WorldT | None = None
        self._connected = False
        self._renderer: RgbdRenderer | None = None
        joint = self._spec.limits.joint
        self._largest_step = joint.velocity_rad_s * self._period_s
        # v^2 = 2 a s, per control step, with half of the acceleration kept in reserve.
        self._braking = joint.acceleration_rad_s2 * self._period_s**2
        self.on_step: list[Callable[[Self], None]] = []

    # What the cell is.

    @property
    def clock(self) -> SimClock:
        return self._clock

    @property
    def control_period_s(self) -> float:
        return self._period_s

    @property
    def arms(self) -> Mapping[str, ArmLimits]:
        return {DEFAULT_ARM: self._spec.limits}

    @property
    def cameras(self) -> tuple[str, ...]:
        return self._cell.cameras

    @property
    def world(self) -> WorldT:
        """The simulated world, for truth and pictures, from `connect` until `close`.

        Raises:
            RobotFault: the robot is not connected.
        """
        if self._world is None:
            raise RobotFault("The simulated robot has no world: it is not connected.")
        return self._world

    def kinematics(self, arm: str) -> Kinematics:
        """A solver of its own for every caller.

        Raises:
            UnknownNameError: This cell has no such arm.
        """
        self._check_arm(arm)
        return ArmKinematics(self._spec)

    def home(self, arm: str) -> SE3:
        """`T_base_tool` of the rest pose.

        Raises:
            UnknownNameError: This cell has no such arm.
        """
        self._check_arm(arm)
        return ArmKinematics(self._spec).forward(np.array(self._spec.home_q_rad))

    # Life cycle.

    def connect(self) -> None:
        """Build the world and start its first episode."""
        if not self._connected:
            self._kinematics = ArmKinematics(self._spec)
            self._connected = True
            self.reset()

    def reset(self, layout: LayoutT | None = None) -> None:
        """Start a new episode: arm at home, clock at zero, things where the layout says.

        Args:
            layout: Another layout; None repeats the present one.

        Raises:
            RobotFault: Not connected.
        """
        self._check_connected()
        if layout is not None and layout is not self._layout:
            self._layout, self._world = layout, None
        if self._world is None:
            self._close_renderer()
            self._world = self._cell.build(self._spec.name, self._layout)
        else:
            self._world.reset()
        self._clock.restart()
        self._track: _Track | None = None
        self._q_goal = self._world.data.act[self._world.servos.setpoint_act].copy()
        self._pose_goal = self._kinematics.forward(self._q_goal).matrix()
        self._opening_goal = 1.0

    def close(self) -> None:
        self._close_renderer()
        self._connected = False
        # Clock and robot know each other; a compiled world must not wait for who finds that out.
        self._world = None

    @property
    def opening_goal(self) -> float:
        """What the gripper was last told, in [0, 1]."""
        return self._opening_goal

    def take_over(self, opening: float) -> None:
        """Go on in a world that somebody has put into another state.

        Args:
            opening: What the gripper keeps being told; the arm holds still.
        """
        self.stop()
        self._opening_goal = opening
        self.world.command_opening(opening)

    # Sensing.

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        self._check_connected()
        for name in cameras:
            if name not in self._cell.cameras:
                raise unknown_name("camera", name, self._cell.cameras)
        world, now_s = self.world, self._clock.now_s()
        data = world.data
        state = ArmState(
            stamp_s=now_s,
            q_rad=data.qpos[world.servos.qpos],
            dq_rad_s=data.qvel[world.servos.dofs],
            tau_nm=data.qfrc_actuator[world.servos.dofs],
            T_base_tool=world.T_base_tool(),
            opening=world.opening(),
        )
        frames = {name: self._frame(name, now_s) for name in cameras}
        return Observation(stamp_s=now_s, arms={DEFAULT_ARM: state}, cameras=frames)

    def _frame(self, name: str, now_s: float) -> RgbdFrame:
        world = self.world
        if self._renderer is None:
            self._renderer = RgbdRenderer(world.model, *self._camera_size_px)
        rgb, depth_m, K, T_base_camera = self._renderer.render(world.data, name)
        return RgbdFrame(stamp_s=now_s, rgb=rgb, depth_m=depth_m, K=K, T_base_camera=T_base_camera)

    # Acting.

    def command(self, chunk: ActionChunk) -> ActionChunk:
        self._check_connected()
        now_s = self._clock.now_s()
        for name in chunk.arms:
            self._check_arm(name)
        accepted = chunk.after(now_s)
        if accepted is None:
            raise RobotFault(
                f"All {len(chunk)} waypoints are late: the last was for {chunk.stamp_s[-1]:.3f} s, "
                f"it is {now_s:.3f} s."
            )
        arm = accepted.arms[DEFAULT_ARM]
        if not (np.isfinite(arm.T_base_tool).all() and np.isfinite(arm.opening).all()):
            raise RobotFault("Waypoints that are not finite numbers cannot be followed.")
        self._track = self._on_control_steps(accepted, now_s)
        return accepted

    def stop(self) -> None:
        if not self._connected:
            return
        world = self.world
        self._track = None
        self._q_goal = world.data.act[world.servos.setpoint_act].copy()
        self._pose_goal = self._kinematics.forward(self._q_goal).matrix()

    def _on_control_steps(self, chunk: ActionChunk, now_s: float) -> _Track:
        """The chunk sampled at every control step up to its last waypoint."""
        arm = chunk.arms[DEFAULT_ARM]
        count = int(np.ceil((chunk.stamp_s[-1] - now_s) / self._period_s - _STAMP_TOLERANCE_S))
        grid = now_s + self._period_s * np.arange(1, count + 1)
        if len(chunk) == count and np.all(np.abs(chunk.stamp_s - grid) < _STAMP_TOLERANCE_S):
            return _Track(poses=arm.T_base_tool, opening=arm.opening)
        stamps = np.concatenate([[now_s], chunk.stamp_s])
        poses = np.concatenate([self._pose_goal[None], arm.T_base_tool])
        opening = np.concatenate([[self._opening_goal], arm.opening])
        at = np.minimum(grid, stamps[-1])
        later = np.searchsorted(stamps, at, side="left")
        fraction = (at - stamps[later - 1]) / (stamps[later] - stamps[later - 1])
        return _Track(
            poses=interpolate(poses[later - 1], poses[later], fraction),
            opening=(1.0 - fraction) * opening[later - 1] + fraction * opening[later],
        )

    def _advance(self) -> None:
        """One control step: the next waypoint becomes joint rates, then physics runs."""
        self._check_connected()
        world = self.world
        track = self._track
        if track is not None:
            self._pose_goal = track.poses[track.next]
            self._opening_goal = float(track.opening[track.next])
            self._q_goal, _ = self._kinematics.solve(self._q_goal, self._pose_goal)
            track.next += 1
            if track.next == len(track.poses):
                self._track = None
        data = world.data
        step = self._q_goal - data.act[world.servos.setpoint_act]
        largest = self._largest_step
        if self._track is None:
            # Nothing follows: brake in time for the goal, where a waypoint was too far to keep up.
            largest = np.minimum(largest, np.sqrt(self._braking * np.abs(step)))
        step = np.minimum(np.maximum(step, -largest), largest)
        data.ctrl[world.servos.rate_ctrl] = step / self._period_s
        world.command_opening(self._opening_goal)
        world.step(self._physics_per_control)

    def _notify(self) -> None:
        for observer in self.on_step:
            observer(self)

    # Checks.

    def _check_arm(self, arm: str) -> None:
        if arm != DEFAULT_ARM:
            raise unknown_name("arm", arm, (DEFAULT_ARM,))

    def _check_connected(self) -> None:
        if not self._connected:
            raise RobotFault("The simulated robot is not connected: call connect() first.")

    def _close_renderer(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


class SimRobot(CellRobot[TabletopWorld, Layout]):
    """The robot of the tabletop cell. Arguments and errors are those of `CellRobot`, and:

    Args:
        dynamics: How its physics differ from the model's, in every layout.
    """

    def __init__(
        self,
        arm: str = "panda",
        *,
        layout: Layout | None = None,
        camera_size_px: tuple[int, int] = (128, 128),
        dynamics: Dynamics = NOMINAL,
        physics_per_control: int = PHYSICS_PER_CONTROL,
    ) -> None:
        cell = replace(TABLETOP, build=partial(TabletopWorld, dynamics=dynamics))
        super().__init__(
            cell,
            arm,
            layout=layout,
            camera_size_px=camera_size_px,
            physics_per_control=physics_per_control,
        )
