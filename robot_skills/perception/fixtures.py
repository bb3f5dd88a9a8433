"""Finding the cabinet, the box and the button in a cloud, and telling their points from others."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.scene import Articulation, Entity, Region
from robot_skills.core.se3 import SE3, Array
from robot_skills.perception.boxes import BoxFit, fit_box
from robot_skills.perception.catalogue import (
    BoxKind,
    ButtonKind,
    Catalogue,
    DrawerKind,
    explained,
)
from robot_skills.perception.cloud import Cloud
from robot_skills.perception.colour import BLACK, rgb_to_hsv
from robot_skills.perception.segments import cluster
from robot_skills.perception.table import Plane

_FLAT_GAP_M = 0.02
_LEAST_POINTS = 30
_SIZE_SHARE = (0.55, 1.15)
"""Measured over catalogue size of a fixture's footprint; less when part of it is hidden."""
_HANDLE_POINTS = 8


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Fixtures:
    """What was found, and what is left of the cloud.

    Attributes:
        entities: Found fixtures.
        hidden: Known fixtures that were not found again: an arm is in the way, but they stand.
        rest: Points that belong to no fixture.
    """

    entities: tuple[Entity, ...]
    hidden: tuple[Entity, ...]
    rest: Cloud


def find_fixtures(
    cloud: Cloud,
    table: Plane,
    catalogue: Catalogue,
    stamp_s: float,
    known: Mapping[str, Entity] | None = None,
) -> Fixtures:
    """Find one fixture per kind and take its points away.

    Args:
        cloud: Points above the table, without the robot.
        table: What the fixtures stand on.
        catalogue: Kinds to look for.
        stamp_s: Time of the look.
        known: Fixtures of earlier looks, by name.
    """
    known = {} if known is None else known
    entities: list[Entity] = []
    hidden: list[Entity] = []
    rest = cloud
    for name, find, take in (
        (catalogue.drawer.label, _find_drawer, _drawer_points),
        (catalogue.box.label, _find_box, _box_points),
        (catalogue.button.label, _find_button, _button_points),
    ):
        entity = find(rest, table, catalogue, stamp_s)
        if entity is not None:
            entities.append(entity)
        elif name in known:
            entity = known[name]
            hidden.append(entity)
        if entity is not None:
            rest = rest.select(~take(rest, entity, catalogue))
    return Fixtures(entities=tuple(entities), hidden=tuple(hidden), rest=rest)


def drawer_entity(
    kind: DrawerKind, T_base_cabinet: SE3, value_m: float, stamp_s: float = 0.0, name: str = ""
) -> Entity:
    """The drawer's entity at a joint value.

    Args:
        kind: How it is built.
        T_base_cabinet: Frame on the support below the cabinet's centre, +x out of the front.
        value_m: Joint value.
        stamp_s: When it was seen.
        name: Name of the entity; empty takes the kind's label.
    """
    half_z, front = 0.5 * kind.size_m[2], 0.5 * kind.size_m[0]
    inside_z = kind.floor_m + 0.5 * kind.inside_m[2] - half_z
    cavity_x = front - 0.5 * kind.inside_m[0] + value_m
    cavity = Region(
        T_entity_region=SE3.from_translation((cavity_x, 0.0, inside_z)), extents_m=kind.inside_m
    )
    access = None
    if value_m >= kind.least_access_m:
        access = Region(
            T_entity_region=SE3.from_translation((front + 0.5 * value_m, 0.0, inside_z)),
            extents_m=np.array([value_m, kind.inside_m[1], kind.inside_m[2]]),
        )
    p_entity_handle = (kind.handle_x_m + value_m, 0.0, kind.handle_height_m - half_z)
    return Entity(
        name=name or kind.label,
        label=kind.label,
        T_base_entity=T_base_cabinet @ SE3.from_translation((0.0, 0.0, half_z)),
        extents_m=kind.size_m,
        stamp_s=stamp_s,
        articulation=Articulation(
            value_m=value_m,
            upper_m=kind.travel_m,
            axis_entity=np.array([1.0, 0.0, 0.0]),
            T_entity_handle=SE3.from_translation(p_entity_handle),
            handle_extents_m=kind.handle_m,
        ),
        cavity=cavity,
        access=access,
        movable=False,
    )


def _on_support(entity: Entity) -> SE3:
    """Frame of a fixture on the surface that it stands on."""
    return entity.T_base_entity @ SE3.from_translation((0.0, 0.0, -0.5 * entity.extents_m[2]))


# The drawer.


def _find_drawer(cloud: Cloud, table: Plane, catalogue: Catalogue, stamp_s: float) -> Entity | None:
    kind = catalogue.drawer
    height = table.height_m(cloud.points_m)
    # The cabinet's top with the upper rim of its sides; the drawer's panel ends lower.
    rim = (height > kind.size_m[2] - 0.016) & (height < kind.size_m[2] + 0.006)
    upper = cloud.select(rim & np.isin(cloud.paint, kind.paints[:1]))
    wood = rgb_to_hsv(upper.rgb)[:, 1] < kind.most_saturation
    top = _largest(upper.select(wood), _FLAT_GAP_M)
    if top is None:
        return None
    box = fit_box(top, _support(table, top))
    if not _fits_footprint(box, kind.size_m):
        return None
    for axis in (0, 1):
        box = box.resized(axis, float(kind.size_m[axis]))
    bar = _bar_points(cloud, height, box, kind)
    if bar is None:
        return None
    yaw = _front_yaw(box, bar)
    T_base_cabinet = SE3.from_yaw(yaw, (*box.centre_xy_m, table.at(*box.centre_xy_m)))
    bar_x = _bar_x(T_base_cabinet.inverse() @ bar, kind)
    value_m = float(np.clip(bar_x - kind.handle_x_m, 0.0, kind.travel_m))
    return drawer_entity(kind, T_base_cabinet, value_m, stamp_s)


def _bar_points(cloud: Cloud, height: Array, box: BoxFit, kind: DrawerKind) -> Array | None:
    """Points of the handle, (n, 3): black, at the handle's height, near the cabinet."""
    black = cloud.paint == BLACK
    level = np.abs(height - kind.handle_height_m) < 0.6 * kind.handle_m[2] + 0.002
    from_centre = np.linalg.norm(cloud.points_m[:, :2] - box.centre_xy_m, axis=1)
    reach = kind.handle_x_m + kind.travel_m + 0.03
    near = (from_centre < np.hypot(reach, kind.handle_m[1])) & ~box.contains_xy(
        cloud.points_m[:, :2]
    )
    bar = _largest(cloud.select(black & level & near), _FLAT_GAP_M, least=_HANDLE_POINTS)
    return None if bar is None else bar.points_m


def _front_yaw(box: BoxFit, bar: Array) -> float:
    """The quarter turn of the box whose +x points to the bar."""
    towards = bar[:, :2].mean(axis=0) - box.centre_xy_m
    turn = round((np.arctan2(towards[1], towards[0]) - box.yaw_rad) / (0.5 * np.pi))
    return box.yaw_rad + 0.5 * np.pi * turn


def _bar_x(points: Array, kind: DrawerKind) -> float:
    """Place of the bar's centre along the cabinet's +x, from its points in the cabinet's frame."""
    # The posts reach less high than the bar; points on the bar's top are even across its width.
    upper = points[points[:, 2] > kind.handle_height_m + 0.5 * kind.handle_m[2] - 0.003]
    if len(upper) >= _HANDLE_POINTS:
        return float(upper[:, 0].mean())
    return float(points[:, 0].max() - 0.5 * kind.handle_m[0])


def _drawer_points(cloud: Cloud, entity: Entity, catalogue: Catalogue) -> NDArray[np.bool_]:
    joint = entity.articulation
    local = _on_support(entity).inverse() @ cloud.points_m
    solids = catalogue.drawer.solids(0.0 if joint is None else joint.value_m)
    return explained(solids, local, cloud.paint, catalogue.drawer.paints)


# The box.


def _find_box(cloud: Cloud, table: Plane, catalogue: Catalogue, stamp_s: float) -> Entity | None:
    kind = catalogue.box
    height = table.height_m(cloud.points_m)
    light = np.isin(cloud.paint, kind.paints)
    low = height < kind.size_m[2] + 0.003
    points = cloud.select(light & low)
    labels = cluster(points.points_m)
    for k in np.argsort(-np.bincount(labels[labels >= 0])) if labels.max(initial=-1) >= 0 else ():
        candidate = points.select(labels == k)
        box = fit_box(candidate, _support(table, candidate))
        tall_enough = box.size_m[2] > 0.8 * kind.size_m[2]
        if len(candidate) >= _LEAST_POINTS and tall_enough and _fits_footprint(box, kind.size_m):
            return _box_entity(kind, box, table, stamp_s)
    return None


def _box_entity(kind: BoxKind, box: BoxFit, table: Plane, stamp_s: float) -> Entity:
    for axis in (0, 1):
        box = box.resized(axis, float(kind.size_m[axis]))
    T_base_floor = SE3.from_yaw(box.yaw_rad, (*box.centre_xy_m, table.at(*box.centre_xy_m)))
    inside_z = kind.floor_m + 0.5 * kind.inside_m[2] - 0.5 * kind.size_m[2]
    inside = Region(
        T_entity_region=SE3.from_translation((0.0, 0.0, inside_z)), extents_m=kind.inside_m
    )
    return Entity(
        name=kind.label,
        label=kind.label,
        T_base_entity=T_base_floor @ SE3.from_translation((0.0, 0.0, 0.5 * kind.size_m[2])),
        extents_m=kind.size_m,
        stamp_s=stamp_s,
        cavity=inside,
        access=inside,
        movable=False,
    )


def _box_points(cloud: Cloud, entity: Entity, catalogue: Catalogue) -> NDArray[np.bool_]:
    local = _on_support(entity).inverse() @ cloud.points_m
    kind = catalogue.box
    return explained(kind.solids(), local, cloud.paint, kind.paints)


# The button.


def _find_button(cloud: Cloud, table: Plane, catalogue: Catalogue, stamp_s: float) -> Entity | None:
    kind = catalogue.button
    height = table.height_m(cloud.points_m)
    paint = cloud.paint
    cap = _largest(
        cloud.select((paint == kind.cap_paint) & (height < kind.size_m[2] + 0.01)),
        _FLAT_GAP_M,
        least=_LEAST_POINTS // 2,
    )
    if cap is None or np.ptp(cap.points_m[:, :2], axis=0).max() > 2.8 * kind.cap_radius_m:
        return None
    reach = 0.5 * float(np.hypot(*kind.base_m[:2])) + 0.01
    middle = cap.points_m[:, :2].mean(axis=0)
    near = np.linalg.norm(cloud.points_m[:, :2] - middle, axis=1) < reach
    base = cloud.select(near & np.isin(paint, kind.paints) & (height < kind.base_m[2] + 0.003))
    if len(base) < _LEAST_POINTS:
        return None
    box = fit_box(base, _support(table, base))
    if not _fits_footprint(box, kind.base_m):
        return None
    return _button_entity(kind, box, table, stamp_s)


def _button_entity(kind: ButtonKind, box: BoxFit, table: Plane, stamp_s: float) -> Entity:
    for axis in (0, 1):
        box = box.resized(axis, float(kind.base_m[axis]))
    z = table.at(*box.centre_xy_m) + 0.5 * float(kind.size_m[2])
    return Entity(
        name=kind.label,
        label=kind.label,
        colour=kind.colour,
        T_base_entity=SE3.from_yaw(box.yaw_rad, (*box.centre_xy_m, z)),
        extents_m=kind.size_m,
        stamp_s=stamp_s,
        movable=False,
    )


def _button_points(cloud: Cloud, entity: Entity, catalogue: Catalogue) -> NDArray[np.bool_]:
    local = _on_support(entity).inverse() @ cloud.points_m
    kind = catalogue.button
    return explained(kind.solids(), local, cloud.paint, kind.paints)


# Shared.


def _largest(cloud: Cloud, gap_m: float, least: int = _LEAST_POINTS) -> Cloud | None:
    labels = cluster(cloud.points_m, gap_m)
    if labels.max(initial=-1) < 0:
        return None
    counts = np.bincount(labels[labels >= 0])
    best = int(np.argmax(counts))
    return cloud.select(labels == best) if counts[best] >= least else None


def _support(table: Plane, cloud: Cloud) -> float:
    x, y = np.median(cloud.points_m[:, :2], axis=0)
    return table.at(float(x), float(y))


def _fits_footprint(box: BoxFit, size_m: Array) -> bool:
    share = box.size_m[:2] / size_m[:2]
    return bool(np.all(share > _SIZE_SHARE[0]) and np.all(share < _SIZE_SHARE[1]))
