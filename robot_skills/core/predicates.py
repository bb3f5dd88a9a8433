"""What can be said about a scene. Pure functions of a `Scene` and entity names."""

from collections.abc import Callable, Mapping

import numpy as np

from robot_skills.core.errors import unknown_name
from robot_skills.core.plan import Literal
from robot_skills.core.scene import TABLE, Entity, Region, Scene
from robot_skills.core.types import DEFAULT_ARM

ON_GAP_M = 0.02
"""Largest vertical gap between a thing and what it stands on."""
IN_MARGIN_M = 0.012
"""How far a centre may stick out of a cavity sideways and still count as in."""
OPEN_FRACTION = 0.7
CLOSED_M = 0.02
NEAR_M = 0.12


def _cavity_point(thing: Entity, container: Entity, cavity: Region) -> np.ndarray:
    T_base_region = container.T_base_entity @ cavity.T_entity_region
    return T_base_region.inverse() @ thing.T_base_entity.p


def in_(scene: Scene, thing: str, container: str) -> bool:
    """The thing, not held, has its centre over the cavity's floor area and its bottom inside it."""
    a, b = scene[thing], scene[container]
    if b.cavity is None or a.held_by is not None:
        return False
    p = _cavity_point(a, b, b.cavity)
    half = 0.5 * b.cavity.extents_m
    bottom = p[2] - 0.5 * a.extents_m[2]
    sideways = np.all(np.abs(p[:2]) <= half[:2] + IN_MARGIN_M)
    return bool(sideways and -half[2] - ON_GAP_M <= bottom <= half[2])


def on(scene: Scene, thing: str, support: str) -> bool:
    """The thing, not held, rests on the top face of the support with its centre over it.

    On the table means on the table directly: not in a container and not on another thing.
    """
    a, b = scene[thing], scene[support]
    if a.held_by is not None or thing == support:
        return False
    if support == TABLE:
        others = [e.name for e in scene if e.name not in (thing, TABLE)]
        lifted = a.bottom_m > b.top_m + ON_GAP_M
        return not lifted and not any(in_(scene, thing, name) for name in others)
    offset = b.T_base_entity.inverse() @ a.T_base_entity.p
    over = np.all(np.abs(offset[:2]) <= 0.5 * b.extents_m[:2])
    return bool(over and abs(a.bottom_m - b.top_m) <= ON_GAP_M)


def holding(scene: Scene, thing: str) -> bool:
    """Some arm holds the thing."""
    return scene[thing].held_by is not None


def hand_empty(scene: Scene, arm: str = DEFAULT_ARM) -> bool:
    """The arm holds nothing."""
    return scene.held(arm) is None


def open_(scene: Scene, thing: str) -> bool:
    """The joint is at most 30 % of its range short of fully open."""
    joint = scene[thing].articulation
    return joint is not None and joint.value_m >= OPEN_FRACTION * joint.upper_m


def closed(scene: Scene, thing: str) -> bool:
    """The joint is within `CLOSED_M` of closed."""
    joint = scene[thing].articulation
    return joint is not None and joint.value_m <= CLOSED_M


def clear(scene: Scene, thing: str) -> bool:
    """Nothing stands on the thing. The table is always clear: things share it."""
    below = scene[thing].name
    return below == TABLE or not any(
        on(scene, entity.name, below) for entity in scene if entity.name not in (below, TABLE)
    )


def accessible(scene: Scene, thing: str) -> bool:
    """The thing is not shut away in a container that has no access from the top."""
    inside = scene[thing].name
    return not any(
        entity.cavity is not None and entity.access is None and in_(scene, inside, entity.name)
        for entity in scene
        if entity.name != inside
    )


def accepts(scene: Scene, container: str) -> bool:
    """Things can be put into the container from the top now."""
    return scene[container].access is not None


def fits(scene: Scene, thing: str, container: str) -> bool:
    """The thing is small enough for the container; to be closed over it, low enough too."""
    a, b = scene[thing], scene[container]
    if b.cavity is None:
        return False
    sides = sorted(a.extents_m[:2])
    room = sorted(b.cavity.extents_m[:2])
    low_enough = b.articulation is None or a.extents_m[2] <= b.cavity.extents_m[2]
    return bool(sides[0] <= room[0] and sides[1] <= room[1] and low_enough)


def near(scene: Scene, thing: str, other: str) -> bool:
    """The boxes are less than `NEAR_M` apart sideways: their centres, less their half sizes."""
    a, b = scene[thing], scene[other]
    gap = np.linalg.norm(a.T_base_entity.p[:2] - b.T_base_entity.p[:2])
    return bool(gap - 0.5 * min(a.extents_m[:2]) - 0.5 * min(b.extents_m[:2]) <= NEAR_M)


PREDICATES: Mapping[str, Callable[..., bool]] = {
    "on": on,
    "in": in_,
    "holding": holding,
    "hand_empty": hand_empty,
    "open": open_,
    "closed": closed,
    "clear": clear,
    "accessible": accessible,
    "accepts": accepts,
    "fits": fits,
    "near": near,
}
"""Every predicate by the name that goals and skill cards use."""


def holds(scene: Scene, literal: Literal) -> bool:
    """Whether a literal is true in a scene.

    Raises:
        UnknownNameError: The predicate or an entity does not exist.
    """
    try:
        predicate = PREDICATES[literal.predicate]
    except KeyError:
        raise unknown_name("predicate", literal.predicate, PREDICATES) from None
    return predicate(scene, *literal.args) != literal.negated


def unmet(scene: Scene, literals: tuple[Literal, ...]) -> tuple[Literal, ...]:
    """The literals that do not hold."""
    return tuple(literal for literal in literals if not holds(scene, literal))
