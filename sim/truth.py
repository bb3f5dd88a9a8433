"""The scene as the simulator knows it: what perception is measured against."""

from functools import lru_cache

import cv2
import mujoco
import numpy as np

from robot_skills.core.scene import (
    TABLE,
    Articulation,
    Control,
    Entity,
    Region,
    Scene,
    moved_handle,
)
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM, Observation
from sim.fixtures import (
    BAR_RADIUS_M,
    BOX,
    BOX_FLOOR_M,
    BOX_INSIDE_M,
    BOX_M,
    BUTTON,
    BUTTON_BASE_M,
    BUTTON_CAP_HEIGHT_M,
    BUTTON_TRAVEL_M,
    CABINET_M,
    CUPBOARD,
    CUPBOARD_HINGE,
    CUPBOARD_INSIDE_M,
    CUPBOARD_M,
    CUPBOARD_WALL_M,
    DOOR_BAR_M,
    DOOR_OPENS_RAD,
    DOOR_TRAVEL_M,
    DRAWER,
    DRAWER_SLIDE,
    DRAWER_TRAVEL_M,
    HANDLE_HEIGHT_M,
    HANDLE_M,
    HANDLE_X_M,
    HOLE_M,
    PRESS_FROM_AXIS_M,
    ROCKER_RAD,
    SOCKET,
    SOCKET_M,
    SWITCH,
    SWITCH_BASE_M,
    TRAY_FLOOR_M,
    TRAY_INSIDE_M,
    ZONE,
    ZONE_M,
    closed_bar_m,
    hinge_m,
    press_m,
)
from sim.objects import HOUSEHOLD, ObjectPlacement
from sim.placements import CupboardPlacement
from sim.world import TabletopWorld

ACCESS_MIN_M = 0.05
"""A drawer that shows less of its inside cannot be put into from the top."""
GRIP_FORCE_N = 0.5
"""Each finger presses at least this hard on what is held."""
_TABLE_EXTENTS_M = np.array([1.2, 1.4, 0.05])
_TABLE_CENTRE_M = np.array([0.35, 0.0, -0.025])


class TruthPerceiver:
    """`robot_skills.core.perceiver.Perceiver` that reads the simulator's state."""

    def __init__(self, world: TabletopWorld) -> None:
        self._world = world

    @property
    def cameras(self) -> tuple[str, ...]:
        return ()

    def reset(self) -> None:
        """Nothing to forget."""

    def look(self, observation: Observation) -> Scene:
        return truth_scene(self._world, stamp_s=observation.stamp_s)


def truth_scene(world: TabletopWorld, stamp_s: float | None = None) -> Scene:
    """The scene as it is now.

    Args:
        world: Whose state to read.
        stamp_s: Time to put on it; None takes the physics time since reset.
    """
    world.refresh()
    stamp = float(world.data.time) if stamp_s is None else stamp_s
    held = held_objects(world)
    entities = [_table(world.layout.table_height_m, stamp)]
    entities += [_object(world, item, stamp, held) for item in world.layout.objects]
    if world.layout.drawer is not None:
        entities.append(_drawer(world, world.layout.drawer.T_base_cabinet, stamp))
    if world.layout.T_base_box is not None:
        entities.append(_box(world.layout.T_base_box, stamp))
    if world.layout.T_base_button is not None:
        entities.append(_button(world, world.layout.T_base_button, stamp))
    if world.layout.cupboard is not None:
        entities.append(_cupboard(world, world.layout.cupboard, stamp))
    if world.layout.T_base_switch is not None:
        entities.append(_switch(world, world.layout.T_base_switch, stamp))
    if world.layout.T_base_zone is not None:
        entities.append(_zone(world.layout.T_base_zone, stamp))
    if world.layout.T_base_socket is not None:
        entities.append(_socket(world.layout.T_base_socket, stamp))
    return Scene(
        stamp_s=stamp,
        entities={entity.name: entity for entity in entities},
        opening={DEFAULT_ARM: world.opening()},
        tools={DEFAULT_ARM: world.T_base_tool()},
    )


def held_objects(world: TabletopWorld) -> frozenset[str]:
    """Names of the free objects that both fingers press on."""
    model, data = world.model, world.data
    touched: tuple[dict[int, float], dict[int, float]] = ({}, {})
    force = np.zeros(6)
    for i in range(data.ncon):
        bodies = model.geom_bodyid[data.contact.geom[i]]
        for finger, other in ((bodies[0], bodies[1]), (bodies[1], bodies[0])):
            for side in (0, 1):
                if int(finger) in world.finger_bodies[side]:
                    mujoco.mj_contactForce(model, data, i, force)
                    touched[side][int(other)] = touched[side].get(int(other), 0.0) + force[0]
    names = {model.body(item.name).id: item.name for item in world.layout.objects}
    return frozenset(
        name
        for body, name in names.items()
        if all(side.get(body, 0.0) >= GRIP_FORCE_N for side in touched)
    )


def upright_box(points_m: Array) -> tuple[SE3, Array]:
    """The upright box of least footprint around points (n, 3): its centre pose and full sizes."""
    (cx, cy), (size_x, size_y), angle_deg = cv2.minAreaRect(points_m[:, :2].astype(np.float32))
    low, high = points_m[:, 2].min(), points_m[:, 2].max()
    T = SE3.from_yaw(np.deg2rad(angle_deg), (cx, cy, 0.5 * (low + high)))
    return T, np.array([size_x, size_y, high - low])


def _table(height_m: float, stamp_s: float) -> Entity:
    return Entity(
        name=TABLE,
        label=TABLE,
        T_base_entity=SE3.from_translation(_TABLE_CENTRE_M + np.array([0.0, 0.0, height_m])),
        extents_m=_TABLE_EXTENTS_M,
        stamp_s=stamp_s,
        movable=False,
    )


def _object(
    world: TabletopWorld, item: ObjectPlacement, stamp_s: float, held: frozenset[str]
) -> Entity:
    T_base_body = world.T_base_body(item.name)
    if T_base_body.R[2, 2] > 1.0 - 1e-4:
        # Standing: the body's own box is the upright box, free of the rectangle's jumps of axes.
        T, extents = SE3.from_yaw(T_base_body.yaw_rad(), T_base_body.p), item.extents_m
    else:
        T, extents = upright_box(T_base_body @ _hull_points(world, item))
    return Entity(
        name=item.name,
        label=item.label,
        colour=item.colour,
        T_base_entity=T,
        extents_m=extents,
        stamp_s=stamp_s,
        held_by=DEFAULT_ARM if item.name in held else None,
    )


def _hull_points(world: TabletopWorld, item: ObjectPlacement) -> Array:
    """Vertices (n, 3) of an object in its body frame."""
    if item.label not in HOUSEHOLD:
        signs = np.stack(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5]), axis=-1)
        return signs.reshape(-1, 3) * item.extents_m
    return _mesh_points(world.model, world.model.geom(f"{item.name}_mesh").id)


@lru_cache(maxsize=64)
def _mesh_points(model: mujoco.MjModel, geom: int) -> Array:
    mesh = model.geom_dataid[geom]
    first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
    T_body_geom = SE3.from_wxyz(model.geom_quat[geom], model.geom_pos[geom])
    return T_body_geom @ model.mesh_vert[first : first + count]


def _drawer(world: TabletopWorld, T_base_cabinet: SE3, stamp_s: float) -> Entity:
    value = float(np.clip(world.joint_value(DRAWER_SLIDE), 0.0, DRAWER_TRAVEL_M))
    centre_z = 0.5 * CABINET_M[2]
    inside_z = TRAY_FLOOR_M + 0.5 * TRAY_INSIDE_M[2] - centre_z
    front = 0.5 * CABINET_M[0]
    T_entity_handle = SE3.from_translation((HANDLE_X_M + value, 0.0, HANDLE_HEIGHT_M - centre_z))
    cavity_x = front - 0.5 * TRAY_INSIDE_M[0] + value
    cavity = Region(
        T_entity_region=SE3.from_translation((cavity_x, 0.0, inside_z)), extents_m=TRAY_INSIDE_M
    )
    access = None
    if value >= ACCESS_MIN_M:
        access = Region(
            T_entity_region=SE3.from_translation((front + 0.5 * value, 0.0, inside_z)),
            extents_m=np.array([value, TRAY_INSIDE_M[1], TRAY_INSIDE_M[2]]),
        )
    return Entity(
        name=DRAWER,
        label=DRAWER,
        T_base_entity=T_base_cabinet @ SE3.from_translation((0.0, 0.0, centre_z)),
        extents_m=CABINET_M,
        stamp_s=stamp_s,
        articulation=Articulation(
            value_m=value,
            upper_m=DRAWER_TRAVEL_M,
            axis_entity=np.array([1.0, 0.0, 0.0]),
            T_entity_handle=T_entity_handle,
            handle_extents_m=HANDLE_M,
        ),
        cavity=cavity,
        access=access,
        movable=False,
    )


def _box(T_base_box: SE3, stamp_s: float) -> Entity:
    inside_z = BOX_FLOOR_M + 0.5 * BOX_INSIDE_M[2] - 0.5 * BOX_M[2]
    inside = Region(
        T_entity_region=SE3.from_translation((0.0, 0.0, inside_z)), extents_m=BOX_INSIDE_M
    )
    return Entity(
        name=BOX,
        label=BOX,
        T_base_entity=T_base_box @ SE3.from_translation((0.0, 0.0, 0.5 * BOX_M[2])),
        extents_m=BOX_M,
        stamp_s=stamp_s,
        cavity=inside,
        access=inside,
        movable=False,
    )


def _button(world: TabletopWorld, T_base_button: SE3, stamp_s: float) -> Entity:
    height = BUTTON_BASE_M[2] + BUTTON_CAP_HEIGHT_M
    return Entity(
        name=BUTTON,
        label=BUTTON,
        T_base_entity=T_base_button @ SE3.from_translation((0.0, 0.0, 0.5 * height)),
        extents_m=np.array([BUTTON_BASE_M[0], BUTTON_BASE_M[1], height]),
        stamp_s=stamp_s,
        control=Control(
            on=world.switching.is_on(BUTTON),
            T_entity_press=SE3.from_translation((0.0, 0.0, 0.5 * height)),
            travel_m=BUTTON_TRAVEL_M,
        ),
        movable=False,
    )


def _cupboard(world: TabletopWorld, placement: CupboardPlacement, stamp_s: float) -> Entity:
    angle_rad = np.clip(world.joint_value(CUPBOARD_HINGE), 0.0, DOOR_OPENS_RAD)
    value_m = float(BAR_RADIUS_M * angle_rad)
    down = np.array([0.0, 0.0, 0.5 * CUPBOARD_M[2]])
    closed = SE3.from_translation(closed_bar_m(placement.left) - down)
    hinge, axis = hinge_m(placement.left) - down, np.array([1.0, 0.0, 0.0])
    return Entity(
        name=CUPBOARD,
        label=CUPBOARD,
        T_base_entity=placement.T_base_cupboard @ SE3.from_translation(down),
        extents_m=CUPBOARD_M,
        stamp_s=stamp_s,
        articulation=Articulation(
            value_m=value_m,
            upper_m=DOOR_TRAVEL_M,
            axis_entity=axis,
            T_entity_handle=moved_handle(closed, value_m, axis, hinge),
            handle_extents_m=DOOR_BAR_M,
            hinge_entity=hinge,
        ),
        cavity=Region(
            T_entity_region=SE3.from_translation((0.5 * CUPBOARD_WALL_M, 0.0, 0.0)),
            extents_m=CUPBOARD_INSIDE_M,
        ),
        movable=False,
    )


def _switch(world: TabletopWorld, T_base_switch: SE3, stamp_s: float) -> Entity:
    on = world.switching.is_on(SWITCH)
    half_z = 0.5 * float(SWITCH_BASE_M[2])
    return Entity(
        name=SWITCH,
        label=SWITCH,
        T_base_entity=T_base_switch @ SE3.from_translation((0.0, 0.0, half_z)),
        extents_m=SWITCH_BASE_M,
        stamp_s=stamp_s,
        control=Control(
            on=on,
            T_entity_press=SE3.from_translation(press_m(on) - np.array([0.0, 0.0, half_z])),
            travel_m=float(2.0 * PRESS_FROM_AXIS_M * np.sin(ROCKER_RAD)),
        ),
        movable=False,
    )


def _zone(T_base_zone: SE3, stamp_s: float) -> Entity:
    return Entity(
        name=ZONE,
        label=ZONE,
        T_base_entity=T_base_zone @ SE3.from_translation((0.0, 0.0, 0.5 * ZONE_M[2])),
        extents_m=ZONE_M,
        stamp_s=stamp_s,
        movable=False,
    )


def _socket(T_base_socket: SE3, stamp_s: float) -> Entity:
    half_z = 0.5 * float(SOCKET_M[2])
    hole = Region(
        T_entity_region=SE3.from_translation((0.0, 0.0, half_z - 0.5 * float(HOLE_M[2]))),
        extents_m=HOLE_M,
    )
    return Entity(
        name=SOCKET,
        label=SOCKET,
        T_base_entity=T_base_socket @ SE3.from_translation((0.0, 0.0, half_z)),
        extents_m=SOCKET_M,
        stamp_s=stamp_s,
        cavity=hole,
        access=hole,
        movable=False,
    )
