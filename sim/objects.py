"""Free objects: coloured cubes, robosuite's household things, and shapes kept for tests."""

from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np

from robot_skills.core.errors import unknown_name
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import _frozen
from sim.fixtures import PEG_M
from sim.parts import (
    COLLISION_GROUP,
    DRAWN_GROUP,
    OBJECT_FRICTION,
    WORLD_BIT,
    add_box,
    load_asset,
    place,
)

CUBE = "cube"
COLOURS: Mapping[str, tuple[float, float, float]] = {
    "red": (0.80, 0.08, 0.08),
    "green": (0.10, 0.58, 0.15),
    "blue": (0.08, 0.20, 0.75),
    "yellow": (0.92, 0.80, 0.08),
    "orange": (0.95, 0.42, 0.03),
}
"""RGB of the cubes' colours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HouseholdModel:
    """One of robosuite's meshes.

    Attributes:
        asset: File below robosuite's assets.
        lower_m: Lowest corner of the mesh in its own frame.
        upper_m: Highest corner.
        mass_kg: Of a filled one.
        cylinder: Whether a cylinder is felt in place of the mesh's convex hull.
    """

    asset: str
    lower_m: tuple[float, float, float]
    upper_m: tuple[float, float, float]
    mass_kg: float
    cylinder: bool = False

    @property
    def extents_m(self) -> Array:
        return np.subtract(self.upper_m, self.lower_m)

    @property
    def centre_m(self) -> Array:
        return 0.5 * np.add(self.upper_m, self.lower_m)


HOUSEHOLD: Mapping[str, HouseholdModel] = {
    "can": HouseholdModel(
        asset="objects/can.xml",
        lower_m=(-0.025, -0.025, -0.0403),
        upper_m=(0.025, 0.025, 0.0397),
        mass_kg=0.12,
        cylinder=True,
    ),
    "bottle": HouseholdModel(
        asset="objects/bottle.xml",
        lower_m=(-0.0276, -0.0293, -0.0649),
        upper_m=(0.0276, 0.0293, 0.0951),
        mass_kg=0.12,
    ),
    "cereal": HouseholdModel(
        asset="objects/cereal.xml",
        lower_m=(-0.05, -0.015, -0.075),
        upper_m=(0.05, 0.015, 0.075),
        mass_kg=0.10,
    ),
    "milk": HouseholdModel(
        asset="objects/milk.xml",
        lower_m=(-0.0199, -0.0199, -0.0610),
        upper_m=(0.0199, 0.0199, 0.0830),
        mass_kg=0.12,
    ),
    "bread": HouseholdModel(
        asset="objects/bread.xml",
        lower_m=(-0.024, -0.020, -0.0233),
        upper_m=(0.024, 0.020, 0.0247),
        mass_kg=0.06,
    ),
}
"""Household things by label."""

OBJECT_NAMES: tuple[str, ...] = (*(f"{colour}_{CUBE}" for colour in COLOURS), *HOUSEHOLD)
"""Names of all free objects that a layout can hold."""


PEG = "peg"
"""What goes into the socket. No random layout has it unless it is asked for."""
_PEG_RGB = np.array([0.10, 0.25, 0.70])
_PEG_TIP_M = 0.006
_PEG_TIP_SHARE = 0.75

BLOCK, ROLL, HEXAGON, BRACKET = "block", "roll", "hexagon", "bracket"
UNSEEN_COLOURS: Mapping[str, tuple[float, float, float]] = {
    "pink": (0.95, 0.45, 0.60),
    "cyan": (0.10, 0.65, 0.70),
    "white": (0.88, 0.88, 0.88),
    "black": (0.05, 0.05, 0.05),
    "brown": (0.35, 0.20, 0.10),
}
"""RGB of what no demonstration has."""
UNSEEN_SIZES_M: Mapping[str, tuple[tuple[float, float], ...]] = {
    BLOCK: ((0.045, 0.085), (0.024, 0.036), (0.028, 0.060)),
    ROLL: ((0.034, 0.056), (0.034, 0.056), (0.040, 0.110)),
    HEXAGON: ((0.040, 0.058), (0.040, 0.058), (0.030, 0.060)),
    BRACKET: ((0.050, 0.075), (0.040, 0.055), (0.030, 0.050)),
}
"""Least and greatest size along each axis of shapes that no demonstration has."""
UNSEEN_MASS_KG = (0.02, 0.35)
_BRACKET_ARM = 0.4
"""Thickness of a bracket's arms, as a share of its shorter side."""
UNSEEN_NAMES: tuple[str, ...] = tuple(
    f"{colour}_{shape}" for colour in UNSEEN_COLOURS for shape in UNSEEN_SIZES_M
)
"""Names of free objects that no demonstration has."""
ALL_NAMES: tuple[str, ...] = (*OBJECT_NAMES, PEG, *UNSEEN_NAMES)
"""Names of all free objects."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ObjectPlacement:
    """One free object and where it starts.

    Attributes:
        name: Entity name, one of `ALL_NAMES`.
        label: Kind of thing.
        colour: Colour word, or ``""``.
        rgb: Colour of a cube, (3,); unused for household things.
        extents_m: Full sizes of its upright box, (3,).
        mass_kg: Mass.
        T_base_object: Centre of its box at the start.
    """

    name: str
    label: str
    colour: str
    rgb: Array
    extents_m: Array
    mass_kg: float
    T_base_object: SE3

    def __post_init__(self) -> None:
        object.__setattr__(self, "rgb", _frozen(self.rgb, (3,), "rgb"))
        object.__setattr__(self, "extents_m", _frozen(self.extents_m, (3,), "extents_m"))


def random_object(rng: np.random.Generator, name: str) -> ObjectPlacement:
    """An object of random size and shade, at the origin.

    Raises:
        UnknownNameError: `name` is not one of `ALL_NAMES`.
    """
    if name not in ALL_NAMES:
        raise unknown_name("object", name, ALL_NAMES)
    if name == PEG:
        return ObjectPlacement(
            name=PEG,
            label=PEG,
            colour="blue",
            rgb=_PEG_RGB,
            extents_m=PEG_M,
            mass_kg=0.06,
            T_base_object=SE3.identity(),
        )
    if name in UNSEEN_NAMES:
        return _random_unseen(rng, name)
    if name in HOUSEHOLD:
        model = HOUSEHOLD[name]
        return ObjectPlacement(
            name=name,
            label=name,
            colour="",
            rgb=np.ones(3),
            extents_m=model.extents_m,
            mass_kg=model.mass_kg,
            T_base_object=SE3.identity(),
        )
    colour = name.removesuffix(f"_{CUBE}")
    shade = np.clip(np.array(COLOURS[colour]) * rng.uniform(0.9, 1.05), 0.0, 1.0)
    return ObjectPlacement(
        name=name,
        label=CUBE,
        colour=colour,
        rgb=shade,
        extents_m=np.full(3, rng.uniform(0.038, 0.050)),
        mass_kg=rng.uniform(0.06, 0.12),
        T_base_object=SE3.identity(),
    )


def _random_unseen(rng: np.random.Generator, name: str) -> ObjectPlacement:
    colour, shape = name.split("_")
    extents_m = np.array([rng.uniform(*ends) for ends in UNSEEN_SIZES_M[shape]])
    if shape == ROLL:
        extents_m[1] = extents_m[0]
    elif shape == HEXAGON:
        extents_m[1] = extents_m[0] * np.sin(np.pi / 3.0)
    return ObjectPlacement(
        name=name,
        label=shape,
        colour=colour,
        rgb=np.array(UNSEEN_COLOURS[colour]),
        extents_m=extents_m,
        mass_kg=float(rng.uniform(*UNSEEN_MASS_KG)),
        T_base_object=SE3.identity(),
    )


def add_object(world: mujoco.MjSpec, item: ObjectPlacement) -> None:
    """Add one free body, named as the entity, whose origin is the centre of its box."""
    body = world.worldbody.add_body(name=item.name)
    place(body, item.T_base_object)
    body.add_freejoint(name=item.name)
    half, rgba = 0.5 * item.extents_m, [*item.rgb, 1.0]
    match item.label:
        case label if label in (CUBE, BLOCK):
            add_box(body, lower_m=-half, upper_m=half, rgba=rgba, mass_kg=item.mass_kg)
        case label if label == PEG:
            _add_peg(body, item)
        case label if label == BRACKET:
            _add_bracket(body, item)
        case label if label in (ROLL, HEXAGON):
            _add_prism(world, body, item)
        case _:
            _add_household(world, body, item)


def _add_peg(body: mujoco.MjsBody, item: ObjectPlacement) -> None:
    """A square peg whose lower end is narrower, as a chamfer is."""
    half, rgba = 0.5 * item.extents_m, [*item.rgb, 1.0]
    shoulder = float(-half[2] + _PEG_TIP_M)
    tip = _PEG_TIP_SHARE * half[:2]
    add_box(
        body,
        lower_m=(-half[0], -half[1], shoulder),
        upper_m=half,
        rgba=rgba,
        mass_kg=0.9 * item.mass_kg,
    )
    add_box(
        body,
        lower_m=(*-tip, -half[2]),
        upper_m=(*tip, shoulder),
        rgba=rgba,
        mass_kg=0.1 * item.mass_kg,
    )


def _add_bracket(body: mujoco.MjsBody, item: ObjectPlacement) -> None:
    """An angle of two arms, seen from above."""
    half, rgba = 0.5 * item.extents_m, [*item.rgb, 1.0]
    thick = _BRACKET_ARM * float(item.extents_m[:2].min())
    arms = (
        (-half, (half[0], -half[1] + thick, half[2])),
        ((-half[0], -half[1] + thick, -half[2]), (-half[0] + thick, half[1], half[2])),
    )
    areas = [float(np.prod(np.subtract(upper, lower)[:2])) for lower, upper in arms]
    for (lower, upper), area in zip(arms, areas, strict=True):
        mass_kg = item.mass_kg * area / sum(areas)
        add_box(body, lower_m=lower, upper_m=upper, rgba=rgba, mass_kg=mass_kg)


def _add_prism(world: mujoco.MjSpec, body: mujoco.MjsBody, item: ObjectPlacement) -> None:
    """An upright prism with a round or a six-sided outline."""
    radius, half_z = 0.5 * float(item.extents_m[0]), 0.5 * float(item.extents_m[2])
    geom = body.add_geom(
        rgba=[*item.rgb, 1.0],
        group=DRAWN_GROUP,
        contype=WORLD_BIT,
        conaffinity=WORLD_BIT,
        friction=list(OBJECT_FRICTION),
        mass=item.mass_kg,
    )
    if item.label == ROLL:
        geom.type = mujoco.mjtGeom.mjGEOM_CYLINDER
        geom.size = [radius, half_z, 0.0]
        return
    angles = np.arange(6) * np.pi / 3.0
    outline = radius * np.column_stack([np.cos(angles), np.sin(angles)])
    corners = np.concatenate([np.column_stack([outline, np.full(6, z)]) for z in (-half_z, half_z)])
    world.add_mesh(name=f"{item.name}_prism", uservert=corners.flatten().tolist())
    geom.type = mujoco.mjtGeom.mjGEOM_MESH
    geom.meshname = f"{item.name}_prism"


def _add_household(world: mujoco.MjSpec, body: mujoco.MjsBody, item: ObjectPlacement) -> None:
    model = HOUSEHOLD[item.label]
    asset = load_asset(model.asset)
    prefix = f"{item.name}/"
    source = next(geom for geom in asset.geoms if geom.type == mujoco.mjtGeom.mjGEOM_MESH)
    mesh, material = source.meshname, source.material
    for geom in list(asset.geoms):
        asset.delete(geom)
    for site in list(asset.sites):
        asset.delete(site)
    # Only the assets are wanted; attaching the now empty bodies brings them along.
    world.attach(asset, prefix=prefix, frame=body.add_frame())
    offset = (-model.centre_m).tolist()
    seen = body.add_geom(
        name=f"{item.name}_mesh",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=prefix + mesh,
        material=prefix + material,
        pos=offset,
        friction=list(OBJECT_FRICTION),
    )
    if not model.cylinder:
        seen.group, seen.mass = DRAWN_GROUP, item.mass_kg
        seen.contype = seen.conaffinity = WORLD_BIT
        return
    seen.group, seen.mass, seen.contype, seen.conaffinity = DRAWN_GROUP, 0.0, 0, 0
    radius, half_height = 0.5 * item.extents_m[0], 0.5 * item.extents_m[2]
    body.add_geom(
        name=f"{item.name}_hull",
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[radius, half_height, 0.0],
        friction=list(OBJECT_FRICTION),
        group=COLLISION_GROUP,
        contype=WORLD_BIT,
        conaffinity=WORLD_BIT,
        mass=item.mass_kg,
    )
