"""Calibrations as files: dated, of one device, sealed by a hash, and never replaced by worse ones.

A file is one JSON object; its field ``sha256`` is the hash of all others, as compact JSON with
sorted keys.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from calibration.board import Board
from calibration.codec import decode, encode
from calibration.depth_noise import DepthNoise
from calibration.errors import CalibrationRefused, Cause
from calibration.hand_eye import HandEye
from calibration.intrinsics import Intrinsics
from calibration.latency import Latency
from calibration.rig import Rig
from robot_skills.core.errors import StorageError

FORMAT = 1
_PACKAGES = ("robot-skills", "numpy", "scipy", "opencv-python-headless")
_WORSE = 1.25
"""A new calibration may be so much less accurate than the one it replaces."""

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


def now_iso() -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(UTC).replace(microsecond=0).isoformat()


def package_versions() -> dict[str, str]:
    """Of what makes calibrations, by package, as far as it is installed."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


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
    try:
        if path.exists():
            if not replace:
                _check_better(path, record)
            keep_copy(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        body = {"format": FORMAT, "kind": record.kind, **encode(record)}
        digest = _digest(body)
        partial = path.with_name(f"{path.name}.part")
        with partial.open("w", encoding="utf-8") as file:
            json.dump({"sha256": digest, **body}, file, indent=1, allow_nan=False)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error
    return digest


def _check_better(path: Path, record: Record) -> None:
    old = load_record(path)
    same_robot = _robot_of(old) == _robot_of(record)
    if old.kind != record.kind or dict(old.cameras) != dict(record.cameras) or not same_robot:
        raise CalibrationRefused(
            Cause.OTHER_CAMERA,
            f"{path} is the calibration ({old.kind}) of {_named(old)}, not ({record.kind}) of "
            f"{_named(record)}: write to another file.",
        )
    (was, unit), (now, _) = old.accuracy, record.accuracy
    if now > _WORSE * was:
        raise CalibrationRefused(
            Cause.WORSE,
            f"The new calibration is worse, {now:.3g} {unit} instead of {was:.3g}: {path} stays "
            "as it is. Take better views, or ask to replace it.",
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


def keep_copy(path: Path) -> None:
    """Copy what is there, under its date of change."""
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    copy = path.with_name(f"{path.stem}.{changed:%Y%m%dT%H%M%S}{path.suffix}")
    shutil.copy2(path, copy)


def load_record(path: Path) -> Record:
    """Read a calibration.

    Raises:
        CalibrationRefused: It is missing, damaged, or none.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        stated = data.pop("sha256")
        if stated != _digest(data):
            raise ValueError("it does not match its own hash")
        if data.pop("format") != FORMAT:
            raise ValueError("it is of another version")
        kind = KINDS[data.pop("kind")]
        result = decode(kind, data.pop("result"))
        return Record(
            result=result,
            cameras=decode(Mapping[str, Device], data.pop("cameras")),
            board=decode(Board | None, data.pop("board")),
            made=str(data.pop("made")),
            versions=data.pop("versions"),
        )
    except FileNotFoundError:
        raise CalibrationRefused(Cause.DAMAGED, f"There is no calibration {path}.") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
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


def _digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
