"""From the entities of a call to the tokens that a policy sees.

Demonstrations and runs must describe the same situation in the same way, so both bind through
`bind`. What is bound stands still during a skill, except a held thing, which moves with the tool.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from robot_skills.core.errors import RefusedError
from robot_skills.core.free_spots import (
    DEFAULT_FREE_SPOT,
    FreeSpotConfig,
    footprints,
    free_spot_inside,
    free_spot_on_table,
    solids,
)
from robot_skills.core.policy import TOKEN_SLOTS, EntityToken
from robot_skills.core.predicates import in_
from robot_skills.core.scene import (
    TABLE,
    Entity,
    Scene,
    canonical_yaw,
    distance_to_rectangle,
)
from robot_skills.core.se3 import SE3, Array


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
    HINGE = "hinge"
    """The hinge of a door, level with its handle; nothing for what slides."""
    PRESS = "press"
    """Where a button or a switch is to be pressed, +z up; `value` is how far it goes down."""
    OVER = "over"
    """A point above the middle of the top face."""
    ALONGSIDE = "alongside"
    """A point next to the thing, at half its height, on the side where most room is."""
    SPOT_BESIDE = "spot_beside"
    """A free spot on the surface next to the thing. The third size is 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AnchorSpec:
    """One entity of a call, by name, and the frame of it that matters."""

    entity: str
    anchor: Anchor


GRASPABLE_M = 0.065
"""Widest side that is gripped in place of a shorter one, to turn the hand away from something."""
_GRIP_DEPTH_M = 0.03
_PALM_ABOVE_TOOL_M = 0.028
_HAND_HALF_M = np.array([0.035, 0.11])
"""Half of a hand's footprint: across, and along the closing direction."""
OVER_M = 0.08
"""Height of the point over a thing, from its top."""
ALONGSIDE_M = 0.065
"""Distance of the point alongside a thing, from its side."""
_LOWEST_TOOL_M = 0.03
_HAND_ROOM_M = 0.06
_PRESSED_M = np.array([0.03, 0.03, 0.0])
SQUARE_WITHIN = 1.15
"""Ratio of sides below which a footprint counts as square."""
SQUARE_IN_DRAWER = 1.35
"""The same in a drawer, where the way the hand is turned matters more."""


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

    def shifted(self, index: int, offset_m: Array) -> "TokenBinding":
        """The tokens with the anchor of one that is not held moved along the axes of the base.

        Args:
            index: Of the token.
            offset_m: How far, (3,).
        """
        token = self.tokens[index]
        anchor = token.T_base_anchor
        moved = _moved(token, SE3(anchor.R, anchor.p + offset_m))
        tokens = (*self.tokens[:index], moved, *self.tokens[index + 1 :])
        return replace(self, tokens=tokens)


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
        RefusedError: An entity has no such anchor (no handle, nothing open to the top, nothing to
            press).
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
        if token is None:
            continue
        held = entity.held_by is not None
        tokens.append(token)
        T_tool_anchors.append(T_base_tool.inverse() @ token.T_base_anchor if held else None)
    return TokenBinding(tokens=tuple(tokens), T_tool_anchors=tuple(T_tool_anchors))


def _token(
    entity: Entity,
    anchor: Anchor,
    scene: Scene,
    T_base_tool: SE3,
    moved: Entity | None,
    free_spot: FreeSpotConfig,
) -> EntityToken | None:
    match anchor:
        case Anchor.BOX:
            return _thing_token(entity, T_base_tool, scene)
        case Anchor.HANDLE:
            return _handle_token(entity)
        case Anchor.HINGE:
            return _hinge_token(entity)
        case Anchor.PRESS:
            return _press_token(entity, T_base_tool)
        case Anchor.ACCESS:
            return _access_token(entity, T_base_tool, scene, moved)
        case Anchor.ALONGSIDE:
            return _alongside_token(entity, T_base_tool, scene)
        case Anchor.SPOT_BESIDE:
            p = free_spot_on_table(scene, moved, free_spot, beside=entity)
            T_base_spot = SE3.from_translation(p)
            spot = replace(entity, T_base_entity=T_base_spot, extents_m=free_spot.extents_m)
            return _box_token(spot, T_base_tool)
        case Anchor.OVER:
            box = canonical_yaw(entity, T_base_tool)
            up_m = 0.5 * float(box.extents_m[2]) + OVER_M
            return EntityToken(
                T_base_anchor=box.T_base_entity @ SE3.from_translation((0.0, 0.0, up_m)),
                extents_m=box.extents_m * [1.0, 1.0, 0.0],
            )
        case Anchor.TOP if entity.name == TABLE:
            p = free_spot_on_table(scene, moved, free_spot)
            T_base_spot = SE3.from_translation(p)
            spot = replace(entity, T_base_entity=T_base_spot, extents_m=free_spot.extents_m)
            return _box_token(spot, T_base_tool)
        case Anchor.TOP:
            box = canonical_yaw(entity, T_base_tool)
            spot = np.zeros(3)
            if entity.painted:
                # Things share a marked area: there may be one already.
                spot = free_spot_inside(box, scene, moved)
            T_entity_top = SE3.from_translation((*spot[:2], 0.5 * box.extents_m[2]))
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
        top <= palm_z or float(distance_to_rectangle(points, T_base_box, size).min()) > 0.0
        for entity in scene
        if entity.name not in (TABLE, thing.name) and entity.held_by is None
        for T_base_box, size, top in solids(entity)
    )


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


def _hinge_token(entity: Entity) -> EntityToken | None:
    joint = entity.articulation
    if joint is None:
        raise RefusedError(f"{entity.name!r} has no hinge: it is a {entity.label}.")
    if joint.hinge_entity is None:
        return None
    hinge = np.array([*joint.hinge_entity[:2], joint.T_entity_handle.p[2]])
    arm = joint.T_entity_handle.p - hinge
    T_entity_hinge = SE3.from_yaw(float(np.arctan2(arm[1], arm[0])), hinge)
    radius_m = float(np.hypot(arm[0], arm[1]))
    return EntityToken(
        T_base_anchor=entity.T_base_entity @ T_entity_hinge,
        extents_m=np.array([radius_m, 0.0, 0.0]),
        value=joint.value_m,
    )


def _press_token(entity: Entity, T_base_tool: SE3) -> EntityToken:
    control = entity.control
    if control is None:
        raise RefusedError(f"{entity.name!r} cannot be pressed: it is a {entity.label}.")
    T_base_press = entity.T_base_entity @ control.T_entity_press
    spot = replace(entity, T_base_entity=T_base_press, extents_m=_PRESSED_M)
    return replace(_box_token(spot, T_base_tool), value=control.travel_m)


def _alongside_token(entity: Entity, T_base_tool: SE3, scene: Scene) -> EntityToken:
    """Of the four sides the one with most room for a hand; among roomy ones, the nearest.

    The hand is turned so that its narrow side is towards the thing.
    """
    box = canonical_yaw(entity, T_base_tool)
    half = 0.5 * box.extents_m
    sides = [sign * np.eye(3)[axis] for axis in (0, 1) for sign in (-1.0, 1.0)]
    offsets = [(float(half @ np.abs(side)) + ALONGSIDE_M) * side for side in sides]
    points = box.T_base_entity @ np.array(offsets)
    room = np.full(len(points), _HAND_ROOM_M)
    for other in scene:
        if other.name not in (TABLE, entity.name) and other.held_by is None and not other.painted:
            for T_base_box, size in footprints(other):
                room = np.minimum(room, distance_to_rectangle(points[:, :2], T_base_box, size))
    far = np.linalg.norm(points[:, :2] - T_base_tool.p[:2], axis=-1)
    best = int(np.lexsort((far, -room))[0])
    z = max(float(box.T_base_entity.p[2]), entity.bottom_m + _LOWEST_TOOL_M)
    towards = box.T_base_entity.R @ sides[best]
    if float(towards @ T_base_tool.R[:, 0]) < 0.0:
        towards = -towards
    yaw = float(np.arctan2(towards[1], towards[0]))
    T_base_side = SE3.from_yaw(yaw, (*points[best, :2], z))
    return EntityToken(T_base_anchor=T_base_side, extents_m=box.extents_m)


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
    T_area_spot = SE3.from_translation(free_spot_inside(area, scene, moved))
    value_m = 0.0 if entity.articulation is None else entity.articulation.value_m
    return EntityToken(
        T_base_anchor=area.T_base_entity @ T_area_spot, extents_m=area.extents_m, value=value_m
    )


def _moved(token: EntityToken, T_base_anchor: SE3) -> EntityToken:
    return replace(token, T_base_anchor=T_base_anchor)
