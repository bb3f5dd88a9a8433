"""Arms that do not move as they are told, told from those that trail, wait or hold something."""

import numpy as np
import pytest

from hardware.following import FollowWatch, NotFollowing
from hardware.gated_robot import gate_robot
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.robot import RobotWrapper
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, ArmState, single_arm_chunk
from tests.fakes import PERIOD_S, FakeRobot


class Arm:
    """Two joints and a gripper, told a new chunk from where it is every eight periods."""

    def __init__(self, speed_rad_s=0.6, opening=lambda now_s: 1.0) -> None:
        self.watch = FollowWatch()
        self.speed_rad_s, self.opening_told = speed_rad_s, opening
        self.q, self.opening, self.now_s = np.zeros(2), 1.0, 0.0
        self.found: list[NotFollowing] = []

    def run(self, seconds: float, *, share=(1.0, 1.0), gripper=lambda told: told) -> "Arm":
        for step in range(round(seconds / PERIOD_S)):
            if step % 8 == 0:
                stamps = self.now_s + PERIOD_S * np.arange(1, 17)
                ahead = self.speed_rad_s * (stamps - self.now_s)
                told = np.array([self.opening_told(at_s) for at_s in stamps])
                self.watch.tell(stamps, self.q + ahead[:, None], told)
            self.now_s += PERIOD_S
            self.q = self.q + self.speed_rad_s * PERIOD_S * np.array(share)
            self.opening = gripper(self.opening_told(self.now_s))
            state = ArmState(
                stamp_s=self.now_s,
                q_rad=self.q,
                dq_rad_s=np.zeros(2),
                tau_nm=np.zeros(2),
                T_base_tool=SE3.identity(),
                opening=self.opening,
            )
            self.found += self.watch.saw(state)
        return self

    @property
    def parts(self) -> list[str]:
        return [found.part for found in self.found]


def test_an_arm_that_follows_is_not_told_of():
    assert Arm().run(5.0).parts == []


def test_a_slow_follower_follows():
    assert Arm().run(5.0, share=(0.5, 0.5)).parts == []


def test_one_joint_that_stalls_is_named_once():
    arm = Arm().run(1.0).run(5.0, share=(1.0, 0.0))
    assert arm.parts == ["joint 1"]
    assert "joint 1 was told to move by" in str(arm.found[0])


def test_a_joint_that_stalls_again_is_named_again():
    arm = Arm().run(3.0, share=(0.0, 1.0)).run(3.0).run(3.0, share=(0.0, 1.0))
    assert arm.parts == ["joint 0", "joint 0"]


def test_an_arm_that_creeps_with_small_steps_is_not_blamed_for_standing_still():
    assert Arm(speed_rad_s=0.05).run(5.0, share=(0.0, 0.0)).parts == []


def closing(now_s: float) -> float:
    return 1.0 if now_s < 1.0 else 0.0


def test_a_gripper_that_stays_open_is_named():
    arm = Arm(opening=closing).run(4.0, gripper=lambda told: 1.0)
    assert arm.parts == ["gripper"]


def test_a_gripper_that_closes_on_something_is_sound():
    assert Arm(opening=closing).run(4.0, gripper=lambda told: max(told, 0.5)).parts == []


def test_what_was_stopped_need_not_follow():
    arm = Arm().run(0.3)
    arm.watch.stop()
    last_s = arm.now_s
    for step in range(1, 80):
        state = ArmState(
            stamp_s=last_s + step * PERIOD_S,
            q_rad=arm.q,
            dq_rad_s=np.zeros(2),
            tau_nm=np.zeros(2),
            T_base_tool=SE3.identity(),
            opening=1.0,
        )
        assert arm.watch.saw(state) == []


class Deaf(RobotWrapper):
    """Acknowledges what it is told, and does not do it."""

    def command(self, chunk: ActionChunk) -> ActionChunk:
        return chunk


@pytest.mark.parametrize(("wrapped", "told"), [(Deaf, 1), (RobotWrapper, 0)])
def test_behind_its_gate_a_robot_that_loses_commands_is_an_event(wrapped, told):
    robot, events = FakeRobot(), EventList()
    robot.connect()
    gated = gate_robot(wrapped(robot), events)
    for way in (1, -1) * 3:
        start = gated.observe().arms[DEFAULT_ARM].T_base_tool.matrix()
        stamps = gated.clock.now_s() + PERIOD_S * np.arange(1, 9)
        path = np.repeat(start[None], 8, axis=0)
        path[:, 1, 3] += 0.02 * way * np.arange(1, 9)
        gated.command(single_arm_chunk(stamps, path, np.ones(8)))
        for stamp_s in stamps:
            gated.clock.sleep_until(stamp_s)
            gated.observe()
    found = events.of_kind(EventKind.DRIVER)
    assert [event.data["part"] for event in found] == ["joint 1"] * told
