"""Dataclasses as JSON and back, by the types of their fields."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from robot_skills.core.se3 import SE3


def encode(value: object) -> Any:
    """A value as JSON can hold it: poses as ``{xyz, wxyz}``, arrays as lists."""
    match value:
        case SE3():
            return {"xyz": value.p.tolist(), "wxyz": value.wxyz().tolist()}
        case np.ndarray() | np.generic():
            return value.tolist()
        case Enum():
            return value.value
        case Mapping():
            return {str(key): encode(one) for key, one in value.items()}
        case list() | tuple():
            return [encode(one) for one in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value


def decode(kind: Any, data: Any) -> Any:
    """What `encode` made of a value of a type.

    Args:
        kind: The type.
        data: As JSON gave it.

    Raises:
        TypeError: It is not that.
        ValueError: It is not that.
        KeyError: A field is missing.
    """
    origin, inside = get_origin(kind), get_args(kind)
    if kind is SE3:
        return SE3.from_wxyz(data["wxyz"], data["xyz"])
    if origin is np.ndarray or kind is np.ndarray:
        return np.array(data, dtype=get_args(inside[1])[0] if inside else np.float64)
    if origin in (Union, UnionType):
        chosen = [one for one in inside if one is not type(None)]
        return None if data is None else decode(chosen[0], data)
    if origin is tuple:
        kinds = [inside[0]] * len(data) if inside[-1] is Ellipsis else inside
        return tuple(decode(one, part) for one, part in zip(kinds, data, strict=True))
    if origin is not None and issubclass(origin, Mapping):
        return {key: decode(inside[1], one) for key, one in data.items()}
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        unknown = set(data) - {field.name for field in fields(kind)}
        if unknown:
            raise ValueError(f"unknown fields {', '.join(sorted(unknown))}")
        return kind(**{field.name: decode(hints[field.name], data[field.name])
                       for field in fields(kind)})  # fmt: skip
    return kind(data)
