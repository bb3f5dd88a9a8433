"""Reading files that somebody else wrote: what is wrong with one is said in one line."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from robot_skills.core.errors import DatasetError, MissingDependencyError


@contextmanager
def reading(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Turn what readers raise about a damaged file into one line that names it.

    Args:
        path: The file that is being read.
        errors: What its reader raises, besides `OSError`.

    Raises:
        DatasetError: In their place.
    """
    try:
        yield
    except (OSError, *errors) as error:
        lines = str(error).strip().splitlines()
        reason = lines[0] if lines else type(error).__name__
        raise DatasetError(f"{path} cannot be read: {reason}") from error


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        DatasetError: The file is missing, or holds something else.
    """
    if not path.is_file():
        raise DatasetError(f"{path} is missing.")
    with reading(path, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise DatasetError(f"{path} should hold a JSON object, it holds a {type(found).__name__}.")
    return found


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """JSON objects, one per line.

    Raises:
        DatasetError: The file is missing, or a line holds something else.
    """
    if not path.is_file():
        raise DatasetError(f"{path} is missing.")
    with reading(path, ValueError):
        lines = path.read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.strip()]
    if not all(isinstance(row, dict) for row in found):
        raise DatasetError(f"{path} should hold one JSON object per line.")
    return found


def needed[T](row: Mapping[str, Any], key: str, kind: type[T], path: Path) -> T:
    """A value that a file must hold.

    Raises:
        DatasetError: It is missing, or of another kind.
    """
    value: Any = row.get(key)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        found = "nothing" if key not in row else repr(value)
        raise DatasetError(f"{path}: {key!r} should be a {kind.__name__}, found {found}.")
    return value


def library(name: str, wanted_for: str) -> ModuleType:
    """A library that only some datasets need.

    Raises:
        MissingDependencyError: It is not installed.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise MissingDependencyError(
            f"{wanted_for} needs the package {name!r}, which does not work here: {error}. "
            "Install the extra `record`: pip install 'robot-skills[record]'."
        ) from None
