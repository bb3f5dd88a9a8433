import numpy as np
import pytest

from policies.clouds import cloud_of, farthest_points, jittered
from policies.contract import CloudSpec

K = [50.0, 0.0, 24.0, 0.0, 50.0, 24.0, 0.0, 0.0, 1.0]
# One metre above the base's origin, looking straight down.
T_BASE_CAMERA = np.array([[1, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 1], [0, 0, 0, 1]], float)


def spec(**parts):
    parts = {"low_m": [-1.0, -1.0, 0.05], "high_m": [1.0, 1.0, 0.5], "points": 64} | parts
    return CloudSpec(key="top", K=K, T_base_camera=T_BASE_CAMERA.ravel().tolist(), **parts)


def table_with_a_block() -> np.ndarray:
    """Depth of a table at height 0 with a block 0.2 m high under the middle."""
    depth_m = np.full((48, 48), 1.0, np.float32)
    depth_m[18:30, 18:30] = 0.8
    return depth_m


def test_points_are_in_the_base_frame_and_inside_the_box():
    cloud = cloud_of(table_with_a_block(), spec())
    assert cloud.shape == (64, 3)
    assert cloud.dtype == np.float32
    np.testing.assert_allclose(cloud[:, 2], 0.2, atol=1e-6)
    # Twelve pixels at 0.8 m with a focal length of 50 px.
    assert np.ptp(cloud[:, 0]) == pytest.approx(11 * 0.8 / 50, abs=1e-5)


def test_rows_run_towards_the_operator():
    depth_m = np.zeros((48, 48), np.float32)
    depth_m[30, 24] = 0.8
    cloud = cloud_of(depth_m, spec())
    np.testing.assert_allclose(cloud, np.tile([0.0, -6 * 0.8 / 50, 0.2], (64, 1)), atol=1e-6)


def test_points_have_the_colours_of_their_pixels():
    colours = np.zeros((48, 48, 3), np.uint8)
    colours[18:30, 18:24] = (255, 0, 0)
    colours[18:30, 24:30] = (0, 0, 255)
    cloud = cloud_of(table_with_a_block(), spec(colour=True), colours)
    left = cloud[:, 0] < -1e-6
    assert left.any()
    np.testing.assert_array_equal(cloud[left, 3:], np.tile([1.0, 0.0, 0.0], (left.sum(), 1)))
    np.testing.assert_array_equal(cloud[~left, 3:], np.tile([0.0, 0.0, 1.0], ((~left).sum(), 1)))


def test_colours_of_large_pictures_stay_with_their_points():
    rng = np.random.default_rng(0)
    depth_m = rng.uniform(0.6, 0.9, (300, 400)).astype(np.float32)
    # The colour tells the depth, so each point can be checked by itself.
    colours = np.repeat(np.rint(depth_m * 255).astype(np.uint8)[..., None], 3, axis=2)
    cloud = cloud_of(depth_m, spec(colour=True, low_m=[-9.0, -9.0, 0.0]), colours)
    np.testing.assert_allclose(1.0 - cloud[:, 2], cloud[:, 3], atol=0.003)


def test_wanted_colours_must_come_and_fit():
    with pytest.raises(ValueError, match="wants colours"):
        cloud_of(table_with_a_block(), spec(colour=True))
    with pytest.raises(ValueError, match="wants colours"):
        cloud_of(table_with_a_block(), spec(colour=True), np.zeros((24, 24, 3), np.uint8))


@pytest.mark.parametrize("reading", [0.0, np.nan, np.inf, -1.0])
def test_missing_readings_are_no_points(reading):
    depth_m = np.full((48, 48), reading, np.float32)
    depth_m[18:30, 18:30] = 0.8
    np.testing.assert_allclose(cloud_of(depth_m, spec())[:, 2], 0.2, atol=1e-6)


def test_nothing_in_the_box_is_its_middle():
    cloud = cloud_of(np.zeros((48, 48), np.float32), spec(colour=True), np.zeros((48, 48, 3), "u1"))
    np.testing.assert_allclose(cloud, np.tile([0, 0, 0.275, 0, 0, 0], (64, 1)), atol=1e-6)


def test_too_few_points_repeat():
    depth_m = np.zeros((48, 48), np.float32)
    depth_m[24, 20:23] = 0.8
    assert len(np.unique(cloud_of(depth_m, spec()), axis=0)) == 3


def test_farthest_points_spread_over_the_whole():
    rng = np.random.default_rng(0)
    dense = rng.normal(size=(1000, 3)).astype(np.float32) * 0.01
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float32)
    chosen = farthest_points(np.concatenate([dense, corners]), 9)
    assert set(chosen) >= set(range(1000, 1008))


def test_each_point_is_chosen_once_when_all_are():
    points = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    assert sorted(farthest_points(points, 50)) == list(range(50))


def test_jitter_moves_points_a_little_and_leaves_colours():
    clouds = np.zeros((200, 64, 6), np.float32)
    moved = jittered(clouds, np.random.default_rng(0), point_m=0.002, shift_m=0.004)
    offset = moved[..., :3].mean(axis=1)
    assert offset.std() == pytest.approx(0.004, rel=0.1)
    assert (moved[..., :3] - offset[:, None]).std() == pytest.approx(0.002, rel=0.1)
    assert (moved[..., 3:] == 0.0).all()
    again = jittered(clouds, np.random.default_rng(0), point_m=0.002, shift_m=0.004)
    np.testing.assert_array_equal(moved, again)
