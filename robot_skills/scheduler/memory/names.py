"""The same thing keeps its name over a restart.

A perceiver numbers things of a kind in the order in which it sees them, so after a restart ``can``
may be what was ``can_2``. Goals and what is remembered use the names of before.
"""

import re
from collections.abc import Iterable, Mapping

import numpy as np

from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.scheduler.memory.records import Sighting

_SAME_PLACE_M = 0.05
_NUMBERED = re.compile(r"_\d+$")


def names_of_before(
    scene: Scene, known: Mapping[str, Sighting], named: Mapping[str, str]
) -> dict[str, str]:
    """Names for the things of a scene that have none yet.

    Of things of one kind and colour, what stands where one stood is that one; where a single one is
    seen and a single one is remembered, they are the same wherever it stands. Whatever is new keeps
    the perceiver's name, or gets the next number where that is taken.

    Args:
        scene: As the perceiver names things.
        known: What was seen before, by name.
        named: Names that have been given already, by the perceiver's.

    Returns:
        The name of before, by the perceiver's.
    """
    new = [e for e in scene if e.name not in named and e.movable and e.name != TABLE]
    given: dict[str, str] = {}
    taken = {*named.values(), *(e.name for e in scene if not e.movable)}
    free = {name: sighting for name, sighting in known.items() if name not in taken}
    for entity, name in _same_place(new, free):
        given[entity.name] = name
    for entity in new:
        left = {name: s for name, s in free.items() if name not in given.values()}
        if entity.name not in given:
            given[entity.name] = _name(entity, new, left, taken | set(given.values()))
    return given


def _same_place(
    new: Iterable[Entity], free: Mapping[str, Sighting]
) -> Iterable[tuple[Entity, str]]:
    """Pairs of things that stand where one of their kind stood, the nearest first."""
    pairs = sorted(
        (away_m, entity.name, name, entity)
        for entity in new
        for name, sighting in free.items()
        if _alike(entity, sighting.entity)
        and not sighting.inside
        and (away_m := _away_m(entity, sighting.entity)) < _SAME_PLACE_M
    )
    given: dict[str, str] = {}
    for _, _, name, entity in pairs:
        if entity.name not in given and name not in given.values():
            given[entity.name] = name
            yield entity, name


def _name(
    entity: Entity, new: Iterable[Entity], left: Mapping[str, Sighting], taken: set[str]
) -> str:
    """The name of a thing that stands where none of its kind stood."""
    alike = [name for name, sighting in left.items() if _alike(entity, sighting.entity)]
    kin = [other for other in new if _alike(entity, other)]
    if len(alike) == 1 and len(kin) == 1:
        return alike[0]
    # One of its kind may be where nobody can see it, and keeps its name.
    others = taken | left.keys()
    stem, number, name = _NUMBERED.sub("", entity.name), 2, entity.name
    while name in others:
        name, number = f"{stem}_{number}", number + 1
    return name


def _alike(a: Entity, b: Entity) -> bool:
    """Whether two are of one kind and colour; where nobody would name a colour, of one kind."""
    return a.label == b.label and (a.colour == b.colour or "" in (a.colour, b.colour))


def _away_m(a: Entity, b: Entity) -> float:
    return float(np.linalg.norm(a.T_base_entity.p - b.T_base_entity.p))
