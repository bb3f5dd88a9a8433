"""What all files of results have in common: they are dated, and never replaced by worse ones."""

import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

from calibration.errors import CalibrationRefused, Cause
from calibration.sealed import write_sealed
from robot_skills.core.errors import StorageError

_PACKAGES = ("robot-skills", "numpy", "scipy", "opencv-python-headless")
_WORSE = 1.25
"""A new result may be so much less accurate than the one it replaces."""


class Kept(Protocol):
    """A result with all that belongs to it."""

    @property
    def kind(self) -> str: ...

    @property
    def accuracy(self) -> tuple[float, str]:
        """What results of this kind are compared by, smaller is better, and its unit."""
        ...


def now_iso() -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(UTC).replace(microsecond=0).isoformat()


def package_versions() -> dict[str, str]:
    """Of what makes results, by package, as far as it is installed."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def check_not_worse(path: Path, old: Kept, new: Kept, advice: str) -> None:
    """Make sure that a result may replace that in a file.

    Args:
        path: Of the file.
        old: What is there.
        new: What is to replace it.
        advice: How to get a better one.

    Raises:
        CalibrationRefused: It is less accurate.
    """
    (was, unit), (now, _) = old.accuracy, new.accuracy
    if now > _WORSE * was:
        raise CalibrationRefused(
            Cause.WORSE,
            f"The new {new.kind} is worse, {now:.3g} {unit} instead of {was:.3g}: {path} stays "
            f"as it is. {advice}, or ask to replace it.",
        )


def write_and_keep(path: Path, kind: str, body: Mapping[str, Any]) -> str:
    """Write a sealed file; returns its hash. What it replaces is kept beside it, with its date.

    Raises:
        StorageError: It cannot be written.
    """
    try:
        if path.exists():
            _keep_copy(path)
    except OSError as error:
        raise StorageError(f"Cannot copy {path}: {error.strerror or error}.") from error
    return write_sealed(path, kind, body)


def _keep_copy(path: Path) -> None:
    """Copy what is there, under its date of change."""
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    shutil.copy2(path, path.with_name(f"{path.stem}.{changed:%Y%m%dT%H%M%S}{path.suffix}"))
