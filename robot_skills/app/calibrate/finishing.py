"""What all calibrations end with: a file, a report, and the cell."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from calibration.board import Board
from calibration.codec import encode
from calibration.record import Device, Result, make_record, save_record
from robot_skills.app.calibrate.cell_lines import NO_FIELDS, Fields, edited_cell, lines
from robot_skills.app.calibrate.files import write_bytes
from robot_skills.app.calibrate.options import ResultOptions
from robot_skills.core.errors import RefusedError


def check_cell_options(options: ResultOptions) -> None:
    """Refuse options that contradict each other, before anything is worked out."""
    if options.write and options.cell is None:
        raise RefusedError("--write needs the cell file: give --cell FILE.")
    if options.cell is not None and not options.cell.is_file():
        raise RefusedError(
            f"There is no cell file {options.cell}: copy one from launch/config, and name the copy."
        )


def finish(
    options: ResultOptions,
    result: Result,
    cameras: Mapping[str, Device],
    board: Board | None,
    fields: Mapping[str, Fields],
    refused: Mapping[str, str],
    robot: Fields = NO_FIELDS,
) -> dict[str, Any]:
    """Save a result, write the report and the cell file, and say so.

    Args:
        options: Of the command.
        result: What was found.
        cameras: Of which cameras.
        board: That was used; None where none was.
        fields: Of the cell file, by camera.
        refused: Why which picture could not be used.
        robot: Fields of the cell file, of the robot.

    Returns:
        What `--json` prints.

    Raises:
        CalibrationRefused: There is a better calibration already.
        RefusedError: The cell file does not take it.
        StorageError: Something cannot be written.
    """
    edited = None
    if options.write and options.cell is not None:
        from robot_skills.app.cells import load_cell

        edited = edited_cell(options.cell, fields, load_cell, robot)
    record = make_record(result, cameras, board)
    digest = save_record(options.out, record, replace=options.replace)
    if options.report is not None:
        from robot_skills.app.calibrate.report import write_report

        write_report(options.report, record, digest, refused)
    if fields or robot:
        print(lines(fields, robot))
    if edited is not None and options.cell is not None:
        write_bytes(options.cell, edited.encode())
        print(f"Written into {options.cell}.")
    accuracy, unit = record.accuracy
    return {
        "calibration": str(options.out),
        "sha256": digest,
        "kind": record.kind,
        "accuracy": accuracy,
        "unit": unit,
        "cell_fields": {camera: dict(one) for camera, one in fields.items()},
        "robot_fields": dict(robot),
        "refused": {**refused, **result.rejected},
        "result": encode(result),
    }


def say_refused(refused: Mapping[str, str], folder: Path) -> None:
    """Tell which pictures were left out, and why."""
    for name, why in refused.items():
        print(f"{folder / name} is left out: {why}")
