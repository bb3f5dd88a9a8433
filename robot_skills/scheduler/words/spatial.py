"""Where things are to each other, as people say it: relations and rankings of entities.

Left, right, front and behind are the robot's: it looks along +x of its base, so left is +y, what is
in front of a thing is nearer to the robot, and what is behind it is farther away.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from robot_skills.core.predicates import in_, near, on
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.scheduler.words import lexicon as words

Relation = Callable[[Scene, str, str], bool]
"""Whether one thing is in a relation to another one."""

_LEAST_M = 0.02
"""Things that are less apart along a direction are level."""
_CONE = 1.75
"""A thing is on a side of another one where it is not more than so much farther across."""
_ASIDE_M = 0.12
"""Farthest from the line between two things that is still between them."""
_TIE_M = 0.005
_TIE_SIZE = 0.02


def _towards(axis: int, sign: float, cone: float) -> Relation:
    def relation(scene: Scene, thing: str, other: str) -> bool:
        way = (scene[thing].T_base_entity.p - scene[other].T_base_entity.p)[:2]
        ahead, across = sign * float(way[axis]), abs(float(way[1 - axis]))
        return TABLE not in (thing, other) and ahead > _LEAST_M and across <= cone * ahead

    return relation


def _above(scene: Scene, thing: str, other: str) -> bool:
    """Somewhere on top of it, on other things or directly."""
    if on(scene, thing, other):
        return True
    below = [e.name for e in scene if e.name not in (thing, other, TABLE)]
    return any(on(scene, thing, name) and _above(scene, name, other) for name in below)


def _under(scene: Scene, thing: str, other: str) -> bool:
    return _above(scene, other, thing)


_AXES = {"left": (1, 1.0), "right": (1, -1.0), "front": (0, -1.0), "behind": (0, 1.0)}
_SIDES = {side: _towards(axis, sign, _CONE) for side, (axis, sign) in _AXES.items()}
_LOOSELY = {_SIDES[side]: _towards(axis, sign, np.inf) for side, (axis, sign) in _AXES.items()}

WHERE: Mapping[str, tuple[Relation, ...]] = {
    **dict.fromkeys(
        ("inside of", "inside", "within", "in", "out of", "contained in", "from inside"), (in_,)
    ),
    **dict.fromkeys(("on top of", "on", "upon", "atop", "off of", "off", "from on top of"), (on,)),
    **dict.fromkeys(
        ("next to", "beside", "close to", "near", "near to", "by", "adjacent to"), (near,)
    ),
    "from": (in_, on),
    **{
        f"{before}{side}{behind}": (_SIDES[side],)
        for side in ("left", "right")
        for before in ("to the ", "on the ", "at the ", "")
        for behind in (" of", " side of", " hand side of")
    },
    **dict.fromkeys(("in front of", "before"), (_SIDES["front"],)),
    **dict.fromkeys(("behind", "in back of", "at the back of", "beyond"), (_SIDES["behind"],)),
    **dict.fromkeys(("above", "over"), (_above,)),
    **dict.fromkeys(("under", "underneath", "below", "beneath"), (_under,)),
}
"""What a preposition behind a noun says about where the thing is."""


def loosely(relation: Relation) -> Relation:
    """A relation, of which only the direction counts where nothing is in it otherwise."""
    return _LOOSELY.get(relation, relation)


def between(scene: Scene, thing: str, one: str, other: str) -> bool:
    """Whether a thing is on the way from one to another, or not far beside it."""
    p, a, b = (scene[name].T_base_entity.p for name in (thing, one, other))
    way = (b - a)[:2]
    length = float(np.linalg.norm(way))
    if thing in (one, other, TABLE):
        return False
    if length <= _LEAST_M:
        # They stand on each other.
        level = float(np.linalg.norm((p - a)[:2])) <= _LEAST_M
        return level and bool(min(a[2], b[2]) < p[2] < max(a[2], b[2]))
    along = float((p - a)[:2] @ way) / length
    aside = abs(float((p - a)[0] * way[1] - (p - a)[1] * way[0])) / length
    return 0.0 < along < length and aside <= _ASIDE_M


def piled(scene: Scene, thing: str) -> bool:
    """Whether a movable thing stands on another one, or has one on it."""
    others = [e.name for e in scene if e.name not in (thing, TABLE) and e.movable]
    return any(on(scene, thing, x) or on(scene, x, thing) for x in others)


def distance_m(scene: Scene, thing: str, other: str) -> float:
    """Between the middles of two things, over the table."""
    way = scene[thing].T_base_entity.p - scene[other].T_base_entity.p
    return float(np.linalg.norm(way[:2]))


def ranked(
    ranking: str, entities: Sequence[Entity], landmark: Entity | None = None
) -> list[Entity]:
    """Entities, the one that a ranking word means first.

    Args:
        ranking: Of `lexicon.RANKINGS`.
        entities: To rank.
        landmark: What near and far are meant from; the robot when None.
    """
    key = _key(ranking, entities, landmark)
    return sorted(entities, key=key)


def tied(ranking: str, ordered: Sequence[Entity], i: int, landmark: Entity | None = None) -> bool:
    """Whether the ranking leaves open which of two neighbours in its order is meant."""
    key = _key(ranking, ordered, landmark)
    if not 0 <= i < len(ordered) - 1:
        return False
    one, other = key(ordered[i]), key(ordered[i + 1])
    sizes = ranking in words.BIGGEST | words.SMALLEST
    return abs(one - other) <= (_TIE_SIZE * max(abs(one), abs(other)) if sizes else _TIE_M)


def _key(
    ranking: str, entities: Sequence[Entity], landmark: Entity | None
) -> Callable[[Entity], float]:
    origin = np.zeros(2) if landmark is None else landmark.T_base_entity.p[:2]

    def far(entity: Entity) -> float:
        return float(np.linalg.norm(entity.T_base_entity.p[:2] - origin))

    keys: tuple[tuple[frozenset[str], Callable[[Entity], float]], ...] = (
        (words.LEFT, lambda e: -float(e.T_base_entity.p[1])),
        (words.RIGHT, lambda e: float(e.T_base_entity.p[1])),
        (words.NEAREST, far),
        (words.FARTHEST, lambda e: -far(e)),
        (words.BIGGEST, lambda e: -float(np.prod(e.extents_m))),
        (words.SMALLEST, lambda e: float(np.prod(e.extents_m))),
        (words.TALLEST, lambda e: -float(e.extents_m[2])),
        (words.SHORTEST, lambda e: float(e.extents_m[2])),
        (words.TOP, lambda e: -float(e.bottom_m)),
        (words.BOTTOM, lambda e: float(e.bottom_m)),
        (words.MIDDLE, _off_middle(entities)),
    )
    return next(key for names, key in keys if ranking in names)


def _off_middle(entities: Sequence[Entity]) -> Callable[[Entity], float]:
    """How many places a thing is from the middle of a row, or of a pile where they are piled up."""
    heights = [e.bottom_m for e in entities]
    piled = bool(heights) and max(heights) - min(heights) > _LEAST_M
    row = sorted(entities, key=lambda e: e.bottom_m if piled else float(e.T_base_entity.p[1]))
    places = {e.name: abs(i - 0.5 * (len(row) - 1)) for i, e in enumerate(row)}
    return lambda entity: places[entity.name]
