"""Chunk stitching: nothing late, no jerk, the new chunk wins in the end."""

import itertools

import numpy as np
import pytest

from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from robot_skills.skills.card import SafetyEnvelope
from robot_skills.skills.policy_skill import within_envelope
from robot_skills.skills.scripted import line_path
from robot_skills.skills.stitching import stitch

DT = 0.05


def chunk(start_s, x, n=16, yaw=0.0, opening=1.0):
    T = np.stack([SE3.from_yaw(yaw, (x, 0.0, 0.2)).matrix()] * n)
    return single_arm_chunk(start_s + DT * np.arange(1.0, n + 1), T, np.full(n, opening))


def xs(c):
    return c.arms[DEFAULT_ARM].T_base_tool[:, 0, 3]


def test_late_waypoints_are_dropped():
    out = stitch(None, chunk(0.0, 0.5), now_s=0.2)
    assert out is not None
    assert np.isclose(out.stamp_s[0], 0.25)
    assert len(out) == 12


def test_a_chunk_that_is_late_altogether_gives_nothing():
    assert stitch(None, chunk(0.0, 0.5), now_s=1.0) is None


def test_the_new_chunk_takes_over_linearly():
    out = stitch(chunk(0.0, 0.0), chunk(0.4, 0.4), now_s=0.4, blend_steps=3)
    assert out is not None
    assert np.allclose(xs(out)[:4], [0.1, 0.2, 0.3, 0.4])
    assert np.allclose(xs(out)[4:], 0.4)


def test_rotations_take_over_along_the_geodesic():
    out = stitch(chunk(0.0, 0.0, yaw=0.0), chunk(0.4, 0.0, yaw=0.8), now_s=0.4, blend_steps=3)
    assert out is not None
    yaws = [SE3.from_matrix(T).yaw_rad() for T in out.arms[DEFAULT_ARM].T_base_tool[:4]]
    assert np.allclose(yaws, [0.2, 0.4, 0.6, 0.8])


def test_nothing_is_mixed_past_the_end_of_the_old_chunk():
    out = stitch(chunk(0.0, 0.0, n=9), chunk(0.4, 0.4), now_s=0.4, blend_steps=3)
    assert out is not None
    assert np.allclose(xs(out)[:3], [0.1, 0.4, 0.4])


def test_equal_chunks_are_not_changed():
    out = stitch(chunk(0.0, 0.3), chunk(0.4, 0.3), now_s=0.4)
    assert out is not None
    assert np.allclose(xs(out), 0.3)


def test_the_envelope_slows_down_and_keeps_off_the_table():
    T = np.stack([SE3.from_translation((0.1 * i, 0.0, -0.05)).matrix() for i in range(1, 5)])
    fast = single_arm_chunk(DT * np.arange(1.0, 5.0), T, np.ones(4))
    safety = SafetyEnvelope(max_speed_m_s=0.5, min_height_m=-0.005)
    p_start = np.array([0.0, 0.0, 0.1])
    out = within_envelope(fast, DEFAULT_ARM, p_start, 0.0, safety, floor_m=0.1)
    p = np.concatenate([p_start[None], out.arms[DEFAULT_ARM].T_base_tool[:, :3, 3]])
    assert np.linalg.norm(np.diff(p, axis=0), axis=-1).max() <= 0.5 * DT + 1e-9
    assert p[:, 2].min() >= 0.095 - 1e-9


@pytest.mark.parametrize(
    "goal",
    [
        SE3.from_translation((0.3, 0.0, 0.0)),
        SE3.from_translation((0.002, 0.0, 0.0)),
        SE3.from_yaw(1.5),
        SE3.from_yaw(-0.7, (0.1, 0.2, 0.3)),
        SE3.identity(),
    ],
)
def test_lines_end_at_the_goal_within_their_limits(goal):
    path = line_path(SE3.identity(), goal, 0.4, 1.4, 1.0, DT)
    assert SE3.from_matrix(path[-1]).allclose(goal, atol=1e-9)
    poses = [SE3.identity(), *map(SE3.from_matrix, path)]
    for a, b in itertools.pairwise(poses):
        distance_m, angle_rad = a.distance_to(b)
        assert distance_m <= 0.4 * DT + 1e-9
        assert angle_rad <= 1.4 * DT + 1e-9
