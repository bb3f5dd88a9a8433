"""YAML into dataclasses: every key is known, every value of its kind."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml

from robot_skills.core.errors import DatasetError, unknown_name


def load_yaml[T](kind: type[T], path: Path) -> T:
    """Read a YAML file into a dataclass.

    Raises:
        DatasetError: It is missing or damaged, a key is unknown, or a value is of another kind.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise DatasetError(f"{path} cannot be read: {reason}") from error
    try:
        return _built(kind, data, "")
    except ValueError as error:
        raise DatasetError(f"{path}: {error}") from error


def _built(kind: Any, data: Any, at: str) -> Any:
    """A value of a kind: a dataclass, a mapping or tuple of kinds, an enum, text or a number."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if data is None:
            return None
        return _built(next(one for one in arguments if one is not type(None)), data, at)
    if is_dataclass(kind):
        return _dataclass(kind, data, at)
    if origin is Mapping:
        return {key: _built(arguments[1], one, f"{at}.{key}") for key, one in _keys(data, at)}
    if origin is tuple:
        if not isinstance(data, list):
            raise ValueError(f"{at} needs a list, got {data!r}.")
        return tuple(_built(arguments[0], one, f"{at}[{i}]") for i, one in enumerate(data))
    return _plain(kind, data, at)


def _plain(kind: Any, data: Any, at: str) -> Any:
    if issubclass(kind, Enum):
        known = [member.value for member in kind]
        if data not in known:
            raise ValueError(f"{at} needs one of {', '.join(known)}, got {data!r}.")
        return kind(data)
    if kind is float and isinstance(data, int | float) and not isinstance(data, bool):
        return float(data)
    if not isinstance(data, kind) or data == "":
        raise ValueError(f"{at} needs a {kind.__name__}, got {data!r}.")
    return data


def _dataclass(kind: Any, data: Any, at: str) -> Any:
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}
    found = {}
    for key, value in _keys(data, at):
        if key not in known:
            raise ValueError(str(unknown_name(f"key in {at or 'the mapping'}", key, known)))
        found[key] = _built(hints[key], value, f"{at}.{key}".lstrip("."))
    for name, one in known.items():
        optional = one.default is not MISSING or one.default_factory is not MISSING
        if name not in found and not optional:
            raise ValueError(f"{f'{at}.{name}'.lstrip('.')} is missing.")
    try:
        return kind(**found)
    except ValueError as error:
        raise ValueError(f"{at or 'the mapping'}: {error}") from None


def _keys(data: Any, at: str) -> list[tuple[str, Any]]:
    if not isinstance(data, dict) or not all(isinstance(key, str) for key in data):
        raise ValueError(f"{at or 'the mapping'} needs keys with values, got {data!r}.")
    return list(data.items())
