"""Identifications as files: dated, of one robot, sealed, and never replaced by worse ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from calibration.codec import decode, encode
from calibration.errors import CalibrationRefused, Cause
from calibration.identification.delta_action import DeltaAction
from calibration.identification.fitting import Identification
from calibration.identification.payload import Payload
from calibration.keeping import check_not_worse, now_iso, package_versions, write_and_keep
from calibration.sealed import read_sealed

Result = Identification | Payload | DeltaAction
KINDS: Mapping[str, type[Result]] = {
    "identification": Identification,
    "payload": Payload,
    "delta_action": DeltaAction,
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RobotRecord:
    """An identification with all that belongs to it.

    Attributes:
        result: What was found.
        robot: Kind of arm.
        serial: By which it is known; empty where it has none.
        made: When, UTC, ISO 8601.
        versions: Of what made it, by package.
    """

    result: Result
    robot: str
    serial: str
    made: str
    versions: Mapping[str, str]

    @property
    def kind(self) -> str:
        """Key in `KINDS`."""
        return next(name for name, kind in KINDS.items() if isinstance(self.result, kind))

    @property
    def accuracy(self) -> tuple[float, str]:
        """What identifications of this kind are compared by, smaller is better, and its unit."""
        match self.result:
            case Identification() as found:
                worst = max(one.sigma for one in found.estimates.values())
                return 100.0 * worst, "% (least known parameter)"
            case Payload() as found:
                return 1e3 * found.sigma_kg, "g"
            case DeltaAction() as found:
                return 1e3 * found.left_out_rad, "mrad in held-out rollouts"


def make_robot_record(result: Result, robot: str, serial: str) -> RobotRecord:
    """A record of now."""
    return RobotRecord(
        result=result, robot=robot, serial=serial, made=now_iso(), versions=package_versions()
    )


def save_robot_record(path: Path, record: RobotRecord, *, replace: bool = False) -> str:
    """Write an identification; returns its hash. What it replaces is kept beside it, with its date.

    Args:
        path: Of the file.
        record: The identification.
        replace: Also in place of one that was better, of another robot, or damaged.

    Raises:
        CalibrationRefused: What is there is better, or of something else; it stays as it is.
        StorageError: It cannot be written.
    """
    if path.exists() and not replace:
        old = load_robot_record(path, record.kind)
        _check_same_robot(path, old, record)
        check_not_worse(path, old, record, "Explore more")
    return write_and_keep(path, record.kind, encode(record))


def load_robot_record(path: Path, kind: str) -> RobotRecord:
    """Read an identification.

    Args:
        path: Of the file.
        kind: Key in `KINDS`.

    Raises:
        RefusedError: It is missing, damaged, or of another kind.
    """
    content, _ = read_sealed(path, kind)
    try:
        return RobotRecord(
            result=decode(KINDS[kind], content["result"]),
            robot=str(content["robot"]),
            serial=str(content["serial"]),
            made=str(content["made"]),
            versions=content["versions"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CalibrationRefused(
            Cause.DAMAGED, f"{path} is no {kind} that can be used: {error}."
        ) from error


def _check_same_robot(path: Path, old: RobotRecord, new: RobotRecord) -> None:
    if (old.robot, old.serial) != (new.robot, new.serial) or _about(old) != _about(new):
        raise CalibrationRefused(
            Cause.OTHER_KIND,
            f"{path} is that of {_named(old)}, not of {_named(new)}: write to another file.",
        )


def _about(record: RobotRecord) -> tuple[str, ...]:
    return tuple(record.result.estimates) if isinstance(record.result, Identification) else ()


def _named(record: RobotRecord) -> str:
    about = f", {', '.join(_about(record))}" if _about(record) else ""
    return f"{record.robot} ({record.serial or 'no serial'}{about})"
