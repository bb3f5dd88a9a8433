"""Start situations of single skills: where demonstrations begin and where skills are measured.

A scenario is drawn from a generator alone. Training and evaluation draw from the same distribution
with different seeds.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import BEHIND_M, FINGERS_SIDE_M, HAND_SIDE_M, PALM_M
from robot_skills.core.scene import TABLE
from robot_skills.core.se3 import SE3, Array, so3_exp
from sim.fixtures import (
    BOX,
    BOX_M,
    BUTTON,
    BUTTON_BASE_M,
    CUPBOARD,
    DRAWER,
    SOCKET,
    SOCKET_M,
    SWITCH,
    SWITCH_BASE_M,
    ZONE,
)
from sim.footprints import Footprint, cupboard_footprints, drawer_footprints
from sim.layout import REACH_M, DrawerStart, random_layout
from sim.objects import PEG, ObjectPlacement
from sim.placements import Layout
from sim.variation import TRAINING, Variation, vary

_PUSH_FAR_M = (0.11, 0.24)
"""How far a thing is pushed."""
_SLACK_M = 0.01
"""Things are seen a little off, and the way has to be free as seen."""
_ALONGSIDE_M = 0.09
_DRAWS = 200
"""Layouts are tried; most have no free way to push along."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scenario:
    """One start of one skill.

    Attributes:
        skill: Name of the skill.
        args: Arguments of its call.
        task: The call in words.
        layout: The world.
        tokens: Entity and anchor of each token, in order.
        effects: What has to hold at the end.
        held: The thing that is in the gripper at the start.
        offset_m: Start of the tool relative to home, (3,).
        turn_rad: Rotation vector of the start relative to home, (3,).
        opening: Gripper opening at the start when nothing is held.
        push_m: Size of disturbances in training data.
        push_rad: Size of disturbing turns in training data.
        token_off_m: How far the last token is from the truth in training data, as perception's is.
        token_off_rad: How far it is turned.
    """

    skill: str
    args: Mapping[str, str]
    task: str
    layout: Layout
    tokens: tuple[tuple[str, str], ...]
    effects: tuple[Literal, ...]
    held: str | None = None
    offset_m: Array
    turn_rad: Array
    opening: float = 1.0
    push_m: float = 0.03
    push_rad: float = 0.15
    token_off_m: float = 0.0
    token_off_rad: float = 0.0

    def start(self, T_base_home: SE3) -> SE3:
        """`T_base_tool` at which the skill starts."""
        return SE3(so3_exp(self.turn_rad) @ T_base_home.R, T_base_home.p + self.offset_m)


def tokens_of(skill: str, *args: str) -> tuple[tuple[str, str], ...]:
    """Entity and anchor of each token that an expert sees, in order.

    Args:
        skill: Its name.
        args: Its arguments, in the order of its card.
    """
    thing, *more = args
    match skill:
        case "grasp":
            return ((thing, "box"),)
        case "place":
            relation, target = more
            return ((thing, "box"), (target, _PLACE_ANCHORS[relation]))
        case "reach":
            return ((thing, more[0]),)
        case "press":
            return ((thing, "press"),)
        case "push":
            return ((thing, "box"), (more[0], "top"))
        case "insert":
            return ((thing, "box"), (more[0], "access"))
        case "open" | "close":
            return ((thing, "handle"), (thing, "hinge"))
        case _:
            raise unknown_name("skill with scenarios", skill, SCENARIOS)


_PLACE_ANCHORS = {"in": "access", "on": "top", "beside": "spot_beside"}


def draw_scenario(
    skill: str, rng: np.random.Generator, variation: Variation = TRAINING
) -> Scenario:
    """A random start of a skill.

    Args:
        skill: Its name.
        rng: Source of all randomness.
        variation: What differs between starts.

    Raises:
        UnknownNameError: No scenario is known for the skill.
    """
    if skill not in SCENARIOS:
        raise unknown_name("skill with scenarios", skill, SCENARIOS)
    for _ in range(_DRAWS):
        try:
            scenario = SCENARIOS[skill](rng, variation)
        except RefusedError:
            # So many things did not fit on the table: draw others.
            continue
        return replace(scenario, layout=vary(scenario.layout, variation, rng))
    raise RefusedError(f"No layout for {skill!r} was found in {_DRAWS} draws.")


def _grasp(rng: np.random.Generator, v: Variation) -> Scenario:
    thing = str(rng.choice(v.objects.things))
    where = rng.random()
    drawer, placed = DrawerStart.ANY, {}
    if where < 0.15:
        placed = {thing: BOX}
    elif where < 0.30 and thing in v.objects.low:
        drawer, placed = DrawerStart.OPEN, {thing: DRAWER}
    elif where < 0.42 and thing in v.objects.stackable:
        below = str(rng.choice([cube for cube in v.objects.stackable if cube != thing]))
        placed = {thing: below}
    return Scenario(
        skill="grasp",
        args={"object": thing},
        task=f"pick up the {_words(thing)}",
        layout=_layout(rng, v, with_objects=(thing,), drawer=drawer, placed=placed),
        tokens=tokens_of("grasp", thing),
        effects=(_literal("holding", thing),),
        **random_start(rng),
    )


def _place(rng: np.random.Generator, v: Variation) -> Scenario:
    shares = [share for _, share in v.places]
    where = v.places[int(rng.choice(len(shares), p=shares))][0]
    drawer = DrawerStart.OPEN if where == "drawer" else DrawerStart.ANY
    things = {"drawer": v.objects.low, "cube": v.objects.stackable}.get(where, v.objects.things)
    thing = str(rng.choice(things))
    placed: dict[str, str] = {}
    if where == "cube":
        target = str(rng.choice([cube for cube in v.objects.stackable if cube != thing]))
    elif where == "beside":
        target = str(rng.choice([name for name in v.objects.things if name != thing]))
    else:
        target = {"drawer": DRAWER, "box": BOX, "table": TABLE}[where]
        # A container may hold something already: the new thing goes beside it.
        if where != "table" and rng.random() < 0.3:
            placed = {
                str(rng.choice([cube for cube in v.objects.stackable if cube != thing])): target
            }
    relation = {"drawer": "in", "box": "in", "beside": "beside"}.get(where, "on")
    with_objects = (thing, target) if where in ("cube", "beside") else (thing,)
    layout = _layout(rng, v, with_objects=with_objects, drawer=drawer, placed=placed)
    return Scenario(
        skill="place",
        args={"object": thing, "relation": relation, "target": target},
        task=f"put the {_words(thing)} {relation} the {_words(target)}",
        layout=layout,
        tokens=tokens_of("place", thing, relation, target),
        effects=(_literal(relation, thing, target), _literal("hand_empty")),
        held=thing,
        **random_start(rng),
    )


def _reach(rng: np.random.Generator, v: Variation) -> Scenario:
    side = "over" if rng.random() < 0.5 else "alongside"
    layout = _layout(rng, v)
    near = [item for item in layout.objects if _within_reach(item.T_base_object.p, _ALONGSIDE_M)]
    if not near:
        raise RefusedError("Nothing is near enough.")
    thing = near[int(rng.integers(len(near)))].name
    return Scenario(
        skill="reach",
        args={"object": thing, "side": side},
        task=f"go {'over' if side == 'over' else 'next to'} the {_words(thing)}",
        layout=layout,
        tokens=tokens_of("reach", thing, side),
        effects=(_literal(side, thing),),
        **random_start(rng),
    )


def _press(rng: np.random.Generator, v: Variation) -> Scenario:
    thing = BUTTON if rng.random() < 0.5 else SWITCH
    drawer = DrawerStart.ANY if thing == BUTTON else DrawerStart.ABSENT
    layout = _layout(rng, v, drawer=drawer, button=thing == BUTTON, switch=thing == SWITCH, count=2)
    if thing == BUTTON:
        layout = replace(layout, button_on=bool(rng.random() < 0.5))
    on = layout.button_on if thing == BUTTON else layout.switch_on
    return Scenario(
        skill="press",
        args={"control": thing, "state": "off" if on else "on"},
        task=f"turn the {thing} {'off' if on else 'on'}",
        layout=layout,
        tokens=tokens_of("press", thing),
        effects=(_literal("turned_off" if on else "turned_on", thing),),
        push_m=0.02,
        **random_start(rng),
    )


def _push(rng: np.random.Generator, v: Variation) -> Scenario:
    thing = str(rng.choice(v.objects.pushed))
    drawer = DrawerStart.CLOSED if rng.random() < 0.4 else DrawerStart.ABSENT
    layout = _layout(rng, v, with_objects=(thing,), count=2, drawer=drawer, box=False, zone=True)
    assert layout.T_base_zone is not None
    item = next(item for item in layout.objects if item.name == thing)
    if not way_is_free(layout, item, layout.T_base_zone.p):
        raise RefusedError("There is no free way to the zone.")
    return Scenario(
        skill="push",
        args={"object": thing, "target": ZONE},
        task=f"push the {_words(thing)} onto the zone",
        layout=layout,
        tokens=tokens_of("push", thing, ZONE),
        effects=(_literal("on", thing, ZONE),),
        push_m=0.02,
        **random_start(rng),
    )


def _layout(rng: np.random.Generator, v: Variation, **wanted: Any) -> Layout:
    """A layout of a variation; what it names besides is drawn as it says."""
    return random_layout(rng, others=v.others, clutter=v.clutter, cube_size=v.size, **wanted)


def way_is_free(layout: Layout, item: ObjectPlacement, goal: Array) -> bool:
    """Whether a hand that pushes a thing straight to its goal meets nothing and can reach it."""
    way = goal[:2] - item.T_base_object.p[:2]
    far_m = float(np.linalg.norm(way))
    if not _PUSH_FAR_M[0] <= far_m <= _PUSH_FAR_M[1]:
        return False
    begin = item.T_base_object.p[:2] - BEHIND_M * way / far_m
    if not (_within_reach(begin, 0.0) and _within_reach(goal, 0.0)):
        return False
    points = begin + np.linspace(0.0, 1.0, 15)[:, None] * (goal[:2] - begin)
    return all(
        float(taken.gap_m(points).min())
        > (FINGERS_SIDE_M if taken.height_m <= PALM_M else HAND_SIDE_M) + _SLACK_M
        for taken in _in_the_way(layout, item)
    )


def _in_the_way(layout: Layout, item: ObjectPlacement) -> Iterator[Footprint]:
    """What stands on the table besides a thing that is pushed."""
    for other in layout.objects:
        if other is not item:
            yield Footprint(
                T_base_centre=other.T_base_object,
                half_m=0.5 * other.extents_m[:2],
                height_m=float(other.extents_m[2]),
            )
    for T, size_m in (
        (layout.T_base_button, BUTTON_BASE_M),
        (layout.T_base_switch, SWITCH_BASE_M),
        (layout.T_base_socket, SOCKET_M),
        (layout.T_base_box, BOX_M),
    ):
        if T is not None:
            yield Footprint(T_base_centre=T, half_m=0.5 * size_m[:2], height_m=2.0 * PALM_M)
    if layout.drawer is not None:
        yield from drawer_footprints(layout.drawer)
    if layout.cupboard is not None:
        yield from cupboard_footprints(layout.cupboard)


def _within_reach(point: Array, margin_m: float) -> bool:
    return float(np.linalg.norm(point[:2])) <= REACH_M - margin_m


def _insert(rng: np.random.Generator, v: Variation) -> Scenario:
    drawer = DrawerStart.ANY if rng.random() < 0.4 else DrawerStart.ABSENT
    layout = _layout(rng, v, with_objects=(PEG,), count=2, drawer=drawer, box=False, socket=True)
    return Scenario(
        skill="insert",
        args={"object": PEG, "socket": SOCKET},
        task="put the peg into the socket",
        layout=layout,
        tokens=tokens_of("insert", PEG, SOCKET),
        effects=(_literal("inserted", PEG, SOCKET), _literal("hand_empty")),
        held=PEG,
        push_m=0.01,
        token_off_m=0.002,
        token_off_rad=0.02,
        **random_start(rng),
    )


def _open(rng: np.random.Generator, v: Variation) -> Scenario:
    start = DrawerStart.CLOSED if rng.random() < 0.75 else DrawerStart.AJAR
    return _opening(rng, v, "open", start)


def _close(rng: np.random.Generator, v: Variation) -> Scenario:
    start = DrawerStart.OPEN if rng.random() < 0.8 else DrawerStart.AJAR
    return _opening(rng, v, "close", start)


def _opening(rng: np.random.Generator, v: Variation, skill: str, start: DrawerStart) -> Scenario:
    door = bool(rng.random() < 0.5)
    thing, absent = CUPBOARD if door else DRAWER, DrawerStart.ABSENT
    placed: dict[str, str] = {}
    if skill == "close" and not door and start is DrawerStart.OPEN and rng.random() < 0.5:
        placed = {str(rng.choice(v.objects.low)): DRAWER}
    return Scenario(
        skill=skill,
        args={"thing": thing},
        task=f"{skill} the {thing}",
        layout=_layout(
            rng,
            v,
            drawer=absent if door else start,
            cupboard=start if door else absent,
            placed=placed,
        ),
        tokens=tokens_of(skill, thing),
        effects=(_literal("open" if skill == "open" else "closed", thing),),
        push_m=0.02,
        **random_start(rng),
    )


SCENARIOS: Mapping[str, Callable[[np.random.Generator, Variation], Scenario]] = {
    "grasp": _grasp,
    "place": _place,
    "reach": _reach,
    "press": _press,
    "push": _push,
    "open": _open,
    "close": _close,
    "insert": _insert,
}
"""Scenario of every skill that is learned from demonstrations."""


def random_start(rng: np.random.Generator) -> dict[str, Any]:
    """A start near home, wide enough that the way is known from anywhere above the table.

    It names fields of `Scenario`.
    """
    turn = np.array([*rng.uniform(-0.08, 0.08, 2), rng.uniform(-0.5, 0.5)])
    offset = rng.uniform([-0.06, -0.15, -0.14], [0.10, 0.15, 0.05])
    return {
        "offset_m": offset,
        "turn_rad": turn,
        "opening": float(rng.choice([1.0, 1.0, 0.6, 0.0])),
    }


def _literal(predicate: str, *args: str) -> Literal:
    return Literal(predicate=predicate, args=args)


def _words(name: str) -> str:
    return name.replace("_", " ")
