"""A scene as text for a model: JSON in a block of data that nothing inside it can end."""

import json
from collections import defaultdict

from robot_skills.core.plan import Literal
from robot_skills.core.scene import Entity
from robot_skills.scheduler.models.chat import Json
from robot_skills.scheduler.models.errors import one_line
from robot_skills.scheduler.models.vocabulary import Vocabulary
from robot_skills.scheduler.world_model import (
    STATIC,
    State,
    WorldModel,
    card_predicates,
    ground_calls,
)
from robot_skills.skills.card import ParameterType

_LABEL = 40
_NOT_SAID = frozenset({"upright", "lying"})
"""Predicates that follow from the sizes."""


def data_block(name: str, value: Json) -> str:
    """JSON between marks that cannot come about inside, whatever the value says."""
    text = json.dumps(value, allow_nan=False).replace("<", "\\u003c").replace(">", "\\u003e")
    return f"<{name}>\n{text}\n</{name}>"


def scene_text(vocabulary: Vocabulary) -> str:
    """Everything that a planner needs to know of a scene.

    Things with label, colour, size and place in the base frame [cm], what they may be given for,
    what holds, and what the sizes and distances of things allow.
    """
    scene = vocabulary.scene
    model = WorldModel(scene, card_predicates(vocabulary.cards))
    state = model.initial()
    types: dict[str, Json] = {
        kind.value: list(vocabulary.of_type(kind))
        for kind in ParameterType
        if kind is not ParameterType.WORD
    }
    things: list[Json] = [_thing(entity, vocabulary) for entity in scene]
    content: dict[str, Json] = {
        "things": things,
        "types": types,
        "holds": _facts(state, model, vocabulary),
        "fixed": _fixed(model, vocabulary),
    }
    return data_block("scene", content)


def _thing(entity: Entity, vocabulary: Vocabulary) -> Json:
    place: list[Json] = [round(100.0 * float(x), 1) for x in entity.T_base_entity.p]
    size: list[Json] = [round(100.0 * float(x), 1) for x in entity.extents_m]
    thing: dict[str, Json] = {
        "name": vocabulary.spoken(entity.name),
        "label": one_line(entity.label, _LABEL),
        "at_cm": place,
        "size_cm": size,
    }
    if entity.colour:
        thing["colour"] = one_line(entity.colour, _LABEL)
    if not entity.visible:
        thing["seen_now"] = False
    return thing


def _facts(state: State, model: WorldModel, vocabulary: Vocabulary) -> list[Json]:
    """What holds and can change; the hand, too."""
    literals = [Literal(predicate=name, args=args) for name, args in sorted(state)]
    empty = Literal(predicate="hand_empty", args=())
    if model.holds(state, empty):
        literals.insert(0, empty)
    return [vocabulary.literal_text(one) for one in literals if one.predicate not in _NOT_SAID]


def _fixed(model: WorldModel, vocabulary: Vocabulary) -> Json:
    """What calls need of sizes and distances, which no skill changes: the shorter list of each."""
    asked: dict[str, dict[Literal, None]] = defaultdict(dict)
    for call in ground_calls(vocabulary.cards, model):
        for literal in call.preconditions:
            if literal.predicate in STATIC:
                positive = Literal(predicate=literal.predicate, args=literal.args)
                asked[literal.predicate][positive] = None
    told: dict[str, Json] = {}
    for predicate, literals in asked.items():
        so = [one for one in literals if model.holds(frozenset(), one)]
        not_so = [one for one in literals if one not in so]
        fewer = "only" if len(so) <= len(not_so) else "all but"
        shorter = so if fewer == "only" else not_so
        told[predicate] = {fewer: [vocabulary.literal_text(one) for one in shorter]}
    return told
