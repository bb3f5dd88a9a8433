"""Moments as numbers: entities and past calls as tokens, what could be done as a tree of choices.

A call is chosen from the skill on: skill, first argument given the skill, second given both. What
can be chosen at each step is what the options leave, so nothing of a wrong type is ever chosen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policies.features import Float32
from robot_skills.core.next_call import Glimpses, Moment, Vocabulary
from robot_skills.core.plan import Literal, SkillCall
from robot_skills.core.scene import TABLE, Entity
from robot_skills.core.sequencer import LastCall
from robot_skills.core.types import DEFAULT_ARM

ENTITY_NUMBERS = (
    "x",
    "y",
    "above_table",
    "size_x",
    "size_y",
    "size_z",
    "from_hand",
    "held",
    "visible",
    "movable",
    "container",
    "painted",
    "opens",
    "opened",
    "open",
    "closed",
    "switches",
    "turned_on",
    "displaced",
    "table",
    "seen",
)
"""Numbers of an entity; `displaced` ones have no place, `seen` is whether there is a picture."""
RELATIONS = ("on", "in", "inserted", "beside", "dx", "dy", "dz")
"""Numbers of a pair of entities: what holds of the first and the second, and the way between."""
ATTEMPT_NUMBERS = ("ok", "failures", "age")
"""Numbers of a past call."""
MAX_ARGS = 3
"""Arguments of a call."""
MAX_HISTORY = 12
"""Past calls that are remembered."""
NONE = -1
"""Place of an argument that a call does not have."""

_PREDICATES = RELATIONS[:4]
_CENTRE_M = np.array([0.5, 0.0, 0.0])
"""Middle of the table's front half, about which places are given."""
_SPAN_M = 0.4
"""Places and ways are given as a share of this."""
_THING_M = 0.1
"""Sizes are given as a share of this."""
_MANY = 3.0
"""Failures in a row are given as a share of this."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Encoded:
    """One moment, of E entities and H past calls.

    An argument is the place of an entity, or E plus the place of a word of the vocabulary.

    Attributes:
        instruction: The words.
        labels: What every entity is called.
        colours: And its colour; empty where it has none.
        numbers: Of every entity, (E, len(ENTITY_NUMBERS)).
        relations: Of every pair, (E, E, len(RELATIONS)).
        glimpses: Pictures of those that were seen, by their places.
        calls: Skill and arguments of past calls, (H, 1 + MAX_ARGS).
        attempts: Numbers of past calls, (H, len(ATTEMPT_NUMBERS)).
        options: Skill and arguments of what could be done, (O, 1 + MAX_ARGS).
    """

    instruction: str
    labels: tuple[str, ...]
    colours: tuple[str, ...]
    numbers: Float32
    relations: Float32
    glimpses: Mapping[int, NDArray[np.uint8]]
    calls: Indices
    attempts: Float32
    options: Indices


def encode(moment: Moment, vocabulary: Vocabulary) -> Encoded:
    """A moment as numbers."""
    entities = list(moment.scene)
    places = {entity.name: i for i, entity in enumerate(entities)}
    places |= {word: len(entities) + i for i, word in enumerate(vocabulary.words)}
    history = moment.history[-MAX_HISTORY:]
    known = [past for past in history if _known(past.call, vocabulary, places)]
    return Encoded(
        instruction=moment.instruction,
        labels=tuple(entity.label.replace("_", " ") for entity in entities),
        colours=tuple(entity.colour for entity in entities),
        numbers=np.stack([_numbers(moment, entity) for entity in entities]),
        relations=_relations(moment, entities, places),
        glimpses=_glimpses(moment.glimpses, places),
        calls=_places((past.call for past in known), vocabulary, places),
        attempts=_attempts(known),
        options=_places(moment.options, vocabulary, places),
    )


def _known(call: SkillCall, vocabulary: Vocabulary, places: Mapping[str, int]) -> bool:
    """Whether a past call is one of these skills, about things that are still there."""
    return call.skill in vocabulary.skills and all(arg in places for arg in call.args.values())


def _numbers(moment: Moment, entity: Entity) -> Float32:
    scene, joint = moment.scene, entity.articulation
    hand = scene.tools.get(DEFAULT_ARM)
    displaced = entity.name in moment.displaced
    p = entity.T_base_entity.p - _CENTRE_M
    far_m = 0.0 if hand is None else float(np.linalg.norm((entity.T_base_entity.p - hand.p)[:2]))
    place = np.zeros(3) if displaced else p / _SPAN_M

    def is_so(predicate: str) -> bool:
        return Literal(predicate=predicate, args=(entity.name,)) in moment.facts

    values = {
        "x": place[0],
        "y": place[1],
        "above_table": 0.0 if displaced else (p[2] - scene.table_height_m) / _SPAN_M,
        "size_x": entity.extents_m[0] / _THING_M,
        "size_y": entity.extents_m[1] / _THING_M,
        "size_z": entity.extents_m[2] / _THING_M,
        "from_hand": 0.0 if displaced else far_m / _SPAN_M,
        "held": is_so("holding"),
        "visible": entity.visible,
        "movable": entity.movable,
        "container": entity.cavity is not None,
        "painted": entity.painted,
        "opens": joint is not None,
        "opened": 0.0 if joint is None or displaced else joint.value_m / max(joint.upper_m, 1e-6),
        "open": is_so("open"),
        "closed": is_so("closed"),
        "switches": entity.control is not None,
        "turned_on": is_so("turned_on"),
        "displaced": displaced,
        "table": entity.name == TABLE,
        "seen": entity.name in moment.glimpses,
    }
    # A table as large as it is would drown the rest.
    return np.clip([float(values[name]) for name in ENTITY_NUMBERS], -3.0, 3.0).astype(np.float32)


def _relations(moment: Moment, entities: Sequence[Entity], places: Mapping[str, int]) -> Float32:
    numbers = np.zeros((len(entities), len(entities), len(RELATIONS)), dtype=np.float32)
    for fact in moment.facts:
        if fact.predicate in _PREDICATES and all(arg in places for arg in fact.args):
            i, j = (places[arg] for arg in fact.args)
            numbers[i, j, _PREDICATES.index(fact.predicate)] = 1.0
    p = np.stack([entity.T_base_entity.p for entity in entities])
    there = np.array([entity.name not in moment.displaced for entity in entities])
    known = (there[:, None] & there[None])[..., None]
    numbers[..., len(_PREDICATES) :] = known * np.clip((p[None] - p[:, None]) / _SPAN_M, -3.0, 3.0)
    return numbers


def _glimpses(glimpses: Glimpses, places: Mapping[str, int]) -> dict[int, NDArray[np.uint8]]:
    return {places[name]: picture for name, picture in glimpses.items() if name in places}


def _places(
    calls: Iterable[SkillCall], vocabulary: Vocabulary, places: Mapping[str, int]
) -> Indices:
    rows = []
    for call in calls:
        args = [places[value] for value in call.args.values()]
        missing = [NONE] * (MAX_ARGS - len(args))
        rows.append([vocabulary.names.index(call.skill), *args, *missing])
    return np.array(rows, dtype=np.int64).reshape(-1, 1 + MAX_ARGS)


def _attempts(history: Sequence[LastCall]) -> Float32:
    rows = [
        (float(past.ok), min(past.failures / _MANY, 1.0), age / MAX_HISTORY)
        for age, past in zip(range(len(history) - 1, -1, -1), history, strict=True)
    ]
    return np.array(rows, dtype=np.float32).reshape(-1, len(ATTEMPT_NUMBERS))
