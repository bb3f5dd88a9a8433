"""The noise of drawn cameras is found again, and what cannot show it is refused."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.depth_frames import DepthSeries
from calibration.depth_noise import fit_depth_noise
from calibration.errors import CalibrationRefused, Cause
from sim.stereo_depth import D405, D435
from tests.calibration.depth_targets import (
    DISTANCES_M,
    LENS,
    boxed,
    recorded,
    wall,
    walls,
)

UNIT_M = 0.001
CAMERAS = {
    "D435": D435,
    "D405, biased": replace(D405, scale=1.004, offset_m=-0.002, edge_width_px=2),
    "a bad one": replace(
        D435,
        subpixel_px=0.14,
        disparity_step_px=1.0 / 16.0,
        fixed_share=0.2,
        flicker=0.5,
        dropout_share=0.02,
    ),
}


@pytest.fixture(scope="module", params=CAMERAS)
def fitted(request):
    config = CAMERAS[request.param]
    series = walls(config), [recorded(config, "box", *boxed())]
    return config, fit_depth_noise(*series, LENS, UNIT_M)


def test_the_noise_of_readings_is_found(fitted):
    config, found = fitted
    true_w = config.subpixel_px / config.focal_baseline
    assert found.flat.sigma_w[0] == pytest.approx(true_w, rel=0.1)
    assert found.flat.exponent[0] == pytest.approx(2.0, abs=0.15)
    assert found.flat.fixed_share[0] == pytest.approx(config.fixed_share, abs=0.08)
    assert found.flat.correlation_px[0] == pytest.approx(config.correlation_px, rel=0.15)


def test_steps_are_found(fitted):
    config, found = fitted
    true_w = config.disparity_step_px / config.focal_baseline
    assert found.flat.step_w[0] == pytest.approx(true_w, rel=0.05)


def test_scale_and_offset_are_found(fitted):
    config, found = fitted
    assert found.flat.scale[0] == pytest.approx(config.scale, abs=0.002)
    assert found.flat.offset_m[0] == pytest.approx(config.offset_m, abs=0.0015)
    biased = np.full((2, 2), config.scale * 0.7 + config.offset_m, np.float32)
    assert found.unbiased(biased) == pytest.approx(0.7, abs=1.5e-3)
    assert not found.unbiased(np.zeros((2, 2), np.float32)).any()


def test_the_baseline_is_found_from_the_shadow(fitted):
    config, found = fitted
    assert found.box.baseline_m[0] == pytest.approx(config.baseline_m, rel=0.15)
    assert found.box.shadow_share[0] == pytest.approx(config.shadow_share, abs=0.08)


def test_holes_are_found(fitted):
    config, found = fitted
    assert found.flat.dropout[0] == pytest.approx(config.dropout_share, abs=0.004)
    assert found.flat.flicker[0] == pytest.approx(config.flicker, abs=0.12)
    assert found.box.edge_width_px == config.edge_width_px
    assert found.box.edge_hole_share[0] == pytest.approx(config.edge_hole_share, abs=0.1)
    assert found.box.flying_share[0] == pytest.approx(config.flying_share, abs=0.12)


def test_holes_for_brightness_are_found(fitted):
    config, found = fitted
    assert found.box.dark is not None
    assert found.box.shiny is not None
    assert found.box.dark.hole_share == pytest.approx(config.dark_hole_share, abs=0.1)
    assert found.box.shiny.hole_share == pytest.approx(config.shiny_hole_share, abs=0.1)


def test_without_a_picture_nothing_is_said_of_brightness():
    depth_m, _ = boxed()
    found = fit_depth_noise(walls(D435, 12), [recorded(D435, "box", depth_m)], LENS, UNIT_M)
    assert found.box.dark is None
    assert found.box.shiny is None


def test_distances_that_nobody_told_leave_scale_and_offset_open():
    untold = [replace(one, distance_m=None) for one in walls(D435, 12)]
    found = fit_depth_noise(untold, [recorded(D435, "box", *boxed())], LENS, UNIT_M)
    assert found.flat.scale == (1.0, 0.0)
    assert found.flat.offset_m == (0.0, 0.0)


def _curved(distance_m):
    """A pillar instead of a wall."""
    depth_m = wall(distance_m, lean=0.0)
    across = np.linspace(-1.0, 1.0, depth_m.shape[1])
    return (depth_m * (1.0 + 0.4 * across**2)).astype(np.float32)


def _spoil_one(**change):
    first, *others = walls(D435, 12)
    return [replace(first, **change), *others]


def _few_frames():
    return [replace(one, depth_m=one.depth_m[:4]) for one in walls(D435, 12)]


def _same_noise_everywhere():
    """A camera whose noise does not grow with the distance is no stereo camera."""
    rng = np.random.default_rng(0)
    return [
        DepthSeries(
            name=f"{z}",
            depth_m=(wall(z) + 0.003 * rng.standard_normal((12, 240, 320))).astype(np.float32),
            distance_m=z,
        )
        for z in DISTANCES_M
    ]


@pytest.mark.parametrize(
    ("flat", "cause"),
    [
        (lambda: [], Cause.FEW_VIEWS),
        (lambda: walls(D435, 12)[:1], Cause.FEW_VIEWS),
        (lambda: [recorded(D435, str(i), wall(0.6), frames=12) for i in range(3)], Cause.FEW_VIEWS),
        (_few_frames, Cause.FEW_VIEWS),
        (lambda: _spoil_one(depth_m=np.zeros((12, 240, 320), np.float32)), Cause.NO_READINGS),
        (lambda: _spoil_one(depth_m=np.ones((12, 120, 160), np.float32)), Cause.MIXED_SIZES),
        (
            lambda: [recorded(D435, f"{z}", _curved(z), frames=12) for z in DISTANCES_M],
            Cause.NOT_FLAT,
        ),
        (_same_noise_everywhere, Cause.INCONSISTENT),
    ],
    ids=["none", "one", "one distance", "few frames", "empty", "sizes", "curved", "no stereo"],
)
def test_a_flat_target_that_shows_too_little_is_refused(flat, cause):
    with pytest.raises(CalibrationRefused) as refused:
        fit_depth_noise(flat(), [recorded(D435, "box", *boxed(), frames=12)], LENS, UNIT_M)
    assert refused.value.cause is cause


@pytest.mark.parametrize(
    ("box", "cause"),
    [
        (lambda: [], Cause.NO_BOX),
        (lambda: [recorded(D435, "nothing", wall(0.8, lean=0.0), frames=12)], Cause.NO_BOX),
        (lambda: [recorded(D435, "thin", *boxed(0.8, 0.78), frames=12)], Cause.NO_BOX),
    ],
    ids=["none", "no box", "hardly nearer"],
)
def test_a_box_that_is_none_is_refused(box, cause):
    with pytest.raises(CalibrationRefused) as refused:
        fit_depth_noise(walls(D435, 12), box(), LENS, UNIT_M)
    assert refused.value.cause is cause


def test_of_several_boxes_the_first_that_is_one_counts():
    recordings = [
        recorded(D435, "nothing", wall(0.8, lean=0.0), frames=12),
        recorded(D435, "box", *boxed(), frames=12),
    ]
    found = fit_depth_noise(walls(D435, 12), recordings, LENS, UNIT_M)
    assert list(found.rejected) == ["nothing"]
