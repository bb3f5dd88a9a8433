"""Lenses are found with their uncertainty; views that say too little, or do not fit, are told."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.coverage import coverage, leaning
from calibration.errors import CalibrationRefused, Cause
from calibration.guidance import coverage_map, guide
from calibration.intrinsics import LensModel, calibrate_intrinsics
from calibration.lens import Lens
from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import SE3
from tests.calibration.seeing import BENT, CENTRE_M, LENS, seen, view


def _views(rng, lens=BENT, count=16, **kind):
    wide = {"away_m": (0.3, 0.5), **kind}
    return {f"{i:02d}.png": seen(view(rng, **wide), rng, lens) for i in range(count)}


def _cause(views):
    with pytest.raises(CalibrationRefused) as caught:
        calibrate_intrinsics(views)
    return caught.value.cause


@pytest.fixture(scope="module")
def found():
    return calibrate_intrinsics(_views(np.random.default_rng(3)))


def test_a_lens_with_distortion_is_found(found):
    off = found.lens.numbers() - BENT.numbers()
    assert np.abs(off[:2] / BENT.numbers()[:2]).max() < 1e-3
    assert np.abs(off[2:4]).max() < 0.5
    assert found.model is not LensModel.PINHOLE
    assert found.held_out_px < 0.1


def test_the_uncertainty_says_how_far_it_is_off(found):
    known = found.sigma > 0.0
    off = np.abs(found.lens.numbers() - BENT.numbers())[known] / found.sigma[known]
    assert off.max() < 4.5
    assert found.sigma[0] < 1.0


def test_a_lens_without_distortion_gets_none():
    found = calibrate_intrinsics(_views(np.random.default_rng(4), LENS))
    assert found.model is LensModel.PINHOLE
    assert not any(found.lens.distortion)


def test_a_view_that_does_not_fit_is_left_out_and_told():
    rng = np.random.default_rng(5)
    views = _views(rng)
    bent = views["07.png"]
    views["07.png"] = replace(
        bent, pixels=bent.pixels + 3.0 * rng.standard_normal(bent.pixels.shape)
    )
    found = calibrate_intrinsics(views)
    assert set(found.rejected) == {"07.png"}
    assert "px off" in found.rejected["07.png"]


def test_too_few_views_are_refused():
    assert _cause(_views(np.random.default_rng(6), count=5)) is Cause.FEW_VIEWS


def test_a_board_that_was_never_tilted_is_refused():
    rng = np.random.default_rng(7)
    assert _cause(_views(rng, tilt_rad=0.03, count=15)) is Cause.FLAT_VIEWS


def test_a_board_that_stayed_in_one_place_is_refused():
    rng = np.random.default_rng(8)
    views = {}
    for i in range(12):
        turned = view(rng)
        T = SE3(turned.R, np.array([0.0, 0.0, 1.2]) - turned.R @ CENTRE_M)
        views[str(i)] = seen(T, rng)
    assert _cause(views) is Cause.POOR_COVERAGE


def test_pictures_of_two_sizes_are_refused():
    rng = np.random.default_rng(9)
    views = _views(rng)
    views["big.png"] = replace(views["00.png"], size_px=(1280, 720))
    assert _cause(views) is Cause.MIXED_SIZES


def test_pictures_of_two_cameras_are_refused():
    rng = np.random.default_rng(10)
    other = Lens(size_px=LENS.size_px, lens_px=(420.0, 420.0, 300.0, 250.0))
    views = _views(rng, count=12)
    views.update({f"b{i}": seen(view(rng), rng, other) for i in range(10)})
    assert _cause(views) in (Cause.INCONSISTENT, Cause.NOT_ACCURATE)


def test_derivatives_of_the_projection_are_right():
    rng = np.random.default_rng(11)
    points = rng.uniform((-0.2, -0.2, 0.5), (0.2, 0.2, 0.8), (6, 3))
    _, by_point, by_numbers = BENT.project_with_derivatives(points)
    for axis in range(3):
        step = np.eye(3)[axis] * 1e-6
        numeric = (BENT.project(points + step) - BENT.project(points - step)) / 2e-6
        assert np.allclose(by_point[..., axis], numeric, rtol=1e-4, atol=1e-3)
    for i, value in enumerate(BENT.numbers()):
        step = np.eye(9)[i] * max(1e-6 * abs(value), 1e-6)
        up, down = (
            Lens.of_numbers(BENT.size_px, BENT.numbers() + way * step).project(points)
            for way in (1, -1)
        )
        assert np.allclose(by_numbers[..., i], (up - down) / (2 * step[i]), rtol=1e-4, atol=1e-3)


def test_pixels_are_straightened_and_bent_back():
    pixels = np.array([[20.0, 30.0], [320.0, 240.0], [600.0, 450.0]])
    straight = BENT.undistorted(pixels)
    rays = np.column_stack([straight, np.ones(3)]) @ np.linalg.inv(BENT.K).T
    assert np.allclose(BENT.project(rays), pixels, atol=0.02)


def test_a_lens_of_another_size_is_refused():
    with pytest.raises(RefusedError, match="another size"):
        Lens(size_px=(320, 240), lens_px=LENS.lens_px)


@pytest.mark.parametrize(
    ("axis", "angle", "side"), [(1, 0.5, "left"), (1, -0.5, "right"), (0, 0.5, "down")]
)
def test_the_side_that_is_near_is_named(axis, angle, side):
    T = SE3.from_rotvec(angle * np.eye(3)[axis], (0.0, 0.0, 0.5))
    (found,) = leaning(T)
    corner = {"left": (-0.1, 0.0), "right": (0.1, 0.0), "up": (0.0, -0.1), "down": (0.0, 0.1)}
    near = (T @ np.array([*corner[found], 0.0]))[2]
    assert near < 0.5
    assert {found, side} <= {"left", "right"} or {found, side} <= {"up", "down"}


def test_guidance_asks_for_the_missing_corner_and_ends():
    rng = np.random.default_rng(12)
    assert "middle" in guide([], LENS).hint
    upper_left = [seen(SE3.from_translation((-0.27, -0.2, 0.55)), rng)]
    assert "lower" in guide(upper_left, LENS).hint
    many = list(_views(rng, LENS, count=60, away_m=(0.22, 0.9)).values())
    assert guide(many, LENS).progress > guide(upper_left, LENS).progress
    assert "█" in coverage_map(coverage(many))
