"""Dataclasses as plain JSON values, and back."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np


def to_plain(value: Any) -> Any:
    """Dataclasses to dictionaries, enums to their values, arrays to lists, what is not finite to
    None: JSON has no word for it."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {each.name: to_plain(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return to_plain(value.tolist())
    if isinstance(value, Sequence):
        return [to_plain(each) for each in value]
    raise TypeError(f"Cannot be sent: {type(value).__name__}.")


def from_plain[T](kind: type[T], value: Any) -> T:
    """Build a dataclass from what `to_plain` made of it. A number that was not finite is NaN.

    Raises:
        TypeError: A field is missing, unknown, or of another kind.
    """
    return _build(kind, value)


def _build(kind: Any, value: Any) -> Any:
    origin = get_origin(kind)
    if origin in (UnionType, Union):
        return _optional(kind, value)
    if origin is tuple:
        return _tuple(get_args(kind), value)
    if origin is not None and issubclass(origin, Mapping):
        return {key: _build(get_args(kind)[1], each) for key, each in value.items()}
    if not isinstance(kind, type):
        raise TypeError(f"Cannot be built: {kind}.")
    if is_dataclass(kind):
        hints = _hints(kind)
        return kind(**{name: _build(hints[name], each) for name, each in value.items()})
    if issubclass(kind, Enum):
        return kind(value)
    if kind is float:
        return math.nan if value is None else float(value)
    if not isinstance(value, kind):
        raise TypeError(f"Expected {kind}, got {value!r}.")
    return value


def _optional(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    (only,) = (each for each in get_args(kind) if each is not NoneType)
    return _build(only, value)


def _tuple(kinds: tuple[Any, ...], value: Any) -> tuple[Any, ...]:
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        return tuple(_build(kinds[0], each) for each in value)
    return tuple(_build(each_kind, each) for each_kind, each in zip(kinds, value, strict=True))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
