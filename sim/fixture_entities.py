"""Entities of drawers, boxes, buttons and what else is fixed to the table, from their states."""

import numpy as np

from robot_skills.core.scene import Articulation, Control, Entity, Region, moved_handle
from robot_skills.core.se3 import SE3
from sim.fixtures import (
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
    CUPBOARD_INSIDE_M,
    CUPBOARD_M,
    CUPBOARD_WALL_M,
    DOOR_BAR_M,
    DOOR_TRAVEL_M,
    DRAWER,
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
from sim.placements import CupboardPlacement, Layout

ACCESS_MIN_M = 0.05
"""A drawer that shows less of its inside cannot be put into from the top."""


def fixture_entities(
    layout: Layout,
    *,
    drawer_m: float,
    door_m: float,
    button_on: bool,
    switch_on: bool,
    stamp_s: float,
) -> list[Entity]:
    """What a layout has besides free objects.

    Args:
        layout: Where it stands.
        drawer_m: How far the drawer is out.
        door_m: Way of the cupboard's bar from where it is when closed.
        button_on: Whether the button's lamp is on.
        switch_on: Whether the switch is on.
        stamp_s: Time to put on it.
    """
    entities = []
    if layout.drawer is not None:
        entities.append(drawer_entity(layout.drawer.T_base_cabinet, drawer_m, stamp_s))
    if layout.T_base_box is not None:
        entities.append(_box(layout.T_base_box, stamp_s))
    if layout.T_base_button is not None:
        entities.append(_button(button_on, layout.T_base_button, stamp_s))
    if layout.cupboard is not None:
        entities.append(_cupboard(door_m, layout.cupboard, stamp_s))
    if layout.T_base_switch is not None:
        entities.append(_switch(switch_on, layout.T_base_switch, stamp_s))
    if layout.T_base_zone is not None:
        entities.append(_zone(layout.T_base_zone, stamp_s))
    if layout.T_base_socket is not None:
        entities.append(_socket(layout.T_base_socket, stamp_s))
    return entities


def drawer_entity(T_base_cabinet: SE3, value_m: float, stamp_s: float = 0.0) -> Entity:
    """The drawer when it is out so far.

    Args:
        T_base_cabinet: Where its cabinet stands, origin on the table.
        value_m: How far it is out.
        stamp_s: Time to put on it.
    """
    value = float(np.clip(value_m, 0.0, DRAWER_TRAVEL_M))
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


def _button(on: bool, T_base_button: SE3, stamp_s: float) -> Entity:
    height = BUTTON_BASE_M[2] + BUTTON_CAP_HEIGHT_M
    return Entity(
        name=BUTTON,
        label=BUTTON,
        T_base_entity=T_base_button @ SE3.from_translation((0.0, 0.0, 0.5 * height)),
        extents_m=np.array([BUTTON_BASE_M[0], BUTTON_BASE_M[1], height]),
        stamp_s=stamp_s,
        control=Control(
            on=on,
            T_entity_press=SE3.from_translation((0.0, 0.0, 0.5 * height)),
            travel_m=BUTTON_TRAVEL_M,
        ),
        movable=False,
    )


def _cupboard(door_m: float, placement: CupboardPlacement, stamp_s: float) -> Entity:
    value_m = float(np.clip(door_m, 0.0, DOOR_TRAVEL_M))
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


def _switch(on: bool, T_base_switch: SE3, stamp_s: float) -> Entity:
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
