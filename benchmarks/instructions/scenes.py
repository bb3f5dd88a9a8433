"""Eight scenes in which instructions are given: recipes that the simulator builds and looks at.

No pose is typed in: each is a layout that is drawn from its seed, settled in MuJoCo and read by
`sim.truth.truth_scene`, so that it is what a robot with perfect eyes would see.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from robot_skills.core.errors import unknown_name
from robot_skills.core.plan import Literal
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import SE3
from sim.demonstrate import prepare
from sim.layout import DrawerStart, random_layout
from sim.objects import ObjectPlacement, random_object
from sim.placements import Layout
from sim.robot import SimRobot
from sim.scenarios import Scenario, tokens_of
from sim.truth import truth_scene
from sim.world import TabletopWorld

_ARM = "panda"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One scene as data.

    Attributes:
        seed: Of the layout, and of the shades and sizes of things.
        objects: Things that are there, besides those in `placed`.
        placed: Things that start in or on something: name -> container or thing below.
        twins: Things that are exchanged for a second one of another kind: name in the drawn layout
            -> name of the second one, for example ``red_cube_2``.
        drawer: How the drawer starts.
        cupboard: How the cupboard's door starts.
        box: Whether the box is there.
        button_on: Whether the button starts on; None where there is no button.
        switch_on: Whether the switch starts on; None where there is no switch.
        zone: Whether the painted zone is there.
        socket: Whether the socket is there.
        held: The thing that is in the hand.
    """

    seed: int
    objects: tuple[str, ...]
    placed: Mapping[str, str] = field(default_factory=dict)
    twins: Mapping[str, str] = field(default_factory=dict)
    drawer: DrawerStart = DrawerStart.ABSENT
    cupboard: DrawerStart = DrawerStart.ABSENT
    box: bool = False
    button_on: bool | None = None
    switch_on: bool | None = None
    zone: bool = False
    socket: bool = False
    held: str | None = None

    def layout(self) -> Layout:
        """What stands where."""
        rng = np.random.default_rng(self.seed)
        layout = random_layout(
            rng,
            with_objects=self.objects,
            count=len(self.objects) + len(self.placed),
            placed=self.placed,
            drawer=self.drawer,
            cupboard=self.cupboard,
            box=self.box,
            button=self.button_on is not None,
            switch=self.switch_on is not None,
            zone=self.zone,
            socket=self.socket,
        )
        objects = tuple(
            _second(rng, item, self.twins[item.name]) if item.name in self.twins else item
            for item in layout.objects
        )
        return replace(
            layout,
            objects=objects,
            button_on=bool(self.button_on),
            switch_on=bool(self.switch_on),
        )


RECIPES: Mapping[str, Recipe] = {
    "kitchen": Recipe(
        seed=0,
        objects=("can", "bottle", "milk", "bread"),
        drawer=DrawerStart.CLOSED,
        box=True,
        button_on=False,
    ),
    "pantry": Recipe(
        seed=17,
        objects=("milk", "cereal", "red_cube", "blue_cube"),
        cupboard=DrawerStart.CLOSED,
        switch_on=False,
        zone=True,
    ),
    "workbench": Recipe(
        seed=0,
        objects=("red_cube", "green_cube", "blue_cube", "yellow_cube", "can", "bottle"),
        box=True,
        button_on=False,
        switch_on=True,
        zone=True,
    ),
    "twins": Recipe(
        seed=0,
        objects=("red_cube", "orange_cube", "blue_cube", "can", "bottle"),
        placed={"yellow_cube": "drawer"},
        twins={"orange_cube": "red_cube_2", "bottle": "can_2"},
        drawer=DrawerStart.CLOSED,
        box=True,
    ),
    "sorted": Recipe(
        seed=0,
        objects=("red_cube", "yellow_cube", "cereal"),
        placed={"bread": "drawer", "green_cube": "drawer", "can": "box"},
        drawer=DrawerStart.OPEN,
        box=True,
        button_on=True,
    ),
    "tower": Recipe(
        seed=1,
        objects=("red_cube", "green_cube", "bread"),
        placed={"blue_cube": "green_cube", "yellow_cube": "blue_cube"},
        drawer=DrawerStart.AJAR,
        box=True,
    ),
    "assembly": Recipe(
        seed=0,
        objects=("peg", "red_cube", "orange_cube", "bottle"),
        cupboard=DrawerStart.OPEN,
        switch_on=True,
        socket=True,
    ),
    "holding": Recipe(
        seed=1,
        objects=("can", "red_cube", "bread"),
        drawer=DrawerStart.OPEN,
        box=True,
        button_on=False,
        held="can",
    ),
}
"""Every scene by its name."""


@cache
def load_scene(name: str) -> Scene:
    """The scene of a recipe; the same one whenever it is asked for.

    Raises:
        UnknownNameError: There is no such scene.
    """
    if name not in RECIPES:
        raise unknown_name("scene", name, RECIPES)
    recipe = RECIPES[name]
    layout = recipe.layout()
    if recipe.held is None:
        return truth_scene(TabletopWorld(_ARM, layout))
    return _with_held(layout, recipe.held, recipe.seed)


def _with_held(layout: Layout, held: str, seed: int) -> Scene:
    """The scene after a scripted expert has picked a thing up and brought it home."""
    start = Scenario(
        skill="grasp",
        args={"object": held},
        task=f"pick up the {held}",
        layout=layout,
        tokens=tokens_of("grasp", held),
        effects=(Literal(predicate="holding", args=(held,)),),
        held=held,
        offset_m=np.zeros(3),
        turn_rad=np.zeros(3),
    )
    robot = SimRobot(_ARM, layout=layout)
    robot.connect()
    try:
        prepare(robot, start, np.random.default_rng(seed))
        return truth_scene(robot.world)
    finally:
        robot.close()


def _second(rng: np.random.Generator, at: ObjectPlacement, name: str) -> ObjectPlacement:
    """A second thing of a kind, for example ``can_2``, where another thing stood."""
    item = random_object(rng, name.rpartition("_")[0])
    T = at.T_base_object
    up = np.array([0.0, 0.0, 0.5 * float(item.extents_m[2] - at.extents_m[2])])
    return replace(item, name=name, T_base_object=SE3(T.R, T.p + up))
