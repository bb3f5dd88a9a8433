"""Hands and leaders on topics: what their numbers mean, and what is no hand at all."""

import math

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from geometry_msgs.msg import PoseStamped, TwistStamped
from sensor_msgs.msg import JointState, Joy
from std_msgs.msg import Bool, Float32, String

from hardware.ros2.runtime import RosNode
from hardware.teleop import HandOperator, LeaderDevice, MailboxDevice
from hardware.teleop.ros_hand import GripperJoint, RosHand, RosHandConfig, RosHandKind
from hardware.teleop.ros_leader import RosLeaderConfig, RosLeaderSource
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import RobotFault
from robot_skills.core.teleop import Frame, TeleopSample, Wish
from tests.fakes import LIMITS, PERIOD_S, FakeKinematics, FakeRobot
from tests.hardware.teleop.fakes import until
from tests.ros_domain import claim_domain

KINDS = {
    RosHandKind.TWIST: TwistStamped,
    RosHandKind.POSE: PoseStamped,
    RosHandKind.JOY: Joy,
}
JOINTS = tuple(f"joint{i}" for i in range(1, 7))


@pytest.fixture
def domain():
    return claim_domain()


class Hand:
    """A device that listens, and a node that publishes what a test wants."""

    def __init__(self, kind, domain):
        self.clock = ManualClock(5.0)
        joint = GripperJoint(name="finger", closed_q=0.8, open_q=0.0)
        config = RosHandConfig(
            kind=kind, full_speed_m_s=0.2, full_turn_rad_s=0.5, joint=joint, domain=domain
        )
        self.device = RosHand(config, self.clock)
        self.device.connect()
        self.node = RosNode("somebody", domain=domain)
        topics = {
            kind.value: KINDS[kind],
            "teleop/held": Bool,
            "teleop/gripper_width": Float32,
            "teleop/gripper_joint": JointState,
            "teleop/wish": String,
        }
        self.publishers = {
            topic: self.node.node.create_publisher(message, topic, 10)
            for topic, message in topics.items()
        }
        until(self._met)

    def _met(self):
        """Whether both sides know of each other: what is said before is not heard."""
        publishers = {one.topic_name: one for one in self.publishers.values()}
        readers = {one.topic_name: one for one in self.device._node.node.subscriptions}
        return all(
            one.get_subscription_count() and readers[topic].get_publisher_count()
            for topic, one in publishers.items()
        )

    def send(self, topic, message):
        self.publishers[topic].publish(message)

    def moves(self, topic, message):
        """The sample that comes of a message."""
        newest = self.device._mailbox._newest
        self.send(topic, message)
        until(lambda: self.device._mailbox._newest is not newest)
        return self.device.read()

    def ignores(self, topic, message):
        """Why nothing comes of a message."""
        before, newest = self.device.ignored, self.device._mailbox._newest
        self.send(topic, message)
        until(lambda: self.device.ignored > before)
        assert self.device._mailbox._newest is newest
        return self.device.problem

    def close(self):
        self.device.close()
        self.node.close()


@pytest.fixture
def hand(domain):
    made = []

    def make(kind):
        made.append(Hand(kind, domain))
        return made[-1]

    yield make
    for one in made:
        one.close()


def twist(x=0.0, frame=""):
    message = TwistStamped()
    message.header.frame_id, message.twist.linear.x = frame, x
    return message


def test_a_twist_is_a_share_of_full_speed_in_its_frame(hand):
    one = hand(RosHandKind.TWIST)
    sample = one.moves("teleop/twist", twist(0.1))
    assert sample.held
    np.testing.assert_allclose(sample.motion.linear, [0.5, 0.0, 0.0])
    assert sample.motion.frame is Frame.BASE
    fast = twist(0.4, "tool0")
    fast.twist.linear.y = 0.2
    sample = one.moves("teleop/twist", fast)
    np.testing.assert_allclose(sample.motion.linear, [1.0, 0.5, 0.0])
    assert sample.motion.frame is Frame.TOOL
    sample = one.moves("teleop/twist", twist())
    assert not sample.held
    assert sample.motion is None


def test_a_switch_that_somebody_publishes_counts_for_twists_too_and_only_while_it_is_fresh(hand):
    one = hand(RosHandKind.TWIST)
    assert not one.moves("teleop/held", Bool(data=False)).held
    assert not one.moves("teleop/twist", twist(0.1)).held
    one.send("teleop/held", Bool(data=True))
    until(lambda: one.device._switch == (5.0, True))
    assert one.moves("teleop/twist", twist(0.1)).held
    one.clock.sleep_until(6.0)
    assert not one.moves("teleop/twist", twist(0.1)).held


def test_twists_that_make_no_sense_are_ignored(hand):
    one = hand(RosHandKind.TWIST)
    assert "'moon'; known: base" in one.ignores("teleop/twist", twist(0.1, "moon"))
    assert "not finite" in one.ignores("teleop/twist", twist(math.nan))
    assert "Unknown wish 'sing'" in one.ignores("teleop/wish", String(data="sing"))


def test_a_pose_moves_nothing_without_a_switch_and_brings_its_gripper(hand):
    one = hand(RosHandKind.POSE)
    assert not one.moves("teleop/pose", PoseStamped()).held
    one.send("teleop/gripper_width", Float32(data=0.02))
    until(lambda: one.device._opening is not None)
    one.send("teleop/held", Bool(data=True))
    until(lambda: one.device._switch is not None)
    pose = PoseStamped()
    pose.pose.position.z = 0.3
    sample = one.moves("teleop/pose", pose)
    assert sample.held
    assert sample.opening == pytest.approx(0.25)
    np.testing.assert_allclose(sample.motion.T_device_hand.p, [0.0, 0.0, 0.3])
    one.send("teleop/gripper_joint", JointState(name=["a", "finger"], position=[9.0, 0.2]))
    until(lambda: one.device._opening == pytest.approx(0.75))


def test_poses_and_grippers_that_make_no_sense_are_ignored(hand):
    one = hand(RosHandKind.POSE)
    bent, far, lost = PoseStamped(), PoseStamped(), PoseStamped()
    bent.pose.orientation.x = 1.0
    far.pose.position.x = 1e6
    lost.pose.orientation.w = math.nan
    assert "unit quaternion" in one.ignores("teleop/pose", bent)
    assert "within 100 m" in one.ignores("teleop/pose", far)
    assert "unit quaternion" in one.ignores("teleop/pose", lost)
    assert "in metres" in one.ignores("teleop/gripper_width", Float32(data=40.0))
    assert "in metres" in one.ignores("teleop/gripper_width", Float32(data=math.nan))
    other = JointState(name=["thumb"], position=[0.1])
    assert "'finger' is not among" in one.ignores("teleop/gripper_joint", other)


def test_a_joystick_has_the_other_sign_and_its_start_button_saves_what_it_began(hand):
    one = hand(RosHandKind.JOY)

    def joy(*down, axes=(0.0, 1.0, 0.0, 0.0, 0.0, -1.0)):
        return Joy(axes=list(axes), buttons=[int(i in down) for i in range(15)])

    sample = one.moves("joy", joy(10, 6))
    assert sample.held
    assert sample.wishes == (Wish.START,)
    # Pushed away is forward, and a right trigger that is pulled closes the gripper.
    np.testing.assert_allclose(sample.motion.linear, [1.0, 0.0, 0.0], atol=1e-6)
    assert sample.opening == 0.0
    assert one.moves("joy", joy(10, 6)).wishes == ()
    one.moves("joy", joy())
    assert one.moves("joy", joy(6)).wishes == (Wish.SAVE,)
    assert "2 axes" in one.ignores("joy", Joy(axes=[0.0, 0.0]))


def leader_node(domain):
    node = RosNode("leader_arm", domain=domain)
    publisher = node.node.create_publisher(JointState, "leader/joint_states", 1)
    return node, publisher


def test_a_leader_that_is_elsewhere_than_the_arm_is_refused_by_its_joints(domain):
    clock = ManualClock(5.0)
    source = RosLeaderSource(RosLeaderConfig(joints=JOINTS, domain=domain))
    switch = MailboxDevice()
    device = LeaderDevice(source, switch, clock)
    robot = FakeRobot(clock=clock)
    robot.connect()
    seen = robot.observe()
    (arm,) = seen.arms.values()
    far = arm.q_rad + np.array([0.0, 0.0, 0.0, 1.5, 0.0, 0.0])
    operator = HandOperator(device, LIMITS, FakeKinematics(), clock, PERIOD_S)
    node, publisher = leader_node(domain)
    try:
        operator.connect()
        # In an order of its own.
        message = JointState(name=list(JOINTS[::-1]), position=far[::-1].tolist())

        def heard():
            publisher.publish(message)
            return device._reader.newest() is not None

        until(heard)
        switch.push(TeleopSample(stamp_s=clock.now_s(), held=True))
        assert operator.action(seen) is None
        assert "joint 3 by 1.50 rad" in operator.refused
        assert operator.must_release
    finally:
        operator.close()
        node.close()


def test_a_leader_without_the_arms_joints_or_without_a_word_is_gone(domain):
    source = RosLeaderSource(RosLeaderConfig(joints=JOINTS, domain=domain))
    with pytest.raises(RobotFault, match="nothing came on leader/joint_states"):
        source.read()
    source.connect()
    node, publisher = leader_node(domain)
    try:

        def heard():
            publisher.publish(JointState(name=["shoulder"], position=[0.0]))
            return source._problem

        until(heard)
        with pytest.raises(RobotFault, match="lack joint1"):
            source.read()
    finally:
        source.close()
        node.close()
