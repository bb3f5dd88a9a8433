"""Where the pictures of a configuration come from. Nothing is opened before `connect`."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hardware.lerobot_link import find
from lerobot_camera_robot_skills.config_robot_skills import RobotSkillsCameraConfig, Source
from robot_skills.core.camera import Camera
from robot_skills.core.clock import Clock, MonotonicClock
from robot_skills.core.errors import PerceptionError
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame


def make_source(config: RobotSkillsCameraConfig) -> Camera:
    """The camera behind LeRobot's."""
    match Source(config.source):
        case Source.SIM:
            return SimulatedCamera(config)
        case Source.ROBOT:
            return RobotsCamera(config)
        case Source.ROS:
            return TopicCamera(config)
        case Source.REALSENSE:
            return _realsense(config)
        case Source.REPLAY:
            return _replay(config)


def _realsense(config: RobotSkillsCameraConfig) -> Camera:
    from hardware.cameras.realsense import RealSenseCamera
    from hardware.cameras.realsense_device import RealSenseConfig

    usual = RealSenseConfig(name=config.name)
    wanted = replace(
        usual,
        serial=config.serial,
        width_px=config.width or usual.width_px,
        height_px=config.height or usual.height_px,
        rate_hz=config.fps or usual.rate_hz,
        playback=config.path,
    )
    return RealSenseCamera(MonotonicClock(), wanted, SE3.identity())


def _replay(config: RobotSkillsCameraConfig) -> Camera:
    from hardware.cameras.replay import ReplayCamera, ReplayConfig, read_frames

    played = ReplayConfig(name=config.name, repeat=True)
    return ReplayCamera(MonotonicClock(), played, partial(read_frames, Path(config.path)))


class SimulatedCamera:
    """`Camera` on a simulated table of its own. Drawn by the thread that reads."""

    def __init__(self, config: RobotSkillsCameraConfig) -> None:
        self._config = config
        self._clock: Clock = MonotonicClock()
        self._robot: Robot | None = None

    @property
    def name(self) -> str:
        return self._config.name

    def connect(self) -> None:
        """Build the table. Raises `UnknownNameError` for a camera that it does not have."""
        from sim.layout import default_layout
        from sim.robot import SimRobot

        config = self._config
        assert config.width is not None
        assert config.height is not None
        robot = SimRobot(
            layout=default_layout(config.seed), camera_size_px=(config.width, config.height)
        )
        robot.connect()
        try:
            robot.observe([config.name])
        except BaseException:
            robot.close()
            raise
        self._robot = robot

    def read(self) -> RgbdFrame:
        if self._robot is None:
            raise PerceptionError(f"Camera {self.name!r} is not connected.")
        return self._robot.observe([self.name]).cameras[self.name]

    def close(self) -> None:
        robot, self._robot = self._robot, None
        if robot is not None:
            robot.close()


class RobotsCamera:
    """`Camera` of a robot that LeRobot uses."""

    def __init__(self, config: RobotSkillsCameraConfig) -> None:
        self._config = config
        self._robot: Robot | None = None

    @property
    def name(self) -> str:
        return self._config.name

    def connect(self) -> None:
        """Find the robot, which need not be connected yet. Raises `RefusedError`."""
        self._robot = find(self._config.robot).robot

    def read(self) -> RgbdFrame:
        if self._robot is None:
            raise PerceptionError(f"Camera {self.name!r} is not connected.")
        return self._robot.observe([self.name]).cameras[self.name]

    def close(self) -> None:
        self._robot = None


class TopicCamera:
    """`Camera` behind ROS 2 topics, with a node of its own."""

    def __init__(self, config: RobotSkillsCameraConfig) -> None:
        self._config = config
        self._node: Any = None
        self._camera: Camera | None = None

    @property
    def name(self) -> str:
        return self._config.name

    def connect(self) -> None:
        """Subscribe. Raises `MissingDependencyError` without ROS 2."""
        from hardware.ros2.camera import RosCamera, RosCameraConfig
        from hardware.ros2.runtime import RosNode
        from hardware.ros2.times import MachineClock

        config = self._config
        # LeRobot has no place for where a camera is.
        where = RosCameraConfig(
            name=config.name,
            colour=config.colour,
            depth=config.depth,
            info=config.info,
            T_mount_camera=SE3.identity(),
        )
        node = RosNode("lerobot_camera", namespace=config.namespace, domain=config.domain)
        try:
            self._camera = RosCamera(node, where, MachineClock())
            node.start()
        except BaseException:
            node.close()
            raise
        self._node = node

    def read(self) -> RgbdFrame:
        if self._camera is None:
            raise PerceptionError(f"Camera {self.name!r} is not connected.")
        return self._camera.read()

    def close(self) -> None:
        node, self._node, self._camera = self._node, None, None
        if node is not None:
            node.close()
