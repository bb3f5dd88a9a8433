"""Arrays on disk that exist whole or not at all, and are mapped into memory when read."""

import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import StorageError

log = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An array that a cache is to hold.

    Attributes:
        name: Readable name of the file.
        key: Hash of everything that the content depends on.
        shape: Rows first.
        dtype: Type of the elements.
        fill: Writes the rows into the array that it is given.
    """

    name: str
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype
    fill: Callable[[NDArray], None]

    def path(self, directory: Path) -> Path:
        """Where it belongs."""
        return directory / f"{self.name}.{self.key}.npy"

    @property
    def bytes(self) -> int:
        """Size on disk, without the header."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


def key_of(parts: object, files: list[Path]) -> str:
    """Hash of plain values, and of the names, sizes and times of files."""
    stats = [(path.name, path.stat()) for path in files]
    listed = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in stats]
    text = json.dumps([parts, listed], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def open_array(directory: Path, wanted: Wanted) -> NDArray:
    """Map an array, after making it where it is missing or made from other data.

    Several processes may ask for the same array at once; one makes it, the others wait.

    Raises:
        StorageError: When it cannot be written.
    """
    found = _mapped(directory, wanted)
    if found is not None:
        return found
    with _locked(directory):
        found = _mapped(directory, wanted)
        if found is None:
            _make(directory, wanted)
            found = _mapped(directory, wanted)
    if found is None:
        raise StorageError(f"{wanted.path(directory)} was written but cannot be read back.")
    return found


def _mapped(directory: Path, wanted: Wanted) -> NDArray | None:
    """The array, read only; None where it is missing or damaged."""
    path = wanted.path(directory)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        log.warning("%s cannot be read and is made again: %s", path, str(error).splitlines()[0])
        return None
    fits = array.shape == wanted.shape and array.dtype == wanted.dtype
    return array if fits else None


def _make(directory: Path, wanted: Wanted) -> None:
    path = wanted.path(directory)
    partial = path.with_suffix(".partial")
    _remove_all(directory, f"{wanted.name}.*.partial")
    try:
        array = _reserved(partial, wanted)
        wanted.fill(array)
        array.flush()
        del array
        _sync(partial)
        partial.replace(path)
        _sync(directory)
    except OSError as error:
        raise _storage_error(directory, wanted, error) from None
    finally:
        partial.unlink(missing_ok=True)
    for old in directory.glob(f"{wanted.name}.*.npy"):
        if old != path:
            with suppress(OSError):
                old.unlink()


def _reserved(path: Path, wanted: Wanted) -> np.memmap:
    """An empty array whose room on disk is taken, so that writing to it cannot fail.

    A disk that fills up under a memory map kills the process with a signal, not an error.
    """
    array = np.lib.format.open_memmap(path, mode="w+", dtype=wanted.dtype, shape=wanted.shape)
    reserve = getattr(os, "posix_fallocate", None)
    if reserve is not None:
        with path.open("r+b") as file:
            reserve(file.fileno(), 0, path.stat().st_size)
    elif shutil.disk_usage(path.parent).free < wanted.bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return array


def _storage_error(directory: Path, wanted: Wanted, error: OSError) -> StorageError:
    if error.errno in _FULL:
        free_mb = shutil.disk_usage(directory).free / 1e6
        return StorageError(
            f"The disk of {directory} is full: the decoded frames of {wanted.name} need "
            f"{wanted.bytes / 1e6:.0f} MB, {free_mb:.0f} MB are free."
        )
    reason = error.strerror or str(error)
    return StorageError(f"Decoded frames cannot be written to {directory}: {reason}.")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_all(directory: Path, pattern: str) -> None:
    for path in directory.glob(pattern):
        path.unlink(missing_ok=True)


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the lock of a cache directory; it goes away with the process, however that ends."""
    try:
        file = (directory / ".lock").open("a")
    except OSError as error:
        raise StorageError(f"Cannot write to {directory}: {error.strerror}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("Another process decodes frames into %s; waiting for it.", directory)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
