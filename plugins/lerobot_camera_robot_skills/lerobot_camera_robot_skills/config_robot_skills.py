"""What a camera of type ``robot_skills`` takes."""

from dataclasses import dataclass
from enum import Enum

from lerobot.cameras import CameraConfig


class Source(Enum):
    """Where pictures come from. The values are what LeRobot's command line takes."""

    SIM = "sim"
    """A simulated table that nobody touches: for trying things out."""
    ROBOT = "robot"
    """A camera of the robot of type ``robot_skills`` in the same program."""
    ROS = "ros"
    """Topics of ROS 2."""
    REALSENSE = "realsense"
    """Intel's SDK: depth aligned to the colours, and back by itself after an unplug."""
    REPLAY = "replay"
    """Frames of a file, again and again."""


@CameraConfig.register_subclass("robot_skills")
@dataclass(kw_only=True)
class RobotSkillsCameraConfig(CameraConfig):
    """One depth camera.

    Attributes:
        source: ``sim``, ``robot``, ``ros``, ``realsense`` or ``replay``.
        name: Of the camera there.
        use_rgb: Whether LeRobot asks for its colours.
        use_depth: Whether LeRobot asks for its depth, as ``<camera>_depth``.
        robot: The ``--robot.id`` of its robot; None is the only one.
        seed: What stands on a simulated table.
        colour: Topic of the colours; empty is ``<name>/color/image_raw``.
        depth: Topic of the aligned depth; empty is ``<name>/aligned_depth_to_color/image_raw``.
        info: Topic of the lens; empty is ``<name>/color/camera_info``.
        namespace: Of relative topics.
        domain: Of ROS; None is what the environment says.
        serial: Of a RealSense; empty takes the only one there is.
        path: Of the file that is replayed (``.npz``), or of a RealSense's recording (``.db3``).
        warmup_s: How long the first picture may take.
    """

    source: str = "sim"
    name: str = "front"
    use_rgb: bool = True
    use_depth: bool = False
    robot: str | None = None
    seed: int = 0
    colour: str = ""
    depth: str = ""
    info: str = ""
    namespace: str = ""
    domain: int | None = None
    serial: str = ""
    path: str = ""
    warmup_s: float = 10.0

    def __post_init__(self) -> None:
        """Refuse contradictions with a `ValueError`, as LeRobot expects it."""
        known = [choice.value for choice in Source]
        if self.source not in known:
            raise ValueError(f"A camera's source is one of {', '.join(known)}: {self.source!r}.")
        if not (self.use_rgb or self.use_depth):
            raise ValueError(f"The camera {self.name!r} needs use_rgb or use_depth.")
        if Source(self.source) is Source.REPLAY and not self.path:
            raise ValueError(f"The camera {self.name!r} replays a file: give its path.")
        if Source(self.source) is Source.SIM and not (self.width and self.height):
            self.width, self.height = self.width or 128, self.height or 128
