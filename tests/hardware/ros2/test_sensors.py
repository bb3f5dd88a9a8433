"""What a gate makes of what is said of its sensors."""

import os
import time

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from hardware.ros2.camera_topics import HealthLevel, HealthTopic
from hardware.ros2.runtime import RosNode
from hardware.ros2.sensors import Sensors
from robot_skills.core.clock import ManualClock

SILENT_S = 0.2


class Heard:
    """Sensors of a gate, on a clock that stands still, and those who say how they are."""

    def __init__(self):
        space = f"sensors_{os.getpid()}"
        self.clock = ManualClock()
        self.node = RosNode("gate", namespace=space)
        self.sensors = Sensors(self.node, ("front", "wrist"), self.clock, SILENT_S)
        self.voice = RosNode("voice", namespace=space)
        self.topics = {name: HealthTopic(self.voice, name) for name in ("front", "wrist")}
        for topic in self.topics.values():
            self.voice.wait_for(
                lambda topic=topic: topic._publisher.get_subscription_count() > 0, 20.0, "the gate"
            )

    def say(self, name, level, problem=""):
        self.topics[name].tell(level, problem)
        until_s = time.monotonic() + 20.0
        while not self.node.spin_once(0.1):
            assert time.monotonic() < until_s

    @property
    def lost(self):
        return self.sensors.lost(self.clock.now_s())

    def close(self):
        self.node.close()
        self.voice.close()


@pytest.fixture
def heard():
    made = Heard()
    try:
        yield made
    finally:
        made.close()


def test_who_is_not_heard_is_lost_and_there_is_a_moment_to_be_heard(heard):
    assert heard.lost is None
    heard.clock.sleep_until(heard.clock.now_s() + 1.5 * SILENT_S)
    heard.say("wrist", HealthLevel.WELL)
    assert heard.lost.names == "front"
    assert heard.lost.why == "nothing is heard on front/health for 0.3 s"
    heard.say("front", HealthLevel.WELL)
    assert heard.lost is None


def test_each_is_named_with_its_reason_in_the_same_order(heard):
    heard.say("wrist", HealthLevel.LOST, "it is frozen")
    heard.say("front", HealthLevel.LOST, "it was unplugged")
    assert heard.lost.names == "front, wrist"
    assert heard.lost.why == "it was unplugged; it is frozen"
    assert heard.sensors.misfit() is None
    heard.say("front", HealthLevel.WELL)
    assert heard.lost.names == "wrist"


def test_a_misfit_is_something_else_and_stays_one_in_silence(heard):
    heard.say("front", HealthLevel.MISFIT, "40 x 24")
    assert heard.lost is None
    assert heard.sensors.misfit().names == "front"
    heard.clock.sleep_until(heard.clock.now_s() + 1.5 * SILENT_S)
    assert heard.sensors.misfit().why == "40 x 24"
    assert "front" in heard.lost.names


@pytest.mark.parametrize("level", [b"\x01", b"\x07"])
def test_a_warning_is_well_and_what_nobody_knows_is_not(heard, level):
    from diagnostic_msgs.msg import DiagnosticStatus

    heard.topics["front"]._publisher.publish(DiagnosticStatus(level=level, message="strange"))
    while not heard.node.spin_once(0.1):
        pass
    assert (heard.lost is None) == (level == b"\x01")
