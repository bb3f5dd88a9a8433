"""What every clock does."""

import pytest

from robot_skills.core.clock import ManualClock, MonotonicClock
from sim.robot import SimRobot


def sim_clock():
    robot = SimRobot("panda")
    robot.connect()
    return robot.clock


@pytest.fixture(params=[ManualClock, MonotonicClock, sim_clock], ids=["manual", "monotonic", "sim"])
def clock(request):
    return request.param()


def test_time_never_goes_back(clock):
    stamps = [clock.now_s()]
    for ahead_s in (0.05, 0.0, -1.0, 0.05):
        clock.sleep_until(clock.now_s() + ahead_s)
        stamps.append(clock.now_s())
    assert stamps == sorted(stamps)


def test_sleeping_reaches_the_wanted_time(clock):
    wanted_s = clock.now_s() + 0.05
    clock.sleep_until(wanted_s)
    assert clock.now_s() >= wanted_s - 1e-6


def test_sleeping_until_the_past_returns_without_passing_time_by_much(clock):
    before_s = clock.now_s()
    clock.sleep_until(before_s - 1.0)
    assert clock.now_s() < before_s + 1.0
