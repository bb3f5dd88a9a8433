"""What may differ between two episodes, as data: what demonstrations show, and what tests add."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from robot_skills.core.se3 import SE3, so3_exp
from sim.appearance import USUAL, Appearance, Texture
from sim.objects import BLOCK, BRACKET, CUBE, HEXAGON, OBJECT_NAMES, UNSEEN_NAMES
from sim.placements import Layout, raised

Range = tuple[float, float]
"""Least and greatest value; both the same where nothing varies."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pool:
    """Free objects by what can be done with them.

    Attributes:
        things: All of them; they can be grasped.
        stackable: Stand safely on each other.
        low: Have room in a closed drawer.
        pushed: Slide when they are pushed, and do not fall over.
    """

    things: tuple[str, ...]
    stackable: tuple[str, ...]
    low: tuple[str, ...]
    pushed: tuple[str, ...]


def _shaped(*shapes: str) -> tuple[str, ...]:
    return tuple(name for name in UNSEEN_NAMES if name.endswith(shapes))


_CUBES = tuple(name for name in OBJECT_NAMES if name.endswith(CUBE))
SEEN = Pool(
    things=OBJECT_NAMES,
    stackable=_CUBES,
    low=(*_CUBES, "bread"),
    pushed=(*_CUBES, "bread", "can"),
)
"""What demonstrations show."""
UNSEEN = Pool(
    things=UNSEEN_NAMES,
    stackable=_shaped(BLOCK, HEXAGON),
    low=_shaped(BLOCK, HEXAGON, BRACKET),
    pushed=_shaped(BLOCK, HEXAGON, BRACKET),
)
"""Other shapes, sizes, colours and masses."""


USUAL_PLACES = (("drawer", 0.28), ("box", 0.28), ("cube", 0.28), ("table", 0.16))
"""Where demonstrations put things, and how often."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variation:
    """Ranges that episodes are drawn from.

    Attributes:
        objects: What is acted on.
        others: What else may stand around.
        clutter: So many things more than usual stand around.
        table_rgb: Of each colour channel of the table; None leaves it as the layout has it.
        textures: What covers the table.
        light: Brightness of the ceiling's light.
        ambient: Brightness of the light from everywhere.
        light_turn_rad: How far the ceiling's light may be turned.
        camera_off_m: How far the fixed camera may be moved; its pose stays known.
        camera_off_rad: How far it may be turned.
        table_height_m: Of the table over the arm's base.
        friction: As a share of the usual.
        mass: As a share of the usual.
        size: Of cubes, as a share of the usual.
        places: Where things are put: in or on what, or beside something; and how often.
    """

    objects: Pool = SEEN
    others: tuple[str, ...] = OBJECT_NAMES
    clutter: int = 0
    table_rgb: tuple[Range, Range, Range] | None = None
    textures: tuple[Texture, ...] = (Texture.PLAIN,)
    light: Range = (USUAL.light, USUAL.light)
    ambient: Range = (USUAL.ambient, USUAL.ambient)
    light_turn_rad: float = 0.0
    camera_off_m: float = 0.0
    camera_off_rad: float = 0.0
    table_height_m: Range = (0.0, 0.0)
    friction: Range = (1.0, 1.0)
    mass: Range = (1.0, 1.0)
    size: Range = (1.0, 1.0)
    places: tuple[tuple[str, float], ...] = USUAL_PLACES

    @property
    def room(self) -> "Variation":
        """What it says of look, feel and height of the table; all else as in demonstrations."""
        return replace(
            self,
            objects=SEEN,
            others=OBJECT_NAMES,
            clutter=0,
            size=(1.0, 1.0),
            places=USUAL_PLACES,
        )


TRAINING = Variation()
"""What demonstrations are drawn from."""
MEASURED = Variation(
    places=(("drawer", 0.22), ("box", 0.22), ("cube", 0.22), ("table", 0.14), ("beside", 0.20))
)
"""What skills are measured on: all that their cards promise."""

_ANY_RGB: tuple[Range, Range, Range] = ((0.10, 0.85), (0.10, 0.85), (0.10, 0.85))
FACTORS: Mapping[str, Variation] = {
    "light": Variation(light=(0.15, 1.0), ambient=(0.15, 0.6), light_turn_rad=0.7),
    "texture": Variation(table_rgb=_ANY_RGB, textures=tuple(Texture)),
    "camera pose": Variation(camera_off_m=0.12, camera_off_rad=0.10),
    "distractors": Variation(others=UNSEEN_NAMES, clutter=3),
    "object": Variation(objects=UNSEEN),
    "size": Variation(size=(0.70, 1.22)),
    "table height": Variation(table_height_m=(-0.05, 0.06)),
    "friction": Variation(friction=(0.4, 1.6)),
    "mass": Variation(mass=(0.3, 3.5)),
}
"""One factor each varies beyond what demonstrations show (Xie et al., *Decomposing the
Generalization Gap in Imitation Learning for Visual Robotic Manipulation*, 2023)."""


def vary(layout: Layout, variation: Variation, rng: np.random.Generator) -> Layout:
    """A layout with look, feel and height of its table drawn from a variation."""
    if variation.room == TRAINING:
        return layout
    turn = rng.uniform(-1.0, 1.0, 3) * variation.light_turn_rad
    look = Appearance(
        texture=variation.textures[int(rng.integers(len(variation.textures)))],
        second_rgb=rng.uniform(0.1, 0.9, 3),
        light_direction=so3_exp(turn) @ USUAL.light_direction,
        light=float(rng.uniform(*variation.light)),
        ambient=float(rng.uniform(*variation.ambient)),
        T_front_moved=SE3(
            so3_exp(rng.uniform(-1.0, 1.0, 3) * variation.camera_off_rad),
            rng.uniform(-1.0, 1.0, 3) * variation.camera_off_m,
        ),
    )
    table_rgb = layout.table_rgb
    if variation.table_rgb is not None:
        table_rgb = np.array([rng.uniform(*ends) for ends in variation.table_rgb])
    changed = replace(
        layout,
        objects=tuple(
            replace(item, mass_kg=item.mass_kg * rng.uniform(*variation.mass))
            for item in layout.objects
        ),
        table_rgb=table_rgb,
        friction=float(rng.uniform(*variation.friction)),
        appearance=look,
    )
    return raised(changed, float(rng.uniform(*variation.table_height_m)))
