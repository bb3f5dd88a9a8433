"""Stereo noise follows the law of triangulation, and its holes are where cameras have them."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.camera import pinhole
from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import SE3
from robot_skills.core.types import Observation, RgbdFrame
from sim.stereo_depth import D435, StereoDepth, StereoNoise, draw_stereo
from sim.stereo_robot import StereoRobot

SHAPE = (120, 160)
K = pinhole(160, 120, 1.0)
GREY = np.full((*SHAPE, 3), 128, np.uint8)
STILL = replace(
    D435,
    subpixel_px=0.0,
    disparity_step_px=0.0,
    depth_unit_m=0.0,
    shadow_share=0.0,
    edge_hole_share=0.0,
    flying_share=0.0,
    dark_hole_share=0.0,
    shiny_hole_share=0.0,
    grazing_hole_share=0.0,
    dropout_share=0.0,
)
"""A camera without any error."""


def flat(distance_m):
    return np.full(SHAPE, distance_m, np.float32)


def seen(config, depth_m, rgb=GREY, seed=0, frames=1):
    noise = StereoNoise(config, np.random.default_rng(seed))
    return np.stack([noise(rgb, depth_m, K) for _ in range(frames)])


def boxed():
    """A box half a metre in front of a wall."""
    depth_m = flat(1.0)
    depth_m[40:80, 70:110] = 0.5
    return depth_m


def test_a_camera_without_errors_measures_what_is_there():
    assert seen(STILL, boxed())[0] == pytest.approx(boxed(), rel=1e-5)


def test_noise_grows_with_the_square_of_the_distance():
    config = replace(STILL, subpixel_px=0.08)
    near, far = (seen(config, flat(z))[0].std() for z in (0.5, 2.0))
    assert far / near == pytest.approx(16.0, rel=0.02)
    assert near == pytest.approx(0.5**2 * 0.08 / config.focal_baseline, rel=0.1)


def test_a_shorter_baseline_is_noisier():
    long, short = (
        replace(STILL, subpixel_px=0.08, baseline_m=baseline_m) for baseline_m in (0.05, 0.018)
    )
    ratio = seen(short, flat(0.5)).std() / seen(long, flat(0.5)).std()
    assert ratio == pytest.approx(0.05 / 0.018, rel=0.05)


def test_disparity_comes_in_steps():
    config = replace(STILL, subpixel_px=0.3, disparity_step_px=0.125)
    steps = config.focal_baseline / seen(config, flat(1.0))[0] / 0.125
    assert np.abs(steps - np.round(steps)).max() < 1e-3


def test_neighbours_share_their_noise():
    config = replace(STILL, subpixel_px=0.1, correlation_px=1.5)
    off = seen(config, flat(1.0))[0] - 1.0
    alike = np.corrcoef(off[:, 1:].ravel(), off[:, :-1].ravel())[0, 1]
    assert alike > 0.8


@pytest.mark.parametrize("fixed", [0.0, 0.6])
def test_so_much_of_the_variance_stays_from_frame_to_frame(fixed):
    config = replace(STILL, subpixel_px=0.1, fixed_share=fixed)
    first, second = seen(config, flat(1.0), frames=2)
    alike = np.corrcoef((1 / first).ravel(), (1 / second).ravel())[0, 1]
    assert alike == pytest.approx(fixed, abs=0.06)


def test_the_shadow_is_left_of_what_throws_it_and_as_wide_as_the_jump_of_disparity():
    config = replace(STILL, shadow_share=1.0)
    holes = seen(config, boxed())[0] == 0.0
    wide = K[0, 0] * config.baseline_m * (1 / 0.5 - 1 / 1.0)
    assert holes[60, :70].sum() == pytest.approx(wide, abs=1.0)
    assert not holes[60, 70:].any()
    assert not holes[:40].any()


def test_readings_at_edges_fly_between_the_surfaces():
    config = replace(STILL, flying_share=1.0)
    measured = seen(config, boxed())[0]
    between = (measured > 0.51) & (measured < 0.99)
    assert between.any()
    assert not between[45:75, 75:105].any()
    assert not between[:35].any()


@pytest.mark.parametrize(
    ("luminance", "config"),
    [
        (3, replace(STILL, dark_hole_share=0.5)),
        (255, replace(STILL, shiny_hole_share=0.5)),
    ],
)
def test_half_of_the_readings_are_missing_where_it_is_dark_or_shiny(luminance, config):
    rgb = GREY.copy()
    rgb[:, 80:] = luminance
    holes = seen(config, flat(1.0), rgb, frames=20) == 0.0
    assert not holes[:, :, :80].any()
    assert holes[:, :, 80:].mean() == pytest.approx(0.5, abs=0.05)


def test_a_surface_that_is_seen_too_flat_is_not_measured():
    config = replace(STILL, grazing_rad=1.2, grazing_hole_share=1.0, edge_jump_px=100.0)
    x = (np.arange(160) - K[0, 2]) / K[0, 0]
    steep = np.broadcast_to(1.0 / (1.0 + 4.0 * (x - x.min())), SHAPE).astype(np.float32)
    assert (seen(config, steep)[0] == 0.0).mean() > 0.2
    assert (seen(config, flat(1.0))[0] > 0.0).all()


@pytest.mark.parametrize(("flicker", "alike"), [(0.0, True), (1.0, False)])
def test_holes_come_and_go_as_much_as_they_flicker(flicker, alike):
    config = replace(STILL, dropout_share=0.2, flicker=flicker)
    first, second = seen(config, flat(1.0), frames=2) == 0.0
    assert first.mean() == pytest.approx(0.2, abs=0.03)
    assert np.array_equal(first, second) is alike


def test_what_is_out_of_range_has_no_reading():
    for distance_m in (0.0, 0.1, 7.0):
        assert not seen(D435, flat(distance_m)).any()


def test_scale_and_offset_are_those_of_the_camera():
    config = replace(STILL, scale=1.01, offset_m=-0.002)
    assert seen(config, flat(1.0))[0] == pytest.approx(1.01 - 0.002, abs=1e-5)


def test_the_same_seed_gives_the_same_frames():
    first, second = (seen(D435, boxed(), seed=3, frames=2) for _ in range(2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, seen(D435, boxed(), seed=4, frames=2))


def test_drawn_cameras_differ_and_measure():
    rng = np.random.default_rng(0)
    drawn = [draw_stereo(rng) for _ in range(20)]
    assert len(set(drawn)) == 20
    for config in drawn:
        assert (seen(config, boxed())[0] > 0.0).mean() > 0.5


@pytest.mark.parametrize(
    "wrong",
    [{"flicker": 1.5}, {"baseline_m": 0.0}, {"subpixel_px": -0.1}, {"nearest_m": 9.0}],
)
def test_what_no_camera_is_like_is_refused(wrong):
    with pytest.raises(RefusedError, match=next(iter(wrong))):
        StereoDepth(**wrong)


class _Still:
    """A robot of which only the cameras count."""

    def observe(self, cameras=()):
        frame = RgbdFrame(
            stamp_s=1.5, rgb=GREY, depth_m=flat(1.0), K=K, T_base_camera=SE3.identity(), number=7
        )
        return Observation(stamp_s=2.0, arms={}, cameras=dict.fromkeys(cameras, frame))


def test_a_stereo_robot_changes_depth_alone_and_only_of_its_cameras():
    robot = StereoRobot(_Still(), {"front": D435}, np.random.default_rng(0))
    frames = robot.observe(("front", "wrist")).cameras
    assert not np.array_equal(frames["front"].depth_m, flat(1.0))
    assert np.array_equal(frames["wrist"].depth_m, flat(1.0))
    assert (frames["front"].stamp_s, frames["front"].number) == (1.5, 7)
    assert np.array_equal(frames["front"].rgb, GREY)
