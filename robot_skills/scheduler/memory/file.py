"""The file of a memory, and who may work on it.

One process at a time works on a file. Whatever is still said to be running when another one opens
it was interrupted: the process is gone, however it ended.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from robot_skills.core.errors import RefusedError, StorageError
from robot_skills.scheduler.memory.schema import SCHEMA
from robot_skills.scheduler.sqlite_file import (
    open_sqlite,
    open_sqlite_to_read,
    sqlite_errors,
    transaction,
)


class MemoryInUseError(StorageError):
    """Another process works on the memory."""


class MemoryFile:
    """An SQLite file that is read and written in transactions.

    Args:
        path: The file; it is made where there is none, unless it is only read.
        read_only: Leave the file as it is.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._connection: sqlite3.Connection | None = None
        self._lock: int | None = None

    def open(self) -> None:
        """Open the file.

        Raises:
            RefusedError: It is no memory, damaged, or of a newer version of robot-skills.
            MemoryInUseError: Another process works on it.
            StorageError: It cannot be read or written.
        """
        if self.read_only:
            self._connection = open_sqlite_to_read(self.path, SCHEMA)
            return
        self._connection = open_sqlite(self.path, SCHEMA)
        try:
            self._lock = _lock(self.path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give the file back. Safe to call twice."""
        if self._connection is not None:
            # A full disk, or one that is gone, has been told of before.
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it is in the file afterwards, or nothing.

        Raises:
            StorageError: It cannot be written.
        """
        with sqlite_errors(self.path, SCHEMA.kind, "written"), transaction(self._opened()):
            yield self._opened()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read, and make something of what was read.

        Raises:
            RefusedError: The file is damaged, or says what nothing can be made of.
            StorageError: It cannot be read.
        """
        try:
            with sqlite_errors(self.path, SCHEMA.kind, "read"):
                yield self._opened()
        except (ValueError, KeyError, TypeError) as error:
            message = f"The {SCHEMA.kind} {self.path} says what cannot be: {error}."
            raise RefusedError(message) from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StorageError(f"The {SCHEMA.kind} {self.path} is not open.")
        return self._connection


def _lock(path: Path) -> int:
    """Be the only one who works on a file; the system takes the lock back when a process ends."""
    beside = path.with_name(path.name + ".lock")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StorageError(f"Cannot write {beside}: {error.strerror}.") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise MemoryInUseError(f"Another process works on the {SCHEMA.kind} {path}.") from error
    return descriptor
