"""Splitting a cloud into things: by gaps in space and by what surfaces are painted with."""

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import Array
from robot_skills.perception.cloud import Cloud
from robot_skills.perception.library import open3d

GAP_M = 0.013
"""Surfaces that are further apart belong to different things ..."""
_GAP_PIXELS = 2.6
"""... unless pixels are coarse: slanted surfaces are sampled up to so many pixel sizes apart."""
_CELLS_PER_GAP = 3
_LEAST_POINTS = 12
_LEAST_PART = 3
"""Fewer points of one paint are reflections and printed letters."""
_ANGLES_RAD = np.deg2rad(np.arange(0.0, 360.0, 2.0))
_DIRECTIONS = np.stack([np.cos(_ANGLES_RAD), np.sin(_ANGLES_RAD)], axis=1)
_INTERLEAVED = 0.5
_FOOTPRINT_MARGIN_M = 0.004
_FOOTPRINT_SHARE = 0.75
_COVER_GAP_M = 0.012
_LEAST_SIDE = 8


def cluster(points_m: Array, gap_m: float = GAP_M) -> NDArray:
    """Groups of points (n, 3) that are closer than a gap, (n,): labels 0, 1, ...

    DBSCAN over the occupied cells of a fine grid: many points in one cell cost no more than one.
    """
    if len(points_m) == 0:
        return np.zeros(0, dtype=np.int64)
    cell_m = gap_m / _CELLS_PER_GAP
    cells = np.floor(points_m / cell_m).astype(np.int64)
    cells -= cells.min(axis=0)
    spans = cells.max(axis=0) + 1
    keys = (cells[:, 0] * spans[1] + cells[:, 1]) * spans[2] + cells[:, 2]
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    o3d = open3d()
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points_m[first]))
    # With one neighbour asked for, the point itself, nothing is stray.
    return np.asarray(cloud.cluster_dbscan(gap_m, 1), dtype=np.int64)[inverse]


def split_things(cloud: Cloud) -> list[Cloud]:
    """Clouds of single things, largest first.

    Neighbouring surfaces of one paint make a part. Parts that touch are one thing when they
    interleave: their heights overlap and one's footprint lies within the other's, as with a label
    on a can. A cube on a cube shares the footprint but no heights, a can beside a cube the other
    way round, so these stay apart.
    """
    if len(cloud) == 0:
        return []
    gap_m = max(GAP_M, _GAP_PIXELS * float(np.median(cloud.pixel_m)))
    parts = _merge_interleaved(cloud, _painted_parts(cloud, gap_m), gap_m)
    parts = _merge_under_covers(cloud, parts)
    things = [cloud.select(np.sort(part)) for part in parts if len(part) >= _LEAST_POINTS]
    return sorted(things, key=lambda thing: -len(thing))


def _merge_interleaved(cloud: Cloud, parts: list[NDArray], gap_m: float) -> list[NDArray]:
    """Join parts that interleave, the largest first, until none are left."""
    parts = sorted(parts, key=len, reverse=True)
    i = 0
    while i < len(parts):
        outline = convex_hull(cloud.points_m[parts[i], :2])
        joined = [
            j
            for j in range(i + 1, len(parts))
            if _interleave(cloud, parts[i], parts[j], outline, gap_m)
        ]
        if joined:
            # What was joined may reach further ones: look again from the first.
            parts[i] = np.concatenate([parts[i], *(parts[j] for j in joined)])
            parts = [part for j, part in enumerate(parts) if j not in joined]
            parts.sort(key=len, reverse=True)
            i = 0
        else:
            i += 1
    return parts


def _merge_under_covers(cloud: Cloud, parts: list[NDArray]) -> list[NDArray]:
    """Join the sides of a thing whose middle is hidden by what stands on it.

    Cameras on both sides of a stack see the near and the far face of the lower cube, with nothing
    in between. Both have the same paint and lie below the same cover.
    """
    spans = [(cloud.points_m[part, 2].min(), cloud.points_m[part, 2].max()) for part in parts]
    out: list[NDArray] = list(parts)
    for k, cover in enumerate(parts):
        if len(cover) < _LEAST_POINTS:
            continue
        outline = convex_hull(cloud.points_m[cover, :2])
        below: dict[int, list[int]] = {}
        for i, part in enumerate(parts):
            touches = abs(spans[i][1] - spans[k][0]) < _COVER_GAP_M
            if i == k or len(part) < _LEAST_SIDE or not touches:
                continue
            under = hull_distance(outline, cloud.points_m[part, :2]) < _COVER_GAP_M
            if under.mean() > _FOOTPRINT_SHARE:
                below.setdefault(int(cloud.paint[part[0]]), []).append(i)
        for same in below.values():
            out[same[0]] = np.concatenate([parts[i] for i in same])
            for i in same[1:]:
                out[i] = np.zeros(0, dtype=np.int64)
    return out


def _painted_parts(cloud: Cloud, gap_m: float) -> list[NDArray]:
    paint = cloud.paint
    parts = []
    for p in np.unique(paint):
        rows = np.nonzero(paint == p)[0]
        labels = cluster(cloud.points_m[rows], gap_m)
        groups = [rows[labels == k] for k in range(labels.max(initial=-1) + 1)]
        parts += [part for part in groups if len(part) >= _LEAST_PART]
    return parts


def _interleave(cloud: Cloud, large: NDArray, small: NDArray, outline: Array, gap_m: float) -> bool:
    a, b = cloud.points_m[large], cloud.points_m[small]
    shared = min(a[:, 2].max(), b[:, 2].max()) - max(a[:, 2].min(), b[:, 2].min())
    if shared < _INTERLEAVED * max(np.ptp(b[:, 2]), 0.004):
        return False
    inside = hull_distance(outline, b[:, :2]) <= _FOOTPRINT_MARGIN_M
    if inside.mean() < _FOOTPRINT_SHARE:
        return False
    return smallest_gap(a, b) <= 1.2 * gap_m


def smallest_gap(a: Array, b: Array) -> float:
    """Distance between the nearest points of two sets (n, 3) and (m, 3)."""
    few, many = (a, b) if len(a) <= len(b) else (b, a)
    few = few[:: max(1, len(few) // 100)]
    squared = ((few[:, None, :] - many[None, :, :]) ** 2).sum(axis=-1)
    return float(np.sqrt(squared.min()))


def convex_hull(points: Array) -> Array:
    """Corners of the convex outline of points (n, 2), counter-clockwise.

    The points that are extreme in 180 directions: at the size of a tabletop thing the true hull is
    nowhere more than a few hundredths of a millimetre outside.
    """
    rows = np.argmax(_DIRECTIONS @ points.T, axis=1)
    changes = rows != np.roll(rows, 1)
    return points[rows[changes]] if changes.any() else points[rows[:1]]


def hull_distance(corners: Array, points: Array) -> Array:
    """How far points (n, 2) lie outside a convex outline [m], negative inside, (n,).

    Beyond a corner this is the distance from the nearer edge's line: good enough for margins.
    """
    if len(corners) < 3:
        return np.full(len(points), np.inf)
    edges = np.roll(corners, -1, axis=0) - corners
    outward = np.stack([edges[:, 1], -edges[:, 0]], axis=1)
    outward /= np.maximum(np.linalg.norm(outward, axis=1, keepdims=True), 1e-12)
    return ((points[:, None, :] - corners[None]) * outward[None]).sum(axis=-1).max(axis=1)
