"""How far the filling of an array has come, kept so that a killed process costs a few rows."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

_FORMAT = 1
"""Of the record; a change makes older ones unreadable, which begins the filling anew."""


def saved_rows(path: Path, key: str) -> int:
    """Rows that are safely on disk, in the order of filling.

    Args:
        path: The record.
        key: Hash of everything that the array's content depends on.

    Returns:
        0 where there is no record, or it was cut, changed or kept for another key.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0
    if not isinstance(record, dict) or not isinstance(record.get("rows"), int):
        return 0
    return record["rows"] if record == _record(key, record["rows"]) else 0


def save_rows(path: Path, key: str, rows: int) -> None:
    """Keep the number of rows, whole or not at all; the rows themselves must be on disk already.

    Args:
        path: The record.
        key: Hash of everything that the array's content depends on.
        rows: How many are filled.

    Raises:
        OSError: When it cannot be written; an older record stays.
    """
    fresh = path.with_name(f"{path.name}.new")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(_record(key, rows), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise


def _record(key: str, rows: int) -> dict[str, object]:
    seal = hashlib.sha256(f"{_FORMAT} {key} {rows}".encode()).hexdigest()
    return {"key": key, "rows": rows, "seal": seal}
