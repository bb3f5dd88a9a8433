"""Measures of motion have their textbook values, and notice what is wrong."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.data import measures
from robot_skills.data.measures import ToolPath
from robot_skills.data.series import NumberSeries
from tests.data.lerobot.factory import make_episode


def minimum_jerk(duration_s, period_s):
    """Speed of a reach of one metre after Flash and Hogan, 1985."""
    s = np.arange(0.0, duration_s + 1e-9, period_s) / duration_s
    return (30 * s**2 - 60 * s**3 + 30 * s**4) / duration_s


def path(p, opening=None, period_s=0.05):
    n = len(p)
    return ToolPath(
        period_s=period_s,
        stamp_s=np.arange(n) * period_s,
        p=np.asarray(p, dtype=float),
        turn_rad_s=np.zeros(n),
        opening=np.ones(n) if opening is None else np.asarray(opening, dtype=float),
    )


def along_x(x):
    return np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=-1)


@pytest.mark.parametrize("duration_s", [1.0, 3.0])
def test_a_minimum_jerk_reach_has_the_known_smoothness(duration_s):
    speed = minimum_jerk(duration_s, 0.001)
    # The integral is 720 over the peak of 1.875 squared.
    expected = -np.log(720.0 / 1.875**2)
    assert measures.log_dimensionless_jerk(speed, 0.001) == pytest.approx(expected, abs=0.02)
    assert measures.spectral_arc_length(speed, 0.001) == pytest.approx(-1.41, abs=0.02)


def test_a_tremor_makes_both_worse():
    speed = minimum_jerk(2.0, 0.02)
    time_s = np.arange(len(speed)) * 0.02
    shaky = speed + 0.2 * np.abs(np.sin(2 * np.pi * 4.0 * time_s))
    for measure in (measures.log_dimensionless_jerk, measures.spectral_arc_length):
        assert measure(shaky, 0.02) < measure(speed, 0.02) - 0.1


def test_a_reach_is_measured():
    x = np.cumsum(minimum_jerk(2.0, 0.05)) * 0.05 * 0.3
    still = np.full(20, x[-1])
    found = measures.motion(path(along_x(np.concatenate([x, still]))))
    assert found.path_m == pytest.approx(0.3, abs=0.01)
    assert found.peak_m_s == pytest.approx(0.3 * 1.875 / 2.0, rel=0.05)
    assert found.idle_s == pytest.approx(1.0, abs=0.25)
    assert found.sparc is not None
    assert found.sparc > -1.6


def test_what_does_not_move_has_no_smoothness():
    found = measures.motion(path(np.zeros((30, 3))))
    assert (found.path_m, found.ldlj, found.sparc) == (0.0, None, None)
    assert found.idle_s == pytest.approx(1.5)


def test_closing_the_gripper_is_not_idle():
    found = measures.motion(path(np.zeros((21, 3)), opening=np.linspace(1.0, 0.0, 21)))
    assert found.idle_s == 0.0


def test_the_first_grasp_is_where_the_gripper_closes():
    x = np.linspace(0.0, 1.0, 11)
    opening = np.where(x < 0.45, 1.0, 0.2)
    at = measures.first_grasp(path(along_x(x), opening))
    assert at is not None
    assert at[0] == pytest.approx(0.5)
    assert measures.first_grasp(path(along_x(x))) is None


def test_an_arm_is_resampled_to_the_control_rate():
    episode = make_episode(seconds=2.0)
    found = measures.tool_paths(episode)["arm"]
    assert found.period_s == episode.period_s
    assert len(found.p) == 41
    np.testing.assert_allclose(found.p[-1], episode.arms["arm"].T_base_tool[-1, :3, 3], atol=1e-9)
    assert measures.shape_of(found, 5).shape == (5, 3)


def test_vectors_that_name_the_tool_have_a_path():
    stamp_s = np.arange(5) * 0.05
    values = np.random.default_rng(0).normal(size=(5, 4))
    names = ("tool.x", "tool.y", "tool.z", "tool.opening")
    series = NumberSeries(names=names, stamp_s=stamp_s, values=values)
    episode = replace(make_episode(), arms={}, numbers={"observation.state": series})
    found = measures.tool_paths(episode)["tool"]
    np.testing.assert_allclose(found.p, values[:, :3])
    np.testing.assert_allclose(found.opening, values[:, 3])


def test_episodes_without_a_tool_have_no_path():
    assert measures.tool_paths(replace(make_episode(), arms={})) == {}


def test_late_pictures_are_noticed():
    episode = make_episode(seconds=2.0)
    camera = episode.cameras["wrist"]
    usual = measures.alignment(episode, "wrist")
    late = replace(camera, stamp_s=camera.stamp_s + 0.5)
    shifted = measures.alignment(replace(episode, cameras={"wrist": late}), "wrist")
    assert usual is not None
    assert shifted is not None
    assert usual.worst_s <= 0.5 * episode.period_s
    assert shifted.worst_s > 0.4
    assert shifted.bias_s > usual.bias_s


def test_outliers_are_scored_and_the_rest_is_not():
    values = [1.0, 1.1, 0.9, 1.05, 0.95, None, 5.0]
    scores = measures.outliers(values)
    assert scores[6] > 3.5
    assert scores[:6] == [0.0] * 6
    assert measures.outliers([1.0, 50.0]) == [0.0, 0.0]
