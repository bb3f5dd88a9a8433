"""What somebody else does to the things on the table while the robot works on them."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from robot_skills.core.errors import RefusedError
from robot_skills.core.free_spots import footprints
from robot_skills.core.scene import TABLE, Scene, distance_to_rectangle
from robot_skills.core.se3 import SE3, Array
from sim.layout import FREE_LOWER_M, FREE_UPPER_M, REACH_M
from sim.truth import truth_scene
from sim.world import TabletopWorld

AWAY_M = np.array([-0.7, 0.9, 0.06])
"""Where what is taken away ends up: on the table's plane, out of reach and sight."""
_ROOMS_M = (0.075, 0.045)
"""Between what is moved and everything else; the second where the first is not to be had."""
_FROM_HAND_M = 0.18
"""A thing is put no nearer than this to the tool, sideways, so that no finger is inside it."""
_FARTHER_M = 0.10
"""A thing that is moved ends up at least so far from where it was."""
_SPOTS = 400
_REST_GAP_M = 0.0005


class ChangeKind(Enum):
    """What happens to a thing."""

    NONE = "none"
    MOVED = "moved"
    """It is put somewhere else on the table, from wherever it is: a drawer, the hand."""
    REMOVED = "removed"
    """It is taken away for good."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Disturbance:
    """One change of the scene that the robot has no part in.

    Attributes:
        kind: What happens.
        thing: Name of the free object.
        call: Number of the call during which, or after which, it happens; from 0.
        delay_s: Time from the start of that call.
    """

    kind: ChangeKind
    thing: str
    call: int
    delay_s: float


def draw_disturbance(
    kind: ChangeKind, things: tuple[str, ...], calls: int, rng: np.random.Generator
) -> Disturbance:
    """One of the things, and a time while the calls are made.

    Args:
        kind: What is to happen.
        things: Free objects that the task is about.
        calls: How many calls it takes.
        rng: Of thing and time.
    """
    return Disturbance(
        kind=kind,
        thing=things[int(rng.integers(len(things)))],
        call=int(rng.integers(calls)),
        delay_s=float(rng.uniform(0.3, 4.0)),
    )


def disturb(world: TabletopWorld, disturbance: Disturbance, rng: np.random.Generator) -> None:
    """Let it happen now.

    Raises:
        RefusedError: The table has no room for what is to be moved.
    """
    match disturbance.kind:
        case ChangeKind.MOVED:
            put(world, disturbance.thing, free_place(world, disturbance.thing, rng))
        case ChangeKind.REMOVED:
            put(world, disturbance.thing, SE3.from_translation(AWAY_M))
        case ChangeKind.NONE:
            pass


def put(world: TabletopWorld, name: str, T_base_thing: SE3) -> None:
    """Put a free object somewhere, at rest."""
    joint = world.model.joint(name)
    first, speed = int(joint.qposadr[0]), int(joint.dofadr[0])
    world.data.qpos[first : first + 3] = T_base_thing.p
    world.data.qpos[first + 3 : first + 7] = T_base_thing.wxyz()
    world.data.qvel[speed : speed + 6] = 0.0
    world.moved()


def free_place(world: TabletopWorld, name: str, rng: np.random.Generator) -> SE3:
    """A pose on the table where a thing stands upright and the arm can take it.

    Nothing else is near, it is in nobody's way, and it is not where the thing is now.

    Raises:
        RefusedError: There is no such place.
    """
    scene = truth_scene(world)
    item = next(item for item in world.layout.objects if item.name == name)
    spots = rng.uniform(FREE_LOWER_M, FREE_UPPER_M, (_SPOTS, 2))
    spots = spots[np.linalg.norm(spots, axis=-1) <= REACH_M]
    far = np.linalg.norm(spots - scene[name].T_base_entity.p[:2], axis=-1) >= _FARTHER_M
    clear = np.linalg.norm(spots - world.T_base_tool().p[:2], axis=-1) >= _FROM_HAND_M
    room_m = _room(scene, name, spots) - 0.5 * float(np.hypot(*item.extents_m[:2]))
    for wanted_m in _ROOMS_M:
        fitting = np.flatnonzero(far & clear & (room_m >= wanted_m))
        if len(fitting):
            z = scene.table_height_m + 0.5 * float(item.extents_m[2]) + _REST_GAP_M
            return SE3.from_yaw(float(rng.uniform(-np.pi, np.pi)), (*spots[fitting[0]], z))
    raise RefusedError(f"There is no free place on the table for {name!r}.")


def _room(scene: Scene, name: str, spots: Array) -> Array:
    """Distances (n,) from spots (n, 2) to the nearest other thing and what its joint sweeps."""
    room_m = np.full(len(spots), np.inf)
    for entity in scene:
        if entity.name not in (name, TABLE):
            for T_base_box, size in footprints(entity):
                room_m = np.minimum(room_m, distance_to_rectangle(spots, T_base_box, size))
    return room_m
