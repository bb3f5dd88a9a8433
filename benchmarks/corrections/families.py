"""Families of tasks, each with something that a simulated user wants and does not say beforehand.

A user sees where a call goes and what is planned, and is content or not; whether the wish was met
is judged on the simulator's truth at the end. Scenes are drawn in which the robot, left alone,
would do it the other way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy as np

from robot_skills.core.errors import PlanningError, RefusedError
from robot_skills.core.free_spots import DEFAULT_FREE_SPOT, footprints, free_spot_on_table
from robot_skills.core.scene import TABLE, Scene, distance_to_rectangle
from robot_skills.core.se3 import Array
from sim.layout import DrawerStart, random_layout
from sim.placements import Layout
from sim.truth import layout_scene

SIDE_M, HEIGHT_M, EDGE_M, APART_M = 0.03, 0.093, 0.33, 0.11
"""What counts as to one side, high enough, away from the edge, and not next to something."""
_ROOM_M = 0.07
"""What a scene has to leave free beyond that, so that the wish can be met at all."""
_NEAR_M = 0.10
"""Nobody who says "to the right" wants it farther than this."""
_DRAWS = 4000
_COLOURS = ("red", "green", "blue", "yellow", "orange")
_SMALL = ("can", "bread", "milk", "bottle", "red_cube", "green_cube", "blue_cube")
_LOW = ("bread", "red_cube", "green_cube", "blue_cube", "yellow_cube")
_OUT = (
    "take the {x} out of the box",
    "remove the {x} from the box",
    "put the {x} on the table",
    "get the {x} out of the box",
)


class Wish(Enum):
    """What a user wants; the values are keys of the wordings, but for `SIDE`."""

    SIDE = "side"
    HEIGHT = "higher"
    WHICH = "which"
    EDGE = "edge"
    CLOSE = "close"
    BESIDE = "beside"


@dataclass(frozen=True, kw_only=True, slots=True)
class Taste:
    """What one user wants in all families.

    Attributes:
        side: ``left`` or ``right``.
        colour: Of the cube that is wanted where several would do.
        disliked: Thing that nothing may stand next to.
    """

    side: str
    colour: str
    disliked: str


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Task:
    """One instruction in one scene.

    Attributes:
        wish: What the user wants of it; None where the robot is to do as it always does.
        instruction: The words.
        layout: Where things start.
        thing: What the wish is about.
        usual_m: Where it would go if nobody said anything, (3,).
        said: Fills the wordings.
    """

    wish: Wish | None
    instruction: str
    layout: Layout
    thing: str = ""
    usual_m: Array = field(default_factory=lambda: np.zeros(3))
    said: Mapping[str, str] = field(default_factory=dict)


def draw(wish: Wish, taste: Taste, visit: int, rng: np.random.Generator) -> Task:
    """A task of a family: other things, another layout and other words at every visit.

    Raises:
        RefusedError: No scene was found in which the wish matters and can be met.
    """
    for _ in range(_DRAWS):
        try:
            task = _draw(wish, taste, visit, rng)
        except RefusedError:
            continue
        if task is not None:
            return task
    raise RefusedError(f"No scene for {wish.value!r} was found in {_DRAWS} draws.")


def controls(wishes: Sequence[Wish], taste: Taste, rng: np.random.Generator) -> list[Task]:
    """Tasks that none of the wishes is about, though they are like those that some are about."""
    x, y = rng.choice(["can", "bread", "milk"], size=2, replace=False)
    colour = str(rng.choice([c for c in _COLOURS[:3] if c != taste.colour]))
    cubes = [f"{c}_cube" for c in _COLOURS[:3]]
    asked = [
        (f"put the {x} in the box", {"with_objects": [x]}),
        (f"go next to the {y}", {"with_objects": [y], "box": False}),
        (f"put the {colour} cube in the box", {"with_objects": cubes}),
        ("open the drawer", {"drawer": DrawerStart.CLOSED}),
        (f"put the {x} next to the {y}", {"with_objects": [x, y], "box": False}),
    ]
    if Wish.CLOSE in wishes:
        words = "put the bread in the drawer and leave the drawer open"
        asked.append((words, {"with_objects": ["bread"], "drawer": DrawerStart.CLOSED}))
    plain = {"drawer": DrawerStart.ABSENT, "button": False}
    return [
        Task(wish=None, instruction=words, layout=_layout(rng, {**plain, **scene}))
        for words, scene in asked
    ]


def content(task: Task, taste: Taste, p_m: Array, scene: Scene) -> bool:
    """Whether a place is as the user of a task wants it.

    Args:
        task: Of the families that are about places.
        taste: Of the user.
        p_m: Where the thing, or the hand, goes or is, (3,), in the base frame.
        scene: What else is there.
    """
    match task.wish:
        case Wish.SIDE:
            sign = 1.0 if taste.side == "left" else -1.0
            return sign * float(p_m[1] - task.usual_m[1]) >= SIDE_M
        case Wish.HEIGHT:
            return float(p_m[2]) - scene[task.thing].top_m >= HEIGHT_M
        case Wish.EDGE:
            return _edge_gap_m(scene, task.thing, p_m) >= EDGE_M
        case Wish.BESIDE:
            return _gap_m(scene, task.thing, p_m, taste.disliked) >= APART_M
    return True


def _draw(wish: Wish, taste: Taste, visit: int, rng: np.random.Generator) -> Task | None:
    match wish:
        case Wish.HEIGHT:
            return _over(visit, rng)
        case Wish.WHICH:
            return _one_of_several(taste, visit, rng)
        case Wish.CLOSE:
            return _into_the_drawer(visit, rng)
        case _:
            return _onto_the_table(wish, taste, visit, rng)


def _over(visit: int, rng: np.random.Generator) -> Task:
    x = str(rng.choice(_SMALL))
    words = ("go over the {x}", "hover over the {x}", "move above the {x}")[visit % 3]
    layout = _layout(rng, {"with_objects": [x], "drawer": DrawerStart.ABSENT, "button": False})
    return Task(wish=Wish.HEIGHT, instruction=words.format(x=_said(x)), layout=layout, thing=x)


def _one_of_several(taste: Taste, visit: int, rng: np.random.Generator) -> Task | None:
    others = [colour for colour in _COLOURS if colour != taste.colour]
    colours = [taste.colour, *rng.choice(others, size=2, replace=False)]
    layout = _layout(
        rng,
        {
            "with_objects": [f"{colour}_cube" for colour in colours],
            "drawer": DrawerStart.ABSENT,
            "button": False,
            "count": 4,
            "others": ("can", "bread", "milk", "bottle", "cereal"),
        },
    )
    scene = layout_scene(layout)
    near = min(colours, key=lambda c: float(np.hypot(*scene[f"{c}_cube"].T_base_entity.p[:2])))
    if near == taste.colour:
        return None
    words = ("put a cube in the box", "place some cube in the box", "drop any block into the box")
    return Task(
        wish=Wish.WHICH,
        instruction=words[visit % 3],
        layout=layout,
        thing=f"{taste.colour}_cube",
        said={"colour": taste.colour, "chosen": near},
    )


def _into_the_drawer(visit: int, rng: np.random.Generator) -> Task:
    x = str(rng.choice(_LOW))
    words = (
        "put the {x} in the drawer",
        "store the {x} in the drawer",
        "place the {x} into the drawer",
    )
    scene = {"with_objects": [x], "drawer": DrawerStart.CLOSED, "button": False}
    return Task(
        wish=Wish.CLOSE,
        instruction=words[visit % 3].format(x=_said(x)),
        layout=_layout(rng, scene),
        thing=x,
    )


def _onto_the_table(wish: Wish, taste: Taste, visit: int, rng: np.random.Generator) -> Task | None:
    x = str(rng.choice([name for name in _SMALL if name != taste.disliked]))
    there = [taste.disliked] if wish is Wish.BESIDE else []
    layout = _layout(
        rng,
        {
            "with_objects": [x, *there],
            "placed": {x: "box"},
            "drawer": DrawerStart.ABSENT,
            "button": False,
            "count": int(rng.integers(3, 6)),
        },
    )
    scene = layout_scene(layout)
    try:
        usual_m = free_spot_on_table(scene, scene[x])
        task = Task(
            wish=wish,
            instruction=_OUT[visit % len(_OUT)].format(x=_said(x)),
            layout=layout,
            thing=x,
            usual_m=usual_m,
            said={"thing": taste.disliked},
        )
        if content(task, taste, usual_m, scene) or not _can_be_met(task, taste, scene):
            return None
    except PlanningError:
        return None
    return task


def _can_be_met(task: Task, taste: Taste, scene: Scene) -> bool:
    """Whether some free spot is more than good enough."""
    xs = np.arange(DEFAULT_FREE_SPOT.lower_m[0], DEFAULT_FREE_SPOT.upper_m[0], 0.02)
    ys = np.arange(DEFAULT_FREE_SPOT.lower_m[1], DEFAULT_FREE_SPOT.upper_m[1], 0.02)
    away_m = DEFAULT_FREE_SPOT.margin_m + 0.02
    for x in xs:
        for y in ys:
            p_m = np.array([x, y, scene.table_height_m])
            others = [e.name for e in scene if e.name not in (TABLE, task.thing)]
            if any(_gap_m(scene, task.thing, p_m, name) < away_m for name in others):
                continue
            if _more_than_content(task, taste, p_m, scene):
                return True
    return False


def _more_than_content(task: Task, taste: Taste, p_m: Array, scene: Scene) -> bool:
    match task.wish:
        case Wish.SIDE:
            sign = 1.0 if taste.side == "left" else -1.0
            off_m = p_m - task.usual_m
            near = abs(float(off_m[0])) <= 0.02 and sign * float(off_m[1]) <= _NEAR_M
            return near and sign * float(off_m[1]) >= _ROOM_M
        case Wish.EDGE:
            return _edge_gap_m(scene, task.thing, p_m) >= EDGE_M + _ROOM_M
        case _:
            return _gap_m(scene, task.thing, p_m, taste.disliked) >= APART_M + _ROOM_M


def _edge_gap_m(scene: Scene, thing: str, p_m: Array) -> float:
    table = scene[TABLE]
    half = 0.5 * table.extents_m[:2] - np.abs(p_m[:2] - table.T_base_entity.p[:2])
    return float(half.min()) - 0.5 * float(np.linalg.norm(scene[thing].extents_m[:2]))


def _gap_m(scene: Scene, thing: str, p_m: Array, other: str) -> float:
    gaps = [
        float(distance_to_rectangle(p_m[None, :2], T_base_box, size)[0])
        for T_base_box, size in footprints(scene[other])
    ]
    return min(gaps) - 0.5 * float(np.linalg.norm(scene[thing].extents_m[:2]))


def _layout(rng: np.random.Generator, scene: Mapping[str, Any]) -> Layout:
    return random_layout(rng, **scene)


def _said(name: str) -> str:
    return name.replace("_", " ")
