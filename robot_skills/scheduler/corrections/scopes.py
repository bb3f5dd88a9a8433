"""What corrections are about, in a scene: scopes of calls and goals, and situations in words."""

from collections.abc import Mapping, Sequence

from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.scene import Scene
from robot_skills.scheduler.corrections.changes import Level, Scope, kind_of, spoken
from robot_skills.skills.card import ParameterType, SkillCard
from robot_skills.skills.runner import in_words

_SAID = {"in": "in", "on": "on", "beside": "next to", "inserted": "in"}


def call_scope(card: SkillCard, call: SkillCall, scene: Scene) -> Scope:
    """The kind of call that a call is of. Raises `UnknownNameError` for things out of the scene."""
    types = {parameter.name: parameter.type for parameter in card.parameters}
    things = {name: value for name, value in call.args.items() if _is_thing(types, name)}
    return Scope(
        level=Level.CALL,
        name=call.skill,
        words={name: value for name, value in call.args.items() if name not in things},
        kinds={name: kind_of(scene[value]) for name, value in things.items()},
    )


def call_situation(card: SkillCard, call: SkillCall, scene: Scene) -> str:
    """A call as a person would ask for it."""
    types = {parameter.name: parameter.type for parameter in card.parameters}
    said = {
        name: spoken(scene[value]) if _is_thing(types, name) else value
        for name, value in call.args.items()
    }
    return in_words(card, said)


def goal_scope(literal: Literal, scene: Scene) -> Scope:
    """The kind of goal that a literal is of. Raises `UnknownNameError` as `call_scope` does."""
    kinds = {str(i): kind_of(scene[name]) for i, name in enumerate(literal.args)}
    return Scope(level=Level.GOAL, name=literal.predicate, kinds=kinds)


def goal_situation(literal: Literal, scene: Scene) -> str:
    """A goal in words."""
    return relation_text(literal.predicate, [spoken(scene[name]) for name in literal.args])


def relation_text(predicate: str, names: Sequence[str]) -> str:
    """A predicate and what its things are called, in words."""
    relation = _SAID.get(predicate, predicate.replace("_", " "))
    return f"{names[0]} {relation} {' '.join(names[1:])}".strip() if names else relation


def _is_thing(types: Mapping[str, ParameterType], name: str) -> bool:
    return types.get(name) is not ParameterType.WORD
