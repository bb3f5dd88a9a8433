"""Small databases of this project: one SQLite file each, whole whatever happens to the process.

Every transaction is in the write-ahead log and forced to disk before it counts, so a process may be
killed at any time. The file says whose it is (`application_id`) and how it is laid out
(`user_version`), and a file of somebody else is never written to.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from robot_skills.core.errors import RefusedError, StorageError

_BUSY_S = 1.0
"""How long to wait for another process that is writing."""
_HELD_UP = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
)
"""What is wrong around a file, not with it. Low byte of an extended result code."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SqliteSchema:
    """Whose a database is, and how it is laid out.

    Attributes:
        kind: What messages call it, for example ``"task memory"``.
        application_id: 32 bits that nobody else's database carries.
        version: Of the layout, from 1.
        script: Statements that create everything.
    """

    kind: str
    application_id: int
    version: int
    script: str


def open_sqlite(path: Path, schema: SqliteSchema) -> sqlite3.Connection:
    """Open a database for reading and writing; one that is not there yet is made.

    Args:
        path: The file; SQLite keeps ``-wal`` and ``-shm`` beside it while it is open.
        schema: Whose it has to be.

    Raises:
        RefusedError: The file is no SQLite database, somebody else's, of a newer version of
            robot-skills, or damaged.
        StorageError: It cannot be opened or written: permissions, a full disk, another process.
    """
    with sqlite_errors(path, schema.kind, "written"):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot write {path}: {error.strerror}.") from error
        connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)
        try:
            _prepare(connection, path, schema)
        except BaseException:
            connection.close()
            raise
        return connection


def open_sqlite_to_read(path: Path, schema: SqliteSchema) -> sqlite3.Connection:
    """Open a database that stays as it is, for example on a disk that cannot be written.

    Raises:
        RefusedError: There is none, or it is refused as `open_sqlite` does.
        StorageError: It cannot be opened.
    """
    if not path.is_file():
        raise RefusedError(f"There is no {schema.kind} at {path}.")
    with sqlite_errors(path, schema.kind, "read"):
        # Without leave to keep files beside it the log cannot be shared; then nobody writes either.
        for options in ("mode=ro", "mode=ro&immutable=1"):
            uri = f"{path.absolute().as_uri()}?{options}"
            connection = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)
            try:
                _check(connection, path, schema, _marks(connection))
            except sqlite3.OperationalError:
                connection.close()
                if "immutable" in options:
                    raise
            except BaseException:
                connection.close()
                raise
            else:
                return connection
        raise AssertionError("unreachable")


@contextmanager
def sqlite_errors(path: Path, kind: str, wanted: str) -> Iterator[None]:
    """Say in words what SQLite says of a file.

    Args:
        path: The file.
        kind: What the message calls it.
        wanted: What was to be done with it: ``"read"`` or ``"written"``.

    Raises:
        StorageError: Something around the file is in the way.
        RefusedError: The file itself is broken, or no database.
    """
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            message = f"The {kind} {path} cannot be {wanted}: another process is writing to it."
            raise StorageError(message) from error
        if code in _HELD_UP:
            raise StorageError(f"The {kind} {path} cannot be {wanted}: {error}.") from error
        raise RefusedError(
            f"{path} is no {kind}, or damaged: {error}. Move it away, or name another file."
        ) from error


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written in the block is there afterwards, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        # A full disk may have rolled it back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _prepare(connection: sqlite3.Connection, path: Path, schema: SqliteSchema) -> None:
    marks = _marks(connection)
    if not _empty(connection, marks):
        _check(connection, path, schema, marks)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    with transaction(connection):
        # Another process may have made it meanwhile.
        marks = _marks(connection)
        if not _empty(connection, marks):
            _check(connection, path, schema, marks)
            return
        for statement in filter(str.strip, schema.script.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {schema.application_id}")
        connection.execute(f"PRAGMA user_version = {schema.version}")


def _marks(connection: sqlite3.Connection) -> tuple[int, int]:
    """Whose the database is, and the version of its layout."""
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return owner, version


def _empty(connection: sqlite3.Connection, marks: tuple[int, int]) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return tables == 0 and marks == (0, 0)


def _check(
    connection: sqlite3.Connection, path: Path, schema: SqliteSchema, marks: tuple[int, int]
) -> None:
    """Raises `RefusedError` when the database is not one that can be used."""
    owner, version = marks
    if owner != schema.application_id:
        raise RefusedError(f"{path} is a database, but no {schema.kind}. Name another file.")
    if version > schema.version:
        raise RefusedError(
            f"The {schema.kind} {path} has layout {version}, this version of robot-skills knows "
            f"{schema.version}: update robot-skills, or name another file."
        )
    (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if said != "ok":
        raise RefusedError(f"The {schema.kind} {path} is damaged: {said}. Move it away.")
