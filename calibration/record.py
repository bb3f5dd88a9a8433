"""Calibrations as files: dated, of one device, sealed, and never replaced by worse ones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from calibration.board import Board
from calibration.codec import decode, encode
from calibration.depth_noise import DepthNoise
from calibration.errors import CalibrationRefused, Cause
from calibration.hand_eye import HandEye
from calibration.intrinsics import Intrinsics
from calibration.keeping import check_not_worse, now_iso, package_versions, write_and_keep
from calibration.latency import Latency
from calibration.rig import Rig
from calibration.sealed import read_any_sealed
from robot_skills.core.errors import RefusedError

FORMAT = 1

Result = Intrinsics | HandEye | Rig | DepthNoise | Latency
KINDS: Mapping[str, type[Result]] = {
    "intrinsics": Intrinsics,
    "hand_eye": HandEye,
    "rig": Rig,
    "depth": DepthNoise,
    "latency": Latency,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """A camera.

    Attributes:
        serial: By which it is known; empty where it has none.
        size_px: Width and height of its pictures.
    """

    serial: str
    size_px: tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Record:
    """A calibration with all that belongs to it.

    Attributes:
        result: What was found.
        cameras: Which cameras it is of, by name.
        board: That was used; None where none was.
        made: When, UTC, ISO 8601.
        versions: Of what made it, by package.
    """

    result: Result
    cameras: Mapping[str, Device]
    board: Board | None
    made: str
    versions: Mapping[str, str]

    @property
    def kind(self) -> str:
        """Key in `KINDS`."""
        return next(name for name, kind in KINDS.items() if isinstance(self.result, kind))

    @property
    def accuracy(self) -> tuple[float, str]:
        """What calibrations of this kind are compared by, smaller is better, and its unit."""
        match self.result:
            case Intrinsics():
                return self.result.held_out_px, "px in held-out views"
            case HandEye():
                return 1e3 * self.result.left_out_m, "mm in held-out views"
            case Rig():
                return self.result.worst_px, "px"
            case DepthNoise():
                return 100.0 * self.result.unsure, "% of the noise unknown"
            case Latency():
                return 1e3 * self.result.worst_sigma_s, "ms (standard deviation)"

    def age(self, now: datetime | None = None) -> timedelta:
        """Since it was made."""
        return (now or datetime.now(UTC)) - datetime.fromisoformat(self.made)


def make_record(result: Result, cameras: Mapping[str, Device], board: Board | None) -> Record:
    """A record of now."""
    return Record(
        result=result, cameras=cameras, board=board, made=now_iso(), versions=package_versions()
    )


def save_record(path: Path, record: Record, *, replace: bool = False) -> str:
    """Write a calibration; returns its hash. The one it replaces is kept beside it, with its date.

    Args:
        path: Of the file.
        record: The calibration.
        replace: Also in place of one that was better, of another camera, or damaged.

    Raises:
        CalibrationRefused: What is there is better, or of something else; it stays as it is.
        StorageError: It cannot be written.
    """
    if path.exists() and not replace:
        old = load_record(path)
        _check_same_device(path, old, record)
        check_not_worse(path, old, record, "Take better views")
    return write_and_keep(path, record.kind, {"format": FORMAT, **encode(record)})


def _check_same_device(path: Path, old: Record, new: Record) -> None:
    same_robot = _robot_of(old) == _robot_of(new)
    if old.kind != new.kind or dict(old.cameras) != dict(new.cameras) or not same_robot:
        raise CalibrationRefused(
            Cause.OTHER_CAMERA,
            f"{path} is the calibration ({old.kind}) of {_named(old)}, not ({new.kind}) of "
            f"{_named(new)}: write to another file.",
        )


def _robot_of(record: Record) -> str:
    return record.result.robot if isinstance(record.result, Latency) else ""


def _named(record: Record) -> str:
    robot = _robot_of(record)
    cameras = (
        f"{name} ({one.serial or 'no serial'}, {one.size_px[0]} x {one.size_px[1]})"
        for name, one in record.cameras.items()
    )
    return ", ".join([*([robot] if robot else []), *cameras])


def load_record(path: Path) -> Record:
    """Read a calibration.

    Raises:
        CalibrationRefused: It is missing, damaged, or none.
    """
    try:
        kind, data, _ = read_any_sealed(path, "calibration")
    except RefusedError as error:
        raise CalibrationRefused(Cause.DAMAGED, str(error)) from error
    try:
        if data["format"] != FORMAT:
            raise ValueError("it is of another version")
        return Record(
            result=decode(KINDS[kind], data["result"]),
            cameras=decode(Mapping[str, Device], data["cameras"]),
            board=decode(Board | None, data["board"]),
            made=str(data["made"]),
            versions=data["versions"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CalibrationRefused(
            Cause.DAMAGED, f"{path} is no calibration that can be used: {error}."
        ) from error


def record_hash(path: Path) -> str:
    """The hash that a calibration is known by."""
    return str(json.loads(path.read_text(encoding="utf-8"))["sha256"])


def check_record(
    record: Record,
    camera: str,
    device: Device,
    most_age: timedelta | None = None,
    now: datetime | None = None,
) -> None:
    """Make sure that a calibration is that of a camera, and still good.

    Args:
        record: The calibration.
        camera: Name of the camera.
        device: What the camera says that it is; without a serial that is not compared.
        most_age: How old it may be; None is any age.
        now: For the age.

    Raises:
        CalibrationRefused: It is of another camera or size, or too old.
    """
    if camera not in record.cameras:
        raise CalibrationRefused(
            Cause.OTHER_CAMERA,
            f"The calibration is that of {_named(record)}, not of {camera}.",
        )
    of = record.cameras[camera]
    if device.serial and of.serial and device.serial != of.serial:
        raise CalibrationRefused(
            Cause.OTHER_CAMERA,
            f"The calibration of {camera} is that of the camera {of.serial}; this is "
            f"{device.serial}: calibrate it.",
        )
    if device.size_px != of.size_px:
        raise CalibrationRefused(
            Cause.OTHER_SIZE,
            f"{camera} was calibrated at {of.size_px[0]} x {of.size_px[1]}, its pictures are "
            f"{device.size_px[0]} x {device.size_px[1]}: calibrate at that size.",
        )
    if most_age is not None and record.age(now) > most_age:
        raise CalibrationRefused(
            Cause.STALE,
            f"The calibration of {camera} is {record.age(now).days} days old, at most "
            f"{most_age.days} are accepted: check it, or calibrate again.",
        )
