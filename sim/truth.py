"""The scene as the simulator knows it: what perception is measured against."""

from dataclasses import replace
from functools import lru_cache

import cv2
import mujoco
import numpy as np

from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM, Observation
from sim.fixture_entities import fixture_entities
from sim.fixtures import BAR_RADIUS_M, BUTTON, CUPBOARD_HINGE, DRAWER_SLIDE, SWITCH
from sim.objects import HOUSEHOLD, ObjectPlacement
from sim.placements import Layout
from sim.world import TabletopWorld

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
        scene = truth_scene(self._world, stamp_s=observation.stamp_s)
        for entity in list(scene):
            if entity.movable and not _on_the_table(entity):
                scene = scene.with_entity(replace(entity, visible=False, gone=True))
        return scene


def truth_scene(world: TabletopWorld, stamp_s: float | None = None) -> Scene:
    """The scene as it is now.

    Args:
        world: Whose state to read.
        stamp_s: Time to put on it; None takes the physics time since reset.
    """
    world.refresh()
    stamp = float(world.data.time) if stamp_s is None else stamp_s
    held = held_objects(world)
    layout = world.layout
    fixtures = fixture_entities(
        layout,
        drawer_m=world.joint_value(DRAWER_SLIDE) if layout.drawer else 0.0,
        door_m=BAR_RADIUS_M * world.joint_value(CUPBOARD_HINGE) if layout.cupboard else 0.0,
        button_on=layout.T_base_button is not None and world.switching.is_on(BUTTON),
        switch_on=layout.T_base_switch is not None and world.switching.is_on(SWITCH),
        stamp_s=stamp,
    )
    objects = [_object(world, item, stamp, held) for item in layout.objects]
    entities = [_table(layout.table_height_m, stamp), *objects, *fixtures]
    return Scene(
        stamp_s=stamp,
        entities={entity.name: entity for entity in entities},
        opening={DEFAULT_ARM: world.opening()},
        tools={DEFAULT_ARM: world.T_base_tool()},
    )


def layout_scene(layout: Layout) -> Scene:
    """The scene that a layout begins with, without a world to step: nothing has moved yet."""
    objects = [
        Entity(
            name=item.name,
            label=item.label,
            colour=item.colour,
            T_base_entity=item.T_base_object,
            extents_m=item.extents_m,
        )
        for item in layout.objects
    ]
    fixtures = fixture_entities(
        layout,
        drawer_m=layout.drawer.opening_m if layout.drawer else 0.0,
        door_m=layout.cupboard.opening_m if layout.cupboard else 0.0,
        button_on=layout.button_on,
        switch_on=layout.switch_on,
        stamp_s=0.0,
    )
    entities = (_table(layout.table_height_m, 0.0), *objects, *fixtures)
    return Scene(
        stamp_s=0.0,
        entities={entity.name: entity for entity in entities},
        opening={DEFAULT_ARM: 1.0},
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


def _on_the_table(entity: Entity) -> bool:
    """Whether it is over the table's slab: what is beside it, no camera of the cell sees."""
    off = np.abs(entity.T_base_entity.p - _TABLE_CENTRE_M)[:2]
    return bool(np.all(off <= 0.5 * _TABLE_EXTENTS_M[:2]))


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
    if item.label in HOUSEHOLD:
        return _mesh_points(world.model, world.model.geom(f"{item.name}_mesh").id)
    body = world.model.body(item.name)
    first, count = int(body.geomadr[0]), int(body.geomnum[0])
    # Part by part: the box around a bracket has corners where nothing is.
    return np.concatenate([_geom_points(world.model, geom) for geom in range(first, first + count)])


def _geom_points(model: mujoco.MjModel, geom: int) -> Array:
    """Vertices of a mesh, or corners of the box around any other shape, in its body's frame."""
    if model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_MESH:
        return _mesh_points(model, geom)
    middle, half = model.geom_aabb[geom, :3], model.geom_aabb[geom, 3:]
    signs = np.stack(np.meshgrid([-1.0, 1.0], [-1.0, 1.0], [-1.0, 1.0]), axis=-1).reshape(-1, 3)
    T_body_geom = SE3.from_wxyz(model.geom_quat[geom], model.geom_pos[geom])
    return T_body_geom @ (middle + signs * half)


@lru_cache(maxsize=64)
def _mesh_points(model: mujoco.MjModel, geom: int) -> Array:
    mesh = model.geom_dataid[geom]
    first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
    T_body_geom = SE3.from_wxyz(model.geom_quat[geom], model.geom_pos[geom])
    return T_body_geom @ model.mesh_vert[first : first + count]
