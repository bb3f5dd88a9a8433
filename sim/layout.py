"""Drawing at random which things stand where when an episode starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.se3 import SE3, Array
from sim.fixtures import (
    BOX,
    BOX_FLOOR_M,
    BOX_INSIDE_M,
    BOX_M,
    BUTTON,
    BUTTON_BASE_M,
    BUTTON_CAP_HEIGHT_M,
    CABINET_M,
    DOOR_TRAVEL_M,
    DRAWER,
    DRAWER_TRAVEL_M,
    SOCKET,
    SOCKET_M,
    SWITCH,
    SWITCH_BASE_M,
    TRAY_FLOOR_M,
    TRAY_INSIDE_M,
    ZONE,
    ZONE_M,
)
from sim.footprints import LOW_M, Footprint, cupboard_footprints, drawer_footprints
from sim.objects import ALL_NAMES, CUBE, OBJECT_NAMES, ObjectPlacement, random_object
from sim.placements import CupboardPlacement, DrawerPlacement, Layout

FREE_LOWER_M = np.array([0.36, -0.34])
FREE_UPPER_M = np.array([0.70, 0.38])
"""Centres of free objects lie in this rectangle of the table ..."""
REACH_M = 0.74
"""... and no farther from the base than this."""
_REST_GAP_M = 0.0005
_LOW_GAP_M = 0.040
_MIDDLE_M = 0.065
_MIDDLE_GAP_M = 0.075
_TALL_GAP_M = 0.080
_FINGER_ROOM_M = 0.034
"""Between a thing in a container and the walls: what no finger can get behind cannot be gripped."""
_ROCKER_ABOVE_M = 0.02
_REACHABLE_OPENING_M = 0.11
"""From here on a hand reaches into the drawer beside the cabinet."""
_ATTEMPTS = 200
_PATIENCE = 20
_TRIES_PER_OBJECT = 60


class DrawerStart(Enum):
    """How a random layout leaves the drawer, or the cupboard's door."""

    ANY = "any"
    CLOSED = "closed"
    AJAR = "ajar"
    OPEN = "open"
    ABSENT = "absent"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wanted:
    """Which fixtures a layout has, and how what opens begins."""

    drawer: DrawerStart
    box: bool
    button: bool
    cupboard: DrawerStart
    switch: bool
    zone: bool
    socket: bool

    @property
    def names(self) -> frozenset[str]:
        """Of those that may stand anywhere."""
        there = ((BUTTON, self.button), (SWITCH, self.switch), (ZONE, self.zone))
        return frozenset(name for name, is_there in (*there, (SOCKET, self.socket)) if is_there)


def random_layout(
    rng: np.random.Generator,
    *,
    with_objects: Sequence[str] = (),
    count: int | None = None,
    drawer: DrawerStart = DrawerStart.ANY,
    box: bool = True,
    button: bool | None = None,
    placed: Mapping[str, str] | None = None,
    cupboard: DrawerStart = DrawerStart.ABSENT,
    switch: bool = False,
    zone: bool = False,
    socket: bool = False,
    others: Sequence[str] = OBJECT_NAMES,
    clutter: int = 0,
    cube_size: tuple[float, float] = (1.0, 1.0),
) -> Layout:
    """Draw a layout whose things are apart from each other and within reach.

    Args:
        rng: Source of all randomness.
        with_objects: Names that must be present.
        count: Number of free objects, `with_objects` and `placed` included; None draws 2 to 5.
        drawer: How the drawer starts.
        box: Whether the box is there.
        button: Whether the button is there; None leaves it to chance.
        placed: Objects that start in or on something: name -> ``"drawer"``, ``"box"`` or another
            object's name.
        cupboard: How its door starts. It stands where the drawer would, or opposite; there is no
            room for drawer, box and cupboard together.
        switch: Whether the switch is there, on or off. A button's lamp begins dark.
        zone: Whether the painted zone is there; it is free of other things.
        socket: Whether the socket is there.
        others: What else is drawn, where more objects than the named ones are wanted.
        clutter: So many of them more than otherwise.
        cube_size: Least and greatest size of cubes, as a share of the usual.

    Raises:
        UnknownNameError: A name that no layout can hold.
        RefusedError: So many things do not fit on the table.
    """
    placed = dict(placed or {})
    wanted = _wanted_names(rng, with_objects, placed, count, others, clutter)
    if DRAWER in placed.values() and drawer is DrawerStart.ABSENT:
        raise RefusedError("Objects cannot start in a drawer that is absent.")
    if BOX in placed.values() and not box:
        raise RefusedError("Objects cannot start in a box that is absent.")
    if box and DrawerStart.ABSENT not in (drawer, cupboard):
        raise RefusedError("There is no room for a drawer, a box and a cupboard together.")
    with_button = bool(rng.random() < 0.3) if button is None else button
    fixtures = _Wanted(
        drawer=drawer,
        box=box,
        button=with_button,
        cupboard=cupboard,
        switch=switch,
        zone=zone,
        socket=socket,
    )
    needed = len(wanted) if count is not None else len({*with_objects, *placed, *placed.values()})
    for attempt in range(1, _ATTEMPTS + 1):
        layout = _attempt(rng, wanted, fixtures, placed, cube_size)
        if layout is not None:
            return layout
        if attempt % _PATIENCE == 0 and len(wanted) > max(needed, 1):
            # Nobody asked for the last one by name.
            wanted.pop()
    raise RefusedError(f"No free room on the table for {', '.join(wanted)} with the fixtures.")


def _wanted_names(
    rng: np.random.Generator,
    with_objects: Sequence[str],
    placed: Mapping[str, str],
    count: int | None,
    others: Sequence[str],
    clutter: int,
) -> list[str]:
    names = list(dict.fromkeys([*with_objects, *placed]))
    names += [host for host in placed.values() if host not in (DRAWER, BOX, *names)]
    for name in names:
        if name not in ALL_NAMES:
            raise unknown_name("object", name, ALL_NAMES)
    total = int(rng.integers(2, 6)) if count is None else count
    if count is not None and not len(names) <= count <= len(OBJECT_NAMES):
        raise RefusedError(f"Cannot have {count} objects that include {', '.join(names)}.")
    rest = [name for name in others if name not in names]
    rng.shuffle(rest)
    return [*names, *rest[: max(0, total - len(names)) + clutter]]


def _attempt(
    rng: np.random.Generator,
    names: Sequence[str],
    fixtures: _Wanted,
    placed: Mapping[str, str],
    cube_size: tuple[float, float],
) -> Layout | None:
    cabinet = _random_drawer(rng, fixtures.drawer)
    taken = [] if cabinet is None else drawer_footprints(cabinet)
    T_base_box = None
    if fixtures.box:
        T_base_box = SE3.from_yaw(
            rng.uniform(-0.3, 0.3), (rng.uniform(0.42, 0.62), rng.uniform(-0.28, -0.20), 0.0)
        )
        taken.append(Footprint(T_base_centre=T_base_box, half_m=0.5 * BOX_M[:2], height_m=BOX_M[2]))
    cupboard = _random_cupboard(rng, fixtures.cupboard, opposite=cabinet is not None)
    if cupboard is not None:
        taken += cupboard_footprints(cupboard)
    standing: dict[str, SE3] = {}
    for name, size_m, turn_rad in (
        (BUTTON, _raised(BUTTON_BASE_M, BUTTON_CAP_HEIGHT_M), 0.4),
        (SWITCH, _raised(SWITCH_BASE_M, _ROCKER_ABOVE_M), np.pi),
        (SOCKET, SOCKET_M, np.pi),
        (ZONE, ZONE_M, np.pi),
    ):
        if name in fixtures.names:
            p = _free_point(rng, taken, 0.5 * float(np.hypot(*size_m[:2])), float(size_m[2]))
            if p is None:
                return None
            T = SE3.from_yaw(rng.uniform(-turn_rad, turn_rad), (*p, 0.0))
            taken.append(
                Footprint(T_base_centre=T, half_m=0.5 * size_m[:2], height_m=float(size_m[2]))
            )
            standing[name] = T
    objects: dict[str, ObjectPlacement] = {}
    items = {name: random_object(rng, name) for name in names}
    if cube_size != (1.0, 1.0):
        items = {name: _resized(rng, item, cube_size) for name, item in items.items()}
    # Hosts before what stands on them; then the tall ones, which need the most room.
    order = sorted(names, key=lambda n: (_depth(n, placed), -float(items[n].extents_m[2])))
    for name in order:
        item = items[name]
        T = _pose_of(rng, item, placed.get(name), objects, cabinet, T_base_box, taken)
        if T is None:
            return None
        objects[name] = replace(item, T_base_object=T)
    grey = rng.uniform(0.27, 0.40)
    return Layout(
        objects=tuple(objects[name] for name in names),
        drawer=cabinet,
        T_base_box=T_base_box,
        T_base_button=standing.get(BUTTON),
        cupboard=cupboard,
        T_base_switch=standing.get(SWITCH),
        T_base_zone=standing.get(ZONE),
        T_base_socket=standing.get(SOCKET),
        table_rgb=np.clip(grey + rng.uniform(-0.03, 0.03, 3), 0.0, 1.0),
        switch_on=fixtures.switch and bool(rng.random() < 0.5),
    )


def _resized(
    rng: np.random.Generator, item: ObjectPlacement, share: tuple[float, float]
) -> ObjectPlacement:
    if item.label != CUBE:
        return item
    return replace(item, extents_m=item.extents_m * rng.uniform(*share))


def _depth(name: str, placed: Mapping[str, str]) -> int:
    """How many things are underneath, so that hosts are placed before what stands on them."""
    depth = 0
    while name in placed and depth <= len(placed):
        name, depth = placed[name], depth + 1
    if depth > len(placed):
        raise RefusedError(f"Objects cannot stand on each other in a circle: {name}.")
    return depth


def _random_drawer(rng: np.random.Generator, start: DrawerStart) -> DrawerPlacement | None:
    if start is DrawerStart.ABSENT:
        return None
    if start is DrawerStart.ANY:
        start = (DrawerStart.CLOSED, DrawerStart.CLOSED, DrawerStart.OPEN, DrawerStart.AJAR)[
            int(rng.integers(4))
        ]
    opening = {
        DrawerStart.CLOSED: 0.0,
        DrawerStart.AJAR: rng.uniform(0.03, 0.10),
        DrawerStart.OPEN: rng.uniform(0.125, DRAWER_TRAVEL_M),
    }[start]
    T = SE3.from_yaw(
        -np.pi / 2 + rng.uniform(-0.25, 0.25), (rng.uniform(0.44, 0.54), rng.uniform(0.37, 0.41), 0)
    )
    return DrawerPlacement(T_base_cabinet=T, opening_m=float(opening))


def _random_cupboard(
    rng: np.random.Generator, start: DrawerStart, opposite: bool
) -> CupboardPlacement | None:
    if start is DrawerStart.ABSENT:
        return None
    if start is DrawerStart.ANY:
        start = (DrawerStart.CLOSED, DrawerStart.OPEN, DrawerStart.AJAR)[int(rng.integers(3))]
    share = {
        DrawerStart.CLOSED: 0.0,
        DrawerStart.AJAR: rng.uniform(0.15, 0.55),
        DrawerStart.OPEN: rng.uniform(0.75, 1.0),
    }[start]
    side = -1.0 if opposite else 1.0
    yaw = -0.5 * np.pi * side + rng.uniform(-0.25, 0.25)
    T = SE3.from_yaw(yaw, (rng.uniform(0.44, 0.54), side * rng.uniform(0.40, 0.44), 0.0))
    return CupboardPlacement(
        T_base_cupboard=T, opening_m=float(share * DOOR_TRAVEL_M), left=bool(rng.random() < 0.5)
    )


def _pose_of(
    rng: np.random.Generator,
    item: ObjectPlacement,
    host: str | None,
    objects: Mapping[str, ObjectPlacement],
    drawer: DrawerPlacement | None,
    T_base_box: SE3 | None,
    taken: list[Footprint],
) -> SE3 | None:
    """A start pose, or None when this attempt has no room; marks the room as taken."""
    half_height = 0.5 * float(item.extents_m[2])
    radius = 0.5 * float(np.hypot(*item.extents_m[:2]))
    yaw = rng.uniform(-np.pi, np.pi)
    if host is None:
        p = _free_point(rng, taken, radius, float(item.extents_m[2]))
        if p is None:
            return None
        T = SE3.from_yaw(yaw, (*p, half_height + _REST_GAP_M))
        half = 0.5 * item.extents_m[:2]
        taken.append(Footprint(T_base_centre=T, half_m=half, height_m=float(item.extents_m[2])))
        return T
    inside = [o for o in objects.values() if o.T_base_object.p[2] > 0]
    if host == DRAWER and drawer is not None:
        T_base_floor, half = _tray_floor(drawer)
        return _inside(rng, item, T_base_floor, half, radius, inside)
    if host == BOX and T_base_box is not None:
        T_base_floor = T_base_box @ SE3.from_translation((0.0, 0.0, BOX_FLOOR_M))
        return _inside(rng, item, T_base_floor, 0.5 * BOX_INSIDE_M[:2], radius, inside)
    below = objects[host]
    lift = 0.5 * float(below.extents_m[2]) + half_height + _REST_GAP_M
    shift = rng.uniform(-0.004, 0.004, 2)
    return SE3.from_yaw(yaw, below.T_base_object.p + np.array([*shift, lift]))


def _tray_floor(drawer: DrawerPlacement) -> tuple[SE3, Array]:
    """Middle of the floor that an open drawer shows, or of its front part, and half its sizes."""
    shown = drawer.opening_m if drawer.opening_m >= _REACHABLE_OPENING_M else DRAWER_TRAVEL_M
    middle_x = 0.5 * CABINET_M[0] + drawer.opening_m - 0.5 * shown
    T_cabinet_middle = SE3.from_translation((middle_x, 0.0, TRAY_FLOOR_M))
    return drawer.T_base_cabinet @ T_cabinet_middle, 0.5 * np.array([shown, TRAY_INSIDE_M[1]])


def _inside(
    rng: np.random.Generator,
    item: ObjectPlacement,
    T_base_floor: SE3,
    half_m: Array,
    radius_m: float,
    others: Sequence[ObjectPlacement],
) -> SE3 | None:
    room = np.maximum(half_m - radius_m - _FINGER_ROOM_M, 0.0)
    height = 0.5 * float(item.extents_m[2]) + _REST_GAP_M
    for _ in range(_TRIES_PER_OBJECT):
        T = T_base_floor @ SE3.from_yaw(
            rng.uniform(-np.pi, np.pi), (*rng.uniform(-room, room), height)
        )
        apart = all(
            np.linalg.norm(T.p[:2] - other.T_base_object.p[:2])
            > radius_m + 0.5 * np.hypot(*other.extents_m[:2])
            for other in others
        )
        if apart:
            return T
    return None


def _free_point(
    rng: np.random.Generator, taken: Sequence[Footprint], radius_m: float, height_m: float
) -> Array | None:
    points = rng.uniform(FREE_LOWER_M, FREE_UPPER_M, (_TRIES_PER_OBJECT, 2))
    free = np.linalg.norm(points, axis=-1) <= REACH_M
    for other in taken:
        free &= other.gap_m(points) >= radius_m + _gap(other.height_m, height_m)
    found = np.flatnonzero(free)
    return points[found[0]] if len(found) else None


def _gap(height_a_m: float, height_b_m: float) -> float:
    """Free distance that lets a gripper reach either of two things."""
    height = max(height_a_m, height_b_m)
    if height <= LOW_M:
        return _LOW_GAP_M
    return _MIDDLE_GAP_M if height <= _MIDDLE_M else _TALL_GAP_M


def default_layout(seed: int) -> Layout:
    """A drawer, the box, and a few things, the red cube among them, where the seed puts them."""
    rng = np.random.default_rng(seed)
    start = (DrawerStart.CLOSED, DrawerStart.AJAR, DrawerStart.OPEN)[int(rng.integers(3))]
    return random_layout(rng, with_objects=("red_cube",), count=4, drawer=start, box=True)


def _raised(base_m: Array, by_m: float) -> Array:
    return base_m + np.array([0.0, 0.0, by_m])
