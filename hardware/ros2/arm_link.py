"""An arm under ros2_control: its joint states in, commands to one of its controllers out.

Nothing here decides anything: whoever owns the link says what is sent, and that is the safety gate.
"""

import importlib
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

import numpy as np

from hardware.gate.limiter import JointSetpoint
from hardware.ros2.messages import JointOrder, stamp_s
from hardware.ros2.runtime import RosNode
from robot_skills.core.clock import Clock
from robot_skills.core.clock_map import ClockMap
from robot_skills.core.errors import RefusedError, RobotFault
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import so3_log
from robot_skills.core.types import ArmState


class Controller(Enum):
    """What takes the joints' commands. The values are the words in cell files."""

    TRAJECTORY = "joint_trajectory"
    """``joint_trajectory_controller``: `trajectory_msgs/JointTrajectory` on its topic."""
    POSITION = "forward_position"
    """``forward_command_controller``: `std_msgs/Float64MultiArray` of positions."""
    SERVO = "servo_twist"
    """MoveIt Servo: `geometry_msgs/TwistStamped` of the tool in the base frame."""


class GripperKind(Enum):
    """What takes the gripper's commands. The values are the words in cell files."""

    NONE = "none"
    TRAJECTORY = "joint_trajectory"
    POSITION = "position"
    """`std_msgs/Float64MultiArray` with one position."""
    COMMAND = "gripper_command"
    """The action `control_msgs/GripperCommand`."""
    PARALLEL = "parallel_gripper_command"
    """The action `control_msgs/ParallelGripperCommand`."""
    FOLLOW = "follow_joint_trajectory"
    """The action `control_msgs/FollowJointTrajectory`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GripperTopics:
    """A gripper with one joint.

    Attributes:
        kind: What takes its commands.
        name: Of the topic or action.
        joint: In the joint states; empty where it is not among them.
        open_q: The joint's position when it is open.
        closed_q: When it is closed.
        effort: Largest effort, for actions that take one.
    """

    kind: GripperKind = GripperKind.NONE
    name: str = ""
    joint: str = ""
    open_q: float = 0.0
    closed_q: float = 1.0
    effort: float = 0.0

    def __post_init__(self) -> None:
        if self.kind is not GripperKind.NONE and not self.name:
            raise RefusedError(f"A gripper of kind {self.kind.value} needs a topic or an action.")
        if self.open_q == self.closed_q:
            raise RefusedError("An open and a closed gripper need different positions.")

    def q_of(self, opening: float) -> float:
        return self.closed_q + opening * (self.open_q - self.closed_q)

    def opening_of(self, q: float) -> float:
        return min(max((q - self.closed_q) / (self.open_q - self.closed_q), 0.0), 1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmTopics:
    """Where an arm is found.

    Attributes:
        joints: Names in its joint states, base to tip.
        joint_states: Topic.
        controller: What takes commands.
        command: Topic of the controller.
        gripper: Its gripper.
        base_frame: Frame of the base, for twists.
        lookahead_periods: For trajectories: how many periods from now a point is due.
    """

    joints: tuple[str, ...]
    joint_states: str = "/joint_states"
    controller: Controller = Controller.POSITION
    command: str = "/forward_position_controller/commands"
    gripper: GripperTopics = GripperTopics()
    base_frame: str = "base_link"
    lookahead_periods: float = 2.0


class Hears(Protocol):
    """Takes states of the arm, and what is wrong with them."""

    def __call__(self, state: ArmState | None, problem: str) -> None: ...


class ArmLink:
    """Topics of one arm.

    Args:
        node: That has them.
        topics: Which.
        kinematics: Of the arm.
        clock: The project clock.
        hears: Called with every state, or with what is wrong with a message.
    """

    def __init__(
        self, node: RosNode, topics: ArmTopics, kinematics: Kinematics, clock: Clock, hears: Hears
    ) -> None:
        from sensor_msgs.msg import JointState

        self._node, self._topics, self._kinematics = node, topics, kinematics
        self._clock, self._hears = clock, hears
        self._order = JointOrder(topics.joints)
        self._times = ClockMap()
        self._opening = 1.0
        self.states = 0
        # Best effort takes whatever the driver offers.
        self._subscription = node.node.create_subscription(
            JointState, topics.joint_states, self._heard, _sensor_qos()
        )

    @property
    def topics(self) -> ArmTopics:
        return self._topics

    @property
    def speakers(self) -> int:
        """Who tells of the arm."""
        return self._subscription.get_publisher_count()

    def _heard(self, message: Any) -> None:
        received_s = self._clock.now_s()
        gripper = self._topics.gripper
        if gripper.joint and gripper.joint in message.name:
            place = list(message.name).index(gripper.joint)
            if place < len(message.position) and np.isfinite(message.position[place]):
                self._opening = gripper.opening_of(message.position[place])
        if not self._order.covers(message):
            return
        try:
            q, dq, tau = self._order.pick(message)
        except RobotFault as problem:
            self._hears(None, str(problem))
            return
        self.states += 1
        if not np.isfinite(q).all():
            self._hears(None, "the arm reports joints that are not finite")
            return
        sent_s = stamp_s(message.header)
        state = ArmState(
            stamp_s=self._times.stamp_s(sent_s if sent_s > 0.0 else None, received_s),
            q_rad=q,
            dq_rad_s=dq,
            tau_nm=tau,
            T_base_tool=self._kinematics.forward(q),
            opening=self._opening,
        )
        self._hears(state, "")


class Commander:
    """Sends setpoints to a controller and openings to a gripper. Owned by exactly one gate.

    Args:
        node: That publishes.
        topics: Where.
        kinematics: Of the arm, for twists.
        period_s: Between two setpoints.
    """

    def __init__(
        self, node: RosNode, topics: ArmTopics, kinematics: Kinematics, period_s: float
    ) -> None:
        self._node, self._topics, self._kinematics = node, topics, kinematics
        self._period_s = period_s
        self._last_q: np.ndarray | None = None
        self._arm = node.node.create_publisher(_command_type(topics.controller), topics.command, 1)
        self._gripper = make_gripper(node, topics.gripper)
        self._make = {
            Controller.TRAJECTORY: self._trajectory,
            Controller.POSITION: self._positions,
            Controller.SERVO: self._twist,
        }[topics.controller]

    @property
    def listeners(self) -> int:
        """Who takes the commands."""
        return self._arm.get_subscription_count()

    def send(self, setpoint: JointSetpoint, opening: float) -> None:
        """Tell arm and gripper where to be at the end of the period."""
        if not (np.isfinite(setpoint.q_rad).all() and np.isfinite(opening)):
            raise RobotFault("A setpoint that is not finite was about to leave.")
        self._arm.publish(self._make(setpoint))
        self._last_q = setpoint.q_rad
        self._gripper.send(opening)

    def _positions(self, setpoint: JointSetpoint) -> Any:
        from std_msgs.msg import Float64MultiArray

        return Float64MultiArray(data=setpoint.q_rad.tolist())

    def _trajectory(self, setpoint: JointSetpoint) -> Any:
        from builtin_interfaces.msg import Duration
        from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

        due_s = self._topics.lookahead_periods * self._period_s
        # Where the setpoint leads by the time the point is due, so that it is not late.
        lead_s = due_s - self._period_s
        q = setpoint.q_rad + lead_s * setpoint.dq_rad_s
        point = JointTrajectoryPoint(
            positions=q.tolist(),
            velocities=setpoint.dq_rad_s.tolist(),
            time_from_start=Duration(sec=0, nanosec=round(1e9 * due_s)),
        )
        return JointTrajectory(joint_names=list(self._topics.joints), points=[point])

    def _twist(self, setpoint: JointSetpoint) -> Any:
        from geometry_msgs.msg import TwistStamped

        before = setpoint.q_rad if self._last_q is None else self._last_q
        T_before, T = self._kinematics.forward(before), self._kinematics.forward(setpoint.q_rad)
        linear = (T.p - T_before.p) / self._period_s
        angular = so3_log(T.R @ T_before.R.T) / self._period_s
        message = TwistStamped()
        message.header.frame_id = self._topics.base_frame
        message.header.stamp = self._node.node.get_clock().now().to_msg()
        for vector, values in ((message.twist.linear, linear), (message.twist.angular, angular)):
            vector.x, vector.y, vector.z = (float(value) for value in values)
        return message


# Grippers


class Gripper(Protocol):
    """Takes openings."""

    def send(self, opening: float) -> None: ...


class NoGripper:
    """Takes openings and does nothing."""

    def send(self, opening: float) -> None:
        """Nothing."""


class TopicGripper:
    """A gripper that listens to a topic. Said again only when it changes.

    Args:
        node: That publishes.
        topics: Of the gripper.
    """

    def __init__(self, node: RosNode, topics: GripperTopics) -> None:
        from std_msgs.msg import Float64MultiArray
        from trajectory_msgs.msg import JointTrajectory

        self._topics = topics
        kind = JointTrajectory if topics.kind is GripperKind.TRAJECTORY else Float64MultiArray
        self._publisher = node.node.create_publisher(kind, topics.name, 1)
        self._last = -1.0

    def send(self, opening: float) -> None:
        if abs(opening - self._last) < _SAME_OPENING:
            return
        self._last = opening
        self._publisher.publish(self._message(self._topics.q_of(opening)))

    def _message(self, q: float) -> Any:
        from builtin_interfaces.msg import Duration
        from std_msgs.msg import Float64MultiArray
        from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

        if self._topics.kind is GripperKind.POSITION:
            return Float64MultiArray(data=[q])
        point = JointTrajectoryPoint(
            positions=[q], time_from_start=Duration(sec=0, nanosec=_GRIPPER_NS)
        )
        return JointTrajectory(joint_names=[self._topics.joint], points=[point])


class ActionGripper:
    """A gripper that is an action server. A newer goal takes the place of the one before.

    Args:
        node: That asks.
        topics: Of the gripper.

    Raises:
        MissingDependencyError: The action's type is not installed.
    """

    def __init__(self, node: RosNode, topics: GripperTopics) -> None:
        from rclpy.action.client import ActionClient

        self._topics = topics
        self._type = _action_type(topics.kind)
        self._client = ActionClient(node.node, self._type, topics.name)
        self._last = -1.0

    def send(self, opening: float) -> None:
        if abs(opening - self._last) < _SAME_GOAL or not self._client.server_is_ready():
            return
        self._last = opening
        self._client.send_goal_async(self._goal(self._topics.q_of(opening)))

    def _goal(self, q: float) -> Any:
        goal = self._type.Goal()
        match self._topics.kind:
            case GripperKind.COMMAND:
                goal.command.position = q
                goal.command.max_effort = self._topics.effort
            case GripperKind.PARALLEL:
                goal.command.name = [self._topics.joint]
                goal.command.position = [q]
                if self._topics.effort > 0.0:
                    goal.command.effort = [self._topics.effort]
            case _:
                from builtin_interfaces.msg import Duration
                from trajectory_msgs.msg import JointTrajectoryPoint

                goal.trajectory.joint_names = [self._topics.joint]
                goal.trajectory.points = [
                    JointTrajectoryPoint(
                        positions=[q], time_from_start=Duration(sec=0, nanosec=_GRIPPER_NS)
                    )
                ]
        return goal


_SAME_OPENING = 1e-3
_SAME_GOAL = 0.02
"""Actions are goals, not streams: small changes are not worth one."""
_GRIPPER_NS = 100_000_000


def make_gripper(node: RosNode, topics: GripperTopics) -> Gripper:
    """What takes openings.

    Raises:
        MissingDependencyError: It is an action whose type is not installed.
    """
    if topics.kind is GripperKind.NONE:
        return NoGripper()
    if topics.kind in (GripperKind.TRAJECTORY, GripperKind.POSITION):
        return TopicGripper(node, topics)
    return ActionGripper(node, topics)


def _action_type(kind: GripperKind) -> Any:
    from robot_skills.core.errors import MissingDependencyError

    name = {
        GripperKind.COMMAND: "GripperCommand",
        GripperKind.PARALLEL: "ParallelGripperCommand",
        GripperKind.FOLLOW: "FollowJointTrajectory",
    }[kind]
    try:
        actions = importlib.import_module("control_msgs.action")
    except ImportError:
        if kind is GripperKind.FOLLOW:
            # The same fields; a server of ours understands it.
            from robot_skills_interfaces.action import FollowTrajectory

            return FollowTrajectory
        raise MissingDependencyError(
            f"A gripper that is the action {name} needs ROS's package control_msgs, which is not "
            "installed here. Use a topic of its controller, or a ROS installation that has it."
        ) from None
    return getattr(actions, name)


def _command_type(controller: Controller) -> Any:
    match controller:
        case Controller.TRAJECTORY:
            from trajectory_msgs.msg import JointTrajectory

            return JointTrajectory
        case Controller.POSITION:
            from std_msgs.msg import Float64MultiArray

            return Float64MultiArray
        case Controller.SERVO:
            from geometry_msgs.msg import TwistStamped

            return TwistStamped


def _sensor_qos() -> Any:
    from rclpy.qos import HistoryPolicy, QoSProfile, ReliabilityPolicy

    return QoSProfile(
        depth=5, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT
    )
