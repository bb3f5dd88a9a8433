"""`robot-skills calibrate intrinsics`: a lens from a folder of pictures."""

import numpy as np

from calibration.guidance import coverage_map
from calibration.intrinsics import Intrinsics, calibrate_intrinsics
from calibration.lens import PARAMETERS
from calibration.record import Device
from robot_skills.app.calibrate.cell_lines import lens_fields
from robot_skills.app.calibrate.files import detections, read_board
from robot_skills.app.calibrate.finishing import check_cell_options, finish, say_refused
from robot_skills.app.calibrate.options import CalibrateIntrinsics
from robot_skills.app.outcome import CommandResult


def main(options: CalibrateIntrinsics) -> CommandResult:
    """Calibrate, save, and say what to write into the cell file."""
    check_cell_options(options)
    board = read_board(options.board)
    found, refused = detections(board, options.pictures)
    say_refused(refused, options.pictures)
    result = calibrate_intrinsics(found)
    say_refused(result.rejected, options.pictures)
    print(_told(result))
    device = Device(serial=options.serial, size_px=result.lens.size_px)
    fields = {options.camera: lens_fields(result)}
    return CommandResult(
        payload=finish(options, result, {options.camera: device}, board, fields, refused)
    )


def _told(result: Intrinsics) -> str:
    numbers = result.lens.numbers()
    values = [
        f"{name} {value:.4g} ± {sigma:.2g}"
        for name, value, sigma in zip(PARAMETERS, numbers, result.sigma, strict=True)
        if sigma > 0.0
    ]
    return "\n".join(
        [
            f"{len(result.view_px)} views, corners {result.rms_px:.3f} px off, in held-out views "
            f"{result.held_out_px:.3f} px; distortion: {result.model.value}",
            ", ".join(values),
            f"covered {100 * result.coverage.share:.0f} % of the picture, tilts up to "
            f"{np.rad2deg(result.tilt_rad):.0f} degrees apart:",
            coverage_map(result.coverage),
        ]
    )
