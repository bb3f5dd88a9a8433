"""What a gate's process needs to know, to be sent to it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hardware.gate.motion import MotionConfig
from hardware.ros2.arm_link import ArmTopics
from hardware.ros2.judge import JudgeSetup
from hardware.ros2.start_check import Check
from hardware.ros2.transport import Reach
from hardware.safety_gate import GateConfig, unchecked
from robot_skills.core.collision import CollisionModel
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.types import DEFAULT_ARM

GATE_NODE, JUDGE_NODE = "gate", "gate_judge"


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedTopic:
    """A `std_msgs/Bool` that says whether all is well with the arm's own controller.

    Attributes:
        name: Of the topic.
        good: Its value when all is well.
    """

    name: str
    good: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class GateSetup:
    """What a gate process needs to know.

    Attributes:
        limits: Of the arm.
        make_kinematics: Makes its kinematics.
        topics: Where the arm is found.
        motion: When it is stopped.
        judging: How much chunks are forgiven.
        arm: Its name in chunks.
        namespace: Of the nodes.
        reach: Who can hear them.
        domain: Of ROS; None is what the environment says.
        sensors: Sensors without which nothing may move; each says how it is on
            ``<name>/health``, a `diagnostic_msgs/DiagnosticStatus`.
        protective: What says that the arm's own controller has stopped it.
        make_collisions: Makes what knows how near the arm comes to itself and to what stands
            around it; None where nobody does, and then that is not checked.
        start_check: Says what is wrong with what the arm sends, before anything may move; None
            where nobody knows what it should send.
    """

    limits: ArmLimits
    make_kinematics: Callable[[], Kinematics]
    topics: ArmTopics
    motion: MotionConfig = field(default_factory=MotionConfig)
    judging: GateConfig = field(default_factory=GateConfig)
    arm: str = DEFAULT_ARM
    namespace: str = ""
    reach: Reach = Reach.MACHINE
    domain: int | None = None
    sensors: Sequence[str] = ()
    protective: WatchedTopic | None = None
    make_collisions: Callable[[], CollisionModel] | None = None
    start_check: Check | None = None

    @property
    def unchecked(self) -> list[str]:
        """Names of the checks that are not made."""
        shape_known = self.make_collisions is not None
        return [code.value for code in unchecked(self.judging, shape_known)]

    def judge(self) -> JudgeSetup:
        """What its judge needs to know."""
        return JudgeSetup(
            limits=self.limits,
            make_kinematics=self.make_kinematics,
            config=self.judging,
            arm=self.arm,
            make_collisions=self.make_collisions,
        )
