"""Robots that are late, in the ways that they are told to be."""

from contextlib import suppress

import numpy as np
import pytest

from robot_skills.core.errors import PerceptionError, RobotFault
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from sim.latency import DelayedRobot, Delays, delayed
from tests.fakes import PERIOD_S, FakeRobot

_OMEGA = 2.0


def _rng():
    return np.random.default_rng(0)


def _connected(delays, robot=None):
    inner = FakeRobot() if robot is None else robot
    late = DelayedRobot(inner, delays, _rng())
    late.connect()
    return inner, late


def _swing(robot, seconds=4.0, horizon=8):
    """Follow a sine in y and in the opening, a new chunk every 4 periods; yields after each."""
    start = robot.observe().arms[DEFAULT_ARM].T_base_tool
    begin_s = robot.clock.now_s()

    def wave(at_s):
        return np.sin(_OMEGA * (at_s - begin_s)) ** 2

    for tick in range(int(seconds / PERIOD_S)):
        now_s = begin_s + tick * PERIOD_S
        if tick % 4 == 0:
            stamps = now_s + PERIOD_S * np.arange(1.0, horizon + 1)
            poses = np.stack(
                [
                    (SE3.from_translation((0.0, 0.05 * wave(at_s), 0.0)) @ start).matrix()
                    for at_s in stamps
                ]
            )
            robot.command(single_arm_chunk(stamps, poses, 0.2 + 0.5 * wave(stamps)))
        robot.clock.sleep_until(now_s + PERIOD_S)
        at_s = now_s + PERIOD_S
        yield at_s, lambda ago_s, at_s=at_s: wave(max(at_s - ago_s, begin_s))


@pytest.mark.parametrize("delay_s", [0.0, 0.03, 0.1, 0.17])
def test_the_arm_is_where_it_was_told_to_be_a_while_ago(delay_s):
    inner, late = _connected(Delays(action_s=delay_s))
    y = inner.observe().arms[DEFAULT_ARM].T_base_tool.p[1]
    for _, wave in _swing(late):
        arm = inner.observe().arms[DEFAULT_ARM]
        assert arm.T_base_tool.p[1] - y == pytest.approx(0.05 * wave(delay_s), abs=2e-4)


def test_the_gripper_is_late_by_its_own_delay():
    inner, late = _connected(Delays(action_s=0.02, gripper_s=0.13))
    for at_s, wave in _swing(late):
        if at_s > 0.5:
            arm = inner.observe().arms[DEFAULT_ARM]
            assert arm.opening == pytest.approx(0.2 + 0.5 * wave(0.13), abs=2e-3)


def test_states_are_older_than_they_claim():
    inner, late = _connected(Delays(state_s=0.12))
    y = inner.observe().arms[DEFAULT_ARM].T_base_tool.p[1]
    for at_s, wave in _swing(late):
        arm = late.observe().arms[DEFAULT_ARM]
        assert arm.stamp_s == pytest.approx(at_s)
        assert arm.T_base_tool.p[1] - y == pytest.approx(0.05 * wave(0.12), abs=2e-4)


def test_without_delays_a_robot_is_what_it_was():
    inner, late = _connected(Delays())
    for _ in _swing(late):
        mine = late.observe().arms[DEFAULT_ARM]
        its = inner.observe().arms[DEFAULT_ARM]
        assert mine.T_base_tool.allclose(its.T_base_tool)
        assert mine.opening == pytest.approx(its.opening)


def test_states_never_go_back_in_time_however_they_jitter():
    _, late = _connected(Delays(state_s=0.05, jitter_s=0.04))
    seen = []
    start = late.observe().arms[DEFAULT_ARM].T_base_tool
    stamps = PERIOD_S * np.arange(1.0, 41.0)
    poses = np.tile(start.matrix(), (40, 1, 1))
    poses[:, 0, 3] += 0.002 * np.arange(1, 41)
    late.command(single_arm_chunk(stamps, poses, np.ones(40)))
    for _ in range(40):
        late.clock.sleep_until(late.clock.now_s() + PERIOD_S)
        seen.append(late.observe().arms[DEFAULT_ARM].T_base_tool.p[0])
    assert np.all(np.diff(seen) >= -1e-12)
    assert np.std(np.diff(seen)) > 1e-4


def test_a_stop_is_heard_late_too():
    inner, late = _connected(Delays(action_s=0.1))
    moving = _swing(late)
    for at_s, _ in moving:
        if at_s >= 1.0:
            break
    before = inner.observe().arms[DEFAULT_ARM].T_base_tool.p
    late.stop()
    late.clock.sleep_until(late.clock.now_s() + 0.5)
    after = inner.observe().arms[DEFAULT_ARM].T_base_tool.p
    late.clock.sleep_until(late.clock.now_s() + 0.5)
    assert 1e-3 < np.abs(after - before).max() < 0.02
    assert np.array_equal(inner.observe().arms[DEFAULT_ARM].T_base_tool.p, after)


def test_what_the_robot_refuses_is_refused():
    _, late = _connected(Delays(action_s=0.1))
    late.clock.sleep_until(1.0)
    T = late.observe().arms[DEFAULT_ARM].T_base_tool.matrix()[None]
    with pytest.raises(RobotFault, match="late"):
        late.command(single_arm_chunk(np.array([0.5]), T, np.ones(1)))


def test_delays_are_not_negative():
    with pytest.raises(ValueError, match="state_s"):
        Delays(state_s=-0.01)


def test_everything_together_has_its_own_delay():
    inner = FakeRobot()
    late = delayed(inner, Delays(camera_s=0.1, state_s=0.05, action_s=0.1), _rng(), 0.1)
    late.connect()
    camera = late.cameras[0]
    late.clock.sleep_until(0.05)
    with pytest.raises(PerceptionError, match="arrived"):
        late.observe([camera])
    for _ in range(20):
        late.clock.sleep_until(late.clock.now_s() + PERIOD_S)
        with suppress(PerceptionError):
            seen = late.observe([camera])
    assert seen.cameras[camera].stamp_s == pytest.approx(late.clock.now_s() - 0.1)
