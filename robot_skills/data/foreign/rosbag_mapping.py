"""Which topics of a ROS 2 bag are what.

A bag does not tell which joints belong to an arm or which picture is its eye, so a YAML file does.
A full one::

    # Times of samples: of their header (default), or of their arrival in the bag.
    stamps: header
    # Time between control steps [s]; 0.05 by default.
    period_s: 0.05

    arms:
      arm:
        joints:
          topic: /joint_states                  # sensor_msgs/JointState
          names: [shoulder_pan_joint, shoulder_lift_joint, elbow_joint,
                  wrist_1_joint, wrist_2_joint, wrist_3_joint]
        # Pose of the tool in the base frame: a geometry_msgs/PoseStamped ...
        tool: {topic: /tcp_pose_broadcaster/pose}
        # ... or from /tf and /tf_static:
        # tool: {parent: base_link, child: tool0}
        gripper:
          topic: /gripper/joint_states          # JointState, std_msgs/Float64 or Float32
          joint: finger_joint                   # of a JointState
          closed: 0.7                           # what it says when closed ...
          open: 0.0                             # ... and when open

    # Vectors under names of their own; LeRobot knows action and observation.*
    numbers:
      action: {topic: /arm_controller/joint_trajectory}
      observation.wrench: {topic: /wrench}

    cameras:
      front:
        rgb: /front/color/image_raw             # Image or CompressedImage
        depth: /front/aligned_depth/image_raw   # 16UC1 [mm] or 32FC1 [m], as large as rgb
        info: /front/color/camera_info
        place: {parent: base_link, child: front_color_optical_frame}
        within_s: 0.1                           # farthest that depth may be from its colour

    # In words for all episodes, or from a std_msgs/String
    task: {words: put the cube in the bowl}
    # task: {topic: /task}

    # The whole bag is one episode, unless a topic divides it: std_msgs/Bool (true begins, false
    # ends), or std_msgs/String (words begin the next episode and are its task, none end it)
    episodes: {topic: /recording}

Without ``tool`` an arm has no pose, and its joints and opening become ``observation.state``.
Without ``gripper`` an arm counts as open. Numbers of a ``JointTrajectory`` are the positions of its
last point, of a ``PoseStamped`` ``x y z qw qx qy qz``, of a ``TwistStamped`` ``vx vy vz wx wy wz``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from robot_skills.data.foreign.strict import load_yaml


class Stamps(Enum):
    """Which times of messages count."""

    HEADER = "header"
    RECEIVED = "received"


@dataclass(frozen=True, kw_only=True, slots=True)
class JointTopic:
    """Joints of an arm.

    Attributes:
        topic: sensor_msgs/JointState.
        names: Of its joints, from base to tool.
    """

    topic: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.names or len(set(self.names)) != len(self.names):
            raise ValueError(f"joint names need to differ and be at least one, got {self.names}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class FramePair:
    """Pose of frame `child` in frame `parent`, from /tf and /tf_static."""

    parent: str
    child: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolPose:
    """Pose of the tool in the base frame: from a topic, or between two frames.

    Attributes:
        topic: geometry_msgs/PoseStamped.
        parent: Base frame in /tf.
        child: Tool frame in /tf.
    """

    topic: str | None = None
    parent: str | None = None
    child: str | None = None

    def __post_init__(self) -> None:
        frames = self.parent is not None, self.child is not None
        if frames not in ((True, True), (False, False)) or (self.topic is None) != all(frames):
            raise ValueError("a tool needs either a topic, or parent and child.")

    @property
    def frames(self) -> FramePair | None:
        if self.parent is None or self.child is None:
            return None
        return FramePair(parent=self.parent, child=self.child)


@dataclass(frozen=True, kw_only=True, slots=True)
class GripperTopic:
    """Opening of a gripper.

    Attributes:
        topic: sensor_msgs/JointState, std_msgs/Float64 or Float32.
        closed: What it says when closed.
        open: What it says when open.
        joint: Which joint of a JointState.
    """

    topic: str
    closed: float
    open: float
    joint: str | None = None

    def __post_init__(self) -> None:
        if self.closed == self.open:
            raise ValueError(f"closed and open need to differ, both are {self.open}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmTopics:
    """One arm."""

    joints: JointTopic
    tool: ToolPose | None = None
    gripper: GripperTopic | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NumberTopic:
    """A vector.

    Attributes:
        topic: Of any type listed in `rosbag_messages.NUMBERS`.
        names: Of its numbers, where the messages have none or others are wanted.
    """

    topic: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraTopics:
    """One camera.

    Attributes:
        rgb: sensor_msgs/Image or CompressedImage.
        depth: The same, as large as the colour pictures.
        info: sensor_msgs/CameraInfo.
        place: Base frame and optical frame.
        within_s: Farthest that a depth picture may be from the colour picture it goes with.
    """

    rgb: str | None = None
    depth: str | None = None
    info: str | None = None
    place: FramePair | None = None
    within_s: float = 0.1

    def __post_init__(self) -> None:
        if self.rgb is None and self.depth is None:
            raise ValueError("a camera needs rgb, depth, or both.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskFrom:
    """What is demonstrated: in words, or from a std_msgs/String topic."""

    words: str | None = None
    topic: str | None = None

    def __post_init__(self) -> None:
        if (self.words is None) == (self.topic is None):
            raise ValueError("a task needs either words or a topic.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Division:
    """The std_msgs/Bool or String topic that divides a bag into episodes."""

    topic: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BagMapping:
    """Which topics of a bag are what.

    Attributes:
        arms: By name.
        numbers: Vectors, by the name they get.
        cameras: By name.
        task: What is demonstrated.
        episodes: What divides the bag; None where it is one episode.
        stamps: Which times of messages count.
        period_s: Between control steps.
    """

    arms: Mapping[str, ArmTopics] = field(default_factory=dict)
    numbers: Mapping[str, NumberTopic] = field(default_factory=dict)
    cameras: Mapping[str, CameraTopics] = field(default_factory=dict)
    task: TaskFrom | None = None
    episodes: Division | None = None
    stamps: Stamps = Stamps.HEADER
    period_s: float = 0.05

    def __post_init__(self) -> None:
        if not (self.arms or self.numbers or self.cameras):
            raise ValueError("it names no arms, no numbers and no cameras.")
        if self.period_s <= 0.0:
            raise ValueError(f"period_s needs to be above 0, got {self.period_s}.")


def load_mapping(path: Path) -> BagMapping:
    """Read a mapping.

    Raises:
        DatasetError: It is missing or damaged, a key is unknown, or a value does not fit.
    """
    return load_yaml(BagMapping, path)
