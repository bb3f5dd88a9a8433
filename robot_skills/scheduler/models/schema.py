"""JSON schema of an answer, made from the skill cards and the scene.

It uses only what endpoints that decode along a schema have in common: every property required, no
others, and choices by `anyOf` and `enum`.
"""

from collections.abc import Iterable
from typing import Any

from robot_skills.scheduler.models.vocabulary import Vocabulary
from robot_skills.skills.card import ParameterType, SkillCard

KINDS = PLAN, ASK, IMPOSSIBLE = ("plan", "ask", "impossible")
"""What an answer can be."""
MAX_GOAL = 20
MAX_ON_THE_WAY = 10
MAX_EXPECTS = 8


def answer_schema(
    vocabulary: Vocabulary, max_steps: int, alternatives: int | None = None
) -> dict[str, Any]:
    """The schema of an answer.

    Args:
        vocabulary: What it may speak of.
        max_steps: Longest plan.
        alternatives: How many plans there may be; None for a single one.
    """
    literals = {"type": "array", "maxItems": MAX_GOAL, "items": {"$ref": "#/$defs/literal"}}
    steps = {"type": "array", "maxItems": max_steps, "items": {"$ref": "#/$defs/step"}}
    properties: dict[str, Any] = {
        "answer": {"type": "string", "enum": list(KINDS)},
        "say": {"type": "string"},
        "goal": literals,
        "on_the_way": _lists(literals),
        "never": _lists(literals),
        "untouched": {"type": "array", "maxItems": MAX_GOAL, "items": _thing(vocabulary)},
    }
    if alternatives is None:
        properties["steps"] = steps
    else:
        plan = _object({"steps": steps})
        properties["plans"] = {"type": "array", "maxItems": alternatives, "items": plan}
    return {**_object(properties), "$defs": _definitions(vocabulary)}


def _definitions(vocabulary: Vocabulary) -> dict[str, Any]:
    kinds = {kind.value: vocabulary.of_type(kind) for kind in ParameterType}
    things = {kind: _enum(names) for kind, names in kinds.items() if names}
    if vocabulary.names:
        things["thing"] = _enum(vocabulary.names)
    return {
        **things,
        "literal": {"anyOf": _literals(vocabulary)},
        "step": {"anyOf": [_step(card) for card in vocabulary.cards]},
    }


def _literals(vocabulary: Vocabulary) -> list[dict[str, Any]]:
    """One choice for each number of arguments that predicates take."""
    found = []
    for count in sorted(set(vocabulary.predicates.values())):
        names = [name for name, args in vocabulary.predicates.items() if args == count]
        if count and not vocabulary.names:
            continue
        item = _thing(vocabulary) if count else {"type": "string"}
        args = {"type": "array", "minItems": count, "maxItems": count, "items": item}
        found.append(_object({"predicate": _enum(names), "args": args, "not": {"type": "boolean"}}))
    return found


def _step(card: SkillCard) -> dict[str, Any]:
    args = {
        parameter.name: _enum(parameter.choices)
        if parameter.type is ParameterType.WORD
        else {"$ref": f"#/$defs/{parameter.type.value}"}
        for parameter in card.parameters
    }
    expects = {"type": "array", "maxItems": MAX_EXPECTS, "items": {"$ref": "#/$defs/literal"}}
    return _object({"skill": _enum([card.name]), "args": _object(args), "expects": expects})


def _thing(vocabulary: Vocabulary) -> dict[str, Any]:
    return {"$ref": "#/$defs/thing"} if vocabulary.names else {"type": "string"}


def _lists(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "maxItems": MAX_ON_THE_WAY, "items": items}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _enum(values: Iterable[str]) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}
