"""Rectangles of the table that are taken: by what stands there, and by what sweeps over it."""

from dataclasses import dataclass

import numpy as np

from robot_skills.core.se3 import SE3, Array
from sim.fixtures import CABINET_M, CUPBOARD_M, DRAWER_TRAVEL_M, HANDLE_X_M
from sim.placements import CupboardPlacement, DrawerPlacement

LOW_M = 0.055
"""Up to this height a palm passes above a thing while grasping its neighbour on the table."""
_DOOR_OUT_M = 0.25
"""How far an open door reaches out of its cupboard's front ..."""
_DOOR_SIDE_M = 0.18
"""... and to either side of its middle."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Footprint:
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


def cupboard_footprints(cupboard: CupboardPlacement) -> list[Footprint]:
    """The cupboard, and all that its door sweeps when it opens."""
    front = 0.5 * CUPBOARD_M[0]
    swept = cupboard.T_base_cupboard @ SE3.from_translation((front + 0.5 * _DOOR_OUT_M, 0.0, 0.0))
    return [
        Footprint(
            T_base_centre=cupboard.T_base_cupboard,
            half_m=0.5 * CUPBOARD_M[:2],
            height_m=float(CUPBOARD_M[2]),
        ),
        Footprint(
            T_base_centre=swept,
            half_m=np.array([0.5 * _DOOR_OUT_M, _DOOR_SIDE_M]),
            height_m=LOW_M,
        ),
    ]


def drawer_footprints(drawer: DrawerPlacement) -> list[Footprint]:
    """The cabinet, and all that its drawer and handle sweep when it opens."""
    front = 0.5 * CABINET_M[0]
    reach = HANDLE_X_M + DRAWER_TRAVEL_M + 0.01
    swept = drawer.T_base_cabinet @ SE3.from_translation((0.5 * (front + reach), 0.0, 0.0))
    half = np.array([0.5 * (reach - front), 0.5 * CABINET_M[1]])
    return [
        Footprint(
            T_base_centre=drawer.T_base_cabinet,
            half_m=0.5 * CABINET_M[:2],
            height_m=float(CABINET_M[2]),
        ),
        Footprint(T_base_centre=swept, half_m=half, height_m=LOW_M),
    ]
