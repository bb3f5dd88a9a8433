"""`robot-skills calibrate rig`: several cameras in one frame."""

from collections.abc import Mapping
from pathlib import Path

from calibration.errors import CalibrationRefused, Cause
from calibration.hand_eye import HandEye
from calibration.prediction import Mount
from calibration.record import Device, load_record
from calibration.rig import Rig, calibrate_rig
from robot_skills.app.calibrate.cell_lines import Fields, pose_field
from robot_skills.app.calibrate.files import (
    detections,
    named_paths,
    read_board,
    read_lens,
    size_of,
)
from robot_skills.app.calibrate.finishing import check_cell_options, finish, say_refused
from robot_skills.app.calibrate.options import CalibrateRig
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.se3 import SE3


def main(options: CalibrateRig) -> CommandResult:
    """Calibrate, save, and say where the cameras are."""
    check_cell_options(options)
    if options.write and options.anchor is None:
        raise RefusedError("--write needs --anchor: where one of the cameras is in the base frame.")
    board = read_board(options.board)
    folders = named_paths(options.pictures, "FOLDER")
    files = named_paths(options.lenses, "FILE")
    if list(folders) != list(files):
        raise RefusedError(
            f"Pictures are of {', '.join(folders)}, lenses of {', '.join(files)}: name the same "
            "cameras, in the same order."
        )
    views, devices, lenses = {}, {}, {}
    refused: dict[str, str] = {}
    for camera, folder in folders.items():
        views[camera], bad = detections(board, folder)
        say_refused(bad, folder)
        refused.update({f"{camera}/{name}": why for name, why in bad.items()})
        devices[camera] = Device(serial="", size_px=size_of(views[camera]))
        lenses[camera] = read_lens(files[camera], camera, devices[camera])
    result = calibrate_rig(lenses, views)
    for name, why in result.rejected.items():
        print(f"{name} is left out: {why}")
    print(_told(result))
    fields = _fields(result, options.anchor)
    return CommandResult(payload=finish(options, result, devices, board, fields, refused))


def _told(rig: Rig) -> str:
    first = next(iter(rig.T_rig_camera))
    rows = [f"{len(rig.views)} views; poses in the frame of {first}:"]
    for camera, T in rig.T_rig_camera.items():
        rows.append(f"  {camera}: {pose_field(T)}, corners {rig.rms_px[camera]:.3f} px off")
    return "\n".join(rows)


def _fields(rig: Rig, anchor: Path | None) -> Mapping[str, Fields]:
    """Of a cell file, for cameras beside the arm, where one of them is known there."""
    if anchor is None:
        return {}
    record = load_record(anchor)
    if not isinstance(record.result, HandEye) or record.result.mount is not Mount.BASE:
        raise CalibrationRefused(
            Cause.OTHER_KIND, f"{anchor} is no hand-eye calibration of a camera beside the arm."
        )
    (camera,) = record.cameras
    if camera not in rig.T_rig_camera:
        raise unknown_name("camera", camera, rig.T_rig_camera)
    T_base_rig: SE3 = record.result.T_mount_camera @ rig.T_rig_camera[camera].inverse()
    return {
        name: {"mount": Mount.BASE.value, "T_mount_camera": pose_field(T_base_rig @ T)}
        for name, T in rig.T_rig_camera.items()
    }
