"""A robot whose gate is elsewhere tells the same as one that is gated here."""

import numpy as np
import pytest

from hardware.judged_robot import JudgedRobot
from robot_skills.core.errors import ActionRefused
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.robot import RobotWrapper
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, single_arm_chunk
from tests.fakes import PERIOD_S, FakeRobot


class Refusing(RobotWrapper):
    """Its gate refuses everything."""

    def command(self, chunk: ActionChunk) -> ActionChunk:
        raise ActionRefused("workspace", "the tool would leave the workspace")


class Stuck(RobotWrapper):
    """It takes every chunk, and stays where it is."""

    def command(self, chunk: ActionChunk) -> ActionChunk:
        return chunk


def judged(kind=None):
    robot, events = FakeRobot(), EventList()
    robot.connect()
    return JudgedRobot(kind(robot) if kind else robot, events), events


def sideways(robot, distance_m=0.3, steps=16):
    """A straight motion from where the tool is."""
    T = np.tile(robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix(), (steps, 1, 1))
    T[:, 1, 3] += np.linspace(0.0, distance_m, steps + 1)[1:]
    stamps = robot.clock.now_s() + PERIOD_S * np.arange(1.0, steps + 1)
    return single_arm_chunk(stamps, T, np.ones(steps))


def test_an_accepted_chunk_is_told():
    robot, events = judged()
    robot.command(sideways(robot))
    (event,) = events.events
    assert event.kind is EventKind.GATE
    assert (event.data["arm"], event.data["accepted"]) == (DEFAULT_ARM, True)


def test_a_refused_chunk_is_told_with_where_it_would_have_led():
    robot, events = judged(Refusing)
    chunk = sideways(robot)
    with pytest.raises(ActionRefused):
        robot.command(chunk)
    (event,) = events.of_kind(EventKind.GATE)
    assert not event.data["accepted"]
    assert event.data["code"] == "workspace"
    end = chunk.arms[DEFAULT_ARM].T_base_tool[-1, :3, 3]
    assert event.data["details"]["leads_to_m"] == pytest.approx(end)


@pytest.mark.parametrize(("kind", "told"), [(None, 0), (Stuck, 1)])
def test_an_arm_that_does_not_follow_is_told(kind, told):
    robot, events = judged(kind)
    for step in range(40):
        if step % 8 == 0:
            robot.command(sideways(robot))
        robot.clock.sleep_until(robot.clock.now_s() + PERIOD_S)
        robot.observe()
    assert len(events.of_kind(EventKind.DRIVER)) == told


def test_nothing_is_expected_of_an_arm_that_was_stopped():
    robot, events = judged(Stuck)
    robot.command(sideways(robot))
    robot.stop()
    for _ in range(40):
        robot.clock.sleep_until(robot.clock.now_s() + PERIOD_S)
        robot.observe()
    assert not events.of_kind(EventKind.DRIVER)
