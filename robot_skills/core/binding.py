"""From the entities of a call to the tokens that a policy sees.

Demonstrations and runs must describe the same situation in the same way, so both bind through
`bind`. What is bound stands still during a skill, except a held thing, which moves with the tool.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

import numpy as np

from robot_skills.core.errors import PlanningError, RefusedError
from robot_skills.core.policy import TOKEN_SLOTS, EntityToken
from robot_skills.core.predicates import in_
from robot_skills.core.scene import TABLE, Entity, Scene, canonical_yaw
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import _frozen


class Anchor(Enum):
    """Which frame of an entity matters to a call."""

    BOX = "box"
    """The upright box, described by the axes that suit the tool; in a container, `value` is how far
    the walls rise above the thing's base."""
    HANDLE = "handle"
    """The handle of a sliding joint, at its joint value."""
    ACCESS = "access"
    """A free spot on the floor of a container, where it is open to the top. The third size is the
    height of the walls around it."""
    TOP = "top"
    """The middle of the top face; for the table, a free spot on it. The third size is 0: there are
    no walls."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchorSpec:
    """One entity of a call, by name, and the frame of it that matters."""

    entity: str
    anchor: Anchor


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
    """

    lower_m: Array = field(default_factory=lambda: np.array([0.36, -0.26]))
    upper_m: Array = field(default_factory=lambda: np.array([0.68, 0.26]))
    margin_m: float = 0.06
    least_margin_m: float = 0.015
    step_m: float = 0.01
    extents_m: Array = field(default_factory=lambda: np.array([0.1, 0.1, 0.0]))

    def __post_init__(self) -> None:
        for name, size in (("lower_m", 2), ("upper_m", 2), ("extents_m", 3)):
            object.__setattr__(self, name, _frozen(getattr(self, name), (size,), name))
        if np.any(self.lower_m >= self.upper_m):
            raise ValueError("The area for free spots needs lower < upper.")
        if not 0.0 <= self.least_margin_m <= self.margin_m or self.step_m <= 0.0:
            raise ValueError("Free spots need 0 <= least margin <= margin and a step above zero.")


DEFAULT_FREE_SPOT = FreeSpotConfig()
GRASPABLE_M = 0.065
"""Widest side that is gripped in place of a shorter one, to turn the hand away from something."""
_GRIP_DEPTH_M = 0.03
_PALM_ABOVE_TOOL_M = 0.028
_HAND_HALF_M = np.array([0.035, 0.11])
"""Half of a hand's footprint: across, and along the closing direction."""
_CABINET_GAP_M = 0.06
"""Room that a hand needs beside a drawer's cabinet, from the spot."""
_FRONT_GAP_M = 0.045
"""Room that a hand needs beside a drawer's front panel, from the spot."""
SQUARE_WITHIN = 1.15
"""Ratio of sides below which a footprint counts as square."""
SQUARE_IN_DRAWER = 1.35
"""The same in a drawer, where the way the hand is turned matters more."""
_GAP_INSIDE_M = 0.008
"""Wanted gap between a thing and its neighbours in a container."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TokenBinding:
    """The tokens of one call, for the whole time that its skill runs.

    Attributes:
        tokens: As bound, in the order of the specs.
        T_tool_anchors: For each token, its anchor in the tool while it is held, else None.
    """

    tokens: tuple[EntityToken, ...]
    T_tool_anchors: tuple[SE3 | None, ...]

    def tokens_at(self, T_base_tool: SE3) -> tuple[EntityToken, ...]:
        """The tokens when the tool is at `T_base_tool`."""
        return tuple(
            token if T_tool_anchor is None else _moved(token, T_base_tool @ T_tool_anchor)
            for token, T_tool_anchor in zip(self.tokens, self.T_tool_anchors, strict=True)
        )


def bind(
    specs: Sequence[AnchorSpec],
    scene: Scene,
    T_base_tool: SE3,
    free_spot: FreeSpotConfig = DEFAULT_FREE_SPOT,
) -> TokenBinding:
    """Bind the entities of a call at the start of its skill.

    Args:
        specs: What the call is about, in the order in which the policy was trained to see it.
        scene: Latest scene.
        T_base_tool: Tool pose now.
        free_spot: How a spot on the table is chosen.

    Raises:
        UnknownNameError: An entity is not in the scene.
        RefusedError: An entity has no such anchor (no handle, nothing open to the top).
        PlanningError: The table has no free spot of the wanted size.
    """
    if len(specs) > TOKEN_SLOTS:
        raise RefusedError(f"A call binds at most {TOKEN_SLOTS} entities, got {len(specs)}.")
    moved = next((scene[spec.entity] for spec in specs if spec.anchor is Anchor.BOX), None)
    tokens = []
    T_tool_anchors = []
    for spec in specs:
        entity = scene[spec.entity]
        token = _token(entity, spec.anchor, scene, T_base_tool, moved, free_spot)
        held = entity.held_by is not None
        tokens.append(token)
        T_tool_anchors.append(T_base_tool.inverse() @ token.T_base_anchor if held else None)
    return TokenBinding(tokens=tuple(tokens), T_tool_anchors=tuple(T_tool_anchors))


def free_spot_on_table(
    scene: Scene,
    thing: Entity | None,
    config: FreeSpotConfig = DEFAULT_FREE_SPOT,
) -> Array:
    """A point on the table with room around it, (3,), in the base frame.

    Of all spots that leave the wanted margin, the one nearest to the middle of the area; when the
    table is too crowded for that, the one with the most room. The same scene gives the same spot.

    Args:
        scene: What stands on the table.
        thing: What is to be put down; it is not in its own way.
        config: Area and margins.

    Raises:
        PlanningError: No spot leaves even the least margin.
    """
    xs = np.arange(config.lower_m[0], config.upper_m[0] + 1e-9, config.step_m)
    ys = np.arange(config.lower_m[1], config.upper_m[1] + 1e-9, config.step_m)
    spots = np.stack(np.meshgrid(xs, ys, indexing="ij"), axis=-1).reshape(-1, 2)
    room = np.full(len(spots), np.inf)
    for entity in scene:
        if entity.name == TABLE or (thing is not None and entity.name == thing.name):
            continue
        for T_base_box, size in _footprints(entity):
            room = np.minimum(room, _distance_to_rectangle(spots, T_base_box, size))
    radius = 0.0 if thing is None else 0.5 * float(np.linalg.norm(thing.extents_m[:2]))
    off_middle = np.linalg.norm(spots - 0.5 * (config.lower_m + config.upper_m), axis=-1)
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


def _token(
    entity: Entity,
    anchor: Anchor,
    scene: Scene,
    T_base_tool: SE3,
    moved: Entity | None,
    free_spot: FreeSpotConfig,
) -> EntityToken:
    match anchor:
        case Anchor.BOX:
            return _thing_token(entity, T_base_tool, scene)
        case Anchor.HANDLE:
            return _handle_token(entity)
        case Anchor.ACCESS:
            return _access_token(entity, T_base_tool, scene, moved)
        case Anchor.TOP if entity.name == TABLE:
            p = free_spot_on_table(scene, moved, free_spot)
            T_base_spot = SE3.from_translation(p)
            spot = replace(entity, T_base_entity=T_base_spot, extents_m=free_spot.extents_m)
            return _box_token(spot, T_base_tool)
        case Anchor.TOP:
            box = canonical_yaw(entity, T_base_tool)
            T_entity_top = SE3.from_translation((0.0, 0.0, 0.5 * box.extents_m[2]))
            return EntityToken(
                T_base_anchor=box.T_base_entity @ T_entity_top,
                extents_m=box.extents_m * [1.0, 1.0, 0.0],
            )


def _thing_token(thing: Entity, T_base_tool: SE3, scene: Scene) -> EntityToken:
    """A thing's box. In a container, `value` is how far the walls around it rise above its base."""
    around = [
        entity
        for entity in scene
        if entity.cavity is not None and entity.name != thing.name
        if in_(scene, thing.name, entity.name)
    ]
    if not around:
        return _with_room_for_the_hand(thing, T_base_tool, scene)
    container = around[0]
    cavity = container.cavity
    assert cavity is not None
    T_base_cavity = container.T_base_entity @ cavity.T_entity_region
    walls_m = float(T_base_cavity.p[2] + 0.5 * cavity.extents_m[2]) - thing.bottom_m
    if container.articulation is None:
        token = _box_token(thing, T_base_tool)
    else:
        facing = _facing(T_base_cavity, T_base_tool)
        token = _box_token(thing, facing, SQUARE_IN_DRAWER)
    return replace(token, value=max(walls_m, 0.0))


def _with_room_for_the_hand(thing: Entity, T_base_tool: SE3, scene: Scene) -> EntityToken:
    """The box by the axes nearest the tool, or turned where a palm would hit something."""
    token = _box_token(thing, T_base_tool)
    if thing.held_by is not None or _hand_fits(token, thing, scene):
        return token
    if float(token.extents_m[0]) > GRASPABLE_M:
        return token
    yaw = float(np.arctan2(T_base_tool.R[1, 0], T_base_tool.R[0, 0]))
    turned = [
        _box_token(thing, SE3.from_yaw(yaw + turn, T_base_tool.p), np.inf)
        for turn in (0.5 * np.pi, -0.5 * np.pi)
    ]
    nearest = max(turned, key=lambda t: float(t.T_base_anchor.R[:, 0] @ T_base_tool.R[:, 0]))
    return nearest if _hand_fits(nearest, thing, scene) else token


def _hand_fits(token: EntityToken, thing: Entity, scene: Scene) -> bool:
    """Whether a palm that grips a box across its y axis, from above, meets nothing else."""
    palm_z = max(thing.top_m - _GRIP_DEPTH_M, thing.bottom_m) + _PALM_ABOVE_TOOL_M
    along = np.linspace(-1.0, 1.0, 9)
    grid = np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
    hand = np.column_stack([grid * _HAND_HALF_M, np.zeros(len(grid))])
    points = (token.T_base_anchor @ hand)[:, :2]
    return all(
        top <= palm_z or float(_distance_to_rectangle(points, T_base_box, size).min()) > 0.0
        for entity in scene
        if entity.name not in (TABLE, thing.name) and entity.held_by is None
        for T_base_box, size, top in _solids(entity)
    )


def _solids(entity: Entity) -> Iterable[tuple[SE3, Array, float]]:
    """Floor area and top of the parts of an entity: its box, and the handle of its joint."""
    yield entity.T_base_entity, entity.extents_m[:2], entity.top_m
    joint = entity.articulation
    if joint is not None:
        T_base_handle = entity.T_base_entity @ joint.T_entity_handle
        top = float(T_base_handle.p[2] + 0.5 * joint.handle_extents_m[2])
        yield T_base_handle, joint.handle_extents_m[:2], top


def _facing(T_base_cavity: SE3, T_base_tool: SE3) -> SE3:
    """The tool turned so that its fingers close along a drawer's width, the near way round.

    Along the drawer's depth a hand would run into the cabinet.
    """
    x = T_base_cavity.R[:, 0]
    x = x if float(x @ T_base_tool.R[:, 0]) >= 0.0 else -x
    return SE3.from_yaw(float(np.arctan2(x[1], x[0])), T_base_tool.p)


def _box_token(
    entity: Entity, T_base_tool: SE3, square_within: float = SQUARE_WITHIN
) -> EntityToken:
    box = canonical_yaw(entity, T_base_tool, square_within)
    return EntityToken(T_base_anchor=box.T_base_entity, extents_m=box.extents_m)


def _handle_token(entity: Entity) -> EntityToken:
    joint = entity.articulation
    if joint is None:
        raise RefusedError(f"{entity.name!r} has no handle: it is a {entity.label}.")
    return EntityToken(
        T_base_anchor=entity.T_base_entity @ joint.T_entity_handle,
        extents_m=joint.handle_extents_m,
        value=joint.value_m,
    )


def _access_token(
    entity: Entity, T_base_tool: SE3, scene: Scene, moved: Entity | None
) -> EntityToken:
    if entity.access is None:
        raise RefusedError(f"Nothing can be put into {entity.name!r} now: it is shut or solid.")
    region = entity.access
    area = replace(
        entity,
        T_base_entity=entity.T_base_entity @ region.T_entity_region,
        extents_m=region.extents_m,
    )
    if entity.articulation is None:
        area = canonical_yaw(area, T_base_tool)
    # The axes of a drawer mean something, so they stay: +x is the way it opens.
    T_area_spot = SE3.from_translation(_free_spot_inside(area, scene, moved))
    value_m = 0.0 if entity.articulation is None else entity.articulation.value_m
    return EntityToken(
        T_base_anchor=area.T_base_entity @ T_area_spot, extents_m=area.extents_m, value=value_m
    )


def _free_spot_inside(area: Entity, scene: Scene, moved: Entity | None) -> Array:
    """Spot on the floor of a container's open region, (3,), in the region's frame.

    Its middle when nothing lies there; else the spot nearest to the middle that is clear of what
    lies in it, and where there is none, the one with the most room.
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
                room, _distance_to_rectangle(points[:, :2], entity.T_base_entity, size)
            )
    off_middle = np.linalg.norm(offsets, axis=-1)
    free = room >= radius_m + _GAP_INSIDE_M
    if np.any(free):
        best = int(np.argmin(np.where(free, off_middle, np.inf)))
    else:
        best = int(np.argmax(room))
    return np.array([*offsets[best], -0.5 * area.extents_m[2]])


def _moved(token: EntityToken, T_base_anchor: SE3) -> EntityToken:
    return replace(token, T_base_anchor=T_base_anchor)


def _footprints(entity: Entity) -> Iterable[tuple[SE3, Array]]:
    """Boxes whose floor area must stay free: the entity, and all that its joint sweeps over."""
    yield entity.T_base_entity, entity.extents_m[:2]
    joint = entity.articulation
    if joint is None:
        return
    # From the present handle on to where a fully open drawer would hold it.
    ahead_m = max(joint.upper_m - joint.value_m, 0.0)
    far = joint.T_entity_handle.p + ahead_m * joint.axis_entity
    reach_m = float(far @ joint.axis_entity) + 0.5 * joint.handle_extents_m[0]
    T_entity_sweep = SE3(joint.T_entity_handle.R, 0.5 * reach_m * joint.axis_entity)
    across = joint.T_entity_handle.R.T @ np.diag(entity.extents_m)
    width_m = float(np.abs(across).sum(axis=-1)[1])
    yield entity.T_base_entity @ T_entity_sweep, np.array([reach_m, width_m])


def _distance_to_rectangle(points: Array, T_base_box: SE3, size_m: Array) -> Array:
    """Distances (n,) from points (n, 2) to the floor area of an upright box; 0 inside it."""
    c, s = T_base_box.R[:2, 0]
    offset = points - T_base_box.p[:2]
    local = np.stack([offset @ (c, s), offset @ (-s, c)], axis=-1)
    outside = np.maximum(np.abs(local) - 0.5 * size_m, 0.0)
    return np.linalg.norm(outside, axis=-1)
