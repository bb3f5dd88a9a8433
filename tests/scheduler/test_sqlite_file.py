"""Small databases: whose they are, and what is said when they cannot be used."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from robot_skills.core.errors import RefusedError, StorageError
from robot_skills.scheduler.sqlite_file import (
    SqliteSchema,
    open_sqlite,
    open_sqlite_to_read,
    sqlite_errors,
    transaction,
)

SCHEMA = SqliteSchema(
    kind="test file",
    application_id=0x52534B54,
    version=2,
    script="CREATE TABLE note (text TEXT NOT NULL) STRICT;",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with one note."""
    made = tmp_path / "made.sqlite"
    with closing(open_sqlite(made, SCHEMA)) as connection, transaction(connection):
        connection.execute("INSERT INTO note VALUES ('first')")
    return made


def notes(connection: sqlite3.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT text FROM note")]


def test_what_was_written_is_there_when_it_is_opened_again(path):
    with closing(open_sqlite(path, SCHEMA)) as connection:
        assert notes(connection) == ["first"]
    with closing(open_sqlite_to_read(path, SCHEMA)) as connection:
        assert notes(connection) == ["first"]


def _write(connection: sqlite3.Connection, text: str, times: int = 1) -> None:
    with sqlite_errors(Path("made.sqlite"), SCHEMA.kind, "written"), transaction(connection):
        connection.executemany("INSERT INTO note VALUES (?)", [(text,)] * times)


def _write_and_fail(connection: sqlite3.Connection) -> None:
    with transaction(connection):
        connection.execute("INSERT INTO note VALUES ('second')")
        raise ZeroDivisionError


def test_a_transaction_that_fails_leaves_nothing(path):
    with closing(open_sqlite(path, SCHEMA)) as connection:
        with pytest.raises(ZeroDivisionError):
            _write_and_fail(connection)
        assert notes(connection) == ["first"]


def _text(path: Path) -> None:
    path.write_text("no database at all\n" * 100)


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")


def _newer(path: Path) -> None:
    newer = SqliteSchema(
        kind=SCHEMA.kind, application_id=SCHEMA.application_id, version=3, script=SCHEMA.script
    )
    open_sqlite(path, newer).close()


def _torn(path: Path) -> None:
    with closing(open_sqlite(path, SCHEMA)) as connection, transaction(connection):
        connection.executemany("INSERT INTO note VALUES (?)", [("x" * 500,)] * 100)
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\xa5" * 8192
    path.write_bytes(content)


@pytest.mark.parametrize("opened", [open_sqlite, open_sqlite_to_read])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_text, "no test file, or damaged"),
        (_foreign, "is a database, but no test file"),
        (_newer, "layout 3, this version of robot-skills knows 2"),
        (_torn, "damaged"),
    ],
)
def test_what_is_not_ours_or_broken_is_refused_and_left_alone(
    tmp_path, spoil: Callable[[Path], None], said, opened
):
    path = tmp_path / "spoilt.sqlite"
    spoil(path)
    before = path.read_bytes()
    with pytest.raises(RefusedError, match=said):
        opened(path, SCHEMA)
    assert path.read_bytes() == before


def test_another_process_that_is_writing_is_named_and_does_not_keep_readers_out(path):
    with closing(open_sqlite(path, SCHEMA)) as other, transaction(other):
        with pytest.raises(StorageError, match="another process is writing"):
            open_sqlite(path, SCHEMA)
        with closing(open_sqlite_to_read(path, SCHEMA)) as connection:
            assert notes(connection) == ["first"]


def test_a_full_disk_is_said(path):
    with closing(open_sqlite(path, SCHEMA)) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StorageError, match="full"):
            _write(connection, "x" * 4000, times=50)
    with closing(open_sqlite_to_read(path, SCHEMA)) as connection:
        assert notes(connection) == ["first"]


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Cannot write"):
        open_sqlite(tmp_path / "file" / "made.sqlite", SCHEMA)


def test_reading_makes_no_file(tmp_path):
    with pytest.raises(RefusedError, match="There is no test file"):
        open_sqlite_to_read(tmp_path / "none.sqlite", SCHEMA)
    assert not list(tmp_path.iterdir())


def test_a_file_that_nobody_may_write_can_be_read(path):
    # The superuser may write everything; a file opened as immutable is what is left to others.
    for beside in path.parent.iterdir():
        beside.chmod(0o444)
    with closing(open_sqlite_to_read(path, SCHEMA)) as connection:
        assert notes(connection) == ["first"]
