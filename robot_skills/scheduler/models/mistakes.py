"""Where an answer is not of its schema, in a few words that a model can mend it by."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from robot_skills.scheduler.models.errors import quoted

if TYPE_CHECKING:
    from jsonschema import ValidationError

_CHOOSING = ("skill", "predicate")
"""Keys whose values tell one choice of the schema from the others."""
_MOST = 40
"""Names that are listed."""


def why(error: "ValidationError") -> str:
    """Where an answer is wrong, what is there, and what may be there."""
    while error.context:
        meant = _of_meant_choice(error.context)
        if meant is None:
            return _no_choice(error.context)
        error = meant
    return _said(error, error.validator_value)


def _said(error: "ValidationError", wanted: Any) -> str:
    instance: Any = error.instance
    where = "/".join(map(str, error.absolute_path)) or "the answer"
    there = quoted(json.dumps(instance, ensure_ascii=False))
    match error.validator:
        case "enum":
            return f"{where} is {there}, known are {_listed(wanted)}"
        case "required":
            return f"{where} lacks {', '.join(name for name in wanted if name not in instance)}"
        case "additionalProperties":
            known = _listed(_properties(error))
            return f"{where} has keys that nobody asked for: {there}, known are {known}"
        case "maxItems":
            return f"{where} has {len(instance)} items, at most {wanted} are allowed"
        case "minItems":
            return f"{where} has {len(instance)} items, at least {wanted} are needed"
        case rule:
            return f"{where} is {there}, it has to be {rule} {wanted}"


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    more = ", ..." if len(shown) > _MOST else ""
    return (", ".join(shown[:_MOST]) or "none") + more


def _of_meant_choice(errors: "Sequence[ValidationError]") -> "ValidationError | None":
    """An error of the choice whose skill or predicate fits; None where none does."""
    choices: dict[int, list[ValidationError]] = {}
    for error in errors:
        choices.setdefault(int(error.schema_path[0]), []).append(error)
    for found in choices.values():
        if not any(map(_about_choosing, found)):
            return found[0]
    return None


def _no_choice(errors: "Sequence[ValidationError]") -> str:
    """What to say where no choice is meant: all names that there are."""
    naming = [one for one in errors if _about_choosing(one) and one.validator == "enum"]
    if not naming:
        return _said(errors[0], errors[0].validator_value)
    lists: list[Any] = [one.validator_value for one in naming]
    return _said(naming[0], list(dict.fromkeys(name for names in lists for name in names)))


def _about_choosing(error: "ValidationError") -> bool:
    """Whether an error is about what tells one choice from the others, or rules out all."""
    if len(error.relative_path) == 1:
        return error.relative_path[0] in _CHOOSING
    if error.validator == "required":
        instance: Any = error.instance
        return any(name in _properties(error) and name not in instance for name in _CHOOSING)
    return error.validator == "type" and not error.relative_path


def _properties(error: "ValidationError") -> dict[str, Any]:
    """Of the object that the schema describes where the error is."""
    schema: Any = error.schema
    return schema["properties"]
