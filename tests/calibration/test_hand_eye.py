"""Mounts are found; inexact arms, wrong views and motions that say little are told."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.board import Board
from calibration.board_pose import board_pose
from calibration.chain import Prior, Sight, Unknown, refine
from calibration.checking import recheck
from calibration.errors import CalibrationRefused, Cause
from calibration.hand_eye import HandEyeView, calibrate_hand_eye
from calibration.prediction import Mount, adjoint, predict
from robot_skills.core.se3 import SE3
from tests.calibration.seeing import (
    BOARD,
    LENS,
    X,
    Y,
    disturbed,
    hand_eye_views,
    seen,
    tool_pose,
    view,
)

NOISE_M, NOISE_RAD = 5e-4, np.deg2rad(0.1)


@pytest.fixture(scope="module")
def noisy():
    """Calibrated with an arm that is not exact."""
    views = hand_eye_views(np.random.default_rng(0), sigma_m=NOISE_M, sigma_rad=NOISE_RAD)
    return calibrate_hand_eye(LENS, views, Mount.TOOL)


def _cause(views, mount=Mount.TOOL):
    with pytest.raises(CalibrationRefused) as caught:
        calibrate_hand_eye(LENS, views, mount)
    return caught.value.cause


@pytest.mark.parametrize("mount", list(Mount))
def test_a_camera_is_found_with_an_exact_arm(mount):
    found = calibrate_hand_eye(LENS, hand_eye_views(np.random.default_rng(1), mount), mount)
    off_m, off_rad = found.T_mount_camera.distance_to(X[mount])
    assert off_m < 2e-4
    assert off_rad < np.deg2rad(0.03)
    assert found.T_other_board.distance_to(Y[mount])[0] < 2e-4
    assert not found.rejected


def test_an_arm_that_is_not_exact_is_noticed_and_borne(noisy):
    off_m, off_rad = noisy.T_mount_camera.distance_to(X[Mount.TOOL])
    assert off_m < 1.2e-3
    assert off_rad < np.deg2rad(0.2)
    assert 0.5 * NOISE_M < noisy.robot_sigma_m < 1.6 * NOISE_M
    assert 0.5 * NOISE_RAD < noisy.robot_sigma_rad < 1.6 * NOISE_RAD
    assert off_m < 4.0 * noisy.sigma_m


def test_robot_noise_in_the_bundle_beats_trusting_the_arm():
    ours, trusting = [], []
    for seed in range(2):
        rng = np.random.default_rng(20 + seed)
        views = hand_eye_views(rng, sigma_m=NOISE_M, sigma_rad=NOISE_RAD)
        found = calibrate_hand_eye(LENS, views, Mount.TOOL)
        ours.append(found.T_mount_camera.distance_to(X[Mount.TOOL])[0])
        sights = [
            Sight(
                lens=LENS,
                links=(
                    Unknown(index=0, inverse=True),
                    one.T_base_tool.inverse(),
                    Unknown(index=1),
                ),
                points_m=one.detection.points_m,
                pixels=one.detection.pixels,
                sigma_px=1.0,
            )
            for one in views
        ]
        refined = refine([found.T_mount_camera, found.T_other_board], sights)
        trusting.append(refined.poses[0].distance_to(X[Mount.TOOL])[0])
    assert np.median(ours) < np.median(trusting)


def test_views_where_the_arm_was_elsewhere_are_left_out_and_told():
    views = hand_eye_views(np.random.default_rng(2), sigma_m=NOISE_M, sigma_rad=NOISE_RAD)
    for number, wrong in (
        (3, SE3.from_translation((0.008, 0, 0))),
        (7, SE3.from_rotvec((0.03, 0, 0))),
    ):
        views[number] = replace(views[number], T_base_tool=views[number].T_base_tool @ wrong)
    found = calibrate_hand_eye(LENS, views, Mount.TOOL)
    assert set(found.rejected) == {"03", "07"}
    assert found.T_mount_camera.distance_to(X[Mount.TOOL])[0] < 1.2e-3


def test_a_board_that_was_moved_half_way_is_refused():
    rng = np.random.default_rng(3)
    views = hand_eye_views(rng, count=11)
    elsewhere = Y[Mount.TOOL] @ SE3.from_translation((0.05, 0.02, 0.0))
    for i in range(9):
        T = view(rng)
        T_base_tool = tool_pose(Mount.TOOL, T, X[Mount.TOOL], elsewhere)
        views.append(
            replace(views[0], name=f"b{i}", T_base_tool=T_base_tool, detection=seen(T, rng))
        )
    assert _cause(views) is Cause.INCONSISTENT


def test_squares_of_another_size_are_told_by_the_arm():
    rng = np.random.default_rng(4)
    said = Board(columns=9, rows=7, square_m=0.028, marker_m=0.0196)
    views = [
        replace(one, detection=replace(one.detection, board=said)) for one in hand_eye_views(rng)
    ]
    with pytest.raises(CalibrationRefused, match=r"30\.0\d mm wide, not 28") as caught:
        calibrate_hand_eye(LENS, views, Mount.TOOL)
    assert caught.value.cause is Cause.WRONG_SCALE


def test_turns_about_one_axis_are_refused():
    rng = np.random.default_rng(5)
    assert _cause(hand_eye_views(rng, tilt_rad=0.0)) is Cause.ONE_AXIS


def test_an_arm_that_hardly_turned_is_refused():
    rng = np.random.default_rng(6)
    assert _cause(hand_eye_views(rng, tilt_rad=0.08, roll_rad=0.08)) is Cause.LITTLE_ROTATION


def test_too_few_views_are_refused():
    assert _cause(hand_eye_views(np.random.default_rng(7), count=5)) is Cause.FEW_VIEWS


def test_a_picture_of_another_size_is_refused():
    views = hand_eye_views(np.random.default_rng(8))
    views[2] = replace(views[2], detection=replace(views[2].detection, size_px=(1280, 720)))
    assert _cause(views) is Cause.MIXED_SIZES


def test_poses_that_do_not_belong_to_the_pictures_are_refused():
    views = hand_eye_views(np.random.default_rng(9))
    shuffled = [
        replace(one, T_base_tool=views[(i + 7) % len(views)].T_base_tool)
        for i, one in enumerate(views)
    ]
    assert _cause(shuffled) in (Cause.INCONSISTENT, Cause.WRONG_SCALE, Cause.NOT_ACCURATE)


def _look(rng, bump):
    T = view(rng)
    T_base_tool = tool_pose(Mount.TOOL, T, X[Mount.TOOL] @ bump, Y[Mount.TOOL])
    told = disturbed(T_base_tool, rng, NOISE_M, NOISE_RAD)
    return HandEyeView(name="look", T_base_tool=told, detection=seen(T, rng))


def _told(found, rng, bump, looks=1):
    return recheck(found, LENS, [_look(rng, bump) for _ in range(looks)])


def test_a_camera_that_was_not_moved_raises_few_alarms():
    rng = np.random.default_rng(10)
    alarms = 0
    for seed in range(1, 6):
        views = hand_eye_views(np.random.default_rng(seed), sigma_m=NOISE_M, sigma_rad=NOISE_RAD)
        found = calibrate_hand_eye(LENS, views, Mount.TOOL)
        alarms += sum(_told(found, rng, SE3.identity()).moved for _ in range(15))
        alarms += _told(found, rng, SE3.identity(), looks=4).moved
    assert alarms <= 4


@pytest.mark.parametrize(
    "bump",
    [SE3.from_translation((0.003, 0.0, 0.004)), SE3.from_rotvec((0.0, np.deg2rad(0.8), 0.0))],
)
def test_a_camera_that_was_moved_is_found_in_one_look(noisy, bump):
    rng = np.random.default_rng(11)
    looks = [_told(noisy, rng, bump) for _ in range(25)]
    assert sum(look.moved for look in looks) >= 23


def test_what_one_look_hardly_sees_several_do(noisy):
    rng = np.random.default_rng(14)
    bump = SE3.from_rotvec((np.deg2rad(0.35), 0.0, 0.0))
    one = sum(_told(noisy, rng, bump).moved for _ in range(20))
    four = [_told(noisy, rng, bump, looks=4) for _ in range(20)]
    assert sum(look.moved for look in four) >= 19 > one
    turns_deg = np.rad2deg([look.off_rad for look in four])
    assert np.median(turns_deg) == pytest.approx(0.35, abs=0.1)


def test_a_check_needs_a_look(noisy):
    with pytest.raises(ValueError, match="look"):
        recheck(noisy, LENS, [])


def test_a_look_says_how_far_the_camera_was_moved(noisy):
    look = _told(noisy, np.random.default_rng(12), SE3.from_translation((0.02, 0.0, 0.0)))
    assert look.off_m == pytest.approx(0.02, abs=0.004)
    assert look.off_px > 5.0


@pytest.mark.parametrize("mount", list(Mount))
def test_how_a_view_depends_on_camera_board_and_arm_is_right(mount):
    T = view(np.random.default_rng(13))
    T_base_tool = tool_pose(mount, T, X[mount], Y[mount])
    expected = predict(mount, X[mount], Y[mount], T_base_tool)
    assert expected.T_camera_board.allclose(T, atol=1e-9)
    small = 1e-6
    for axis in range(6):
        twist = SE3.exp(small * np.eye(6)[axis])
        for column, T_new in (
            (expected.by_both[:, axis], predict(mount, X[mount] @ twist, Y[mount], T_base_tool)),
            (
                expected.by_both[:, 6 + axis],
                predict(mount, X[mount], Y[mount] @ twist, T_base_tool),
            ),
            (expected.by_arm[:, axis], predict(mount, X[mount], Y[mount], T_base_tool @ twist)),
        ):
            change = (T.inverse() @ T_new.T_camera_board).log() / small
            assert np.allclose(change, column, atol=1e-4)


def test_a_twist_keeps_its_meaning_in_another_frame():
    T, twist = view(np.random.default_rng(14)), np.array([0.1, -0.2, 0.3, 0.2, 0.1, -0.1])
    assert (T @ SE3.exp(twist) @ T.inverse()).allclose(SE3.exp(adjoint(T) @ twist), atol=1e-9)


def test_a_prior_holds_what_nothing_else_holds():
    T = view(np.random.default_rng(15))
    detection = seen(T, np.random.default_rng(15), sigma_px=0.0)
    sight = Sight(
        lens=LENS,
        links=(Unknown(index=0), Unknown(index=1)),
        points_m=detection.points_m,
        pixels=detection.pixels,
        sigma_px=0.1,
    )
    prior = Prior(index=1, sigma=np.full(6, 1e-3))
    start = T @ SE3.from_rotvec((0.02, 0.0, 0.0), (0.003, 0.0, 0.0))
    refined = refine([start, SE3.identity()], [sight], [prior])
    assert (refined.poses[0] @ refined.poses[1]).allclose(T, atol=1e-6)
    assert refined.poses[1].distance_to(SE3.identity())[0] < 1e-3


def test_a_boards_pose_is_as_good_as_it_says():
    rng = np.random.default_rng(16)
    T = view(rng)
    errors, says = [], None
    for _ in range(60):
        pose = board_pose(LENS, seen(T, rng, sigma_px=0.2, board=BOARD))
        errors.append((pose.T_camera_board.inverse() @ T).log())
        says = pose.covariance * 0.2**2
    assert says is not None
    squared = [error @ np.linalg.solve(says, error) for error in errors]
    assert 4.0 < np.mean(squared) < 8.5
