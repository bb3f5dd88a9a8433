"""Upright boxes around partly seen things.

Depth cameras see the top of a thing and one to three of its sides. Side faces are sampled exactly
*on* the face, so they tell direction and place of a face far better than one pixel; an edge of the
top face is known to one pixel only. `fit_box` therefore takes every face from side points where it
can, and says which faces it could not.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import SE3, Array
from robot_skills.perception.cloud import Cloud
from robot_skills.perception.segments import convex_hull

_TOP_BAND_M = 0.005
_FACE_BAND_M = 0.002
_FACE_POINTS = 8
_FACE_SPAN = 0.35
"""Part of a face's width that its side points must cover."""
_ANGLES_RAD = np.deg2rad(np.arange(0.0, 90.0, 2.0))
_SCORED_POINTS = 250
_FINE_RAD = np.deg2rad(np.arange(-2.0, 2.01, 0.25))
_EDGE_PIXELS = 0.4
"""Average distance, in pixels, from the outermost sample of a surface to its edge."""
_LEAST_SIZE_M = 0.002
_ONE_FACE_M = 0.012
"""Thinner than this, only one face of a thing was seen."""
_ROUND_RESIDUAL = 0.55
_ROUND_ARC_RAD = np.deg2rad(100.0)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BoxFit:
    """An upright box with what is known about its faces.

    Attributes:
        centre_xy_m: Centre of the footprint in the base frame, (2,).
        yaw_rad: Direction of the box's first axis.
        size_m: Sizes along the box's axes, (3,).
        bottom_m: Height of the lower face.
        lower_seen: Whether the face at the negative end of axis 0 and 1 was measured, (2,).
        upper_seen: The same for the positive end.
        round_: Whether the footprint is a circle.
    """

    centre_xy_m: Array
    yaw_rad: float
    size_m: Array
    bottom_m: float
    lower_seen: NDArray[np.bool_]
    upper_seen: NDArray[np.bool_]
    round_: bool = False

    @property
    def T_base_box(self) -> SE3:
        z = self.bottom_m + 0.5 * self.size_m[2]
        return SE3.from_yaw(self.yaw_rad, (*self.centre_xy_m, z))

    @property
    def top_m(self) -> float:
        return float(self.bottom_m + self.size_m[2])

    def contains_xy(self, xy_m: Array, margin_m: float = 0.0) -> NDArray[np.bool_]:
        """Which places (n, 2) lie over the footprint, grown by a margin."""
        local = (np.atleast_2d(xy_m) - self.centre_xy_m) @ _axes(self.yaw_rad)
        return np.all(np.abs(local) <= 0.5 * self.size_m[:2] + margin_m, axis=1)

    def resized(self, axis: int, size_m: float) -> "BoxFit":
        """The box with another size along a horizontal axis; a face that was seen stays."""
        shift = 0.0
        if self.upper_seen[axis] != self.lower_seen[axis]:
            sign = 1.0 if self.upper_seen[axis] else -1.0
            shift = sign * 0.5 * (self.size_m[axis] - size_m)
        size = np.array(self.size_m)
        size[axis] = size_m
        centre = self.centre_xy_m + shift * _axes(self.yaw_rad)[:, axis]
        return replace(self, centre_xy_m=centre, size_m=size)


def _axes(yaw_rad: float) -> Array:
    """Directions of the box's horizontal axes as columns, (2, 2)."""
    c, s = np.cos(yaw_rad), np.sin(yaw_rad)
    return np.array([[c, -s], [s, c]])


def top_of(points_m: Array) -> float:
    """Height of the top face: the third highest point, so that two stray ones do not count."""
    z = points_m[:, 2]
    return float(np.partition(z, -3)[-3]) if len(z) >= 3 else float(z.max())


def fit_box(cloud: Cloud, bottom_m: float, *, may_be_round: bool = True) -> BoxFit:
    """Upright box around a thing that stands on `bottom_m`; what is hidden below is completed.

    Args:
        cloud: Its points.
        bottom_m: Height of what it stands on.
        may_be_round: Whether a circle may explain it, and not a rectangle.
    """
    points = cloud.points_m
    top_m = top_of(points)
    height_m = max(top_m - bottom_m, 0.002)
    side = points[points[:, 2] < top_m - _TOP_BAND_M]
    box = _fit_rectangle(cloud, side, bottom_m, height_m)
    circle = _fit_circle(side, bottom_m, height_m) if may_be_round else None
    if circle is not None and _is_round(circle, box, side, points):
        centre, radius_m = circle
        return replace(
            box,
            centre_xy_m=centre,
            yaw_rad=0.0,
            size_m=np.array([2 * radius_m, 2 * radius_m, height_m]),
            lower_seen=np.ones(2, dtype=bool),
            upper_seen=np.ones(2, dtype=bool),
            round_=True,
        )
    return box


def _fit_rectangle(cloud: Cloud, side: Array, bottom_m: float, height_m: float) -> BoxFit:
    xy = cloud.points_m[:, :2]
    yaw = _yaw_by_sides(xy, side[:, :2]) if len(side) >= 2 * _FACE_POINTS else _yaw_by_area(xy)
    axes = _axes(yaw)
    local, local_side = xy @ axes, side[:, :2] @ axes
    lower, upper = np.empty(2), np.empty(2)
    lower_seen, upper_seen = np.zeros(2, dtype=bool), np.zeros(2, dtype=bool)
    edge_m = _EDGE_PIXELS * float(np.median(cloud.pixel_m))
    for axis in (0, 1):
        along, across = local_side[:, axis], local_side[:, 1 - axis]
        width = np.ptp(local[:, 1 - axis])
        ends = local[:, axis].min(), local[:, axis].max()
        faces = [_face(along, across, end, width) for end in ends]
        lower_seen[axis], upper_seen[axis] = faces[0] is not None, faces[1] is not None
        lower[axis] = faces[0] if faces[0] is not None else ends[0] - edge_m
        upper[axis] = faces[1] if faces[1] is not None else ends[1] + edge_m
        if upper[axis] - lower[axis] < _ONE_FACE_M:
            # A single face: it belongs to the end that looks at the camera.
            faces_camera = float((cloud.view[:, :2] @ axes)[:, axis].mean()) > 0.0
            lower_seen[axis], upper_seen[axis] = not faces_camera, faces_camera
    return BoxFit(
        centre_xy_m=axes @ (0.5 * (lower + upper)),
        yaw_rad=yaw,
        size_m=np.array([*np.maximum(upper - lower, _LEAST_SIZE_M), height_m]),
        bottom_m=bottom_m,
        lower_seen=lower_seen,
        upper_seen=upper_seen,
    )


def _face(along: Array, across: Array, end: float, width: float) -> float | None:
    """Where the side face at `end` lies, or None when too few side points lie on it."""
    on = np.abs(along - end) < _FACE_BAND_M
    if on.sum() < _FACE_POINTS or np.ptp(across[on]) < _FACE_SPAN * width:
        return None
    return float(np.median(along[on]))


def _yaw_by_sides(xy: Array, side: Array) -> float:
    """Yaw in [0, pi/2) for which most side points lie on the rectangle's edges.

    The criterion of Zhang et al., "Efficient L-shape fitting", IV 2017, with a smooth count.
    """
    outline = convex_hull(xy)
    few = side[:: max(1, len(side) // _SCORED_POINTS)]
    coarse = float(_ANGLES_RAD[int(np.argmax(_edge_scores(outline, few, _ANGLES_RAD)))])
    fine = coarse + _FINE_RAD
    best = float(fine[int(np.argmax(_edge_scores(outline, few, fine)))])
    return _polish(outline, side, best)


def _edge_scores(outline: Array, side: Array, angles_rad: Array) -> Array:
    """How many side points (n, 2) lie on the edges of the box at each of the angles, (a,)."""
    c, s = np.cos(angles_rad), np.sin(angles_rad)
    nearest = np.full((len(side), len(angles_rad)), np.inf)
    for direction in (np.stack([c, s]), np.stack([-s, c])):
        ends, along = outline @ direction, side @ direction
        gap = np.minimum(along - ends.min(axis=0), ends.max(axis=0) - along)
        nearest = np.minimum(nearest, gap)
    return np.sum(1.0 / (1.0 + (nearest / _FACE_BAND_M) ** 2), axis=0)


def _polish(xy: Array, side: Array, yaw: float) -> float:
    """Turn the rectangle onto the line through its best supported face."""
    for _ in range(2):
        axes = _axes(yaw)
        local, local_side = xy @ axes, side @ axes
        best: tuple[float, float] | None = None
        for axis in (0, 1):
            for end in (local[:, axis].min(), local[:, axis].max()):
                on = np.abs(local_side[:, axis] - end) < 1.5 * _FACE_BAND_M
                if on.sum() < _FACE_POINTS:
                    continue
                along, across = local_side[on, axis], local_side[on, 1 - axis]
                spread = across - across.mean()
                weight = float(spread @ spread)
                slope = float(spread @ along) / max(weight, 1e-12)
                turn = slope if axis == 1 else -slope
                if best is None or weight > best[0]:
                    best = (weight, turn)
        if best is None:
            return yaw
        yaw += float(np.clip(best[1], -0.05, 0.05))
    return yaw


def _yaw_by_area(xy: Array) -> float:
    """Yaw of the rectangle of least area around the points."""
    corners = convex_hull(xy)
    if len(corners) < 3:
        return 0.0
    edges = np.roll(corners, -1, axis=0) - corners
    angles = np.arctan2(edges[:, 1], edges[:, 0]) % (0.5 * np.pi)
    areas = [float(np.prod(np.ptp(corners @ _axes(float(angle)), axis=0))) for angle in angles]
    return float(angles[int(np.argmin(areas))])


def _fit_circle(side: Array, bottom_m: float, height_m: float) -> tuple[Array, float] | None:
    """Circle through the side points of the lower half.

    The algebraic fit of Taubin (*Estimation of planar curves, surfaces and nonplanar space curves
    defined by implicit equations*, PAMI 1991): where noise is large and only the side that looks at
    the camera is seen, plain least squares makes circles too small, and too near.
    """
    body = side[side[:, 2] < bottom_m + 0.55 * height_m]
    if len(body) < 3 * _FACE_POINTS:
        body = side
    if len(body) < 3 * _FACE_POINTS:
        return None
    xy = body[:, :2]
    origin = xy.mean(axis=0)
    p = xy - origin
    squares = (p**2).sum(axis=1)
    mean = float(squares.mean())
    if mean <= 0.0:
        return None
    scaled = (squares - mean) / (2.0 * np.sqrt(mean))
    direction = np.linalg.svd(np.column_stack([scaled, p]), full_matrices=False)[2][-1]
    curvature = direction[0] / (2.0 * np.sqrt(mean))
    if abs(curvature) < 1e-9:
        return None
    centre = -0.5 * direction[1:] / curvature
    return origin + centre, float(np.sqrt(centre @ centre + mean))


def _is_round(circle: tuple[Array, float], box: BoxFit, side: Array, points: Array) -> bool:
    """Whether a circle explains the side points clearly better than the rectangle does."""
    centre, radius_m = circle
    if not 0.25 * box.size_m[:2].max() < radius_m < 0.75 * box.size_m[:2].max():
        return False
    body = side[side[:, 2] < box.bottom_m + 0.55 * box.size_m[2]]
    body = body if len(body) >= 3 * _FACE_POINTS else side
    offsets = body[:, :2] - centre
    off_circle = np.abs(np.linalg.norm(offsets, axis=1) - radius_m)
    local = np.abs((body[:, :2] - box.centre_xy_m) @ _axes(box.yaw_rad)) - 0.5 * box.size_m[:2]
    off_box = np.abs(local).min(axis=1)
    angles = np.sort(np.arctan2(offsets[:, 1], offsets[:, 0]))
    gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
    arc_rad = 2 * np.pi - float(gaps.max())
    better = np.mean(off_circle) < _ROUND_RESIDUAL * np.mean(off_box)
    return bool(better and arc_rad > _ROUND_ARC_RAD)
