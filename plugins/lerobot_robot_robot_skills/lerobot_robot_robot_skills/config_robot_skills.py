"""What ``--robot.type=robot_skills`` takes."""

from dataclasses import dataclass, field
from enum import Enum

from lerobot.cameras import CameraConfig
from lerobot.robots import RobotConfig

from hardware.lerobot_actions import ActionSpace


class Source(Enum):
    """Where the arm is."""

    SIM = "sim"
    """In MuJoCo, in this process."""
    ROS = "ros"
    """Behind its running safety gate, over ROS 2."""
    CELL = "cell"
    """As its cell file says."""


class Pace(Enum):
    """How time passes for a simulated arm; a real one has its own."""

    LOCKSTEP = "lockstep"
    """One control period per action, however long that takes: the same actions, the same result."""
    REALTIME = "realtime"
    """As on the wall; a machine that cannot keep up makes it slower."""


@dataclass(kw_only=True)
class RosView:
    """A camera behind ROS 2 topics.

    Attributes:
        width: Of its pictures [px].
        height: Of its pictures [px].
        p_m: Of the optical frame in what it is mounted on.
        wxyz: Rotation of the optical frame in what it is mounted on.
        on_tool: Mounted on the tool; otherwise on the base.
        colour: Topic; empty is ``<name>/color/image_raw``.
        depth: Topic; empty is ``<name>/aligned_depth_to_color/image_raw``.
        info: Topic; empty is ``<name>/color/camera_info``.
    """

    width: int
    height: int
    p_m: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    wxyz: list[float] = field(default_factory=lambda: [1.0, 0.0, 0.0, 0.0])
    on_tool: bool = False
    colour: str = ""
    depth: str = ""
    info: str = ""


@dataclass(kw_only=True)
class RosArm:
    """An arm under ros2_control. Its safety gate runs already.

    Attributes:
        namespace: Of the gate.
        domain: Of ROS; None is what the environment says.
        joint_states: Topic.
        joints: Names in the joint states, base to tip; empty is as the arm's model has them.
        controller: ``forward_position``, ``joint_trajectory`` or ``servo_twist``.
        command: Topic of the controller.
        gripper: What takes the gripper's commands; ``none`` where there is none.
        gripper_name: Its topic or action.
        gripper_joint: Its name in the joint states.
        gripper_open: Its position when open.
        gripper_closed: Its position when closed.
        views: Its cameras.
    """

    namespace: str = ""
    domain: int | None = None
    joint_states: str = "/joint_states"
    joints: list[str] = field(default_factory=list)
    controller: str = "forward_position"
    command: str = "/forward_position_controller/commands"
    gripper: str = "none"
    gripper_name: str = ""
    gripper_joint: str = ""
    gripper_open: float = 0.0
    gripper_closed: float = 1.0
    views: dict[str, RosView] = field(default_factory=dict)


@RobotConfig.register_subclass("robot_skills")
@dataclass(kw_only=True)
class RobotSkillsRobotConfig(RobotConfig):
    """One arm of robot-skills.

    Attributes:
        source: ``sim`` or ``ros``; ``cell`` by itself where a cell is given.
        cell: File of a cell, or the name of a shipped one: it alone says which arm, where it is,
            what it may do, and where its cameras are.
        arm: Which arm: its limits, kinematics and, in a simulation, its model.
        actions: ``tool`` (pose and opening) or ``joints`` (and opening).
        period_s: How far ahead of now an action is to be reached; None is the robot's own control
            period. Best is one period of LeRobot's loop.
        views: Cameras of the robot itself to observe; None is all.
        depth: Whether their depth is observed too, as ``<camera>_depth``.
        pace: ``lockstep`` or ``realtime``, of a simulation.
        seed: What stands on a simulated table; None is an empty one.
        width: Of a simulated camera's pictures [px].
        height: The same.
        ros: Where an arm over ROS 2 is.
        cameras: Cameras of LeRobot beside the robot's own.
    """

    source: str = "sim"
    cell: str = ""
    arm: str = "panda"
    actions: str = "tool"
    period_s: float | None = None
    views: list[str] | None = None
    depth: bool = True
    pace: str = "lockstep"
    seed: int | None = None
    width: int = 128
    height: int = 128
    ros: RosArm = field(default_factory=RosArm)
    cameras: dict[str, CameraConfig] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse contradictions with a `ValueError`, as LeRobot expects it."""
        super().__post_init__()
        for name, kind in (("source", Source), ("actions", ActionSpace), ("pace", Pace)):
            known = [choice.value for choice in kind]
            if getattr(self, name) not in known:
                raise ValueError(
                    f"robot.{name} is one of {', '.join(known)}, not {getattr(self, name)!r}."
                )
        if self.cell:
            self._check_cell_alone()
            self.source = Source.CELL.value
        elif self.source == Source.CELL.value:
            raise ValueError("robot.source=cell needs robot.cell, a cell's file or name.")
        if self.period_s is not None and not 0.0 < self.period_s <= 1.0:
            raise ValueError(f"robot.period_s lies in (0, 1] s, got {self.period_s}.")
        if min(self.width, self.height) < 16:
            raise ValueError(f"Pictures of {self.width} x {self.height} are too small.")

    def _check_cell_alone(self) -> None:
        """What a cell file says is not said twice."""
        usual = {"arm": "panda", "seed": None, "ros": RosArm()}
        twice = [f"robot.{name}" for name, value in usual.items() if getattr(self, name) != value]
        if self.source == Source.ROS.value:
            twice.append("robot.source")
        if twice:
            raise ValueError(f"robot.cell says it already: leave out {', '.join(twice)}.")
