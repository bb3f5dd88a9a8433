"""The world as entities: what perception sees, planners reason about and skills act on.

Every entity is an upright box: its frame has +z up (against gravity) and its origin at the centre
of the box. A scene is a value; nothing in it moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from robot_skills.core.errors import unknown_name
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import _frozen

TABLE = "table"
"""Name of the entity that everything stands on."""
PAINT_M = 0.004
"""What is fixed and no thicker than this is painted on, and no step for what stands on it."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Region:
    """A box-shaped volume that belongs to an entity.

    Attributes:
        T_entity_region: Centre of the volume, +z up.
        extents_m: Full sizes along the region's axes, (3,).
    """

    T_entity_region: SE3
    extents_m: Array

    def __post_init__(self) -> None:
        object.__setattr__(self, "extents_m", _frozen(self.extents_m, (3,), "extents_m"))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Articulation:
    """One joint of an entity: what slides, or what turns about an upright hinge.

    Attributes:
        value_m: How far the handle has gone from where it is when closed, along its way.
        upper_m: Largest joint value.
        axis_entity: Unit direction in which the closed handle begins to move, in the entity frame,
            (3,).
        T_entity_handle: Centre of the handle at the present value; +x out of what it opens, across
            the bar, +z up.
        handle_extents_m: Full sizes of the handle along its axes, (3,).
        hinge_entity: A point of the hinge, in the entity frame, (3,); None when it slides.
    """

    value_m: float
    upper_m: float
    axis_entity: Array
    T_entity_handle: SE3
    handle_extents_m: Array
    hinge_entity: Array | None = None

    def __post_init__(self) -> None:
        if self.hinge_entity is not None:
            hinge = _frozen(self.hinge_entity, (3,), "hinge_entity")
            object.__setattr__(self, "hinge_entity", hinge)
        object.__setattr__(self, "axis_entity", _frozen(self.axis_entity, (3,), "axis_entity"))
        extents = _frozen(self.handle_extents_m, (3,), "handle_extents_m")
        object.__setattr__(self, "handle_extents_m", extents)

    def handle_at(self, value_m: float) -> SE3:
        """`T_entity_handle` at another joint value."""
        return moved_handle(
            self.T_entity_handle, value_m - self.value_m, self.axis_entity, self.hinge_entity
        )


def moved_handle(T_handle: SE3, way_m: float, axis: Array, hinge: Array | None) -> SE3:
    """A handle that has gone on by `way_m` along its way, in the frame that all is given in.

    Args:
        T_handle: Where it is; +x out of what it opens, +z up.
        way_m: How far; below zero is back.
        axis: Unit direction in which a sliding handle moves, (3,).
        hinge: A point of the upright hinge, (3,); None when it slides.
    """
    if hinge is None:
        return SE3(T_handle.R, T_handle.p + way_m * axis)
    arm = T_handle.p - hinge
    radius_m = float(np.hypot(arm[0], arm[1]))
    ahead = T_handle.R[:, 0]
    # Whether moving on turns it to the left, seen from above.
    sense = np.sign(arm[0] * ahead[1] - arm[1] * ahead[0])
    turn = SE3.from_yaw(float(sense) * way_m / radius_m, (0.0, 0.0, 0.0))
    return SE3(turn.R @ T_handle.R, hinge + turn.R @ arm)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Control:
    """What is switched by being pressed.

    Attributes:
        on: Whether it is on.
        T_entity_press: Where to press to change that, from above, +z up.
        travel_m: How far it has to go down.
    """

    on: bool
    T_entity_press: SE3
    travel_m: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Entity:
    """One thing in the scene.

    Attributes:
        name: Unique in the scene, for example ``"red_cube"``; a second one is ``"red_cube_2"``.
        label: Kind of thing, for example ``"cube"``, ``"drawer"``, ``"can"``.
        colour: Basic colour word, or ``""`` when it has none that a person would name.
        T_base_entity: Centre of the upright box. For a drawer: of its cabinet, which stands still;
            +x points out of the front, along the opening direction.
        extents_m: Full box sizes along the entity axes, (3,).
        confidence: Of the label, in [0, 1].
        stamp_s: When it was last seen.
        visible: Whether it was seen in the latest look, or is remembered.
        gone: It is remembered, but its place was in full view in the latest look, and empty.
        held_by: Name of the arm that holds it.
        articulation: Its drawer, lid or door.
        control: What is switched on and off at it.
        cavity: Volume of a container in which things are *in* it, at the present joint value.
        access: Part of the cavity that is open to the top now; None when nothing can be put in.
        movable: Whether a gripper may pick it up.
    """

    name: str
    label: str
    colour: str = ""
    T_base_entity: SE3
    extents_m: Array
    confidence: float = 1.0
    stamp_s: float = 0.0
    visible: bool = True
    gone: bool = False
    held_by: str | None = None
    articulation: Articulation | None = None
    control: Control | None = None
    cavity: Region | None = None
    access: Region | None = None
    movable: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "extents_m", _frozen(self.extents_m, (3,), "extents_m"))

    @property
    def top_m(self) -> float:
        """Height of the top face in the base frame."""
        return float(self.T_base_entity.p[2] + 0.5 * self.extents_m[2])

    @property
    def painted(self) -> bool:
        """Whether it is a marked area rather than a thing: it can be shared, and passed over."""
        return not self.movable and float(self.extents_m[2]) <= PAINT_M

    @property
    def bottom_m(self) -> float:
        """Height of the bottom face in the base frame."""
        return float(self.T_base_entity.p[2] - 0.5 * self.extents_m[2])


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """How good one camera's picture was when it was looked at.

    Attributes:
        age_s: How long before the look it was taken.
        readings: Share of its pixels that have a depth.
    """

    age_s: float
    readings: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scene:
    """All entities known at one time, the table among them.

    Attributes:
        stamp_s: Time of the latest look.
        entities: By name, in a stable order.
        opening: Gripper opening per arm name.
        tools: `T_base_tool` per arm name, where it is known.
        views: The pictures that it was read from, per camera, where whoever looked says so.
    """

    stamp_s: float
    entities: Mapping[str, Entity]
    opening: Mapping[str, float]
    tools: Mapping[str, SE3] = field(default_factory=dict)
    views: Mapping[str, View] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, entity in self.entities.items():
            if name != entity.name:
                raise ValueError(f"Entity {entity.name!r} is filed under {name!r}.")

    def __getitem__(self, name: str) -> Entity:
        try:
            return self.entities[name]
        except KeyError:
            raise unknown_name("entity", name, self.entities) from None

    def __contains__(self, name: object) -> bool:
        return name in self.entities

    def __iter__(self):
        return iter(self.entities.values())

    def __len__(self) -> int:
        return len(self.entities)

    @property
    def table_height_m(self) -> float:
        """Height of the table top in the base frame; 0 when no table was seen."""
        return self.entities[TABLE].top_m if TABLE in self.entities else 0.0

    def held(self, arm: str) -> Entity | None:
        """The entity in the gripper of `arm`."""
        return next((entity for entity in self if entity.held_by == arm), None)

    def with_entity(self, entity: Entity) -> "Scene":
        """The scene with one entity added or replaced."""
        return replace(self, entities={**self.entities, entity.name: entity})


def distance_to_rectangle(points: Array, T_base_box: SE3, size_m: Array) -> Array:
    """Distances (n,) from points (n, 2) to the floor area of an upright box; 0 inside it."""
    c, s = T_base_box.R[:2, 0]
    offset = points - T_base_box.p[:2]
    local = np.stack([offset @ (c, s), offset @ (-s, c)], axis=-1)
    outside = np.maximum(np.abs(local) - 0.5 * size_m, 0.0)
    return np.linalg.norm(outside, axis=-1)


def footprint_gap_m(a: Entity, b: Entity) -> float:
    """Free distance between the floor areas of two boxes; 0 when they touch or overlap."""
    gaps = [
        distance_to_rectangle(_outline(one), other.T_base_entity, other.extents_m[:2]).min()
        for one, other in ((a, b), (b, a))
    ]
    return float(min(gaps))


def _outline(entity: Entity, per_side: int = 9) -> Array:
    """Points of the border of a box's floor area, corners among them, (4 * per_side, 2)."""
    along = np.linspace(-0.5, 0.5, per_side)
    ends = np.full(per_side, 0.5)
    sides = [(along, ends), (along, -ends), (ends, along), (-ends, along)]
    points = np.concatenate([np.stack(side, axis=-1) for side in sides])
    local = np.column_stack([points * entity.extents_m[:2], np.zeros(len(points))])
    return (entity.T_base_entity @ local)[:, :2]


def canonical_yaw(entity: Entity, T_base_tool: SE3, square_within: float = 1.15) -> Entity:
    """The same upright box, described by the axes that suit a tool.

    A box looks the same under quarter turns (with its sizes swapped) or half turns. Policies see
    one of the equivalent descriptions: +y is the shorter horizontal side, or, when both are within
    a factor of `square_within`, the side nearest the tool's closing axis; the sign of +x is the
    one nearest the tool's +x axis.

    Args:
        entity: Box with +z up.
        T_base_tool: Tool pose at the moment of binding.
        square_within: Ratio of sides below which the footprint counts as square.
    """
    size_x, size_y, size_z = entity.extents_m
    yaw = entity.T_base_entity.yaw_rad()
    tool_yaw = np.arctan2(T_base_tool.R[1, 0], T_base_tool.R[0, 0])
    if max(size_x, size_y) > square_within * min(size_x, size_y):
        turns = [0, 2] if size_x >= size_y else [1, 3]
    else:
        turns = [0, 1, 2, 3]

    def off_by(quarter_turns: int) -> float:
        difference = yaw + quarter_turns * np.pi / 2 - tool_yaw
        return abs((difference + np.pi) % (2 * np.pi) - np.pi)

    best = min(turns, key=off_by)
    if best % 2:
        size_x, size_y = size_y, size_x
    T = SE3.from_yaw(yaw + best * np.pi / 2, entity.T_base_entity.p)
    return replace(entity, T_base_entity=T, extents_m=np.array([size_x, size_y, size_z]))
