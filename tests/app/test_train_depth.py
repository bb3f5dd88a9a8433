"""`robot-skills train-depth` makes a denoiser from nothing, and its errors are counted fairly."""

import numpy as np
import pytest

from policies.depth import DepthDenoiser, load_depth
from robot_skills.app.depth_scores import (
    DepthScore,
    Repaired,
    denoised_by,
    median_filled,
    nearest_filled,
    raw_depth,
    score,
    total,
)
from robot_skills.app.depth_training import camera_of, rendered
from robot_skills.app.train_depth import TrainDepthOptions, main
from robot_skills.core.errors import RefusedError
from sim.stereo_scenes import SIZES_PX


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    root = tmp_path_factory.mktemp("train_depth")
    options = TrainDepthOptions(
        out=root / "depth", work=root / "work", layouts=2, held_out=1, steps=2
    )
    return options, main(options)


def test_the_checkpoint_says_how_it_was_made_and_how_good_it_is(trained):
    options, result = trained
    config, network = load_depth(options.out)
    assert config.data["frames"] == 16
    assert "--steps 2" in config.data["command"]
    assert result.payload["depth"]["measured"] == config.measured
    for row in config.measured.values():
        assert set(row) == {"raw_mm", "median_mm", "clean_mm"}
    frame = rendered(options.work, options.seed, 1, workers=1)[0]
    assert DepthDenoiser(network)(frame.rgb, frame.depth_m).shape == frame.depth_m.shape


def test_layouts_are_rendered_once(trained):
    options, _ = trained
    before = {path: path.stat().st_mtime_ns for path in (options.work / "frames").iterdir()}
    frames = rendered(options.work, options.seed, options.layouts, workers=1)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert {frame.depth_m.shape[::-1] for frame in frames} == set(SIZES_PX)
    assert all((frame.depth_m > 0.0).mean() > 0.5 for frame in frames)


@pytest.mark.parametrize("wrong", [{"layouts": 0}, {"steps": 0}])
def test_nothing_to_do_is_refused(tmp_path, wrong):
    with pytest.raises(RefusedError, match="at least 1"):
        main(TrainDepthOptions(out=tmp_path, **wrong))


def test_noise_of_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(RefusedError, match="no calibration"):
        camera_of(str(tmp_path / "noise.json"))


def test_drawn_cameras_have_no_bias():
    camera = camera_of("drawn")(np.random.default_rng(0))
    assert (camera.scale, camera.offset_m) == (1.0, 0.0)


def no_repair(measured_m):
    return raw_depth(np.zeros((*measured_m.shape, 3), np.uint8), measured_m)


def test_holes_count_as_the_nearest_reading():
    true_m = np.ones((1, 4), np.float32)
    measured_m = np.array([[1.1, 0.0, 0.0, 1.0]], np.float32)
    assert nearest_filled(measured_m)[0] == pytest.approx([1.1, 1.1, 1.0, 1.0])
    found = score(no_repair(measured_m), true_m, 0.0, 2.0)
    assert found.holes == 0.5
    assert found.read_rmse_m == pytest.approx(0.1 / np.sqrt(2.0), rel=1e-5)
    assert found.filled_rmse_m == pytest.approx(0.1 / np.sqrt(2.0), rel=1e-5)
    assert found.median_m == pytest.approx(0.05, rel=1e-5)


def test_holes_count_as_what_they_are_filled_with():
    measured_m, filled_m = np.array([[1.0, 0.0]]), np.array([[1.0, 1.2]])
    repaired = Repaired(depth_m=measured_m, filled_m=filled_m)
    found = score(repaired, np.ones((1, 2), np.float32), 0.0, 2.0)
    assert found.read_rmse_m == 0.0
    assert found.filled_rmse_m == pytest.approx(0.2 / np.sqrt(2.0), rel=1e-5)


def test_a_denoiser_fills_holes_with_its_own_guess(trained):
    options, _ = trained
    _, network = load_depth(options.out)
    frame = rendered(options.work, options.seed, 1, workers=1)[0]
    repaired = denoised_by(DepthDenoiser(network, known_from=0.9))(frame.rgb, frame.depth_m)
    known = repaired.depth_m > 0.0
    assert np.array_equal(repaired.depth_m[known], repaired.filled_m[known])
    assert (repaired.filled_m > 0.0).all()


def test_what_is_out_of_range_does_not_count():
    true_m = np.array([[0.1, 1.0, 5.0, 0.0]], np.float32)
    found = score(no_repair(np.full_like(true_m, 1.2)), true_m, 0.2, 2.0)
    assert found.pixels == 1
    assert found.filled_rmse_m == pytest.approx(0.2, rel=1e-5)


def test_frames_add_up():
    one = score(no_repair(np.full((1, 4), 1.1, np.float32)), np.ones((1, 4), np.float32), 0.0, 2.0)
    other = score(
        no_repair(np.full((1, 4), 1.3, np.float32)), np.ones((1, 4), np.float32), 0.0, 2.0
    )
    both = total([one, other])
    assert both.pixels == 8
    assert both.read_rmse_m == pytest.approx(np.sqrt(0.05), rel=1e-5)
    assert total([]) == DepthScore()


def test_a_median_removes_what_stands_alone():
    depth_m = np.ones((9, 9), np.float32)
    depth_m[4, 4], depth_m[0, 0] = 3.0, 0.0
    assert median_filled(depth_m) == pytest.approx(np.ones((9, 9)))
    assert not nearest_filled(np.zeros((3, 3), np.float32)).any()
