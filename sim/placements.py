"""Everything that differs between two worlds with the same arm: which things stand where."""

from dataclasses import dataclass, field, replace

import numpy as np

from robot_skills.core.se3 import SE3, Array
from sim.appearance import USUAL, Appearance
from sim.fixtures import (
    BOX,
    BUTTON,
    CUPBOARD,
    DOOR_TRAVEL_M,
    DRAWER,
    DRAWER_TRAVEL_M,
    SOCKET,
    SWITCH,
    ZONE,
)
from sim.objects import ObjectPlacement


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
        table_height_m: Of the table's top over the arm's base; everything that stands on it is
            given as it is, see `raised`.
        friction: Of all things and the table, as a share of the usual.
        appearance: How the room looks.
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
    table_height_m: float = 0.0
    friction: float = 1.0
    appearance: Appearance = USUAL

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


def raised(layout: Layout, by_m: float) -> Layout:
    """The layout on a table that is higher by so much."""

    def up(T: SE3 | None) -> SE3 | None:
        return None if T is None else SE3(T.R, T.p + np.array([0.0, 0.0, by_m]))

    drawer, cupboard = layout.drawer, layout.cupboard
    if drawer is not None:
        drawer = replace(drawer, T_base_cabinet=up(drawer.T_base_cabinet))
    if cupboard is not None:
        cupboard = replace(cupboard, T_base_cupboard=up(cupboard.T_base_cupboard))
    return replace(
        layout,
        objects=tuple(
            replace(item, T_base_object=up(item.T_base_object)) for item in layout.objects
        ),
        drawer=drawer,
        cupboard=cupboard,
        T_base_box=up(layout.T_base_box),
        T_base_button=up(layout.T_base_button),
        T_base_switch=up(layout.T_base_switch),
        T_base_zone=up(layout.T_base_zone),
        T_base_socket=up(layout.T_base_socket),
        table_height_m=layout.table_height_m + by_m,
    )
