"""What stands fast on the table: a cabinet with a drawer, an open box, a push button.

All are built in a frame on the table whose +x is the front; sizes are full inside or outside sizes.
"""

import mujoco
import numpy as np

from robot_skills.core.se3 import SE3
from sim.parts import DRAWN_GROUP, OBJECT_FRICTION, WORLD_BIT, add_box, place

DRAWER = "drawer"
DRAWER_TRAY = "drawer_tray"
DRAWER_SLIDE = "drawer_slide"
BOX = "box"
BUTTON = "button"
BUTTON_CAP = "button_cap"
BUTTON_SLIDE = "button_slide"

CABINET_M = np.array([0.24, 0.24, 0.10])
"""Outside of the cabinet: depth, width, height."""
TRAY_INSIDE_M = np.array([0.18, 0.20, 0.065])
"""Inside of the sliding drawer: what is higher does not pass under the cabinet's top."""
TRAY_FLOOR_M = 0.014
"""Height of the drawer's inside floor above the table."""
TRAY_WALL_M = 0.045
"""Height of its sides and back above that floor: low, so that a hand can reach over them."""
DRAWER_TRAVEL_M = 0.16
PANEL_THICKNESS_M = 0.012
HANDLE_M = np.array([0.016, 0.12, 0.016])
"""Bar of the handle."""
HANDLE_GAP_M = 0.055
"""From the front of the panel to the centre of the bar: room for a finger."""
HANDLE_HEIGHT_M = 0.094
"""Of the bar's centre: level with the cabinet's top edge, so that a palm passes above it."""
HANDLE_X_M = 0.5 * CABINET_M[0] + PANEL_THICKNESS_M + HANDLE_GAP_M
"""From the cabinet's centre to the bar's centre when closed."""

BOX_INSIDE_M = np.array([0.16, 0.16, 0.056])
BOX_WALL_M = 0.007
BOX_FLOOR_M = 0.005
BOX_M = BOX_INSIDE_M + np.array([2 * BOX_WALL_M, 2 * BOX_WALL_M, BOX_FLOOR_M])

BUTTON_BASE_M = np.array([0.08, 0.08, 0.03])
BUTTON_CAP_RADIUS_M = 0.025
BUTTON_CAP_HEIGHT_M = 0.018
BUTTON_TRAVEL_M = 0.010

_TAN = (0.72, 0.55, 0.36, 1.0)
_DARK_TAN = (0.62, 0.45, 0.28, 1.0)
_BLACK = (0.04, 0.04, 0.04, 1.0)
_WHITE = (0.86, 0.86, 0.85, 1.0)
_GREY = (0.50, 0.50, 0.50, 1.0)
_PURPLE = (0.50, 0.12, 0.62, 1.0)


def add_drawer(world: mujoco.MjSpec, T_base_cabinet: SE3) -> None:
    """Add the cabinet, its sliding drawer and the bar handle; +x is the opening direction."""
    cabinet = world.worldbody.add_body(name=DRAWER)
    place(cabinet, T_base_cabinet)
    depth, width, height = CABINET_M
    x, y, wall = 0.5 * depth, 0.5 * width, 0.012
    walls = (
        ((-x, -y, 0.0), (x, -y + wall, height)),
        ((-x, y - wall, 0.0), (x, y, height)),
        ((-x, -y + wall, 0.0), (-x + wall, y - wall, height)),
        ((-x + wall, -y + wall, height - wall), (x, y - wall, height)),
    )
    for lower, upper in walls:
        add_box(cabinet, lower_m=lower, upper_m=upper, rgba=_TAN)
    tray = cabinet.add_body(name=DRAWER_TRAY)
    tray.add_joint(
        name=DRAWER_SLIDE,
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=[1.0, 0.0, 0.0],
        limited=mujoco.mjtLimited.mjLIMITED_TRUE,
        range=[0.0, DRAWER_TRAVEL_M],
        damping=[6.0, 0.0, 0.0],
        frictionloss=1.5,
        armature=0.05,
    )
    _add_tray(tray)
    # The slide guides the drawer; contact with its own cabinet would only jam it.
    world.add_exclude(bodyname1=DRAWER, bodyname2=DRAWER_TRAY)


def _add_tray(tray: mujoco.MjsBody) -> None:
    inside_x, inside_y, inside_z = TRAY_INSIDE_M
    front = 0.5 * CABINET_M[0]
    back, y, wall = front - inside_x, 0.5 * inside_y, 0.006
    top, wall_top = TRAY_FLOOR_M + inside_z, TRAY_FLOOR_M + TRAY_WALL_M
    panel_y = 0.5 * CABINET_M[1] - 0.002
    panel_front = front + PANEL_THICKNESS_M
    parts = (
        ((back - wall, -y - wall, 0.006), (front, y + wall, TRAY_FLOOR_M), _TAN, 0.25),
        ((back - wall, -y - wall, TRAY_FLOOR_M), (front, -y, wall_top), _TAN, 0.1),
        ((back - wall, y, TRAY_FLOOR_M), (front, y + wall, wall_top), _TAN, 0.1),
        ((back - wall, -y, TRAY_FLOOR_M), (back, y, wall_top), _TAN, 0.1),
        ((front, -panel_y, 0.004), (panel_front, panel_y, top + 0.003), _DARK_TAN, 0.2),
    )
    for lower, upper, rgba, mass in parts:
        add_box(tray, lower_m=lower, upper_m=upper, rgba=rgba, mass_kg=mass)
    centre = np.array([HANDLE_X_M, 0.0, HANDLE_HEIGHT_M])
    add_box(
        tray,
        name="drawer_handle",
        lower_m=centre - 0.5 * HANDLE_M,
        upper_m=centre + 0.5 * HANDLE_M,
        rgba=_BLACK,
        mass_kg=0.1,
    )
    for side in (-1.0, 1.0):
        post_y = side * (0.5 * HANDLE_M[1] - 0.006)
        tray.add_geom(
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            fromto=[panel_front - 0.002, post_y, top - 0.010, centre[0], post_y, centre[2]],
            size=[0.005, 0.0, 0.0],
            rgba=list(_BLACK),
            group=DRAWN_GROUP,
            contype=WORLD_BIT,
            conaffinity=WORLD_BIT,
            friction=list(OBJECT_FRICTION),
            mass=0.02,
        )


def add_container(world: mujoco.MjSpec, T_base_box: SE3) -> None:
    """Add the open-top box."""
    box = world.worldbody.add_body(name=BOX)
    place(box, T_base_box)
    x, y = 0.5 * BOX_INSIDE_M[:2]
    w, height = BOX_WALL_M, BOX_M[2]
    parts = (
        ((-x - w, -y - w, 0.0), (x + w, y + w, BOX_FLOOR_M)),
        ((-x - w, -y - w, BOX_FLOOR_M), (x + w, -y, height)),
        ((-x - w, y, BOX_FLOOR_M), (x + w, y + w, height)),
        ((-x - w, -y, BOX_FLOOR_M), (-x, y, height)),
        ((x, -y, BOX_FLOOR_M), (x + w, y, height)),
    )
    for lower, upper in parts:
        add_box(box, lower_m=lower, upper_m=upper, rgba=_WHITE)


def add_button(world: mujoco.MjSpec, T_base_button: SE3) -> None:
    """Add the push button: a base and a cap on a spring."""
    base = world.worldbody.add_body(name=BUTTON)
    place(base, T_base_button)
    half_x, half_y, height = 0.5 * BUTTON_BASE_M[0], 0.5 * BUTTON_BASE_M[1], BUTTON_BASE_M[2]
    add_box(base, lower_m=(-half_x, -half_y, 0.0), upper_m=(half_x, half_y, height), rgba=_GREY)
    cap = base.add_body(name=BUTTON_CAP, pos=[0.0, 0.0, height], gravcomp=1.0)
    cap.add_joint(
        name=BUTTON_SLIDE,
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=[0.0, 0.0, -1.0],
        limited=mujoco.mjtLimited.mjLIMITED_TRUE,
        range=[0.0, BUTTON_TRAVEL_M],
        stiffness=[250.0, 0.0, 0.0],
        springref=-0.004,
        damping=[2.0, 0.0, 0.0],
    )
    cap.add_geom(
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        pos=[0.0, 0.0, 0.5 * BUTTON_CAP_HEIGHT_M],
        size=[BUTTON_CAP_RADIUS_M, 0.5 * BUTTON_CAP_HEIGHT_M, 0.0],
        rgba=list(_PURPLE),
        group=DRAWN_GROUP,
        contype=WORLD_BIT,
        conaffinity=WORLD_BIT,
        mass=0.03,
    )
    world.add_exclude(bodyname1=BUTTON, bodyname2=BUTTON_CAP)
