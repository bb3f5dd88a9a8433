"""Behind its own controllers a twin is as late, and its pictures are as bent, as the truth says."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.se3 import Array
from sim.latency import Delays
from sim.placements import Layout
from sim.servo_cell import CellEyes, ServoCell
from sim.twin import Hidden, draw_hidden
from sim.twin.eyes import nominal_K
from sim.twin.servo import TwinEyes, TwinServoCell

PERIOD_S = 0.01


@pytest.fixture
def hidden() -> Hidden:
    delays = Delays(camera_s=0.08, state_s=0.02, action_s=0.1, gripper_s=0.15)
    return replace(draw_hidden(3), delays=delays)


def _moved_after(cell: ServoCell, start: Array) -> int:
    """Periods until the arm says that it moves, once it is told to."""
    goal = start + np.eye(len(start))[0] * 0.2
    for periods in range(100):
        cell.step(goal, 1.0)
        if abs(cell.state(0.0).q_rad[0] - start[0]) > 2e-3:
            return periods
    return 100


def test_what_is_told_shows_in_states_when_arm_and_states_are_due(hidden: Hidden) -> None:
    plain = ServoCell("panda", Layout(), PERIOD_S)
    twin = TwinServoCell(hidden, Layout(), PERIOD_S)
    prompt = _moved_after(plain, plain.state(0.0).q_rad)
    late = _moved_after(twin, twin.state(0.0).q_rad)
    # Gains and frictions are others, too.
    assert late - prompt == pytest.approx(12, abs=3)


def test_states_are_noisy_and_stamped_with_when_they_come(hidden: Hidden) -> None:
    twin = TwinServoCell(hidden, Layout(), PERIOD_S)
    twin.step()
    first, second = twin.state(5.0), twin.state(5.0)
    assert first.stamp_s == 5.0
    assert 0.0 < np.abs(first.q_rad - second.q_rad).max() < 1e-2


def test_an_episode_begins_with_nothing_on_its_way(hidden: Hidden) -> None:
    twin = TwinServoCell(hidden, Layout(), PERIOD_S)
    home = twin.state(0.0).q_rad
    for _ in range(30):
        twin.step(home + 0.1, 1.0)
    twin.reset()
    for _ in range(30):
        twin.step()
    assert np.abs(twin.state(0.0).q_rad - home).max() < 0.02


def test_pictures_are_those_of_the_true_camera_and_claim_the_nominal_lens(hidden: Hidden) -> None:
    pose = ServoCell("panda", Layout(), PERIOD_S).pose()
    true = TwinEyes(hidden, Layout(), (64, 48), filters=False)
    usual = CellEyes.of("panda", Layout(), (64, 48))
    try:
        seen, drawn = (eyes.draw(pose, "front", 1.0) for eyes in (true, usual))
    finally:
        true.close()
        usual.close()
    assert true.late_s == hidden.delays.camera_s
    assert seen.rgb.shape == drawn.rgb.shape
    np.testing.assert_allclose(seen.K, nominal_K("front", (64, 48)))
    assert np.abs(seen.rgb.astype(int) - drawn.rgb).mean() > 1.0
    both = (seen.depth_m > 0.0) & (drawn.depth_m > 0.0)
    assert both.mean() > 0.5
    assert np.median(np.abs(seen.depth_m - drawn.depth_m)[both]) > 1e-3
