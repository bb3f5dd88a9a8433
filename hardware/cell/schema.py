"""What a cell file says, as frozen values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from hardware.gate.motion import MotionConfig
from hardware.ros2.arm_link import ArmTopics
from hardware.ros2.camera_lens import NO_DISTORTION
from hardware.ros2.gate_setup import WatchedTopic
from hardware.ros2.transport import Reach
from hardware.safety_gate import GateConfig
from robot_skills.core.collision import ArmShape, Surroundings
from robot_skills.core.errors import RefusedError
from robot_skills.core.latencies import ArmLatencies
from robot_skills.core.limits import ArmLimits
from robot_skills.core.regions import ForbiddenRegion
from robot_skills.core.se3 import SE3, Array


class RobotDriver(Enum):
    """What speaks to the arm. The values are the words in cell files."""

    ROS2_CONTROL = "ros2_control"
    """The arm's own ROS 2 driver, under ros2_control."""
    LEROBOT = "lerobot"
    """LeRobot's driver of the arm, in one of our processes."""
    SIM = "sim"
    """A simulated arm behind the topics of a real one."""


class CameraDriver(Enum):
    """What reads a camera. The values are the words in cell files."""

    ROS = "ros"
    """Its own ROS 2 driver, whose topics are heard."""
    REALSENSE = "realsense"
    """One of our processes, through pyrealsense2."""
    UVC = "uvc"
    """One of our processes, through OpenCV; colours only."""
    SIM = "sim"
    """The simulated robot draws it."""


class Mount(Enum):
    """What a camera is fixed to."""

    BASE = "base"
    TOOL = "tool"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelFile:
    """An arm described by a file instead of by a name.

    Attributes:
        path: Of a URDF or MJCF file.
        base: Link that the arm stands on.
        tool: Link at its end: the flange.
    """

    path: Path
    base: str
    tool: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LeRobotArm:
    """An arm that LeRobot drives.

    Attributes:
        kind: LeRobot's name of it, for example ``so101_follower``.
        port: Serial port.
        id: Under which LeRobot keeps its calibration.
    """

    kind: str
    port: str
    id: str


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CellRobot:
    """The arm of a cell.

    Attributes:
        driver: What speaks to it.
        arm: Kind of arm, key of kinematics and limits; empty with a model file.
        model: File that describes it instead.
        namespace: Of our nodes; relative topics are below it.
        topics: Where it is found.
        T_flange_tool: Tool in the flange's frame.
        home_q_rad: Joints of its rest pose; None is the arm's own.
        protective: What says that the arm's own controller has stopped it.
        lerobot: How LeRobot finds it.
        control_period_s: Spacing of waypoints.
        latencies: Of arm, gripper and states, as calibrated.
        twin: Seed of the twin that a simulated arm is; None is as the model says.
    """

    driver: RobotDriver
    arm: str
    model: ModelFile | None
    namespace: str
    topics: ArmTopics
    T_flange_tool: SE3
    home_q_rad: tuple[float, ...] | None
    protective: WatchedTopic | None
    lerobot: LeRobotArm | None
    control_period_s: float
    latencies: ArmLatencies = field(default_factory=ArmLatencies)
    twin: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArmSheet:
    """What an arm allows by its data sheet.

    Attributes:
        limits: The maker's.
        home_q_rad: Joints of a rest pose.
    """

    limits: ArmLimits
    home_q_rad: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmQuestion:
    """Which arm's data sheet is wanted.

    Attributes:
        driver: What speaks to it.
        arm: Its name; empty with a model file.
        model: File that describes it.
        rates: With a model file: velocities, accelerations, jerks that the cell gives.
    """

    driver: RobotDriver
    arm: str
    model: ModelFile | None
    rates: Mapping[str, Array]


SheetOf = Callable[[ArmQuestion], ArmSheet]
"""Finds the data sheet of an arm. Raises `RefusedError` where there is none."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CellCamera:
    """A camera of a cell.

    Attributes:
        name: Of the camera.
        driver: What reads it.
        colour: Topic of its colours; empty is ``<name>/color/image_raw``.
        depth: Topic of its depth, aligned to the colours; empty is the usual one.
        info: Topic of what its lens is like; empty is the usual one.
        serial: Of a RealSense; empty takes the only one.
        device: Path of a UVC camera.
        size_px: Width and height.
        rate_hz: Pictures per second.
        mount: What it is fixed to.
        T_mount_camera: Optical frame in the frame of its mount; None where only the simulator
            knows it.
        lens_px: fx, fy, cx, cy that it must have; None takes what it says.
        distortion: k1, k2, p1, p2, k3 of its lens, where its pictures come distorted: they are
            undistorted by us.
        frozen_frames: So many pictures in a row that are the same to the last bit are frozen; None
            for a camera without noise, as drawn ones are, whose frozen pictures nobody notices.
        latency_s: Least time from capture to arrival.
        stale_s: Age at which a picture is too old.
        clean_depth: Whether a network cleans its depth before anything is recognised in it, as
            raw depth of stereo cameras needs it.
    """

    name: str
    driver: CameraDriver
    colour: str = ""
    depth: str = ""
    info: str = ""
    serial: str = ""
    device: str = ""
    size_px: tuple[int, int] = (640, 480)
    rate_hz: float = 30.0
    mount: Mount = Mount.BASE
    T_mount_camera: SE3 | None = None
    lens_px: tuple[float, float, float, float] | None = None
    distortion: tuple[float, float, float, float, float] = NO_DISTORTION
    frozen_frames: int | None = 10
    latency_s: float = 0.0
    stale_s: float = 0.5
    clean_depth: bool = False

    @property
    def has_depth(self) -> bool:
        return self.driver is not CameraDriver.UVC

    def topics(self) -> tuple[str, str, str]:
        """Colour, depth, info."""
        return (
            self.colour or f"{self.name}/color/image_raw",
            self.depth or f"{self.name}/aligned_depth_to_color/image_raw",
            self.info or f"{self.name}/color/camera_info",
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class CellNetwork:
    """Who hears the cell.

    Attributes:
        reach: This machine, or the network.
        domain: Of ROS; None is what the environment says.
    """

    reach: Reach = Reach.MACHINE
    domain: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Cell:
    """A workplace with one arm.

    Attributes:
        name: Of the cell.
        path: Of its file.
        robot: Its arm.
        limits: Of the arm, never looser than its data sheet.
        home_q_rad: Joints of the rest pose.
        motion: When the gate stops the arm.
        judging: How much the gate forgives, and which checks are off.
        surroundings: What the arm must not run into.
        shape: How thick the arm is, where nobody has its meshes.
        forbidden: Where no instruction may have anything touched, put down or pushed.
        cameras: By name.
        network: Who hears it.
        places: Where in the file a field stands, ``file:line`` by dotted name.
    """

    name: str
    path: Path
    robot: CellRobot
    limits: ArmLimits
    home_q_rad: tuple[float, ...]
    motion: MotionConfig
    judging: GateConfig
    cameras: Mapping[str, CellCamera]
    network: CellNetwork
    surroundings: Surroundings = field(default_factory=Surroundings)
    shape: ArmShape = field(default_factory=ArmShape)
    forbidden: tuple[ForbiddenRegion, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)

    def place_of(self, name: str) -> str:
        """``file:line`` of a field, or of the nearest one around it."""
        while name and name not in self.places:
            name = name.rpartition(".")[0]
        return self.places.get(name, str(self.path))


class CellError(RefusedError):
    """A cell file cannot be accepted.

    Attributes:
        mistakes: What is wrong with it, each with ``file:line``.
    """

    def __init__(self, path: Path, mistakes: tuple[str, ...]) -> None:
        self.mistakes = mistakes
        if len(mistakes) == 1:
            super().__init__(mistakes[0])
        else:
            lines = "\n".join(f"  {mistake}" for mistake in mistakes)
            super().__init__(f"{path} has {len(mistakes)} mistakes:\n{lines}")
