"""Any robot of robot-skills as one of LeRobot's, always behind a safety gate."""

import logging
from typing import Any

import numpy as np
from lerobot.cameras import make_cameras_from_configs
from lerobot.robots import Robot as LeRobotsRobot
from lerobot.utils.errors import DeviceAlreadyConnectedError, DeviceNotConnectedError

from hardware.lerobot_actions import (
    OPENING_KEY,
    TOOL_KEYS,
    ActionCoder,
    ActionSpace,
    joint_keys,
    numbers_of,
)
from hardware.lerobot_link import RobotLink, offer
from hardware.lerobot_views import depth_mm
from lerobot_robot_robot_skills.config_robot_skills import Pace, RobotSkillsRobotConfig, Source
from lerobot_robot_robot_skills.making import make_robot
from lerobot_robot_robot_skills.pacing import Lockstep, OwnTime, Pacing, Realtime
from robot_skills.app.gating import gate_here
from robot_skills.core.errors import ActionRefused, PerceptionError, RefusedError, unknown_name
from robot_skills.core.events import Event
from robot_skills.core.priority import give_up_priority, take_priority_back
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame, single_arm_chunk

_log = logging.getLogger(__name__)

_PERIODS = np.array([1.0, 3.0])
"""When an action is to be reached, and until when it is held: were it over by the time that the
next one comes, an arm would brake between any two."""


class OwnView:
    """One of the robot's own cameras, as far as LeRobot asks about it."""

    def __init__(self, size: tuple[int, int], use_depth: bool) -> None:
        self.height, self.width = size
        self.use_rgb, self.use_depth = True, use_depth


class RobotSkillsRobot(LeRobotsRobot):
    """A simulated arm, or one over ROS 2.

    Every action passes the safety gate. One that it refuses is not executed: the arm holds where it
    is, the reason is logged, and `send_action` returns where it holds.

    Args:
        config: Which robot.
        robot: Another one than the configuration makes, with the sizes (height, width) of its
            cameras' pictures; for use from Python.
        sizes_px: See `robot`.
    """

    config_class = RobotSkillsRobotConfig
    name = "robot_skills"

    def __init__(
        self,
        config: RobotSkillsRobotConfig,
        robot: Robot | None = None,
        sizes_px: dict[str, tuple[int, int]] | None = None,
    ) -> None:
        super().__init__(config)
        self.config = config
        made, sizes = make_robot(config) if robot is None else (robot, dict(sizes_px or {}))
        self._robot = gate_here(made, _Silent())
        if len(made.arms) != 1:
            raise RefusedError(f"LeRobot gets one arm, this robot has {', '.join(made.arms)}.")
        (self._arm,) = made.arms
        limits = made.arms[self._arm]
        space = ActionSpace(config.actions)
        self._coder = ActionCoder(space, limits, made.kinematics(self._arm))
        self._joints = joint_keys(len(limits.joint.lower_rad))
        self._period_s = config.period_s or made.control_period_s
        self._pacing = _pacing(config, self._robot) if robot is None else OwnTime()
        self._views = _chosen_views(config, sizes)
        self._others = make_cameras_from_configs(config.cameras)
        twice = sorted(set(self._views) & set(self._others))
        if twice:
            raise RefusedError(f"Two cameras are called {', '.join(twice)}.")
        self.cameras: dict[str, Any] = {
            **{name: OwnView(size, config.depth) for name, size in self._views.items()},
            **self._others,
        }
        self._connected = self._gave_up_priority = False
        self._held = False
        self._refused = ""
        # Kept here, so that it can be found for as long as this robot lives.
        self._link = RobotLink(
            robot=self._robot, arm=self._arm, space=space, period_s=self._period_s
        )
        offer(self.id or self.name, self._link)

    # What it is

    @property
    def observation_features(self) -> dict[str, type | tuple[int, int, int]]:
        """Joints, tool and opening as floats; ``<camera>`` and ``<camera>_depth`` as shapes."""
        features: dict[str, Any] = dict.fromkeys((*self._joints, *TOOL_KEYS), float)
        for name, camera in self.cameras.items():
            size = (camera.height, camera.width)
            if getattr(camera, "use_rgb", True):
                features[name] = (*size, 3)
            if getattr(camera, "use_depth", False):
                features[f"{name}_depth"] = (*size, 1)
        return features

    @property
    def action_features(self) -> dict[str, type]:
        return dict.fromkeys(self._coder.keys, float)

    @property
    def is_connected(self) -> bool:
        # LeRobot's finaliser asks this of what was never quite made.
        return getattr(self, "_connected", False)

    @property
    def is_calibrated(self) -> bool:
        """Always: robot-skills calibrates arms itself."""
        return True

    def calibrate(self) -> None:
        """Nothing to do."""

    def configure(self) -> None:
        """Nothing to do."""

    # Life

    def connect(self, calibrate: bool = True) -> None:
        """Open the robot and its cameras. Nothing moves.

        Raises:
            DeviceAlreadyConnectedError: It is open.
            RobotFault: It is not fit to move.
        """
        if self._connected:
            raise DeviceAlreadyConnectedError(f"{self} is already connected.")
        self._robot.connect()
        opened = []
        try:
            for camera in self._others.values():
                camera.connect()
                opened.append(camera)
        except BaseException:
            for camera in opened:
                camera.disconnect()
            self._robot.close()
            raise
        # LeRobot's video encoder would come before the arm's safety gate.
        self._gave_up_priority = give_up_priority()
        self._connected = True

    def disconnect(self) -> None:
        """Hold, and release the robot and its cameras.

        Raises:
            DeviceNotConnectedError: It is not open.
        """
        self._check_connected()
        self._connected = False
        try:
            self._robot.stop()
        finally:
            self._robot.close()
            for camera in self._others.values():
                camera.disconnect()
            if self._gave_up_priority:
                take_priority_back()

    # Use

    def get_observation(self) -> dict[str, Any]:
        """The arm's numbers and the newest pictures.

        Raises:
            DeviceNotConnectedError: Not open.
            RobotFault: The robot does not answer.
            PerceptionError: A camera gives nothing, or pictures of another size than it was said
                to have.
        """
        self._check_connected()
        self._pacing.before()
        observation = self._robot.observe(tuple(self._views))
        seen: dict[str, Any] = dict(numbers_of(observation.arms[self._arm]))
        for name, size in self._views.items():
            frame = _sized(observation.cameras[name], name, size)
            seen[name] = frame.rgb
            if self.config.depth:
                seen[f"{name}_depth"] = depth_mm(frame.depth_m)
        for name, camera in self._others.items():
            if getattr(camera, "use_rgb", True):
                seen[name] = camera.read_latest()
            if getattr(camera, "use_depth", False):
                seen[f"{name}_depth"] = camera.read_latest_depth()  # type: ignore[attr-defined]
        return seen

    def send_action(self, action: dict[str, Any]) -> dict[str, float]:
        """Have the robot be somewhere one period from now.

        Returns:
            What was really sent, behind the safety gate; where the arm holds, if it was refused.

        Raises:
            DeviceNotConnectedError: Not open.
            RefusedError: The action lacks a key.
            RobotFault: The robot does not answer, or has stopped for good.
        """
        self._check_connected()
        self._pacing.before()
        try:
            sent = self._send(action)
        except ActionRefused as refusal:
            sent = self._hold(refusal)
        self._pacing.after(self._period_s)
        return sent

    def _send(self, action: dict[str, Any]) -> dict[str, float]:
        T_base_tool, opening = self._coder.decode(action)
        stamps = self._robot.clock.now_s() + self._period_s * _PERIODS
        poses = np.tile(T_base_tool.matrix(), (len(stamps), 1, 1))
        chunk = single_arm_chunk(stamps, poses, np.full(len(stamps), opening), name=self._arm)
        accepted = self._robot.command(chunk).arms[self._arm]
        if self._held:
            _log.info("the arm follows again")
        self._held, self._refused = False, ""
        T_accepted = accepted.T_base_tool[-1]
        joints = self._link.space is ActionSpace.JOINTS
        if joints and np.array_equal(T_accepted, T_base_tool.matrix()):
            # Solving for the joints again would give others of the same tool pose.
            last = float(accepted.opening[-1])
            return {key: float(action[key]) for key in self._joints} | {OPENING_KEY: last}
        state = self._robot.observe().arms[self._arm]
        return self._coder.encode(SE3.from_matrix(T_accepted), float(accepted.opening[-1]), state)

    def _hold(self, refusal: ActionRefused) -> dict[str, float]:
        if not self._held:
            self._robot.stop()
        if refusal.code != self._refused:
            _log.warning("refused (%s), the arm holds: %s", refusal.code, refusal)
        self._held, self._refused = True, refusal.code
        state = self._robot.observe().arms[self._arm]
        return self._coder.encode(state.T_base_tool, state.opening, state)

    def _check_connected(self) -> None:
        if not self._connected:
            raise DeviceNotConnectedError(f"{self} is not connected.")


class _Silent:
    """LeRobot has no log of decisions; refusals are in the program's own."""

    def emit(self, event: Event) -> None:
        pass


def _pacing(config: RobotSkillsRobotConfig, robot: Robot) -> Pacing:
    if Source(config.source) is not Source.SIM:
        return OwnTime()
    return Lockstep(robot.clock) if Pace(config.pace) is Pace.LOCKSTEP else Realtime(robot.clock)


def _chosen_views(
    config: RobotSkillsRobotConfig, sizes: dict[str, tuple[int, int]]
) -> dict[str, tuple[int, int]]:
    wanted = list(sizes) if config.views is None else config.views
    for name in wanted:
        if name not in sizes:
            raise unknown_name("camera of the robot", name, sizes)
    return {name: sizes[name] for name in wanted}


def _sized(frame: RgbdFrame, name: str, size: tuple[int, int]) -> RgbdFrame:
    if frame.rgb.shape[:2] != size:
        height, width = frame.rgb.shape[:2]
        raise PerceptionError(
            f"Camera {name!r} gives {width} x {height} px, it was said to give "
            f"{size[1]} x {size[0]}."
        )
    return frame
