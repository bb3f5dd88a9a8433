"""Tasks of the tabletop as data: words, what has to become true, and where things start.

The goal of a task is stated here, on its own: what a planner makes of the words cannot move it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import BESIDE_M
from sim.fixtures import BOX, BUTTON, CUPBOARD, DRAWER, SOCKET, SOCKET_M, SWITCH, ZONE
from sim.layout import DrawerStart, random_layout
from sim.objects import PEG, UNSEEN_NAMES
from sim.placements import Layout
from sim.scenarios import way_is_free
from sim.variation import TRAINING, Pool, Variation, vary

_DRAWS = 200
_ABSENT = DrawerStart.ABSENT
_FIXED = (DRAWER, CUPBOARD, BUTTON, SWITCH, ZONE, SOCKET, BOX)
_NAMED = re.compile(rf"\{{\w+\}}|\b(?:{'|'.join((*_FIXED, PEG))})\b")
"""What the words of a task name."""

Fact = tuple[str, ...]
"""A predicate and its arguments, of which ``"{x}"`` stands for what was drawn as x."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Instance:
    """One task in one scene.

    Attributes:
        task: Its name.
        instruction: The words.
        goal: What has to hold at the end in the simulator's truth.
        on_the_way: What has to have held at some time, in this order.
        layout: Where things start.
        named: Entities that the words name, in their order.
        shown: Skills that demonstrate it, each with its arguments; empty where nobody does.
        specification: Formulas of temporal logic that all that happens has to satisfy.
    """

    task: str
    instruction: str
    goal: tuple[Literal, ...]
    on_the_way: tuple[Literal, ...] = ()
    layout: Layout
    named: tuple[str, ...] = ()
    shown: tuple[Fact, ...] = ()
    specification: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """A kind of instruction, and how its instances are drawn.

    Attributes:
        name: Of the task.
        words: What is said; ``{x}`` is the thing that was drawn as x.
        skills: What it takes, in order.
        goal: What has to hold at the end.
        on_the_way: What has to have held at some time, in this order.
        draws: For each thing to be drawn, which of the pool's lists it comes from.
        scene: Arguments of `random_layout`.
        placed: Where drawn things start that do not stand on the table.
        pushed: What is pushed onto the zone, so that the way must be free.
        apart: Two things that must not begin beside each other.
        begins: Fields of the layout that are set whatever was drawn.
        shown: Skills that demonstrate it as a whole, each with its arguments.
        specification: Formulas of temporal logic that all that happens has to satisfy.
    """

    name: str
    words: str
    skills: tuple[str, ...]
    goal: tuple[Fact, ...]
    on_the_way: tuple[Fact, ...] = ()
    draws: Mapping[str, str] = field(default_factory=dict)
    scene: Mapping[str, Any] = field(default_factory=dict)
    placed: Mapping[str, str] = field(default_factory=dict)
    pushed: str | None = None
    apart: tuple[str, str] | None = None
    begins: Mapping[str, Any] = field(default_factory=dict)
    shown: tuple[Fact, ...] = ()
    specification: tuple[str, ...] = ()

    def draw(self, rng: np.random.Generator, variation: Variation = TRAINING) -> Instance:
        """A random instance; scenes for which the table has no room are drawn anew.

        Raises:
            RefusedError: No scene was found.
        """
        for _ in range(_DRAWS):
            try:
                return self._draw(rng, variation)
            except RefusedError:
                continue
        raise RefusedError(f"No scene for {self.name!r} was found in {_DRAWS} draws.")

    def _draw(self, rng: np.random.Generator, variation: Variation) -> Instance:
        names = self._names(rng, variation.objects)
        with_objects = [*names.values(), *([PEG] if "insert" in self.skills else [])]
        layout = random_layout(
            rng,
            with_objects=with_objects,
            placed={names[thing]: host for thing, host in self.placed.items()},
            others=variation.others,
            clutter=variation.clutter,
            cube_size=variation.size,
            **{"count": len(with_objects) + 1, "button": False, **self.scene},
        )
        layout = replace(layout, **self.begins)
        if self.pushed is not None:
            item = next(item for item in layout.objects if item.name == names[self.pushed])
            zone = layout.T_base_zone
            if zone is None or not way_is_free(layout, item, zone.p):
                raise RefusedError("There is no free way to the zone.")
        if self.apart is not None and _beside(layout, *(end.format(**names) for end in self.apart)):
            raise RefusedError("They begin beside each other.")
        said = {thing: spoken(name) for thing, name in names.items()}
        return Instance(
            task=self.name,
            instruction=self.words.format(**said),
            goal=tuple(_literal(fact, names) for fact in self.goal),
            on_the_way=tuple(_literal(fact, names) for fact in self.on_the_way),
            layout=vary(layout, variation, rng),
            named=tuple(
                dict.fromkeys(found.format(**names) for found in _NAMED.findall(self.words))
            ),
            shown=tuple(tuple(word.format(**names) for word in call) for call in self.shown),
            specification=tuple(formula.format(**names) for formula in self.specification),
        )

    def _names(self, rng: np.random.Generator, pool: Pool) -> dict[str, str]:
        names: dict[str, str] = {}
        for thing, kind in self.draws.items():
            taken = {_colour(name) for name in names.values()} - {""}
            fitting = [
                name
                for name in getattr(pool, kind)
                if name not in names.values() and _colour(name) not in taken
            ]
            names[thing] = str(rng.choice(fitting))
        return names


def spoken(name: str) -> str:
    """What a person calls a thing; a shape that has no name is a thing of its colour."""
    colour = _colour(name)
    return f"{colour} thing" if colour else name.replace("_", " ")


def _colour(name: str) -> str:
    """Colour of a thing that goes by nothing else."""
    return name.split("_")[0] if name in UNSEEN_NAMES else ""


def _beside(layout: Layout, one: str, other: str) -> bool:
    """Whether two things may stand beside each other at the start."""
    places = {item.name: (item.T_base_object.p, item.extents_m) for item in layout.objects}
    if layout.T_base_socket is not None:
        places[SOCKET] = layout.T_base_socket.p, SOCKET_M
    (p_one, size_one), (p_other, size_other) = places[one], places[other]
    radii_m = 0.5 * (np.hypot(*size_one[:2]) + np.hypot(*size_other[:2]))
    return bool(np.linalg.norm((p_one - p_other)[:2]) - radii_m < BESIDE_M)


def _literal(fact: Fact, names: Mapping[str, str]) -> Literal:
    predicate, *args = fact
    return Literal(predicate=predicate, args=tuple(arg.format(**names) for arg in args))


_NO_DRAWER = {"drawer": _ABSENT}
_NO_BOX = {"box": False}
_BARE = {**_NO_DRAWER, **_NO_BOX}
_DARK_BUTTON = {"button_on": False}

TRAINING_TASKS: tuple[Task, ...] = (
    Task(
        name="into the box",
        words="put the {x} in the box",
        skills=("grasp", "place"),
        goal=(("in", "{x}", "box"),),
        draws={"x": "things"},
        shown=(("grasp", "{x}"), ("place", "{x}", "in", "box")),
    ),
    Task(
        name="onto another",
        words="put the {x} on the {y}",
        skills=("grasp", "place"),
        goal=(("on", "{x}", "{y}"),),
        draws={"x": "stackable", "y": "stackable"},
        shown=(("grasp", "{x}"), ("place", "{x}", "on", "{y}")),
    ),
    Task(
        name="into the open drawer",
        words="put the {x} in the drawer and close it",
        skills=("grasp", "place", "close"),
        goal=(("in", "{x}", "drawer"), ("closed", "drawer")),
        draws={"x": "low"},
        scene={"drawer": DrawerStart.OPEN},
        shown=(("grasp", "{x}"), ("place", "{x}", "in", "drawer"), ("close", "drawer")),
    ),
    Task(
        name="open the drawer",
        words="open the drawer",
        skills=("open",),
        goal=(("open", "drawer"),),
        scene={"drawer": DrawerStart.CLOSED},
        shown=(("open", "drawer"),),
    ),
    Task(
        name="open the cupboard",
        words="open the cupboard",
        skills=("open",),
        goal=(("open", "cupboard"),),
        scene={**_NO_DRAWER, "cupboard": DrawerStart.CLOSED},
        shown=(("open", "cupboard"),),
    ),
    Task(
        name="close the cupboard",
        words="close the cupboard",
        skills=("close",),
        goal=(("closed", "cupboard"),),
        scene={**_NO_DRAWER, "cupboard": DrawerStart.OPEN},
        shown=(("close", "cupboard"),),
    ),
    Task(
        name="light the button",
        words="turn the button on",
        skills=("press",),
        goal=(("turned_on", "button"),),
        scene={"button": True},
        begins=_DARK_BUTTON,
        shown=(("press", "button"),),
    ),
    Task(
        name="flip the switch",
        words="turn the switch on",
        skills=("press",),
        goal=(("turned_on", "switch"),),
        scene={**_NO_DRAWER, "switch": True},
        begins={"switch_on": False},
        shown=(("press", "switch"),),
    ),
    Task(
        name="push onto the zone",
        words="push the {x} onto the zone",
        skills=("push",),
        goal=(("on", "{x}", "zone"),),
        draws={"x": "pushed"},
        scene={**_BARE, "zone": True},
        pushed="x",
        shown=(("push", "{x}", "zone"),),
    ),
    Task(
        name="peg into its hole",
        words="put the peg in the socket",
        skills=("grasp", "insert"),
        goal=(("inserted", PEG, "socket"),),
        scene={**_BARE, "socket": True},
        shown=(("grasp", PEG), ("insert", PEG, "socket")),
    ),
    Task(
        name="go over",
        words="go over the {x}",
        skills=("reach",),
        goal=(("over", "{x}"),),
        draws={"x": "things"},
        shown=(("reach", "{x}", "over"),),
    ),
)
"""What task-centric policies are trained on: one to three skills each."""

LESSONS: tuple[Task, ...] = (
    *TRAINING_TASKS,
    Task(
        name="into the shut drawer",
        words="put the {x} in the drawer",
        skills=("open", "grasp", "place"),
        goal=(("in", "{x}", "drawer"),),
        draws={"x": "low"},
        scene={"drawer": DrawerStart.CLOSED},
    ),
    Task(
        name="out of the drawer",
        words="take the {x} out of the drawer",
        skills=("grasp", "place"),
        goal=(("on", "{x}", "table"),),
        draws={"x": "low"},
        scene={"drawer": DrawerStart.OPEN, "button": True},
        placed={"x": "drawer"},
    ),
    Task(
        name="onto the cabinet",
        words="put the {x} on the drawer",
        skills=("grasp", "place"),
        goal=(("on", "{x}", "drawer"),),
        draws={"x": "stackable"},
        scene={"drawer": DrawerStart.CLOSED},
    ),
    Task(
        name="onto the zone",
        words="put the {x} on the zone",
        skills=("grasp", "place"),
        goal=(("on", "{x}", "zone"),),
        draws={"x": "stackable"},
        scene={**_BARE, "cupboard": DrawerStart.OPEN, "zone": True, "button": True},
    ),
    Task(
        name="next to another",
        words="put the {x} next to the {y}",
        skills=("grasp", "place"),
        goal=(("beside", "{x}", "{y}"),),
        apart=("{x}", "{y}"),
        draws={"x": "things", "y": "things"},
        scene={**_NO_BOX, "button": True},
    ),
    Task(
        name="switch off",
        words="turn the switch off",
        skills=("press",),
        goal=(("turned_off", "switch"),),
        scene={**_NO_DRAWER, "switch": True},
        begins={"switch_on": True},
    ),
    Task(
        name="close the drawer",
        words="close the drawer",
        skills=("close",),
        goal=(("closed", "drawer"),),
        scene={"drawer": DrawerStart.OPEN},
    ),
)
"""What sequencers learn from: besides the tasks above, others with one wish, whatever it takes."""

UNSEEN_TASKS: tuple[Task, ...] = (
    Task(
        name="stow away",
        words="open the drawer, put the {x} in it and close it",
        skills=("open", "grasp", "place", "close"),
        goal=(("in", "{x}", "drawer"), ("closed", "drawer")),
        on_the_way=(("open", "drawer"),),
        draws={"x": "low"},
        scene={"drawer": DrawerStart.CLOSED},
    ),
    Task(
        name="stow two away",
        words="open the drawer, put the {x} and the {y} in it and close it",
        skills=("open", "grasp", "place", "grasp", "place", "close"),
        goal=(("in", "{x}", "drawer"), ("in", "{y}", "drawer"), ("closed", "drawer")),
        on_the_way=(("open", "drawer"),),
        draws={"x": "low", "y": "low"},
        scene={"drawer": DrawerStart.CLOSED, **_NO_BOX},
    ),
    Task(
        name="unpack",
        words="take the {x} out of the drawer, close the drawer and turn the button on",
        skills=("grasp", "place", "close", "press"),
        goal=(("on", "{x}", "table"), ("closed", "drawer"), ("turned_on", "button")),
        draws={"x": "low"},
        scene={"drawer": DrawerStart.OPEN, "button": True, **_NO_BOX},
        placed={"x": "drawer"},
        begins=_DARK_BUTTON,
    ),
    Task(
        name="light behind a door",
        words="open the cupboard, turn the switch on and close the cupboard",
        skills=("open", "press", "close"),
        goal=(("turned_on", "switch"), ("closed", "cupboard")),
        on_the_way=(("open", "cupboard"),),
        scene={**_NO_DRAWER, "cupboard": DrawerStart.CLOSED, "switch": True},
        begins={"switch_on": False},
    ),
    Task(
        name="push and stack",
        words="push the {x} onto the zone and put the {y} on the {x}",
        skills=("push", "grasp", "place"),
        goal=(("on", "{x}", "zone"), ("on", "{y}", "{x}")),
        draws={"x": "stackable", "y": "stackable"},
        scene={**_BARE, "zone": True},
        pushed="x",
    ),
    Task(
        name="pack and signal",
        words="put the {x} and the {y} in the box, then press the button",
        skills=("grasp", "place", "grasp", "place", "press"),
        goal=(("in", "{x}", "box"), ("in", "{y}", "box"), ("turned_on", "button")),
        draws={"x": "pushed", "y": "pushed"},
        scene={**_NO_DRAWER, "button": True},
        begins=_DARK_BUTTON,
    ),
    Task(
        name="insert and inspect",
        words="put the peg in the socket, turn the switch on and go over the socket",
        skills=("grasp", "insert", "press", "reach"),
        goal=(("inserted", PEG, "socket"), ("turned_on", "switch"), ("over", "socket")),
        scene={**_BARE, "socket": True, "switch": True},
        begins={"switch_on": False},
    ),
    Task(
        name="insert and accompany",
        words="put the peg in the socket and put the {x} next to the socket",
        skills=("grasp", "insert", "grasp", "place"),
        goal=(("inserted", PEG, "socket"), ("beside", "{x}", "socket")),
        apart=("{x}", SOCKET),
        draws={"x": "stackable"},
        scene={**_BARE, "socket": True},
    ),
    Task(
        name="tower",
        words="put the {x} on the {y} and put the {z} on the {x}",
        skills=("grasp", "place", "grasp", "place"),
        goal=(("on", "{x}", "{y}"), ("on", "{z}", "{x}")),
        draws={"x": "stackable", "y": "stackable", "z": "stackable"},
        scene=_BARE,
    ),
    Task(
        name="neighbours and signal",
        words="put the {x} next to the {y} and press the button",
        skills=("grasp", "place", "press"),
        goal=(("beside", "{x}", "{y}"), ("turned_on", "button")),
        apart=("{x}", "{y}"),
        draws={"x": "things", "y": "things"},
        scene={**_NO_BOX, "button": True},
        begins=_DARK_BUTTON,
    ),
    Task(
        name="lights out",
        words="turn the switch off, push the {x} onto the zone and go next to the {x}",
        skills=("press", "push", "reach"),
        goal=(("turned_off", "switch"), ("on", "{x}", "zone"), ("alongside", "{x}")),
        draws={"x": "pushed"},
        scene={**_BARE, "zone": True, "switch": True},
        pushed="x",
        begins={"switch_on": True},
    ),
    Task(
        name="onto the cabinet",
        words="close the drawer, put the {x} on the drawer and go over the {x}",
        skills=("close", "grasp", "place", "reach"),
        goal=(("closed", "drawer"), ("on", "{x}", "drawer"), ("over", "{x}")),
        draws={"x": "stackable"},
        scene={"drawer": DrawerStart.OPEN, **_NO_BOX},
    ),
    Task(
        name="look, pack, light",
        words="go over the {x}, put the {x} in the box and turn the switch on",
        skills=("reach", "grasp", "place", "press"),
        goal=(("in", "{x}", "box"), ("turned_on", "switch")),
        on_the_way=(("over", "{x}"),),
        draws={"x": "things"},
        scene={**_NO_DRAWER, "switch": True},
        begins={"switch_on": False},
    ),
    Task(
        name="door, zone, button",
        words="open the cupboard, put the {x} on the zone and press the button",
        skills=("open", "grasp", "place", "press"),
        goal=(("open", "cupboard"), ("on", "{x}", "zone"), ("turned_on", "button")),
        draws={"x": "stackable"},
        scene={**_BARE, "cupboard": DrawerStart.CLOSED, "zone": True, "button": True},
        begins=_DARK_BUTTON,
    ),
    Task(
        name="push, shut, signal",
        words="push the {x} onto the zone, close the cupboard and turn the button on",
        skills=("push", "close", "press"),
        goal=(("on", "{x}", "zone"), ("closed", "cupboard"), ("turned_on", "button")),
        draws={"x": "pushed"},
        scene={**_BARE, "cupboard": DrawerStart.OPEN, "zone": True, "button": True},
        pushed="x",
        begins=_DARK_BUTTON,
    ),
)
"""Compositions of three to six skills that no demonstration shows."""
