"""Corrections that are kept: one SQLite file, which several processes may use at the same time."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from robot_skills.core.errors import RefusedError, StorageError, UnknownNameError
from robot_skills.scheduler.corrections.changes import (
    Correction,
    change_from_json,
    change_to_json,
    scope_from_json,
    scope_to_json,
)
from robot_skills.scheduler.sqlite_file import (
    SqliteSchema,
    open_sqlite,
    open_sqlite_to_read,
    sqlite_errors,
    transaction,
)

SCHEMA = SqliteSchema(
    kind="file of corrections",
    application_id=0x52534B43,
    version=1,
    script="""
        CREATE TABLE correction (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            made_utc TEXT NOT NULL,
            words TEXT NOT NULL,
            instruction TEXT NOT NULL,
            scope TEXT NOT NULL,
            change TEXT NOT NULL
        ) STRICT;
        CREATE TABLE situation (
            correction INTEGER NOT NULL REFERENCES correction(number) ON DELETE CASCADE,
            words TEXT NOT NULL,
            wanted INTEGER NOT NULL CHECK (wanted IN (0, 1)),
            PRIMARY KEY (correction, words)
        ) STRICT;
    """,
)
_LONGEST_INSTRUCTION = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A correction as it is kept.

    Attributes:
        correction: What is wanted; its situation is that in which it was said.
        instruction: That was being carried out.
        made_utc: When it was said, in ISO 8601.
        unwanted: Situations, in words, in which somebody did not want it.
    """

    correction: Correction
    instruction: str
    made_utc: str
    unwanted: tuple[str, ...] = ()

    @property
    def number(self) -> int:
        assert self.correction.number is not None
        return self.correction.number


class CorrectionStore:
    """Keeps corrections. Open it with `open` or as a context manager, and close it.

    Args:
        path: The file; it is made where there is none.
        read_only: Leave it as it is.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path = path
        self._open_file = open_sqlite_to_read if read_only else open_sqlite
        self._connection: sqlite3.Connection | None = None

    def open(self) -> Self:
        """Open the file.

        Raises:
            RefusedError: It cannot be used: somebody else's, damaged, locked or not to be written.
        """
        try:
            self._connection = self._open_file(self.path, SCHEMA)
        except StorageError as error:
            raise RefusedError(str(error)) from error
        return self

    def close(self) -> None:
        """Close the file; harmless where it is not open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, correction: Correction, instruction: str) -> Correction:
        """Keep a correction, with its number. Raises `StorageError` when it cannot be written."""
        with self._writing() as connection:
            cursor = connection.execute(
                "INSERT INTO correction (made_utc, words, instruction, scope, change) "
                "VALUES (?, ?, ?, ?, ?)",
                (
                    datetime.now(UTC).isoformat(timespec="seconds"),
                    correction.words,
                    instruction[:_LONGEST_INSTRUCTION],
                    json.dumps(scope_to_json(correction.scope)),
                    json.dumps(change_to_json(correction.change)),
                ),
            )
            number = cursor.lastrowid
            connection.execute(
                "INSERT INTO situation VALUES (?, ?, 1)", (number, correction.situation)
            )
        return replace(correction, number=number)

    def revise(self, correction: Correction) -> None:
        """Keep a correction as it is now in place of how it was. Raises as `add` does."""
        with self._writing() as connection:
            connection.execute(
                "UPDATE correction SET words = ?, change = ? WHERE number = ?",
                (
                    correction.words,
                    json.dumps(change_to_json(correction.change)),
                    correction.number,
                ),
            )

    def unwanted(self, number: int, situation: str) -> None:
        """Keep that a correction was not wanted in a situation. Raises as `add` does."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO situation SELECT number, ?, 0 FROM correction WHERE number = ? "
                "ON CONFLICT DO NOTHING",
                (situation, number),
            )

    def delete(self, number: int) -> None:
        """Forget a correction.

        Raises:
            UnknownNameError: There is none of that number.
            StorageError: It cannot be written.
        """
        with self._writing() as connection:
            cursor = connection.execute("DELETE FROM correction WHERE number = ?", (number,))
            if cursor.rowcount == 0:
                raise self._no_such(number)

    def all(self) -> list[Kept]:
        """Every correction, the oldest first.

        Raises:
            RefusedError: The file holds something that is no correction.
            StorageError: It cannot be read.
        """
        with sqlite_errors(self.path, SCHEMA.kind, "read"):
            rows = self._open.execute(
                "SELECT number, made_utc, words, instruction, scope, change FROM correction "
                "ORDER BY number"
            ).fetchall()
            situations = self._open.execute(
                "SELECT correction, words, wanted FROM situation ORDER BY rowid"
            ).fetchall()
        return [_kept(row, situations) for row in rows]

    def get(self, number: int) -> Kept:
        """One correction. Raises `UnknownNameError`, and as `all` does."""
        for kept in self.all():
            if kept.number == number:
                return kept
        raise self._no_such(number)

    def _no_such(self, number: int) -> UnknownNameError:
        numbers = ", ".join(str(kept.number) for kept in self.all())
        return UnknownNameError(f"There is no correction {number}. Available: {numbers or 'none'}.")

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise RefusedError(f"The {SCHEMA.kind} {self.path} is not open.")
        return self._connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with sqlite_errors(self.path, SCHEMA.kind, "written"), transaction(self._open):
            yield self._open


def _kept(row: tuple[int, str, str, str, str, str], situations: list[tuple[int, str, int]]) -> Kept:
    number, made_utc, words, instruction, scope, change = row
    mine = [(said, wanted) for of, said, wanted in situations if of == number]
    try:
        correction = Correction(
            scope=scope_from_json(json.loads(scope)),
            change=change_from_json(json.loads(change)),
            words=words,
            situation=next((said for said, wanted in mine if wanted), ""),
            number=number,
        )
    except ValueError as error:
        raise RefusedError(f"Correction {number} is damaged: {error}.") from None
    return Kept(
        correction=correction,
        instruction=instruction,
        made_utc=made_utc,
        unwanted=tuple(said for said, wanted in mine if not wanted),
    )
