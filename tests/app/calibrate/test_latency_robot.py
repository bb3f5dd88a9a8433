"""All latencies of a robot that is there are found by moving it, those of a twin included."""

import numpy as np
import pytest

from robot_skills.app.calibrate.latency_collect import CollectConfig
from robot_skills.app.calibrate.latency_robot import find_latencies
from sim.latency import DelayedRobot, Delays
from sim.placements import Layout
from sim.robot import SimRobot
from sim.twin import make_twin

_BAR_S = 0.003


def test_a_robot_with_long_control_steps_is_not_taken_for_a_soft_one():
    delays = Delays(state_s=0.018, action_s=0.087, gripper_s=0.13)
    robot = DelayedRobot(SimRobot("panda"), delays, np.random.default_rng(0))
    robot.connect()
    try:
        config, rng = CollectConfig(seconds=10.0), np.random.default_rng(1)
        found = find_latencies(robot, "panda", config, rng, delays.state_s)
    finally:
        robot.close()
    assert found.action.latency_s == pytest.approx(delays.action_s, abs=_BAR_S)
    assert found.arm_after_told.lag_s == pytest.approx(0.0, abs=_BAR_S)
    assert found.gripper is not None


@pytest.mark.slow
def test_a_twin_tells_its_latencies_by_moving_over_a_bare_table():
    robot, truth = make_twin(1)
    with truth:
        truth.begin(Layout())
        delays = truth.hidden.delays
        config, rng = CollectConfig(cameras=("wrist",)), np.random.default_rng(1)
        found = find_latencies(robot, "twin", config, rng, delays.state_s)
    assert found.action.latency_s == pytest.approx(delays.action_s, abs=_BAR_S)
    assert found.cameras["wrist"].latency_s == pytest.approx(delays.camera_s, abs=_BAR_S)
