"""Arrays on disk that exist whole or not at all, and are mapped into memory when read.

While an array is filled, what is on disk so far is noted beside it every few hundred rows. A
process that is killed then costs the rows since the last note again, not the whole filling.
"""

import errno
import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from policies.cache.progress import save_rows, saved_rows
from robot_skills.core.errors import DatasetError, StorageError

log = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SAVE_ROWS = 512
"""Rows between two notes of the progress. An interruption costs at most twice as many again,
since one note may still be on its way when the next is due."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """An array that a cache is to hold.

    Attributes:
        name: Readable name of the file.
        key: Hash of everything that the content depends on.
        shape: Rows first.
        dtype: Type of the elements.
        rows: Each row's place and content, always in the same order, without the first of them,
            as many as it is told.
    """

    name: str
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype
    rows: Callable[[int], Iterator[tuple[int, NDArray]]]

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

    Several processes may ask for the same array at once; one makes it, the others wait. One that
    was begun from the same data and not finished is gone on with.

    Raises:
        StorageError: When it cannot be written.
    """
    path = wanted.path(directory)
    found = _mapped(path, wanted)
    if found is not None:
        return found
    with _locked(directory):
        found = _mapped(path, wanted)
        if found is None:
            _make(directory, wanted)
            found = _mapped(path, wanted)
    if found is None:
        raise StorageError(f"{path} was written but cannot be read back.")
    return found


def _mapped(path: Path, wanted: Wanted) -> NDArray | None:
    """The array, read only; None where it is missing or damaged."""
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
    partial, record = path.with_suffix(".partial"), path.with_suffix(".progress")
    _clear(directory, wanted, keep=(partial, record))
    try:
        _fill(partial, record, wanted)
        partial.replace(path)
        _sync(directory)
        record.unlink(missing_ok=True)
    except DatasetError:
        # Repaired data has another key, so nothing of this can be used again.
        record.unlink(missing_ok=True)
        raise
    except OSError as error:
        raise _storage_error(directory, wanted, error) from None
    finally:
        if not record.exists():
            partial.unlink(missing_ok=True)
    for old in directory.glob(f"{wanted.name}.*.npy"):
        if old != path:
            with suppress(OSError):
                old.unlink()


def _fill(partial: Path, record: Path, wanted: Wanted) -> None:
    """Write what is missing of an array, in place.

    Written, not mapped: that spares a page fault per page.
    """
    done = _begin(partial, record, wanted)
    noted: Future[None] | None = None
    # Waiting for the disk is done beside the decoding.
    with partial.open("r+b") as file, ThreadPoolExecutor(1) as beside:
        first = file.seek(0, os.SEEK_END) - wanted.bytes
        size = wanted.bytes // wanted.shape[0]
        for row, content in wanted.rows(done):
            file.seek(first + row * size)
            file.write(np.ascontiguousarray(content, dtype=wanted.dtype))
            done += 1
            if done % _SAVE_ROWS == 0:
                if noted is not None:
                    noted.result()
                file.flush()
                noted = beside.submit(_note, file.fileno(), record, wanted.key, done)
        if noted is not None:
            noted.result()
        file.flush()
        os.fsync(file.fileno())


def _note(handle: int, record: Path, key: str, rows: int) -> None:
    """Keep how many rows are there; the rows before the note, in that order on the disk too."""
    os.fsync(handle)
    save_rows(record, key, rows)


def _begin(partial: Path, record: Path, wanted: Wanted) -> int:
    """Make an empty array, or find one to go on with; how many of its rows are filled."""
    rows = saved_rows(record, wanted.key)
    if 0 < rows <= wanted.shape[0] and _mapped(partial, wanted) is not None:
        log.info("%s goes on after %d of %d rows.", wanted.name, rows, wanted.shape[0])
        return rows
    if record.exists():
        # Gone from the disk before the empty array is there, or it would be believed of that.
        record.unlink()
        _sync(record.parent)
    _reserve(partial, wanted)
    return 0


def _reserve(path: Path, wanted: Wanted) -> None:
    """Make an empty array whose room on disk is taken, so that no decoding is done in vain."""
    np.lib.format.open_memmap(path, mode="w+", dtype=wanted.dtype, shape=wanted.shape)
    reserve = getattr(os, "posix_fallocate", None)
    if reserve is not None:
        with path.open("r+b") as file:
            reserve(file.fileno(), 0, path.stat().st_size)
    elif shutil.disk_usage(path.parent).free < wanted.bytes:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


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


def _clear(directory: Path, wanted: Wanted, keep: tuple[Path, ...]) -> None:
    """Remove what interrupted fillings from other data left behind."""
    for kind in ("partial", "progress", "progress.new"):
        for path in directory.glob(f"{wanted.name}.*.{kind}"):
            if path not in keep:
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
