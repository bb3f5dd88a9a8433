"""`robot-skills calibrate check`: was the camera moved?"""

from datetime import timedelta

import numpy as np

from calibration.checking import Recheck, recheck
from calibration.errors import CalibrationRefused, Cause
from calibration.hand_eye import HandEye
from calibration.record import Device, check_record, load_record, record_hash
from robot_skills.app.calibrate.files import (
    POSES,
    detections,
    read_board,
    read_lens,
    read_poses,
    size_of,
)
from robot_skills.app.calibrate.hand_eye import views_of
from robot_skills.app.calibrate.options import CalibrateCheck
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError


def main(options: CalibrateCheck) -> CommandResult:
    """Compare the pictures with the calibration: each of them, and all together."""
    if not 0.0 < options.false_alarm < 0.5:
        raise RefusedError(f"--false-alarm is in (0, 0.5), not {options.false_alarm:g}.")
    record = load_record(options.calibration)
    if not isinstance(record.result, HandEye):
        raise CalibrationRefused(
            Cause.OTHER_KIND,
            f"{options.calibration} is of kind {record.kind}: a hand-eye calibration is needed.",
        )
    found, _ = detections(read_board(options.board), options.pictures)
    device = Device(serial=options.serial, size_px=size_of(found))
    most_age = None if options.most_days is None else timedelta(days=options.most_days)
    check_record(record, options.camera, device, most_age)
    lens = read_lens(options.lens, options.camera, device)
    views = views_of(found, read_poses(options.pictures / POSES), options.pictures)
    result, alarm = record.result, options.false_alarm
    looks = {view.name: recheck(result, lens, [view], alarm) for view in views}
    together = recheck(result, lens, views, alarm)
    for name, look in looks.items():
        print(f"{name}: {_told(look)}")
    if len(looks) > 1:
        print(f"together: {_told(together)}")
    return CommandResult(
        payload={
            "sha256": record_hash(options.calibration),
            **_payload(together),
            "looks": {name: _payload(look) for name, look in looks.items()},
        },
        exit_code=int(together.moved),
    )


def _told(look: Recheck) -> str:
    measured = f"{look.distance:.1f} standard deviations, {look.limit:.1f} are usual at most"
    if not look.moved:
        return f"the camera is where it was ({measured})"
    return (
        f"the camera or the board was moved, as by {1e3 * look.off_m:.1f} mm and "
        f"{np.rad2deg(look.off_rad):.2f} degrees of the camera ({measured}): calibrate again"
    )


def _payload(look: Recheck) -> dict[str, float | bool]:
    return {
        "moved": look.moved,
        "distance": look.distance,
        "limit": look.limit,
        "off_mm": 1e3 * look.off_m,
        "off_deg": float(np.rad2deg(look.off_rad)),
        "off_px": look.off_px,
    }
