"""Which things stand where when an episode starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    CUPBOARD,
    DOOR_TRAVEL_M,
    DRAWER,
    DRAWER_TRAVEL_M,
    HANDLE_X_M,
    SOCKET,
    SWITCH,
    TRAY_FLOOR_M,
    TRAY_INSIDE_M,
    ZONE,
)
from sim.objects import OBJECT_NAMES, ObjectPlacement, random_object

FREE_LOWER_M = np.array([0.36, -0.34])
FREE_UPPER_M = np.array([0.70, 0.38])
"""Centres of free objects lie in this rectangle of the table ..."""
REACH_M = 0.74
"""... and no farther from the base than this."""
_REST_GAP_M = 0.0005
_LOW_M = 0.055
"""Up to this height a palm passes above a thing while grasping its neighbour on the table."""
_LOW_GAP_M = 0.040
_MIDDLE_M = 0.065
_MIDDLE_GAP_M = 0.075
_TALL_GAP_M = 0.080
_FINGER_ROOM_M = 0.034
"""Between a thing in a container and the walls: what no finger can get behind cannot be gripped."""
_REACHABLE_OPENING_M = 0.11
"""From here on a hand reaches into the drawer beside the cabinet."""
_ATTEMPTS = 200
_PATIENCE = 20
_TRIES_PER_OBJECT = 60


class DrawerStart(Enum):
    """How a random layout leaves the drawer."""

    ANY = "any"
    CLOSED = "closed"
    AJAR = "ajar"
    OPEN = "open"
    ABSENT = "absent"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DrawerPlacement:
    """Where the cabinet stands, +x out of its front, origin on the table, and its opening."""

    T_base_cabinet: SE3
    opening_m: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.opening_m <= DRAWER_TRAVEL_M:
            raise ValueError(f"A drawer opens 0 to {DRAWER_TRAVEL_M} m, not {self.opening_m} m.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CupboardPlacement:
    """Where the cupboard stands, +x out of its front, origin on the table, and its door.

    Attributes:
        T_base_cupboard: Its frame.
        opening_m: Way of the door's bar from where it is when closed.
        left: Whether the hinge is on the side of +y.
    """

    T_base_cupboard: SE3
    opening_m: float
    left: bool

    def __post_init__(self) -> None:
        if not 0.0 <= self.opening_m <= DOOR_TRAVEL_M:
            raise ValueError(f"A door opens 0 to {DOOR_TRAVEL_M:.3f} m, not {self.opening_m} m.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Layout:
    """Everything that differs between two worlds with the same arm.

    Attributes:
        objects: Free objects.
        drawer: The cabinet, if there is one.
        T_base_box: Box, origin on the table, if there is one.
        T_base_button: Button, origin on the table, if there is one.
        button_on: Whether its lamp is on at the start.
        cupboard: If there is one.
        T_base_switch: Switch, origin on the table, if there is one.
        switch_on: Whether it is on at the start.
        T_base_zone: Painted square, origin on the table, if there is one.
        T_base_socket: Block with the peg's hole, origin on the table, if there is one.
        table_rgb: Colour of the table, (3,).
    """

    objects: tuple[ObjectPlacement, ...] = ()
    drawer: DrawerPlacement | None = None
    T_base_box: SE3 | None = None
    T_base_button: SE3 | None = None
    button_on: bool = False
    cupboard: CupboardPlacement | None = None
    T_base_switch: SE3 | None = None
    switch_on: bool = False
    T_base_zone: SE3 | None = None
    T_base_socket: SE3 | None = None
    table_rgb: Array = field(default_factory=lambda: np.array([0.33, 0.35, 0.38]))

    def __post_init__(self) -> None:
        names = [item.name for item in self.objects]
        if len(set(names)) != len(names):
            raise ValueError(f"Object names must be unique, got {names}.")

    @property
    def entity_names(self) -> tuple[str, ...]:
        """Names of all entities besides the table."""
        fixtures = (
            (DRAWER, self.drawer),
            (BOX, self.T_base_box),
            (BUTTON, self.T_base_button),
            (CUPBOARD, self.cupboard),
            (SWITCH, self.T_base_switch),
            (ZONE, self.T_base_zone),
            (SOCKET, self.T_base_socket),
        )
        present = [name for name, placement in fixtures if placement is not None]
        return (*(item.name for item in self.objects), *present)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Footprint:
    """A rectangle of the table that is taken."""

    T_base_centre: SE3
    half_m: Array
    height_m: float

    def gap_m(self, points_m: Array) -> Array:
        """Free distances (n,) to points (n, 2) of the table; 0 inside."""
        cos, sin = self.T_base_centre.R[0, 0], self.T_base_centre.R[1, 0]
        away = points_m - self.T_base_centre.p[:2]
        local = np.abs(away @ np.array([[cos, -sin], [sin, cos]]))
        return np.linalg.norm(np.maximum(local - self.half_m, 0.0), axis=-1)


def random_layout(
    rng: np.random.Generator,
    *,
    with_objects: Sequence[str] = (),
    count: int | None = None,
    drawer: DrawerStart = DrawerStart.ANY,
    box: bool = True,
    button: bool | None = None,
    placed: Mapping[str, str] | None = None,
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

    Raises:
        UnknownNameError: A name that no layout can hold.
        RefusedError: So many things do not fit on the table.
    """
    placed = dict(placed or {})
    wanted = _wanted_names(rng, with_objects, placed, count)
    if DRAWER in placed.values() and drawer is DrawerStart.ABSENT:
        raise RefusedError("Objects cannot start in a drawer that is absent.")
    if BOX in placed.values() and not box:
        raise RefusedError("Objects cannot start in a box that is absent.")
    with_button = bool(rng.random() < 0.3) if button is None else button
    needed = len(wanted) if count is not None else len({*with_objects, *placed, *placed.values()})
    for attempt in range(1, _ATTEMPTS + 1):
        layout = _attempt(rng, wanted, drawer, box, with_button, placed)
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
) -> list[str]:
    names = list(dict.fromkeys([*with_objects, *placed]))
    names += [host for host in placed.values() if host not in (DRAWER, BOX, *names)]
    for name in names:
        if name not in OBJECT_NAMES:
            raise unknown_name("object", name, OBJECT_NAMES)
    total = int(rng.integers(2, 6)) if count is None else count
    if count is not None and not len(names) <= count <= len(OBJECT_NAMES):
        raise RefusedError(f"Cannot have {count} objects that include {', '.join(names)}.")
    others = [name for name in OBJECT_NAMES if name not in names]
    rng.shuffle(others)
    return [*names, *others[: max(0, total - len(names))]]


def _attempt(
    rng: np.random.Generator,
    names: Sequence[str],
    drawer: DrawerStart,
    box: bool,
    button: bool,
    placed: Mapping[str, str],
) -> Layout | None:
    cabinet = _random_drawer(rng, drawer)
    taken = [] if cabinet is None else _drawer_footprints(cabinet)
    T_base_box = T_base_button = None
    if box:
        T_base_box = SE3.from_yaw(
            rng.uniform(-0.3, 0.3), (rng.uniform(0.42, 0.62), rng.uniform(-0.28, -0.20), 0.0)
        )
        taken.append(
            _Footprint(T_base_centre=T_base_box, half_m=0.5 * BOX_M[:2], height_m=BOX_M[2])
        )
    if button:
        p = _free_point(rng, taken, 0.5 * float(np.hypot(*BUTTON_BASE_M[:2])), 0.048)
        if p is None:
            return None
        T_base_button = SE3.from_yaw(rng.uniform(-0.4, 0.4), (*p, 0.0))
        height = float(BUTTON_BASE_M[2] + BUTTON_CAP_HEIGHT_M)
        half = 0.5 * BUTTON_BASE_M[:2]
        taken.append(_Footprint(T_base_centre=T_base_button, half_m=half, height_m=height))
    objects: dict[str, ObjectPlacement] = {}
    items = {name: random_object(rng, name) for name in names}
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
        T_base_button=T_base_button,
        table_rgb=np.clip(grey + rng.uniform(-0.03, 0.03, 3), 0.0, 1.0),
    )


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


def _drawer_footprints(drawer: DrawerPlacement) -> list[_Footprint]:
    """The cabinet, and all that its drawer and handle sweep when it opens."""
    front = 0.5 * CABINET_M[0]
    reach = HANDLE_X_M + DRAWER_TRAVEL_M + 0.01
    swept = drawer.T_base_cabinet @ SE3.from_translation((0.5 * (front + reach), 0.0, 0.0))
    half = np.array([0.5 * (reach - front), 0.5 * CABINET_M[1]])
    return [
        _Footprint(
            T_base_centre=drawer.T_base_cabinet,
            half_m=0.5 * CABINET_M[:2],
            height_m=float(CABINET_M[2]),
        ),
        _Footprint(T_base_centre=swept, half_m=half, height_m=_LOW_M),
    ]


def _pose_of(
    rng: np.random.Generator,
    item: ObjectPlacement,
    host: str | None,
    objects: Mapping[str, ObjectPlacement],
    drawer: DrawerPlacement | None,
    T_base_box: SE3 | None,
    taken: list[_Footprint],
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
        taken.append(_Footprint(T_base_centre=T, half_m=half, height_m=float(item.extents_m[2])))
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
    rng: np.random.Generator, taken: Sequence[_Footprint], radius_m: float, height_m: float
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
    if height <= _LOW_M:
        return _LOW_GAP_M
    return _MIDDLE_GAP_M if height <= _MIDDLE_M else _TALL_GAP_M


def default_layout(seed: int) -> Layout:
    """A drawer, the box, and a few things, the red cube among them, where the seed puts them."""
    rng = np.random.default_rng(seed)
    start = (DrawerStart.CLOSED, DrawerStart.AJAR, DrawerStart.OPEN)[int(rng.integers(3))]
    return random_layout(rng, with_objects=("red_cube",), count=4, drawer=start, box=True)
