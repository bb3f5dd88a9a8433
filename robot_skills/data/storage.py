"""Writing so that it lasts, and saying so when it cannot be done."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from robot_skills.core.errors import StorageError


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the system says about `path` into a `StorageError`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StorageError(f"Cannot write {path}: {reason}.") from error


def sync_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
