"""Who is missed by one process and seen by others."""

import time

import pytest

pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.ros2.gate_node import GateNode
from hardware.ros2.gate_setup import GateSetup
from hardware.ros2.judge import ExpectedArm, judge_sockets
from hardware.ros2.runtime import RosNode
from hardware.ros2.second_look import Missed, SecondLook
from robot_skills.core.errors import RobotFault
from tests.fakes import LIMITS, FakeKinematics
from tests.hardware.ros2.test_gated_arm import TOPICS
from tests.ros_domain import claim_domain

LISTENS = Missed(topic="commands", speaks=False)
SPEAKS = Missed(topic="states", speaks=True)


@pytest.fixture
def others():
    from std_msgs.msg import Float64

    with RosNode("others", domain=claim_domain()) as node:
        node.node.create_subscription(Float64, "commands", lambda _: None, 1)
        node.start()
        yield node


def watched(missed, seconds=6.0):
    look = SecondLook("gate", domain=claim_domain(), patience_s=0.1, again_s=1.0)
    until_s = time.monotonic() + seconds
    try:
        while time.monotonic() < until_s:
            if told := look.watch(missed, time.monotonic()):
                return told, look.watch([], time.monotonic())
            time.sleep(0.02)
        return "", ""
    finally:
        look.close()


def test_those_whom_others_see_are_named_until_they_are_seen(others):
    told, afterwards = watched([LISTENS, SPEAKS])
    assert told == "who listens on commands"
    assert afterwards == ""


def test_who_is_not_there_is_not_seen_by_others_either(others):
    assert watched([SPEAKS], seconds=3.5) == ("", "")


def test_it_has_patience():
    look = SecondLook("gate", domain=claim_domain())
    for now_s in (0.0, 1.0, 2.9):
        assert look.watch([LISTENS], now_s) == ""
    assert look._thread is None


def test_a_gate_that_does_not_see_its_controller_ends(monkeypatch):
    from std_msgs.msg import Float64MultiArray

    setup = GateSetup(
        limits=LIMITS, make_kinematics=FakeKinematics, topics=TOPICS, domain=claim_domain()
    )
    mine, judges = judge_sockets()
    gate = GateNode(setup, ExpectedArm(6), mine)
    monkeypatch.setattr(type(gate._commander), "listeners", 0)
    gate._second_look._patience_s = 0.1
    with RosNode("controller", domain=claim_domain()) as controller:
        controller.node.create_subscription(Float64MultiArray, TOPICS.command, lambda _: None, 1)
        try:
            with pytest.raises(RobotFault, match="Others see who listens on forward"):
                gate.run(real_time=False)
        finally:
            gate.close()
            mine.close()
            judges.close()
