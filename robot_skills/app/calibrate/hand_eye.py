"""`robot-skills calibrate hand-eye`: where a camera is, from pictures and poses."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from calibration.detection import Detection
from calibration.hand_eye import HandEye, HandEyeView, calibrate_hand_eye
from calibration.prediction import Mount
from calibration.record import Device
from robot_skills.app.calibrate.cell_lines import mount_fields
from robot_skills.app.calibrate.files import (
    POSES,
    detections,
    read_board,
    read_lens,
    read_poses,
    size_of,
)
from robot_skills.app.calibrate.finishing import check_cell_options, finish, say_refused
from robot_skills.app.calibrate.options import CalibrateHandEye
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import SE3


def main(options: CalibrateHandEye) -> CommandResult:
    """Calibrate, save, and say what to write into the cell file."""
    check_cell_options(options)
    board = read_board(options.board)
    poses = read_poses(options.poses or options.pictures / POSES)
    found, refused = detections(board, options.pictures)
    say_refused(refused, options.pictures)
    device = Device(serial=options.serial, size_px=size_of(found))
    lens = read_lens(options.lens, options.camera, device)
    views = views_of(found, poses, options.pictures)
    result = calibrate_hand_eye(lens, views, Mount(options.mount))
    say_refused(result.rejected, options.pictures)
    print(_told(result))
    fields = {options.camera: mount_fields(result)}
    return CommandResult(
        payload=finish(options, result, {options.camera: device}, board, fields, refused)
    )


def views_of(
    found: Mapping[str, Detection], poses: Mapping[str, SE3], folder: Path
) -> list[HandEyeView]:
    """Pictures with their poses.

    Raises:
        RefusedError: A picture has no pose.
    """
    missing = [name for name in found if name not in poses]
    if missing:
        raise RefusedError(
            f"{folder / missing[0]} has no pose; poses are there for "
            f"{', '.join(list(poses)[:3]) or 'nothing'} ..."
        )
    return [
        HandEyeView(name=name, T_base_tool=poses[name], detection=one)
        for name, one in found.items()
    ]


def _told(found: HandEye) -> str:
    turn, sigma, left = (
        np.rad2deg(value) for value in (found.turn_rad, found.sigma_rad, found.left_out_rad)
    )
    return "\n".join(
        [
            f"{len(found.views)} views, the arm turned by up to {turn:.0f} degrees; corners "
            f"{found.rms_px:.3f} px off",
            f"the camera's place is known to {1e3 * found.sigma_m:.2f} mm and {sigma:.3f} degrees "
            f"(standard deviations); closed forms differ by {1e3 * found.methods_m:.2f} mm and "
            f"{np.rad2deg(found.methods_rad):.3f} degrees",
            f"views that were left out in turn are {1e3 * found.left_out_m:.2f} mm and "
            f"{left:.3f} degrees from where the others say",
            f"the arm itself is {1e3 * found.robot_sigma_m:.2f} mm and "
            f"{np.rad2deg(found.robot_sigma_rad):.3f} degrees off, per axis",
        ]
    )
