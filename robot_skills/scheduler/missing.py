"""Skills that nobody has: what they would be called, what they would take, and what they achieve.

Whoever is to teach one needs these three, not only the news that it is missing.
"""

from collections.abc import Mapping, Sequence

from robot_skills.core.errors import MissingSkillError
from robot_skills.core.plan import Literal
from robot_skills.core.scene import TABLE, Scene
from robot_skills.skills.card import ParameterType

_USUAL: Mapping[str, tuple[str, Mapping[str, ParameterType], tuple[str, ...]]] = {
    "holding": ("grasp", {"object": ParameterType.MOVABLE}, ("holding({object})",)),
    "on": (
        "place",
        {"object": ParameterType.MOVABLE, "target": ParameterType.SUPPORT},
        ("on({object}, {target})", "hand_empty()"),
    ),
    "in": (
        "place",
        {"object": ParameterType.MOVABLE, "target": ParameterType.CONTAINER},
        ("in({object}, {target})", "hand_empty()"),
    ),
    "beside": (
        "place",
        {"object": ParameterType.MOVABLE, "target": ParameterType.SUPPORT},
        ("beside({object}, {target})", "hand_empty()"),
    ),
    "inserted": (
        "insert",
        {"object": ParameterType.MOVABLE, "socket": ParameterType.CONTAINER},
        ("inserted({object}, {socket})", "hand_empty()"),
    ),
    "open": ("open", {"thing": ParameterType.ARTICULATED}, ("open({thing})",)),
    "accepts": ("open", {"thing": ParameterType.ARTICULATED}, ("open({thing})",)),
    "closed": ("close", {"thing": ParameterType.ARTICULATED}, ("closed({thing})",)),
    "turned_on": ("press", {"control": ParameterType.CONTROL}, ("turned_on({control})",)),
    "turned_off": ("press", {"control": ParameterType.CONTROL}, ("turned_off({control})",)),
    "over": ("reach", {"object": ParameterType.SUPPORT}, ("over({object})",)),
    "alongside": ("reach", {"object": ParameterType.SUPPORT}, ("alongside({object})",)),
    "lying": ("tip", {"object": ParameterType.MOVABLE}, ("lying({object})",)),
}
"""Verb, parameters and effects of a skill that makes a predicate true."""


def missing_for(literal: Literal, message: str) -> MissingSkillError:
    """The error for a literal that no skill has among its effects.

    Args:
        literal: What was to become true.
        message: What was tried, one sentence.
    """
    verb, parameters, effects = _USUAL.get(
        literal.predicate,
        (literal.predicate, {}, (str(literal),)),
    )
    return _error(message, verb, {name: kind.value for name, kind in parameters.items()}, effects)


def missing_verb(verb: str, things: Sequence[str], scene: Scene, message: str) -> MissingSkillError:
    """The error for words that no skill stands for; only its teacher knows its effects.

    Args:
        verb: What was said.
        things: Entities that it was said of, in the order of the words.
        scene: Where they are.
        message: What was asked, one sentence.
    """
    names = ("object", "target")
    parameters = {
        name: _type_of(thing, scene).value for name, thing in zip(names, things, strict=False)
    }
    return _error(message, verb, parameters, ())


def _type_of(thing: str, scene: Scene) -> ParameterType:
    """The narrowest type of parameter that admits an entity."""
    kinds = (
        ParameterType.CONTROL,
        ParameterType.AREA,
        ParameterType.ARTICULATED,
        ParameterType.CONTAINER,
        ParameterType.MOVABLE,
    )
    fitting = [kind for kind in kinds if thing != TABLE and kind.admits(scene[thing])]
    return fitting[0] if fitting else ParameterType.SUPPORT


def _error(
    message: str, verb: str, parameters: Mapping[str, str], effects: tuple[str, ...]
) -> MissingSkillError:
    taken = ", ".join(f"{name}: {kind}" for name, kind in parameters.items())
    achieved = " and ".join(effects) or "effects that are yours to say"
    return MissingSkillError(
        f"{message} Missing: a skill {verb}({taken}) with {achieved}.",
        verb=verb,
        parameters=parameters,
        effects=effects,
    )
