"""What can be said about a scene. Pure functions of a `Scene` and entity names."""

from collections.abc import Callable, Mapping
from inspect import Parameter, signature

import numpy as np

from robot_skills.core.errors import unknown_name
from robot_skills.core.free_spots import solids
from robot_skills.core.plan import Literal
from robot_skills.core.scene import (
    TABLE,
    Entity,
    Region,
    Scene,
    distance_to_rectangle,
    footprint_gap_m,
)
from robot_skills.core.types import DEFAULT_ARM

ON_GAP_M = 0.02
"""Largest vertical gap between a thing and what it stands on."""
IN_MARGIN_M = 0.012
"""How far a centre may stick out of a cavity sideways and still count as in."""
OPEN_FRACTION = 0.7
CLOSED_M = 0.02
NEAR_M = 0.12
BESIDE_M = 0.10
"""Largest gap between two things that stand beside each other."""
OVER_M = 0.025
"""Farthest that a tool over a thing is from its middle, sideways."""
HEIGHTS_OVER_M = (0.03, 0.14)
"""Least and greatest height of a tool over a thing, from its top."""
SEEN_OFF_M = 0.003
"""Sizes are seen so far off: what seems so much too wide may fit."""
SNUG_M = 0.01
"""A thing has less room than this, from side to side, in a hole that it is made for."""
PUSHED_M = (0.09, 0.27)
"""Least and greatest distance that a thing is pushed."""
BEHIND_M = 0.075
"""A hand that pushes a thing comes down so far behind its middle."""
PALM_M = 0.045
"""Height over the table below which things pass under the palm of a hand that pushes."""
HAND_SIDE_M = 0.10
"""Room beside the way of a hand's middle that the hand needs where its palm passes ..."""
FINGERS_SIDE_M = 0.04
"""... and below its palm."""
GAPS_ALONGSIDE_M = (0.01, 0.10)
"""Least and greatest distance of a tool alongside a thing, from its side."""
SLENDER = 1.25
"""Ratio of two sizes of a thing from which on one is clearly the longer."""


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
        others = [e.name for e in scene if e.name not in (thing, TABLE) and e.cavity is not None]
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
    """Nothing stands on the thing. Table and marked areas are always clear: things share them."""
    below = scene[thing].name
    return below in shared_supports(scene) or not any(
        on(scene, entity.name, below) for entity in scene if entity.name not in (below, TABLE)
    )


def shared_supports(scene: Scene) -> frozenset[str]:
    """Names of what several things stand on beside each other: the table and its marked areas."""
    return frozenset({TABLE, *(entity.name for entity in scene if entity.painted)})


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
    narrow_enough = all(side <= space + SEEN_OFF_M for side, space in zip(sides, room, strict=True))
    return narrow_enough and bool(low_enough)


def snug(scene: Scene, thing: str, container: str) -> bool:
    """The thing fits into the container, which leaves it next to no room: a peg and its hole."""
    a, b = scene[thing], scene[container]
    if b.cavity is None or not fits(scene, thing, container):
        return False
    room = np.sort(b.cavity.extents_m[:2]) - np.sort(a.extents_m[:2])
    return bool(np.all(room < SNUG_M))


def way_free(scene: Scene, thing: str, place: str) -> bool:
    """A hand can push the thing over the table straight to the middle of the place.

    The way is neither too short nor too long, and there is room for the hand all along it.
    """
    a, b = scene[thing], scene[place]
    way = (b.T_base_entity.p - a.T_base_entity.p)[:2]
    far_m = float(np.linalg.norm(way))
    if a.held_by is not None or not PUSHED_M[0] <= far_m <= PUSHED_M[1]:
        return False
    begin = a.T_base_entity.p[:2] - BEHIND_M * way / far_m
    points = begin + np.linspace(0.0, 1.0, 15)[:, None] * (b.T_base_entity.p[:2] - begin)
    for other in scene:
        if other.name in (thing, place, TABLE) or other.painted or other.held_by is not None:
            continue
        for T_base_box, size, top_m in solids(other):
            low = top_m <= scene.table_height_m + PALM_M
            side_m = FINGERS_SIDE_M if low else HAND_SIDE_M
            if float(distance_to_rectangle(points, T_base_box, size).min()) < side_m:
                return False
    return True


def beside(scene: Scene, thing: str, other: str) -> bool:
    """The thing, not held, stands next to the other one on the same surface, without touching it.

    Between their boxes is a gap of at most `BESIDE_M`.
    """
    a, b = scene[thing], scene[other]
    if a.held_by is not None or b.held_by is not None or thing == other:
        return False
    level = abs(a.bottom_m - b.bottom_m) <= ON_GAP_M
    return bool(level and 0.0 < footprint_gap_m(a, b) <= BESIDE_M)


def inserted(scene: Scene, thing: str, socket: str) -> bool:
    """The thing, not held, sits in a hole that is made for it, at least half as deep as it goes."""
    a, b = scene[thing], scene[socket]
    if b.cavity is None or not (in_(scene, thing, socket) and snug(scene, thing, socket)):
        return False
    bottom = _cavity_point(a, b, b.cavity)[2] - 0.5 * a.extents_m[2]
    return bool(bottom <= 0.0)


def turned_on(scene: Scene, thing: str) -> bool:
    """It can be switched, and is on."""
    control = scene[thing].control
    return control is not None and control.on


def turned_off(scene: Scene, thing: str) -> bool:
    """It can be switched, and is off."""
    control = scene[thing].control
    return control is not None and not control.on


def over(scene: Scene, thing: str, arm: str = DEFAULT_ARM) -> bool:
    """The tool is above the middle of the thing, near its top, without touching it."""
    entity, T_base_tool = scene[thing], scene.tools.get(arm)
    if T_base_tool is None:
        return False
    off_m = float(np.linalg.norm((T_base_tool.p - entity.T_base_entity.p)[:2]))
    height_m = float(T_base_tool.p[2]) - entity.top_m
    return off_m <= OVER_M and HEIGHTS_OVER_M[0] <= height_m <= HEIGHTS_OVER_M[1]


def alongside(scene: Scene, thing: str, arm: str = DEFAULT_ARM) -> bool:
    """The tool is next to the thing, lower than its top, without touching it."""
    entity, T_base_tool = scene[thing], scene.tools.get(arm)
    if T_base_tool is None:
        return False
    local = np.abs((entity.T_base_entity.inverse() @ T_base_tool.p)[:2])
    gap_m = float(np.linalg.norm(np.maximum(local - 0.5 * entity.extents_m[:2], 0.0)))
    low = float(T_base_tool.p[2]) <= entity.top_m + ON_GAP_M
    return low and GAPS_ALONGSIDE_M[0] <= gap_m <= GAPS_ALONGSIDE_M[1]


def upright(scene: Scene, thing: str) -> bool:
    """The thing is clearly higher than long: it stands, and can be tipped over."""
    x, y, height = scene[thing].extents_m
    return bool(height >= SLENDER * max(x, y))


def lying(scene: Scene, thing: str) -> bool:
    """The thing is clearly longer than high."""
    x, y, height = scene[thing].extents_m
    return bool(max(x, y) >= SLENDER * height)


def near(scene: Scene, thing: str, other: str) -> bool:
    """The boxes are less than `NEAR_M` apart sideways: their centres, less their half sizes."""
    a, b = scene[thing], scene[other]
    gap = np.linalg.norm(a.T_base_entity.p[:2] - b.T_base_entity.p[:2])
    return bool(gap - 0.5 * min(a.extents_m[:2]) - 0.5 * min(b.extents_m[:2]) <= NEAR_M)


PASSING = frozenset({"over", "alongside"})
"""Predicates of where the tool is: whatever moves next ends them."""
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
    "snug": snug,
    "way_free": way_free,
    "beside": beside,
    "inserted": inserted,
    "turned_on": turned_on,
    "turned_off": turned_off,
    "over": over,
    "alongside": alongside,
    "upright": upright,
    "lying": lying,
}
"""Every predicate by the name that goals and skill cards use."""


def arity(predicate: str) -> tuple[int, int]:
    """Least and greatest number of arguments of a predicate.

    Raises:
        UnknownNameError: There is no such predicate.
    """
    if predicate not in PREDICATES:
        raise unknown_name("predicate", predicate, PREDICATES)
    _, *names = signature(PREDICATES[predicate]).parameters.values()
    return sum(name.default is Parameter.empty for name in names), len(names)


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
