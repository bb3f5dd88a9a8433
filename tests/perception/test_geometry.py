"""Cloud, table plane and boxes on synthetic frames."""

import numpy as np
import pytest

from robot_skills.core.errors import PerceptionError
from robot_skills.perception.boxes import fit_box
from robot_skills.perception.cloud import Cloud, fuse, join
from robot_skills.perception.colour import colour_word
from robot_skills.perception.segments import cluster, convex_hull, hull_distance, split_things
from robot_skills.perception.table import find_table
from tests.perception.raycast import T_BACK, T_FRONT, block, frame

RED, GREEN, BLUE = (0.8, 0.08, 0.08), (0.1, 0.6, 0.15), (0.1, 0.2, 0.8)
LOWER, UPPER = np.array([0.2, -0.5, -0.3]), np.array([0.9, 0.6, 0.4])


def cloud_of(*blocks, cameras=(T_FRONT, T_BACK), table_z=0.0) -> Cloud:
    frames = {str(i): frame(T, blocks, table_z) for i, T in enumerate(cameras)}
    cloud = fuse(frames, LOWER, UPPER)
    return cloud.select(cloud.points_m[:, 2] > table_z + 0.004)


def cylinder(radius_m, height_m, centre=(0.5, 0.1), n=3000) -> Cloud:
    rng = np.random.default_rng(0)
    angle = rng.uniform(-0.5 * np.pi, 0.5 * np.pi, n)
    side = np.stack(
        [radius_m * np.cos(angle), radius_m * np.sin(angle), rng.uniform(0, height_m, n)], axis=1
    )
    spin, r = rng.uniform(0, 2 * np.pi, n), radius_m * np.sqrt(rng.uniform(0, 1, n))
    top = np.stack([r * np.cos(spin), r * np.sin(spin), np.full(n, height_m)], axis=1)
    points = np.concatenate([side, top]) + np.array([*centre, 0.0])
    n_all = len(points)
    return Cloud(
        points_m=points,
        rgb=np.tile(RED, (n_all, 1)),
        pixel_m=np.full(n_all, 0.003),
        view=np.tile([1.0, 0.0, 0.0], (n_all, 1)),
    )


def test_fused_cloud_keeps_only_the_volume_that_is_looked_at():
    cloud = fuse({"front": frame(T_FRONT)}, LOWER, UPPER)
    assert len(cloud) > 1000
    assert np.all((cloud.points_m >= LOWER) & (cloud.points_m <= UPPER))


def test_frames_without_depth_are_refused():
    empty = frame(T_FRONT, table_z=5.0)
    with pytest.raises(PerceptionError, match="No depth readings"):
        fuse({"front": empty}, LOWER, UPPER)


def test_joined_clouds_keep_all_points():
    a, b = cylinder(0.02, 0.05, n=10), cylinder(0.03, 0.05, n=15)
    assert len(join([a, b])) == len(a) + len(b)


@pytest.mark.parametrize("height_m", [-0.08, 0.0, 0.05])
def test_table_is_found_at_any_height(height_m):
    points = fuse({"front": frame(T_FRONT, table_z=height_m)}, LOWER, UPPER).points_m
    plane = find_table(points)
    assert plane.at(0.5, 0.0) == pytest.approx(height_m, abs=1e-4)
    assert plane.normal[2] == pytest.approx(1.0, abs=1e-6)


def test_same_points_give_the_same_plane_bit_for_bit():
    points = fuse({"front": frame(T_FRONT)}, LOWER, UPPER).points_m
    first, second = find_table(points), find_table(points)
    assert first.offset_m == second.offset_m
    assert np.array_equal(first.normal, second.normal)


def test_a_wall_is_no_table():
    rng = np.random.default_rng(0)
    wall = np.stack([np.full(2000, 0.5), *rng.uniform(-0.4, 0.4, (2, 2000))], axis=1)
    with pytest.raises(PerceptionError, match="No table plane"):
        find_table(wall)


def test_too_few_points_are_no_table():
    with pytest.raises(PerceptionError, match="10 points"):
        find_table(np.zeros((10, 3)))


@pytest.mark.parametrize("yaw_deg", [0.0, 17.0, 45.0, 80.0])
def test_cube_seen_from_both_sides_is_measured_to_a_millimetre(yaw_deg):
    cube = block(0.52, 0.1, 0.0, 0.045, RED, np.deg2rad(yaw_deg))
    box = fit_box(cloud_of(cube), 0.0)
    assert np.allclose(box.T_base_box.p, cube.T_base_block.p, atol=1.5e-3)
    assert np.allclose(box.size_m, 0.045, atol=3e-3)
    off = (np.rad2deg(box.yaw_rad) - yaw_deg + 45.0) % 90.0 - 45.0
    assert abs(off) < 2.0


def test_hidden_underside_is_completed_down_to_the_support():
    cloud = cloud_of(block(0.5, 0.0, 0.0, (0.04, 0.04, 0.15), BLUE))
    upper = cloud.select(cloud.points_m[:, 2] > 0.05)
    assert fit_box(upper, 0.0).size_m[2] == pytest.approx(0.15, abs=2e-3)


def test_half_seen_cylinder_is_round_and_centred():
    box = fit_box(cylinder(0.025, 0.08), 0.0)
    assert box.round_
    assert np.allclose(box.centre_xy_m, [0.5, 0.1], atol=1e-3)
    assert np.allclose(box.size_m, [0.05, 0.05, 0.08], atol=1e-3)


def test_cube_is_not_round():
    assert not fit_box(cloud_of(block(0.5, 0.0, 0.0, 0.045, RED, 0.4)), 0.0).round_


def test_a_box_grows_away_from_the_face_that_was_seen():
    cloud = cloud_of(block(0.5, 0.0, 0.0, 0.04, RED), cameras=(T_FRONT,))
    face = cloud.select(cloud.points_m[:, 2] < 0.035)
    box = fit_box(face, 0.0)
    axis = int(np.argmin(box.size_m[:2]))
    grown = box.resized(axis, 0.04)
    assert np.allclose(grown.centre_xy_m, [0.5, 0.0], atol=2e-3)


def test_clusters_are_split_at_gaps():
    points = np.concatenate([np.zeros((5, 3)), np.full((5, 3), 0.1)])
    assert len(set(cluster(points))) == 2
    assert len(cluster(np.zeros((0, 3)))) == 0


def test_hull_contains_its_points():
    points = np.random.default_rng(0).normal(size=(200, 2))
    assert np.all(hull_distance(convex_hull(points), points) < 1e-2)
    assert hull_distance(convex_hull(points), np.array([[9.0, 0.0]]))[0] > 5.0


def test_touching_cubes_of_two_colours_are_two_things():
    cloud = cloud_of(block(0.5, 0.0, 0.0, 0.04, RED), block(0.5, 0.04, 0.0, 0.04, GREEN))
    assert len(split_things(cloud)) == 2


def test_stacked_cubes_are_two_things():
    cloud = cloud_of(block(0.5, 0.0, 0.0, 0.045, RED), block(0.5, 0.0, 0.045, 0.04, GREEN, 0.5))
    assert len(split_things(cloud)) == 2


def test_a_printed_label_belongs_to_its_can():
    can = cylinder(0.025, 0.08)
    angle = np.arctan2(can.points_m[:, 1] - 0.1, can.points_m[:, 0] - 0.5)
    label = (np.abs(angle) < 0.5) & (np.abs(can.points_m[:, 2] - 0.04) < 0.02)
    can.rgb[label] = (0.8, 0.8, 0.8)
    assert len(split_things(can)) == 1


@pytest.mark.parametrize(
    ("rgb", "word"),
    [
        ((0.9, 0.1, 0.1), "red"),
        ((0.95, 0.45, 0.05), "orange"),
        ((0.95, 0.85, 0.1), "yellow"),
        ((0.1, 0.6, 0.2), "green"),
        ((0.1, 0.2, 0.8), "blue"),
        ((0.5, 0.12, 0.62), "purple"),
        ((0.45, 0.22, 0.08), "brown"),
        ((0.9, 0.9, 0.88), "white"),
        ((0.4, 0.4, 0.4), "grey"),
        ((0.04, 0.04, 0.04), "black"),
    ],
)
def test_colours_have_the_words_that_people_use(rgb, word):
    pixels = np.tile(rgb, (50, 1))
    assert colour_word(pixels, np.ones(50, dtype=bool)) == word


def test_an_orange_thing_of_which_only_dark_sides_are_seen_is_orange():
    pixels = np.tile((0.5, 0.23, 0.02), (50, 1))
    assert colour_word(pixels, np.zeros(50, dtype=bool)) == "orange"


def seen_arc(noise_m, radius_m=0.028, height_m=0.09):
    """The side of an upright cylinder that looks at a camera in +x, and its top."""
    rng = np.random.default_rng(0)
    angle = rng.uniform(-1.2, 1.2, 500)
    side = np.column_stack(
        [radius_m * np.cos(angle), radius_m * np.sin(angle), rng.uniform(0.01, height_m, 500)]
    )
    side[:, :2] += noise_m * rng.standard_normal((500, 2))
    turn, away = rng.uniform(0.0, 2.0 * np.pi, 300), 0.8 * radius_m * np.sqrt(rng.random(300))
    top = np.column_stack(
        [away * np.cos(turn), away * np.sin(turn), np.full(300, height_m + 0.001)]
    )
    points = np.concatenate([side, top])
    view = np.tile([0.8, 0.0, 0.6], (len(points), 1))
    return Cloud(
        points_m=points,
        rgb=np.full((len(points), 3), 0.5),
        pixel_m=np.full(len(points), 0.003),
        view=view,
    )


@pytest.mark.parametrize("noise_m", [0.0, 0.003])
def test_a_circle_is_as_wide_as_it_is_and_where_it_is_when_one_side_is_seen(noise_m):
    box = fit_box(seen_arc(noise_m), 0.0)
    assert box.round_
    np.testing.assert_allclose(box.size_m[:2], 0.056, atol=0.002)
    np.testing.assert_allclose(box.centre_xy_m, 0.0, atol=0.0015)
