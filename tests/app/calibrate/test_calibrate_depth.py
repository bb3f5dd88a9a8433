"""`robot-skills calibrate depth` from recordings to a camera that the simulator imitates."""

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from calibration.depth_noise import DepthNoise
from calibration.errors import CalibrationRefused, Cause
from calibration.record import load_record
from robot_skills.app.calibrate.command import main
from robot_skills.app.calibrate.depth_camera import stereo_of_file
from robot_skills.app.calibrate.depth_files import write_series
from robot_skills.app.calibrate.files import write_json
from robot_skills.app.calibrate.options import CalibrateDepth
from robot_skills.core.errors import RefusedError
from sim.stereo_depth import D435
from tests.calibration.depth_targets import LENS, boxed, recorded, wall, walls

UNIT_M = 0.001


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A wall at five distances and a box, as files."""
    root = tmp_path_factory.mktemp("depth")
    for one in walls(D435, frames=12):
        write_series(root / "wall" / one.name, one, UNIT_M)
    write_json(
        root / "wall" / "distances.json", {one.name: one.distance_m for one in walls(D435, 1)}
    )
    write_json(root / "wall" / "lens.json", LENS)
    write_series(root / "box" / "a", recorded(D435, "a", *boxed(), frames=12), UNIT_M)
    return root


def options(root, out, **more):
    return CalibrateDepth(
        flat=root / "wall", box=root / "box", camera="wrist", serial="831", out=out, **more
    )


@pytest.fixture(scope="module")
def calibrated(recordings, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    result = main(options(recordings, out / "noise.json", report=out / "noise.html"))
    return out, result


def test_the_result_is_sealed_with_serial_date_and_uncertainty(calibrated):
    out, result = calibrated
    record = load_record(out / "noise.json")
    assert isinstance(record.result, DepthNoise)
    assert record.cameras["wrist"].serial == "831"
    assert record.cameras["wrist"].size_px == LENS.size_px
    assert record.made.startswith("20")
    assert record.board is None
    assert record.result.flat.sigma_w[1] > 0.0
    assert result.payload["kind"] == "depth"


def test_the_report_shows_the_law_of_the_noise(calibrated):
    out, _ = calibrated
    page = (out / "noise.html").read_text(encoding="utf-8")
    assert "Noise by distance" in page
    assert page.count("<svg") == 2
    assert "distance of the imagers" in page


def test_the_simulator_imitates_the_camera(calibrated):
    out, _ = calibrated
    camera = stereo_of_file(out / "noise.json")
    true_w = D435.subpixel_px / D435.focal_baseline
    assert camera.subpixel_px / camera.focal_baseline == pytest.approx(true_w, rel=0.1)
    assert camera.baseline_m == pytest.approx(D435.baseline_m, rel=0.15)
    assert camera.dark_hole_share == pytest.approx(D435.dark_hole_share, abs=0.15)


def test_a_damaged_file_is_no_camera(calibrated, tmp_path):
    out, _ = calibrated
    data = json.loads((out / "noise.json").read_text(encoding="utf-8"))
    data["result"]["unit_m"] = 0.01
    (tmp_path / "noise.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(CalibrationRefused, match="hash"):
        stereo_of_file(tmp_path / "noise.json")


def test_one_distance_is_refused_and_nothing_is_saved(recordings, tmp_path):
    write_series(tmp_path / "wall" / "one", recorded(D435, "one", wall(0.6), frames=12), UNIT_M)
    write_json(tmp_path / "wall" / "lens.json", LENS)
    asked = options(recordings, tmp_path / "noise.json", report=tmp_path / "noise.html")
    with pytest.raises(CalibrationRefused) as refused:
        main(replace(asked, flat=tmp_path / "wall"))
    assert refused.value.cause is Cause.FEW_VIEWS
    assert not list(tmp_path.glob("noise*"))


def test_frames_of_several_sizes_are_refused(recordings, tmp_path):
    write_series(tmp_path / "b", recorded(D435, "b", wall(0.6), frames=2), UNIT_M)
    cv2.imwrite(str(tmp_path / "b" / "depth_900.png"), np.ones((60, 80), np.uint16))
    with pytest.raises(CalibrationRefused) as refused:
        main(replace(options(recordings, tmp_path / "noise.json"), box=tmp_path))
    assert refused.value.cause is Cause.MIXED_SIZES


def test_a_picture_in_eight_bits_is_no_depth(recordings, tmp_path):
    (tmp_path / "b").mkdir()
    cv2.imwrite(str(tmp_path / "b" / "depth_000.png"), np.ones((60, 80), np.uint8))
    with pytest.raises(RefusedError, match="16 bits"):
        main(replace(options(recordings, tmp_path / "noise.json"), box=tmp_path))


def test_a_folder_without_frames_is_refused(recordings, tmp_path):
    with pytest.raises(RefusedError, match="no depth frames"):
        main(replace(options(recordings, tmp_path / "noise.json"), box=tmp_path))


def test_distances_of_what_is_not_recorded_are_refused(recordings, tmp_path):
    write_series(tmp_path / "b", recorded(D435, "b", wall(0.6), frames=2), UNIT_M)
    write_json(tmp_path / "distances.json", {"c": 0.5})
    with pytest.raises(RefusedError, match="c, which is not recorded"):
        main(replace(options(recordings, tmp_path / "noise.json"), box=tmp_path))
