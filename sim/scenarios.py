"""Start situations of single skills: where demonstrations begin and where skills are measured.

A scenario is drawn from a generator alone. Training and evaluation draw from the same distribution
with different seeds.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.plan import Literal
from robot_skills.core.scene import TABLE
from robot_skills.core.se3 import SE3, Array, so3_exp
from sim.fixtures import BOX, DRAWER
from sim.layout import DrawerStart, random_layout
from sim.objects import CUBE, OBJECT_NAMES
from sim.placements import Layout

_CUBES = tuple(name for name in OBJECT_NAMES if name.endswith(CUBE))
_LOW = (*_CUBES, "bread")
"""Things that a closed drawer has room for."""
_DRAWS = 20


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

    def start(self, T_base_home: SE3) -> SE3:
        """`T_base_tool` at which the skill starts."""
        return SE3(so3_exp(self.turn_rad) @ T_base_home.R, T_base_home.p + self.offset_m)


def draw_scenario(skill: str, rng: np.random.Generator) -> Scenario:
    """A random start of a skill.

    Raises:
        UnknownNameError: No scenario is known for the skill.
    """
    if skill not in SCENARIOS:
        raise unknown_name("skill with scenarios", skill, SCENARIOS)
    for _ in range(_DRAWS):
        try:
            return SCENARIOS[skill](rng)
        except RefusedError:
            # So many things did not fit on the table: draw others.
            continue
    raise RefusedError(f"No layout for {skill!r} was found in {_DRAWS} draws.")


def _grasp(rng: np.random.Generator) -> Scenario:
    thing = str(rng.choice(OBJECT_NAMES))
    where = rng.random()
    drawer, placed = DrawerStart.ANY, {}
    if where < 0.15:
        placed = {thing: BOX}
    elif where < 0.30 and thing in _LOW:
        drawer, placed = DrawerStart.OPEN, {thing: DRAWER}
    elif where < 0.42 and thing in _CUBES:
        below = str(rng.choice([cube for cube in _CUBES if cube != thing]))
        placed = {thing: below}
    return Scenario(
        skill="grasp",
        args={"object": thing},
        task=f"pick up the {_words(thing)}",
        layout=random_layout(rng, with_objects=(thing,), drawer=drawer, placed=placed),
        tokens=((thing, "box"),),
        effects=(_literal("holding", thing),),
        **_start(rng),
    )


def _place(rng: np.random.Generator) -> Scenario:
    where = ("drawer", "box", "cube", "table")[int(rng.choice(4, p=[0.28, 0.28, 0.28, 0.16]))]
    drawer = DrawerStart.OPEN if where == "drawer" else DrawerStart.ANY
    things = {"drawer": _LOW, "cube": _CUBES}.get(where, OBJECT_NAMES)
    thing = str(rng.choice(things))
    placed: dict[str, str] = {}
    if where == "cube":
        target = str(rng.choice([cube for cube in _CUBES if cube != thing]))
    else:
        target = {"drawer": DRAWER, "box": BOX, "table": TABLE}[where]
        # A container may hold something already: the new thing goes beside it.
        if where != "table" and rng.random() < 0.3:
            placed = {str(rng.choice([cube for cube in _CUBES if cube != thing])): target}
    relation = "in" if where in ("drawer", "box") else "on"
    with_objects = (thing, target) if where == "cube" else (thing,)
    layout = random_layout(rng, with_objects=with_objects, drawer=drawer, placed=placed)
    return Scenario(
        skill="place",
        args={"object": thing, "relation": relation, "target": target},
        task=f"put the {_words(thing)} {relation} the {_words(target)}",
        layout=layout,
        tokens=((thing, "box"), (target, "access" if relation == "in" else "top")),
        effects=(_literal(relation, thing, target), _literal("hand_empty")),
        held=thing,
        **_start(rng),
    )


def _open_drawer(rng: np.random.Generator) -> Scenario:
    start = DrawerStart.CLOSED if rng.random() < 0.75 else DrawerStart.AJAR
    return Scenario(
        skill="open_drawer",
        args={"drawer": DRAWER},
        task="open the drawer",
        layout=random_layout(rng, drawer=start),
        tokens=((DRAWER, "handle"),),
        effects=(_literal("open", DRAWER),),
        push_m=0.02,
        **_start(rng),
    )


def _close_drawer(rng: np.random.Generator) -> Scenario:
    start = DrawerStart.OPEN if rng.random() < 0.8 else DrawerStart.AJAR
    inside = str(rng.choice(_LOW))
    placed = {inside: DRAWER} if start is DrawerStart.OPEN and rng.random() < 0.5 else {}
    return Scenario(
        skill="close_drawer",
        args={"drawer": DRAWER},
        task="close the drawer",
        layout=random_layout(rng, drawer=start, placed=placed),
        tokens=((DRAWER, "handle"),),
        effects=(_literal("closed", DRAWER),),
        push_m=0.02,
        **_start(rng),
    )


SCENARIOS: Mapping[str, Callable[[np.random.Generator], Scenario]] = {
    "grasp": _grasp,
    "place": _place,
    "open_drawer": _open_drawer,
    "close_drawer": _close_drawer,
}
"""Scenario of every skill that is learned from demonstrations."""


def _start(rng: np.random.Generator) -> dict:
    """A start near home, wide enough that the way is known from anywhere above the table."""
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
