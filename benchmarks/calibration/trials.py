"""One trial of each kind, from a seed: numbers to be summed up."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.scenes import (
    BENT,
    BOARD,
    CENTRE_M,
    PINHOLE,
    disturbed,
    moved_by,
    seen,
    studio,
)
from benchmarks.seeded import Numbers, Trial
from calibration.checking import recheck
from calibration.detection import Detection, detect
from calibration.hand_eye import HandEye, HandEyeView, calibrate_hand_eye
from calibration.intrinsics import calibrate_intrinsics
from calibration.prediction import Mount
from calibration.rig import calibrate_rig
from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import SE3

_CORNER_VIEWS, _LENS_VIEWS, _MOUNT_VIEWS, _RIG_VIEWS, _LOOKS = 10, 30, 20, 20, 20
NOISE_M, NOISE_RAD = 5e-4, np.deg2rad(0.1)
"""Of the arm's place and rotation, standard deviations per axis."""
_BUMP_M, _BUMP_RAD = 5e-3, np.deg2rad(0.5)
_T_TOOL_CAMERA = SE3.from_rotvec((0.1, 0.2, -1.5), (0.05, -0.03, 0.06))
_T_BASE_BOARD = SE3.from_rotvec((np.pi, 0.0, 0.3), (0.5, 0.1, 0.0))


def corners(seed: int) -> Numbers:
    """How far detected corners are off."""
    rng = np.random.default_rng(seed)
    off = []
    with studio(PINHOLE) as drawn:
        for _ in range(_CORNER_VIEWS):
            T, found = seen(drawn, rng)
            off.append(found.pixels - PINHOLE.project(T @ found.points_m))
    off_px = np.concatenate(off)
    x, y = off_px.mean(axis=0)
    return {
        "bias_x_px": float(x),
        "bias_y_px": float(y),
        "rms_px": float(np.sqrt((off_px**2).sum(axis=-1).mean())),
        "n": float(len(off_px)),
    }


def intrinsics(seed: int) -> Numbers:
    """How far a lens with distortion is off."""
    rng = np.random.default_rng(seed)
    with studio(BENT) as drawn:
        views = {str(i): seen(drawn, rng)[1] for i in range(_LENS_VIEWS)}
    found = calibrate_intrinsics(views)
    off = found.lens.numbers() - BENT.numbers()
    return {
        "reprojection_px": found.rms_px,
        "held_out_px": found.held_out_px,
        "focal_percent": float(100.0 * np.abs(off[:2] / BENT.numbers()[:2]).max()),
        "centre_px": float(np.abs(off[2:4]).max()),
        "focal_sigmas": float(np.abs(off[:2] / found.sigma[:2]).max()),
    }


def mount_exact(seed: int) -> Numbers:
    """How far a camera on the tool is off, with an exact arm."""
    return _mount(_calibrated(seed, 0.0, 0.0)[0])


def mount_noisy(seed: int) -> Numbers:
    """How far a camera on the tool is off, with an arm that is not exact."""
    return _mount(_calibrated(seed, NOISE_M, NOISE_RAD)[0])


def check_exact(seed: int) -> Numbers:
    """How many looks find that a camera was moved, with an exact arm."""
    return _check(seed, 0.0, 0.0, 1)


def check_noisy(seed: int) -> Numbers:
    """How many looks find it with an arm that is not exact."""
    return _check(seed, NOISE_M, NOISE_RAD, 1)


def check_noisy_twice(seed: int) -> Numbers:
    """How many pairs of looks from different poses find it."""
    return _check(seed, NOISE_M, NOISE_RAD, 2)


def _check(seed: int, noise_m: float, noise_rad: float, looks: int) -> Numbers:
    """How often it is found that a camera was moved: by nothing, by a length, by an angle."""
    found, rng = _calibrated(seed, noise_m, noise_rad)
    bumps = {
        "false_alarms": (0.0, 0.0),
        "found_moved": (_BUMP_M, 0.0),
        "found_turned": (0.0, _BUMP_RAD),
    }
    numbers = {"looks": float(_LOOKS)}
    with studio(PINHOLE) as drawn:
        for name, (length_m, angle_rad) in bumps.items():
            alarms = 0
            for _ in range(_LOOKS):
                bump = moved_by(rng, length_m, angle_rad)
                views = []
                for number in range(looks):
                    T, detection = seen(drawn, rng)
                    T_base_tool = _T_BASE_BOARD @ (_T_TOOL_CAMERA @ bump @ T).inverse()
                    told = disturbed(T_base_tool, rng, noise_m, noise_rad)
                    views.append(
                        HandEyeView(name=str(number), T_base_tool=told, detection=detection)
                    )
                alarms += recheck(found, PINHOLE, views).moved
            numbers[name] = float(alarms)
    return numbers


def rig(seed: int) -> Numbers:
    """How far two cameras are off from each other."""
    rng = np.random.default_rng(seed)
    eyes = ((-0.25, -0.5, 0.3), (0.25, -0.5, 0.3))
    cameras = [SE3.look_at(eye, (0.0, 0.0, 0.0)) for eye in eyes]
    views: dict[str, dict[str, Detection]] = {"left": {}, "right": {}}
    facing = SE3.look_at((0.0, -0.6, 0.35), (0.0, 0.0, 0.0))
    with studio(PINHOLE) as drawn:
        for moment in range(_RIG_VIEWS):
            R = (facing @ SE3.from_rotvec(rng.uniform(-0.5, 0.5, 3))).R
            T_world_board = SE3(R, rng.uniform(-0.06, 0.06, 3) - R @ CENTRE_M)
            for name, camera in zip(views, cameras, strict=True):
                detection = _detected(drawn.draw(camera.inverse() @ T_world_board, rng))
                if detection is not None:
                    views[name][str(moment)] = detection
    found = calibrate_rig(dict.fromkeys(views, PINHOLE), views)
    off_m, off_rad = found.T_rig_camera["right"].distance_to(cameras[0].inverse() @ cameras[1])
    return {
        "off_mm": 1e3 * off_m,
        "off_deg": float(np.rad2deg(off_rad)),
        "reprojection_px": found.worst_px,
    }


TRIALS: Mapping[str, Trial] = {
    "corners": corners,
    "intrinsics": intrinsics,
    "mount_exact": mount_exact,
    "mount_noisy": mount_noisy,
    "rig": rig,
    "check_exact": check_exact,
    "check_noisy": check_noisy,
    "check_noisy_twice": check_noisy_twice,
}


def _detected(picture: NDArray[np.uint8]) -> Detection | None:
    try:
        return detect(BOARD, picture)
    except RefusedError:
        return None


def _calibrated(seed: int, sigma_m: float, sigma_rad: float) -> tuple[HandEye, np.random.Generator]:
    """A calibrated camera on a tool, and what the seed has left."""
    rng = np.random.default_rng(seed)
    views = []
    with studio(PINHOLE) as drawn:
        for i in range(_MOUNT_VIEWS):
            T_camera_board, detection = seen(drawn, rng)
            T_base_tool = _T_BASE_BOARD @ (_T_TOOL_CAMERA @ T_camera_board).inverse()
            told = disturbed(T_base_tool, rng, sigma_m, sigma_rad)
            views.append(HandEyeView(name=str(i), T_base_tool=told, detection=detection))
    return calibrate_hand_eye(PINHOLE, views, Mount.TOOL), rng


def _mount(found: HandEye) -> Numbers:
    off_m, off_rad = found.T_mount_camera.distance_to(_T_TOOL_CAMERA)
    return {
        "off_mm": 1e3 * off_m,
        "off_deg": float(np.rad2deg(off_rad)),
        "sigma_mm": 1e3 * found.sigma_m,
        "left_out_mm": 1e3 * found.left_out_m,
        "arm_mm": 1e3 * found.robot_sigma_m,
        "rejected": float(len(found.rejected)),
    }
