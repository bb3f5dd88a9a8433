"""Splitting a cloud into things: by gaps in space and by what surfaces are painted with."""

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import Array
from robot_skills.perception.cloud import Cloud
from robot_skills.perception.colour import paint_classes
from robot_skills.perception.library import open3d

GAP_M = 0.013
"""Surfaces that are further apart belong to different things; pixels are up to 7 mm apart."""
_NEIGHBOURS = 4
_LEAST_POINTS = 12
_TOUCH_M = 0.015
_INTERLEAVED = 0.5
_FOOTPRINT_MARGIN_M = 0.004
_FOOTPRINT_SHARE = 0.75


def cluster(points_m: Array, gap_m: float = GAP_M, neighbours: int = _NEIGHBOURS) -> NDArray:
    """DBSCAN labels of points (n, 3), (n,): 0, 1, ... per cluster, -1 for stray points."""
    if len(points_m) == 0:
        return np.zeros(0, dtype=np.int64)
    o3d = open3d()
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points_m))
    return np.asarray(cloud.cluster_dbscan(gap_m, neighbours), dtype=np.int64)


def split_things(cloud: Cloud) -> list[Cloud]:
    """Clouds of single things, largest first.

    Neighbouring surfaces of one paint make a part. Parts that touch are one thing when they
    interleave: their heights overlap and one's footprint lies within the other's, as with a label
    on a can. A cube on a cube shares the footprint but no heights, a can beside a cube the other
    way round, so these stay apart.
    """
    parts = _painted_parts(cloud)
    group = list(range(len(parts)))
    outlines = [convex_hull(cloud.points_m[part, :2]) for part in parts]
    order = sorted(range(len(parts)), key=lambda i: -len(parts[i]))
    for rank, i in enumerate(order):
        for j in order[rank + 1 :]:
            if group[i] != group[j] and _interleave(cloud, parts[i], parts[j], outlines[i]):
                old, new = group[j], group[i]
                group = [new if g == old else g for g in group]
    things = []
    for g in sorted(set(group)):
        rows = np.concatenate([parts[i] for i in range(len(parts)) if group[i] == g])
        if len(rows) >= _LEAST_POINTS:
            things.append(cloud.select(np.sort(rows)))
    return sorted(things, key=lambda thing: -len(thing))


def _painted_parts(cloud: Cloud) -> list[NDArray]:
    paint = paint_classes(cloud.rgb)
    parts = []
    for p in np.unique(paint):
        rows = np.nonzero(paint == p)[0]
        labels = cluster(cloud.points_m[rows])
        parts += [rows[labels == k] for k in range(labels.max(initial=-1) + 1)]
    return parts


def _interleave(cloud: Cloud, large: NDArray, small: NDArray, outline: Array) -> bool:
    a, b = cloud.points_m[large], cloud.points_m[small]
    shared = min(a[:, 2].max(), b[:, 2].max()) - max(a[:, 2].min(), b[:, 2].min())
    if shared < _INTERLEAVED * max(np.ptp(b[:, 2]), 0.004):
        return False
    inside = hull_distance(outline, b[:, :2]) <= _FOOTPRINT_MARGIN_M
    if inside.mean() < _FOOTPRINT_SHARE:
        return False
    return smallest_gap(a, b) <= _TOUCH_M


def smallest_gap(a: Array, b: Array) -> float:
    """Distance between the nearest points of two sets (n, 3) and (m, 3)."""
    few, many = (a, b) if len(a) <= len(b) else (b, a)
    few = few[:: max(1, len(few) // 100)]
    squared = ((few[:, None, :] - many[None, :, :]) ** 2).sum(axis=-1)
    return float(np.sqrt(squared.min()))


def convex_hull(points: Array) -> Array:
    """Corners of the convex hull of points (n, 2), counter-clockwise (Andrew's monotone chain)."""
    rows = np.unique(points, axis=0)
    if len(rows) < 3:
        return rows

    def chain(ordered: Array) -> list[Array]:
        corners: list[Array] = []
        for q in ordered:
            while len(corners) >= 2:
                (ax, ay), (bx, by) = corners[-2], corners[-1]
                if (bx - ax) * (q[1] - ay) - (by - ay) * (q[0] - ax) > 0.0:
                    break
                corners.pop()
            corners.append(q)
        return corners[:-1]

    return np.array(chain(rows) + chain(rows[::-1]))


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
