"""Rigs hold together; files are whole, of one camera, and never replaced by worse ones."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from calibration.errors import CalibrationRefused, Cause
from calibration.hand_eye import HandEye, calibrate_hand_eye
from calibration.intrinsics import calibrate_intrinsics
from calibration.prediction import Mount
from calibration.record import (
    Device,
    check_record,
    load_record,
    make_record,
    record_hash,
    save_record,
)
from calibration.rig import calibrate_rig
from robot_skills.core.se3 import SE3
from tests.calibration.seeing import (
    BOARD,
    CENTRE_M,
    LENS,
    SIZE_PX,
    hand_eye_views,
    seen,
    view,
)

CAMERAS = {
    "left": SE3.look_at((-0.25, -0.5, 0.3), (0.0, 0.0, 0.0)),
    "middle": SE3.look_at((0.0, -0.55, 0.35), (0.0, 0.0, 0.0)),
    "right": SE3.look_at((0.25, -0.5, 0.3), (0.0, 0.0, 0.0)),
}
WRIST = Device(serial="831612", size_px=SIZE_PX)


def _shown(rng, moments=14, cameras=CAMERAS):
    views = {name: {} for name in cameras}
    for moment in range(moments):
        R = (SE3.look_at((0, -0.6, 0.35), (0, 0, 0)) @ SE3.from_rotvec(rng.uniform(-0.5, 0.5, 3))).R
        T_world_board = SE3(R, rng.uniform(-0.05, 0.05, 3) - R @ CENTRE_M)
        for name, camera in cameras.items():
            views[name][f"{moment:02d}"] = seen(camera.inverse() @ T_world_board, rng)
    return views


def _lenses(views):
    return dict.fromkeys(views, LENS)


def test_cameras_of_a_rig_are_found_in_the_first_ones_frame():
    views = _shown(np.random.default_rng(0))
    rig = calibrate_rig(_lenses(views), views)
    assert rig.T_rig_camera["left"].allclose(SE3.identity())
    for name in ("middle", "right"):
        off_m, off_rad = (CAMERAS["left"].inverse() @ CAMERAS[name]).distance_to(
            rig.T_rig_camera[name]
        )
        assert off_m < 5e-4
        assert off_rad < np.deg2rad(0.05)
        assert off_m < 5.0 * np.sqrt(np.trace(rig.covariance[name][:3, :3]))


def test_a_camera_that_shares_views_only_with_the_second_one_is_placed():
    views = _shown(np.random.default_rng(1), moments=16)
    for i in range(16):
        name = "left" if i < 8 else "right"
        del views[name][f"{i:02d}"]
    rig = calibrate_rig(_lenses(views), views)
    truth = CAMERAS["left"].inverse() @ CAMERAS["right"]
    assert truth.distance_to(rig.T_rig_camera["right"])[0] < 1e-3


def test_a_board_that_moved_between_pictures_is_left_out_and_told():
    rng = np.random.default_rng(2)
    views = _shown(rng)
    T = CAMERAS["right"].inverse() @ SE3.from_rotvec((0.9, 0.0, 0.0), -CENTRE_M)
    views["right"]["05"] = seen(T @ SE3.from_translation((0.03, 0.0, 0.0)), rng)
    rig = calibrate_rig(_lenses(views), views)
    assert set(rig.rejected) == {"05"}


def test_cameras_without_common_views_are_refused():
    views = _shown(np.random.default_rng(3))
    views["right"] = {f"other{name}": one for name, one in views["right"].items()}
    with pytest.raises(CalibrationRefused, match="in common") as caught:
        calibrate_rig(_lenses(views), views)
    assert caught.value.cause is Cause.NOT_CONNECTED


@pytest.fixture(scope="module")
def mount():
    views = hand_eye_views(np.random.default_rng(4))
    return make_record(calibrate_hand_eye(LENS, views, Mount.TOOL), {"wrist": WRIST}, BOARD)


def test_what_is_saved_is_read_again(mount, tmp_path):
    path = tmp_path / "wrist.json"
    digest = save_record(path, mount)
    read = load_record(path)
    assert record_hash(path) == digest
    assert read.kind == "hand_eye"
    assert read.board == BOARD
    assert dict(read.cameras) == {"wrist": WRIST}
    assert isinstance(read.result, HandEye)
    assert read.result.T_mount_camera.allclose(mount.result.T_mount_camera, atol=1e-12)
    np.testing.assert_allclose(read.result.covariance, mount.result.covariance)
    assert read.result.mount is Mount.TOOL


def test_a_lens_and_a_rig_are_read_again(tmp_path):
    rng = np.random.default_rng(5)
    lens = calibrate_intrinsics(
        {str(i): seen(view(rng, away_m=(0.3, 0.5)), rng) for i in range(12)}
    )
    views = _shown(rng)
    rig = calibrate_rig(_lenses(views), views)
    for name, result in (("lens", lens), ("rig", rig)):
        path = tmp_path / f"{name}.json"
        save_record(path, make_record(result, {"front": WRIST}, BOARD))
        assert type(load_record(path).result) is type(result)
    read = load_record(tmp_path / "lens.json").result
    assert read.lens == lens.lens
    assert np.array_equal(read.coverage.corners, lens.coverage.corners)


def test_a_changed_byte_is_noticed(mount, tmp_path):
    path = tmp_path / "wrist.json"
    save_record(path, mount)
    data = json.loads(path.read_text())
    data["result"]["T_mount_camera"]["xyz"][0] += 1e-4
    path.write_text(json.dumps(data))
    with pytest.raises(CalibrationRefused, match="its own hash") as caught:
        load_record(path)
    assert caught.value.cause is Cause.DAMAGED


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"sha256": 3}', "no json"])
def test_what_is_no_calibration_is_refused(text, tmp_path):
    path = tmp_path / "wrist.json"
    path.write_text(text)
    with pytest.raises(CalibrationRefused):
        load_record(path)
    with pytest.raises(CalibrationRefused, match="There is no calibration"):
        load_record(tmp_path / "none.json")


def test_a_worse_calibration_does_not_replace_a_better_one(mount, tmp_path):
    path = tmp_path / "wrist.json"
    save_record(path, mount)
    before = path.read_bytes()
    worse = replace(mount, result=replace(mount.result, left_out_m=0.004))
    with pytest.raises(CalibrationRefused, match="worse") as caught:
        save_record(path, worse)
    assert caught.value.cause is Cause.WORSE
    assert path.read_bytes() == before
    save_record(path, worse, replace=True)
    assert load_record(path).result.left_out_m == 0.004
    kept = [one for one in tmp_path.iterdir() if one != path]
    assert [one.read_bytes() for one in kept] == [before]


def test_a_calibration_of_another_camera_is_not_replaced(mount, tmp_path):
    path = tmp_path / "wrist.json"
    save_record(path, mount)
    other = replace(mount, cameras={"wrist": Device(serial="other", size_px=SIZE_PX)})
    with pytest.raises(CalibrationRefused) as caught:
        save_record(path, other)
    assert caught.value.cause is Cause.OTHER_CAMERA


@pytest.mark.parametrize(
    ("camera", "device", "cause"),
    [
        ("front", WRIST, Cause.OTHER_CAMERA),
        ("wrist", Device(serial="17", size_px=SIZE_PX), Cause.OTHER_CAMERA),
        ("wrist", Device(serial="831612", size_px=(1280, 720)), Cause.OTHER_SIZE),
    ],
)
def test_a_calibration_of_another_camera_or_size_is_refused(mount, camera, device, cause):
    with pytest.raises(CalibrationRefused) as caught:
        check_record(mount, camera, device)
    assert caught.value.cause is cause


def test_an_old_calibration_is_refused(mount):
    later = datetime.now(UTC) + timedelta(days=40)
    check_record(mount, "wrist", WRIST, timedelta(days=60), later)
    with pytest.raises(CalibrationRefused, match="days old") as caught:
        check_record(mount, "wrist", WRIST, timedelta(days=30), later)
    assert caught.value.cause is Cause.STALE
