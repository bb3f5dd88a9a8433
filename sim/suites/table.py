"""A Panda over a table whose compiled model many episodes share, for our own suites' tasks.

Compiling a model costs more than simulating an episode, so what differs between episodes is kept
out of the model: poses of free bodies and of bodies that are placed (MuJoCo's mocap bodies).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import single_arm_chunk
from sim.arms import PANDA, PREFIX, TOOL_SITE, ArmSpec, find_servos
from sim.dataset import Optics
from sim.grippers import GRIPPER_ACTUATOR
from sim.kinematics import ArmKinematics
from sim.render import Quality, RgbdRenderer
from sim.robot import CONTROL_PERIOD_S, Cell, CellRobot
from sim.suites.record import CameraLog
from sim.suites.suite import Recording
from sim.world import CAMERAS

FINGERTIP_M = 0.014
"""How far below the tool's origin the fingers end."""
FPS = round(1.0 / CONTROL_PERIOD_S)
_PHYSICS_PER_CHECK = 5
"""A touch that is shorter than 10 ms may go unnoticed."""
_SETTLE_STEPS = 20
_LEASH_M = 0.025
_PICTURE_PX = (640, 480)
TABLE_RGB = np.array([0.60, 0.53, 0.44])
_SHOW_CAMERA = "show"
_T_BASE_SHOW = SE3.look_at((1.22, -0.74, 0.74), (0.40, 0.0, 0.19))
_SHOW_FOVY_DEG = 41.0
_LOWER_M = np.array([0.28, -0.45, 0.5 * FINGERTIP_M + 0.006])
_UPPER_M = np.array([0.78, 0.45, 0.40])
"""The tool is never sent out of this box."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TableStart:
    """What differs between two episodes.

    Attributes:
        T_base_tool: Where the tool starts.
        opening: How far the gripper is open at the start, in [0, 1].
        free: Start poses of free bodies, by name.
        placed: Poses of bodies that stay where they are put, by name.
    """

    T_base_tool: SE3
    opening: float
    free: Mapping[str, SE3] = field(default_factory=dict)
    placed: Mapping[str, SE3] = field(default_factory=dict)


class TableWorld:
    """`sim.robot.World` on a shared model; notes which bodies the robot touches.

    Args:
        model: Compiled from `sim.world.build_world`, perhaps with more in it; never changed.
        watched: Bodies whose touches are noted.
        start: The first episode.

    Attributes:
        start: What `reset` goes back to; may be replaced.
        touches: Watched bodies touched since the start, in the order of their first touch.
        touching: Watched bodies touched during the last control step.
    """

    def __init__(self, model: mujoco.MjModel, watched: Iterable[str], start: TableStart) -> None:
        self.arm: ArmSpec = PANDA
        self.model = model
        self.data = mujoco.MjData(model)
        self.start = start
        self.servos = find_servos(model, PANDA, PREFIX, PREFIX)
        self._gripper_ctrl: int = model.actuator(f"{PREFIX}gripper/{GRIPPER_ACTUATOR}").id
        self._gripper_qpos: int = int(model.joint(PREFIX + PANDA.gripper_joint).qposadr[0])
        self._tool_site: int = model.site(PREFIX + TOOL_SITE).id
        self._watched = {model.body(name).id: name for name in watched}
        self._kinematics = ArmKinematics(PANDA)
        self._is_robot = _of_robot(model)
        self.touches: list[str] = []
        self.touching: set[str] = set()
        self.reset()

    def reset(self) -> None:
        """Back to the start of the episode."""
        model, data, start = self.model, self.data, self.start
        mujoco.mj_resetData(model, data)
        q, off_m = self._kinematics.solve(np.array(PANDA.home_q_rad), start.T_base_tool.matrix())
        if off_m > 1e-3:
            raise RefusedError(f"The tool cannot start at {start.T_base_tool.p}.")
        data.qpos[self.servos.qpos] = q
        data.act[self.servos.setpoint_act] = q
        for name, open_q in PANDA.gripper_open_q.items():
            data.qpos[model.joint(PREFIX + name).qposadr[0]] = start.opening * open_q
        self.command_opening(start.opening)
        for name, T in start.free.items():
            adr = int(model.joint(name).qposadr[0])
            data.qpos[adr : adr + 3], data.qpos[adr + 3 : adr + 7] = T.p, T.wxyz()
        for name, T in start.placed.items():
            mocap = int(model.body_mocapid[model.body(name).id])
            data.mocap_pos[mocap], data.mocap_quat[mocap] = T.p, T.wxyz()
        mujoco.mj_step(model, data, nstep=_SETTLE_STEPS)
        data.time = 0.0
        self.touches, self.touching = [], set()
        self._refreshed = False

    def step(self, n_physics: int) -> None:
        """Advance by physics steps under the present controls, minding what is touched."""
        self.touching = set()
        left = n_physics
        while left > 0:
            count = min(left, _PHYSICS_PER_CHECK)
            mujoco.mj_step(self.model, self.data, nstep=count)
            self._note_touches()
            left -= count
        self._refreshed = False

    def T_base_tool(self) -> SE3:
        """Pose of the tool."""
        self._refresh()
        site = self._tool_site
        return SE3(self.data.site_xmat[site].reshape(3, 3), self.data.site_xpos[site])

    def T_base_body(self, name: str) -> SE3:
        """Pose of a body by name."""
        self._refresh()
        body = self.model.body(name).id
        return SE3(self.data.xmat[body].reshape(3, 3), self.data.xpos[body])

    def opening(self) -> float:
        """Gripper opening in [0, 1]."""
        opening = PANDA.opening_of_q(float(self.data.qpos[self._gripper_qpos]))
        return min(max(opening, 0.0), 1.0)

    def command_opening(self, opening: float) -> None:
        """Ask the gripper for an opening in [0, 1]."""
        q = PANDA.q_of_opening(min(max(opening, 0.0), 1.0))
        self.data.ctrl[self._gripper_ctrl] = q

    def _refresh(self) -> None:
        # After a step MuJoCo's poses lag behind the joints by one physics step.
        if not self._refreshed:
            mujoco.mj_kinematics(self.model, self.data)
            mujoco.mj_comPos(self.model, self.data)
            mujoco.mj_camlight(self.model, self.data)
            self._refreshed = True

    def _note_touches(self) -> None:
        bodies = self.model.geom_bodyid[self.data.contact.geom]
        by_robot = self._is_robot[bodies]
        if not by_robot.any():
            return
        others = np.concatenate([bodies[by_robot[:, 0], 1], bodies[by_robot[:, 1], 0]])
        for body in others.tolist():
            name = self._watched.get(body)
            if name is not None:
                self.touching.add(name)
                if name not in self.touches:
                    self.touches.append(name)


class PandaTable:
    """The arm of one task: starts episodes, moves the tool, takes pictures.

    Args:
        model: Makes the shared model; called when the first episode starts.
        watched: Bodies whose touches are noted.
        recording: Which pictures to take.

    Raises:
        UnknownNameError: There is no such camera.
    """

    def __init__(
        self,
        model: Callable[[], mujoco.MjModel],
        watched: tuple[str, ...],
        recording: Recording,
    ) -> None:
        for camera in recording.cameras:
            if camera not in CAMERAS:
                raise unknown_name("camera", camera, CAMERAS)
        self._model = model
        self._watched = watched
        self._recording = recording
        self._log = CameraLog()
        self._robot: CellRobot[TableWorld, TableStart] | None = None
        self._film: RgbdRenderer | None = None
        self._p_goal = np.zeros(3)

    def begin(self, start: TableStart) -> TableWorld:
        """Start an episode."""
        if self._robot is None:
            cell = Cell(
                arms={PANDA.name: PANDA},
                build=lambda _, first: TableWorld(self._model(), self._watched, first),
                layout=start,
                cameras=CAMERAS,
            )
            self._robot = CellRobot(cell, camera_size_px=self._recording.camera_px)
            self._robot.connect()
        else:
            self._robot.world.start = start
            self._robot.reset()
        self._p_goal = start.T_base_tool.p.copy()
        return self._robot.world

    @property
    def world(self) -> TableWorld:
        """Raises: RefusedError: No episode was started."""
        return self._started().world

    @property
    def p_goal(self) -> Array:
        """Where the tool was last sent, (3,) [m]."""
        return self._p_goal

    def send(self, p_base_tool: Array, R_base_tool: Array, opening: float) -> None:
        """Send the tool somewhere for one control period.

        The place is kept inside the table's box, and on a short leash around where the tool really
        is: a hand that presses on something does not store up motion.
        """
        robot = self._started()
        p = np.clip(p_base_tool, _LOWER_M, _UPPER_M)
        p_tool = robot.world.T_base_tool().p
        ahead = p - p_tool
        distance = float(np.linalg.norm(ahead))
        if distance > _LEASH_M:
            p = p_tool + ahead * (_LEASH_M / distance)
        self._p_goal = p
        then_s = robot.clock.now_s() + CONTROL_PERIOD_S
        pose = SE3(R_base_tool, p).matrix()[None]
        robot.command(single_arm_chunk(np.array([then_s]), pose, np.array([opening])))
        robot.clock.sleep_until(then_s)

    def pictures(self) -> dict[str, NDArray]:
        """Colour and depth of the cameras asked for, named as in `sim.suites.suite`."""
        names = self._recording.cameras
        if not names:
            return {}
        frames = self._started().observe(names).cameras
        out: dict[str, NDArray] = {}
        for name in names:
            frame = frames[name]
            out |= self._log.named(name, frame.rgb, frame.depth_m, frame.K, frame.T_base_camera)
        return out

    @property
    def optics(self) -> Mapping[str, Optics]:
        """What is known of the cameras that have taken pictures."""
        return self._log.optics

    def frame(self) -> NDArray[np.uint8]:
        """A picture for people."""
        world = self.world
        if self._film is None:
            self._film = RgbdRenderer(world.model, *_PICTURE_PX, Quality.FILM)
        world.T_base_tool()
        return self._film.render(world.data, _SHOW_CAMERA).rgb

    def close(self) -> None:
        """Release renderers. Safe to call twice."""
        if self._film is not None:
            self._film.close()
            self._film = None
        if self._robot is not None:
            self._robot.close()
            self._robot = None

    def _started(self) -> CellRobot[TableWorld, TableStart]:
        if self._robot is None:
            raise RefusedError("The task needs reset() before anything else.")
        return self._robot


def add_show_camera(spec: mujoco.MjSpec) -> None:
    """Add the camera of `PandaTable.frame`; it is nearer than the cell's, which shows a drawer."""
    # MuJoCo's cameras look along -z with +y up; optical frames along +z with +y down.
    T = _T_BASE_SHOW @ SE3.from_rotvec((np.pi, 0.0, 0.0))
    spec.worldbody.add_camera(
        name=_SHOW_CAMERA, pos=T.p.tolist(), quat=T.wxyz().tolist(), fovy=_SHOW_FOVY_DEG
    )


def checked_action(action: NDArray, names: tuple[str, ...]) -> Array:
    """An action as float64.

    Raises:
        RefusedError: It has another shape, or is not finite.
    """
    action = np.asarray(action, dtype=np.float64)
    if action.shape != (len(names),) or not np.isfinite(action).all():
        raise RefusedError(f"An action is {len(names)} finite numbers, got {action!r}.")
    return action


def _of_robot(model: mujoco.MjModel) -> NDArray[np.bool_]:
    """Which bodies belong to the arm, (nbody,)."""
    return np.array([model.body(i).name.startswith(PREFIX) for i in range(model.nbody)])
