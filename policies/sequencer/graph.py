"""Situations as numbers: literals and calls as nodes, what calls need and change as edges."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policies.features import Float32
from robot_skills.core.plan import Literal
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.sequencer import Option, Situation
from robot_skills.core.types import DEFAULT_ARM

LITERAL_FEATURES = ("holds", "wanted", "unwanted", "later", "first", "early")
"""Numbers of a literal; `first` is the first in the order of the words that is not as wanted."""
CALL_FEATURES = (
    "ready",
    "asked",
    "on_request",
    "last",
    "last_ok",
    "last_failed",
    "failures",
    "on_table",
    "in_hand",
    "hand_away",
    "apart",
    "unseen",
)
"""Numbers of a call: conditions, what was just done, and where its things are."""
RELATIONS = ("needs", "needs_not", "brings", "ends")
"""Kinds of edges between calls and literals."""

_FAR_M = 0.5
"""Distances are given as a share of this."""
_MANY = 3.0
"""Failures in a row are given as a share of this."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Graph:
    """One situation.

    Attributes:
        literals: Numbers per literal, (L, len(LITERAL_FEATURES)).
        calls: Numbers per call, (C, len(CALL_FEATURES)).
        edges: For each relation, call and literal of every edge, (2, E).
    """

    literals: Float32
    calls: Float32
    edges: tuple[NDArray[np.int64], ...]

    def __post_init__(self) -> None:
        assert len(self.edges) == len(RELATIONS)


def graph_of(situation: Situation) -> Graph:
    """The graph of a situation; names are in it no more."""
    wishes = (*situation.wanted, *situation.later)
    spoken_of = [*wishes, *(x for option in situation.options for x in option.needs)]
    places = {key: i for i, key in enumerate(dict.fromkeys(map(_key, spoken_of)))}
    edges: tuple[list[tuple[int, int]], ...] = ([], [], [], [])
    for i, option in enumerate(situation.options):
        needs = [(i, places[_key(x)]) for x in option.needs if not x.negated]
        needs_not = [(i, places[_key(x)]) for x in option.needs if x.negated]
        brings = [(i, places[_key(x)]) for x in option.brings if _key(x) in places]
        ends = [(i, places[_key(x)]) for x in option.ends if _key(x) in places]
        for kind, found in zip(edges, (needs, needs_not, brings, ends), strict=True):
            kind += found
    return Graph(
        literals=_literals(situation, places),
        calls=np.array([_call(situation, x) for x in situation.options], dtype=np.float32).reshape(
            -1, len(CALL_FEATURES)
        ),
        edges=tuple(np.array(kind, dtype=np.int64).reshape(-1, 2).T for kind in edges),
    )


_Key = tuple[str, tuple[str, ...]]


def _key(literal: Literal) -> _Key:
    return literal.predicate, literal.args


def _met(situation: Situation, literal: Literal) -> bool:
    positive = replace(literal, negated=False) if literal.negated else literal
    return (positive in situation.facts) != literal.negated


def _literals(situation: Situation, places: dict[_Key, int]) -> Float32:
    numbers = np.zeros((len(places), len(LITERAL_FEATURES)), dtype=np.float32)
    column = {name: i for i, name in enumerate(LITERAL_FEATURES)}
    for fact in situation.facts:
        if _key(fact) in places:
            numbers[places[_key(fact)], column["holds"]] = 1.0
    for literal in situation.later:
        numbers[places[_key(literal)], column["later"]] = 1.0
    for i, literal in enumerate(situation.wanted):
        row = numbers[places[_key(literal)]]
        row[column["unwanted" if literal.negated else "wanted"]] = 1.0
        row[column["early"]] = 1.0 / (1.0 + i)
    first = next((x for x in situation.wanted if not _met(situation, x)), None)
    if first is not None:
        numbers[places[_key(first)], column["first"]] = 1.0
    return numbers


def _call(situation: Situation, option: Option) -> list[float]:
    scene, last = situation.scene, situation.last
    things = [scene[name] for name in option.call.args.values() if name in scene]
    again = last is not None and last.call == option.call
    values = {
        "ready": all(_met(situation, x) for x in option.needs),
        "asked": option.call == situation.asked,
        "on_request": option.on_request,
        "last": again,
        "last_ok": last is not None and again and last.ok,
        "last_failed": last is not None and again and not last.ok,
        "failures": min(last.failures / _MANY, 1.0) if last is not None and again else 0.0,
        "on_table": any(thing.name == TABLE for thing in things),
        "in_hand": any(thing.held_by is not None for thing in things),
        "hand_away": _hand_away(scene, things),
        "apart": _apart(things),
        "unseen": any(not thing.visible for thing in things),
    }
    return [float(values[name]) for name in CALL_FEATURES]


def _hand_away(scene: Scene, things: Sequence[Entity]) -> float:
    """How far the hand is from the nearest thing of a call, sideways; 1 where that is not known."""
    T_base_tool = scene.tools.get(DEFAULT_ARM)
    away = [
        float(np.linalg.norm((thing.T_base_entity.p - T_base_tool.p)[:2]))
        for thing in things
        if T_base_tool is not None and thing.name != TABLE
    ]
    return min(min(away) / _FAR_M, 1.0) if away else 1.0


def _apart(things: Sequence[Entity]) -> float:
    """How far the first two things of a call are from each other, sideways; 0 with fewer."""
    ends = [thing.T_base_entity.p[:2] for thing in things if thing.name != TABLE][:2]
    return min(float(np.linalg.norm(ends[0] - ends[-1])) / _FAR_M, 1.0) if ends else 0.0
