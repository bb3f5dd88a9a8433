"""Where there is room: spots on the table and in containers at which a thing may be put down."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from robot_skills.core.errors import PlanningError
from robot_skills.core.scene import TABLE, Articulation, Entity, Scene, distance_to_rectangle
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import _frozen

_CABINET_GAP_M = 0.06
"""Room that a hand needs beside a drawer's cabinet, from the spot."""
_FRONT_GAP_M = 0.045
"""Room that a hand needs beside a drawer's front panel, from the spot."""
_BESIDE_M = (0.03, 0.06)
"""Wanted gaps between a thing that is put down and the one beside it, whichever way it is turned"""
_GAP_INSIDE_M = 0.008
"""Wanted gap between a thing and its neighbours in a container."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FreeSpotConfig:
    """Where on the table a thing may be put down when only the table is named.

    Attributes:
        lower_m: Lowest x and y of a spot in the base frame, (2,).
        upper_m: Highest x and y of a spot, (2,).
        margin_m: Wanted gap between the thing and everything else: room for the fingers.
        least_margin_m: Gap below which there is no spot at all.
        step_m: Spacing of the spots that are considered.
        extents_m: Size that the spot's token reports, (3,); the table's own would say nothing.
        about_m: Where a spot is best, x and y, (2,); the middle of the area when None.
        apart_m: Least gaps to some things, by name, besides the margin.
    """

    lower_m: Array = field(default_factory=lambda: np.array([0.36, -0.26]))
    upper_m: Array = field(default_factory=lambda: np.array([0.68, 0.26]))
    margin_m: float = 0.06
    least_margin_m: float = 0.015
    step_m: float = 0.01
    extents_m: Array = field(default_factory=lambda: np.array([0.1, 0.1, 0.0]))
    about_m: Array | None = None
    apart_m: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, size in (("lower_m", 2), ("upper_m", 2), ("extents_m", 3)):
            object.__setattr__(self, name, _frozen(getattr(self, name), (size,), name))
        if self.about_m is not None:
            object.__setattr__(self, "about_m", _frozen(self.about_m, (2,), "about_m"))
        if np.any(self.lower_m >= self.upper_m):
            raise ValueError("The area for free spots needs lower < upper.")
        if not 0.0 <= self.least_margin_m <= self.margin_m or self.step_m <= 0.0:
            raise ValueError("Free spots need 0 <= least margin <= margin and a step above zero.")


DEFAULT_FREE_SPOT = FreeSpotConfig()


def free_spot_on_table(
    scene: Scene,
    thing: Entity | None,
    config: FreeSpotConfig = DEFAULT_FREE_SPOT,
    beside: Entity | None = None,
) -> Array:
    """A point on the table with room around it, (3,), in the base frame.

    Of all spots that leave the wanted margin, the one nearest to where a spot is best; when the
    table is too crowded for that, the one with the most room. The same scene gives the same spot.

    Args:
        scene: What stands on the table.
        thing: What is to be put down; it is not in its own way.
        config: Area and margins.
        beside: What the spot has to be next to.

    Raises:
        PlanningError: No spot leaves even the least margin.
    """
    xs = np.arange(config.lower_m[0], config.upper_m[0] + 1e-9, config.step_m)
    ys = np.arange(config.lower_m[1], config.upper_m[1] + 1e-9, config.step_m)
    spots = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1).reshape(-1, 2)
    room = np.full(len(spots), np.inf)
    radius = 0.0 if thing is None else 0.5 * float(np.linalg.norm(thing.extents_m[:2]))
    next_to = far_enough = np.ones(len(spots), dtype=bool)
    if beside is not None:
        gap = distance_to_rectangle(spots, beside.T_base_entity, beside.extents_m[:2]) - radius
        next_to = (gap >= _BESIDE_M[0]) & (gap <= _BESIDE_M[1])
    aside = {TABLE} | {entity.name for entity in (thing, beside) if entity is not None}
    for entity in scene:
        if entity.name in aside:
            continue
        for T_base_box, size in footprints(entity):
            gap = distance_to_rectangle(spots, T_base_box, size)
            room = np.minimum(room, gap)
            apart_m = config.apart_m.get(entity.name, -np.inf)
            far_enough = far_enough & (gap - radius >= apart_m)
    room[~(next_to & far_enough)] = -np.inf
    middle = 0.5 * (config.lower_m + config.upper_m) if config.about_m is None else config.about_m
    off_middle = np.linalg.norm(spots - middle, axis=-1)
    roomy = room >= radius + config.margin_m
    if np.any(roomy):
        best = int(np.argmin(np.where(roomy, off_middle, np.inf)))
    else:
        best = int(np.argmax(room))
        if room[best] < radius + config.least_margin_m:
            what = "anything" if thing is None else thing.name
            raise PlanningError(
                f"No free spot on the table for {what}: the best leaves "
                f"{max(room[best] - radius, 0.0):.3f} m, {config.least_margin_m} m are needed."
            )
    return np.array([*spots[best], scene.table_height_m])


def free_spot_inside(area: Entity, scene: Scene, moved: Entity | None) -> Array:
    """Spot on the floor of a container's open region, (3,), in the region's frame.

    Its middle when nothing lies there; else the spot nearest to the middle that is clear of what
    lies in it, and where there is none, the one with the most room.

    Args:
        area: The container, with the pose and the sizes of its open region.
        scene: What lies in it.
        moved: What is to be put there; it is not in its own way.
    """
    radius_m = 0.0 if moved is None else 0.5 * float(np.linalg.norm(moved.extents_m[:2]))
    upper = np.maximum(0.5 * area.extents_m[:2] - radius_m, 0.0)
    lower = -upper
    if area.articulation is not None:
        # A hand above a drawer needs room beside the cabinet, behind it, and beside the front.
        half_m = 0.5 * float(area.extents_m[0])
        lower[0] = min(_CABINET_GAP_M - half_m, 0.0)
        upper[0] = max(half_m - _FRONT_GAP_M, 0.0)
    axes = [np.union1d(np.linspace(a, b, 15), 0.0) for a, b in zip(lower, upper, strict=True)]
    offsets = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    points = area.T_base_entity @ np.column_stack([offsets, np.zeros(len(offsets))])
    room = np.full(len(offsets), np.inf)
    skip = {area.name, TABLE} | ({moved.name} if moved is not None else set())
    for entity in scene:
        if entity.name not in skip and entity.held_by is None and entity.movable:
            size = entity.extents_m[:2]
            room = np.minimum(
                room, distance_to_rectangle(points[:, :2], entity.T_base_entity, size)
            )
    off_middle = np.linalg.norm(offsets, axis=-1)
    free = room >= radius_m + _GAP_INSIDE_M
    if np.any(free):
        best = int(np.argmin(np.where(free, off_middle, np.inf)))
    else:
        best = int(np.argmax(room))
    return np.array([*offsets[best], -0.5 * area.extents_m[2]])


def solids(entity: Entity) -> Iterable[tuple[SE3, Array, float]]:
    """Floor area and top of the parts of an entity: its box, and the handle of its joint."""
    yield entity.T_base_entity, entity.extents_m[:2], entity.top_m
    joint = entity.articulation
    if joint is not None:
        T_base_handle = entity.T_base_entity @ joint.T_entity_handle
        top = float(T_base_handle.p[2] + 0.5 * joint.handle_extents_m[2])
        yield T_base_handle, joint.handle_extents_m[:2], top


def footprints(entity: Entity) -> Iterable[tuple[SE3, Array]]:
    """Boxes whose floor area must stay free: the entity, and all that its joint sweeps over."""
    yield entity.T_base_entity, entity.extents_m[:2]
    joint = entity.articulation
    if joint is None:
        return
    if joint.hinge_entity is not None:
        yield _swept_by_door(entity, joint, joint.hinge_entity)
        return
    # From the present handle on to where a fully open drawer would hold it.
    ahead_m = max(joint.upper_m - joint.value_m, 0.0)
    far = joint.T_entity_handle.p + ahead_m * joint.axis_entity
    reach_m = float(far @ joint.axis_entity) + 0.5 * joint.handle_extents_m[0]
    T_entity_sweep = SE3(joint.T_entity_handle.R, 0.5 * reach_m * joint.axis_entity)
    across = joint.T_entity_handle.R.T @ np.diag(entity.extents_m)
    width_m = float(np.abs(across).sum(axis=-1)[1])
    yield entity.T_base_entity @ T_entity_sweep, np.array([reach_m, width_m])


def _swept_by_door(entity: Entity, joint: Articulation, hinge: Array) -> tuple[SE3, Array]:
    """The box in the entity's axes around hinge and handle, from now until it is fully open."""
    handles = [joint.handle_at(v).p for v in np.linspace(joint.value_m, joint.upper_m, 9)]
    points = np.array([*handles, hinge])[:, :2]
    border_m = 0.5 * float(joint.handle_extents_m[:2].max())
    lower, upper = points.min(axis=0) - border_m, points.max(axis=0) + border_m
    T_entity_middle = SE3.from_translation((*(0.5 * (lower + upper)), 0.0))
    return entity.T_base_entity @ T_entity_middle, upper - lower
