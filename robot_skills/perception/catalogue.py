"""Kinds of fixtures that perception knows: what they are painted with and how they are built.

A catalogue says what a *kind* looks like, never where one stands. What cannot be seen (the inside
of a closed drawer) is completed from it. All sizes are full sizes in a frame on the supporting
surface whose +x is the front.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import Array
from robot_skills.perception.colour import BLACK, CHROMATIC, LIGHT

ORANGE, PURPLE = CHROMATIC.index("orange"), CHROMATIC.index("purple")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Solid:
    """A box of material: lower and upper corner in the fixture's frame, (3,) each."""

    lower_m: Array
    upper_m: Array

    def distance_m(self, points_m: Array) -> Array:
        """Distance of points (n, 3) from the solid, 0 inside, (n,)."""
        outside = np.maximum(np.maximum(self.lower_m - points_m, points_m - self.upper_m), 0.0)
        return np.linalg.norm(outside, axis=1)


def _solid(x: tuple[float, float], y: tuple[float, float], z: tuple[float, float]) -> Solid:
    return Solid(lower_m=np.array([x[0], y[0], z[0]]), upper_m=np.array([x[1], y[1], z[1]]))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DrawerKind:
    """A low wooden cabinet with one drawer and a black bar for a handle.

    Attributes:
        label: Word for it.
        paints: Classes of `paint_classes` that its surfaces have.
        most_saturation: Wood is duller than plastic of the same hue.
        size_m: Outside of the cabinet without the drawer's panel.
        wall_m: Thickness of the cabinet's walls.
        panel_m: Thickness of the drawer's front panel.
        inside_m: Inside of the drawer; it ends at the panel.
        tray_wall_m: Thickness of the drawer's sides and back.
        tray_sides_m: Height of its sides and back above its floor.
        floor_m: Height of the drawer's inside floor.
        travel_m: How far it opens.
        handle_m: Bar.
        handle_gap_m: From the front of the panel to the centre of the bar.
        handle_height_m: Of the bar's centre.
        least_access_m: A drawer that shows less of its inside cannot be put into from the top.
    """

    label: str = "drawer"
    paints: tuple[int, ...] = (ORANGE, BLACK)
    most_saturation: float = 0.75
    size_m: Array = field(default_factory=lambda: np.array([0.24, 0.24, 0.10]))
    wall_m: float = 0.012
    panel_m: float = 0.012
    inside_m: Array = field(default_factory=lambda: np.array([0.18, 0.20, 0.065]))
    tray_wall_m: float = 0.006
    tray_sides_m: float = 0.045
    floor_m: float = 0.014
    travel_m: float = 0.16
    handle_m: Array = field(default_factory=lambda: np.array([0.016, 0.12, 0.016]))
    handle_gap_m: float = 0.055
    handle_height_m: float = 0.094
    least_access_m: float = 0.05

    @property
    def handle_x_m(self) -> float:
        """From the cabinet's centre to the bar's centre when closed."""
        return float(0.5 * self.size_m[0]) + self.panel_m + self.handle_gap_m

    def solids(self, value_m: float) -> tuple[Solid, ...]:
        """All material, with the drawer open by `value_m`."""
        x, y, z = 0.5 * self.size_m[0], 0.5 * self.size_m[1], self.size_m[2]
        w, t, v = self.wall_m, self.tray_wall_m, value_m
        back, inner_y = x - self.inside_m[0], 0.5 * self.inside_m[1]
        top, side_top = self.floor_m + self.inside_m[2], self.floor_m + self.tray_sides_m
        bar_x, bar_y = self.handle_x_m, 0.5 * self.handle_m[1]
        bar_low, bar_high = (
            self.handle_height_m + side * 0.5 * self.handle_m[2] for side in (-1, 1)
        )
        posts = tuple(
            _solid(
                (x + self.panel_m + v, bar_x + v),
                tuple(sorted((side * bar_y, side * (bar_y - 0.012)))),
                (top - 0.016, bar_high),
            )
            for side in (-1.0, 1.0)
        )
        half_bar = 0.5 * float(self.handle_m[0])
        return (
            _solid((-x, x), (-y, -y + w), (0.0, z)),
            _solid((-x, x), (y - w, y), (0.0, z)),
            _solid((-x, -x + w), (-y, y), (0.0, z)),
            _solid((-x, x), (-y, y), (z - w, z)),
            _solid((back - t + v, x + v), (-inner_y - t, inner_y + t), (0.0, self.floor_m)),
            _solid((back - t + v, x + v), (-inner_y - t, -inner_y), (0.0, side_top)),
            _solid((back - t + v, x + v), (inner_y, inner_y + t), (0.0, side_top)),
            _solid((back - t + v, back + v), (-inner_y, inner_y), (0.0, side_top)),
            _solid((x + v, x + self.panel_m + v), (-y, y), (0.0, top + 0.003)),
            _solid(
                (bar_x - half_bar + v, bar_x + half_bar + v), (-bar_y, bar_y), (bar_low, bar_high)
            ),
            *posts,
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BoxKind:
    """A light open-top box.

    Attributes:
        label: Word for it.
        paints: Classes of `paint_classes` that its surfaces have.
        inside_m: Inside sizes.
        wall_m: Thickness of the walls.
        floor_m: Thickness of the floor.
    """

    label: str = "box"
    paints: tuple[int, ...] = (LIGHT,)
    inside_m: Array = field(default_factory=lambda: np.array([0.16, 0.16, 0.056]))
    wall_m: float = 0.007
    floor_m: float = 0.005

    @property
    def size_m(self) -> Array:
        """Outside sizes."""
        return self.inside_m + np.array([2 * self.wall_m, 2 * self.wall_m, self.floor_m])

    def solids(self) -> tuple[Solid, ...]:
        """All material."""
        x, y, z = 0.5 * self.size_m[0], 0.5 * self.size_m[1], self.size_m[2]
        w = self.wall_m
        return (
            _solid((-x, x), (-y, y), (0.0, self.floor_m)),
            _solid((-x, x), (-y, -y + w), (0.0, z)),
            _solid((-x, x), (y - w, y), (0.0, z)),
            _solid((-x, -x + w), (-y, y), (0.0, z)),
            _solid((x - w, x), (-y, y), (0.0, z)),
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ButtonKind:
    """A push button: a purple cap on a grey base.

    Attributes:
        label: Word for it.
        colour: Word for its cap.
        cap_paint: Class of `paint_classes` of the cap.
        paints: Classes that any of its surfaces has.
        base_m: Sizes of the base.
        cap_radius_m: Radius of the cap.
        cap_height_m: Height of the cap above the base.
    """

    label: str = "button"
    colour: str = "purple"
    cap_paint: int = PURPLE
    paints: tuple[int, ...] = (PURPLE, LIGHT, BLACK)
    base_m: Array = field(default_factory=lambda: np.array([0.08, 0.08, 0.03]))
    cap_radius_m: float = 0.025
    cap_height_m: float = 0.018

    @property
    def size_m(self) -> Array:
        """Sizes of base and cap together."""
        return self.base_m + np.array([0.0, 0.0, self.cap_height_m])

    def solids(self) -> tuple[Solid, ...]:
        """All material, the cap as a box."""
        x, y, z = 0.5 * self.base_m[0], 0.5 * self.base_m[1], self.base_m[2]
        r = self.cap_radius_m
        return (
            _solid((-x, x), (-y, y), (0.0, z)),
            _solid((-r, r), (-r, r), (0.0, z + self.cap_height_m)),
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Catalogue:
    """The fixtures that perception looks for; at most one of each kind stands in a cell."""

    drawer: DrawerKind = field(default_factory=DrawerKind)
    box: BoxKind = field(default_factory=BoxKind)
    button: ButtonKind = field(default_factory=ButtonKind)


def explained(
    solids: tuple[Solid, ...],
    points_m: Array,
    paint: NDArray,
    paints: tuple[int, ...],
    *,
    near_m: float = 0.0015,
    painted_m: float = 0.006,
) -> NDArray[np.bool_]:
    """Which points (n, 3), in the fixture's frame, lie on its material, (n,).

    Points of another paint must lie closer, so that a thing that touches a wall keeps its face.
    """
    distance = np.min([solid.distance_m(points_m) for solid in solids], axis=0)
    return (distance <= near_m) | ((distance <= painted_m) & np.isin(paint, paints))
