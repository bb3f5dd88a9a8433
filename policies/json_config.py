"""Settings as dataclasses that go to plain JSON values and back, refusing what does not fit."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from enum import Enum
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Self, get_args, get_origin, get_type_hints


class JsonConfig:
    """Base of settings: to and from plain JSON values; unknown and missing keys are refused.

    Only a field with a default may be missing: it is younger than the file.
    """

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """Nested dict of JSON values."""
        return _plain(asdict(self))  # type: ignore[call-overload]

    @classmethod
    def from_json(cls, values: object) -> Self:
        """Build from what `to_json` gave.

        Raises:
            ValueError: On a value that is no mapping, and on unknown, missing or refused fields.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"{cls.__name__} needs a mapping, got {type(values).__name__}.")
        specs = fields(cls)  # type: ignore[arg-type]
        needed = {s.name for s in specs if s.default is MISSING and s.default_factory is MISSING}
        odd = sorted((set(values) - {spec.name for spec in specs}) | (needed - set(values)))
        if odd:
            raise ValueError(f"{cls.__name__} has unknown or missing fields: {', '.join(odd)}.")
        hints = get_type_hints(cls)
        return cls(**{name: _typed(hints[name], value) for name, value in values.items()})


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _typed(hint: Any, value: Any) -> Any:
    """The value as the type that a field's annotation asks for."""
    if get_origin(hint) is UnionType:
        options = get_args(hint)
        if value is None and NoneType in options:
            return None
        (hint,) = (option for option in options if option is not NoneType)
    if get_origin(hint) is list:
        if not isinstance(value, list):
            raise ValueError(f"Wanted a list, got {value!r}.")
        return [_typed(get_args(hint)[0], item) for item in value]
    if issubclass(hint, Enum):
        return hint(value)
    if issubclass(hint, JsonConfig):
        return hint.from_json(value)
    # Python counts True as an integer; a settings file that says so is wrong.
    mistaken = isinstance(value, bool) and hint is not bool
    if mistaken or not isinstance(value, (int, float) if hint is float else hint):
        raise ValueError(f"Wanted {hint.__name__}, got {value!r}.")
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"Wanted a finite number, got {value!r}.")
    return value


def require(condition: bool, message: str) -> None:
    """Refuse contradictory settings with a `ValueError`."""
    if not condition:
        raise ValueError(message)
