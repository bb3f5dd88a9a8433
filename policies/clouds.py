"""Point clouds from depth pictures, for policies that see geometry (DP3: Ze et al., 2024)."""

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from policies.contract import CloudSpec

Float32 = NDArray[np.float32]

_MOST_PIXELS = 128 * 128
"""Larger pictures are thinned by whole rows and columns before anything else."""
_CANDIDATES_PER_POINT = 6
"""Farthest point sampling chooses from this many points per point that it keeps."""


def cloud_of(
    depth_m: NDArray, spec: CloudSpec, colours: NDArray[np.uint8] | None = None
) -> Float32:
    """What a camera sees inside a box, as a fixed number of well spread points.

    Deterministic: the same picture gives the same points. A picture with too few of them repeats
    what there is; one without any gives the middle of the box, over and over.

    Args:
        depth_m: Distance along the optical axis, (H, W); 0 and non-finite where there is none.
        spec: Camera, box and number of points.
        colours: Picture from the same view, (H, W, 3), where the points are to be coloured.

    Returns:
        Points in the base frame [m], (P, 3), followed by colours in [0, 1] where wanted, (P, 6).

    Raises:
        ValueError: When colours are wanted and missing, or of another size.
    """
    if spec.colour and (colours is None or colours.shape[:2] != depth_m.shape):
        found = "none" if colours is None else f"{colours.shape}"
        raise ValueError(f"{spec.key}: wants colours of {depth_m.shape} px, got {found}.")
    points, pixels = _points_in_box(depth_m, spec)
    if not len(points):
        return _nothing(spec)
    points, pixels = _thinned(points, pixels, _CANDIDATES_PER_POINT * spec.points)
    chosen = np.resize(farthest_points(points, min(spec.points, len(points))), spec.points)
    cloud = points[chosen]
    if spec.colour and colours is not None:
        shades = colours.reshape(-1, 3)[pixels[chosen]].astype(np.float32) / 255.0
        cloud = np.concatenate([cloud, shades], axis=1)
    return cloud


def farthest_points(points: Float32, count: int) -> NDArray[np.int64]:
    """Farthest point sampling: each next point is the one farthest from all chosen before.

    Args:
        points: (N, 3).
        count: How many to choose, at most N. The first is the one farthest from the mean.

    Returns:
        Places in `points`, (count,).
    """
    x, y, z = (np.ascontiguousarray(points[:, axis]) for axis in range(3))
    chosen = np.empty(count, dtype=np.int64)
    nearest = np.full(len(points), np.inf, dtype=np.float32)
    from_mean = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
    square, other = np.empty_like(nearest), np.empty_like(nearest)
    last = int(from_mean.argmax())
    for i in range(count):
        chosen[i] = last
        np.subtract(x, x[last], out=square)
        np.multiply(square, square, out=square)
        for axis in (y, z):
            np.subtract(axis, axis[last], out=other)
            np.multiply(other, other, out=other)
            np.add(square, other, out=square)
        np.minimum(nearest, square, out=nearest)
        last = int(nearest.argmax())
    return chosen


def jittered(
    clouds: Float32, rng: np.random.Generator, point_m: float = 0.002, shift_m: float = 0.004
) -> Float32:
    """Clouds with the errors of a real camera: noise per point, and an offset of the whole.

    Args:
        clouds: (B, P, 3 or 6).
        rng: Source of the noise.
        point_m: Standard deviation of each point, per axis.
        shift_m: Standard deviation of the whole cloud, per axis; a camera's pose is this uncertain.
    """
    moved = clouds.copy()
    moved[..., :3] += np.float32(point_m) * rng.standard_normal(
        moved[..., :3].shape, dtype=np.float32
    )
    moved[..., :3] += np.float32(shift_m) * rng.standard_normal(
        (len(clouds), 1, 3), dtype=np.float32
    )
    return moved


def _points_in_box(depth_m: NDArray, spec: CloudSpec) -> tuple[Float32, NDArray[np.int64]]:
    """Points in the base frame inside the box, (N, 3), and which pixels they are, (N,)."""
    height, width = depth_m.shape
    # Thinning by whole steps first, since a cloud keeps few of a big picture's pixels anyway.
    step = max(1, -(-isqrt(height * width) // isqrt(_MOST_PIXELS)))
    rows, columns = np.arange(step // 2, height, step), np.arange(step // 2, width, step)
    z = depth_m[rows[:, None], columns].astype(np.float32).ravel()
    K = np.array(spec.K, dtype=np.float32).reshape(3, 3)
    T = np.array(spec.T_base_camera, dtype=np.float32).reshape(4, 4)
    x = np.tile((columns - K[0, 2]) / K[0, 0], len(rows)).astype(np.float32)
    y = np.repeat((rows - K[1, 2]) / K[1, 1], len(columns)).astype(np.float32)
    # A base coordinate is linear in depth along each pixel's ray: p = z (R ray) + t.
    with np.errstate(invalid="ignore"):
        p = [z * (T[i, 0] * x + T[i, 1] * y + T[i, 2]) + T[i, 3] for i in range(3)]
        inside = (z > 0.0) & np.isfinite(z)
        for axis, low, high in zip(p, spec.low_m, spec.high_m, strict=True):
            inside &= (axis >= low) & (axis <= high)
    kept = np.flatnonzero(inside)
    pixels = rows[kept // len(columns)] * width + columns[kept % len(columns)]
    return np.stack([axis[kept] for axis in p], axis=1), pixels


def _thinned(
    points: Float32, pixels: NDArray[np.int64], most: int
) -> tuple[Float32, NDArray[np.int64]]:
    if len(points) <= most:
        return points, pixels
    kept = np.linspace(0, len(points) - 1, most).astype(np.int64)
    return points[kept], pixels[kept]


def _nothing(spec: CloudSpec) -> Float32:
    middle = (np.array(spec.low_m, dtype=np.float32) + np.array(spec.high_m, np.float32)) / 2.0
    cloud = np.zeros((spec.points, 6 if spec.colour else 3), dtype=np.float32)
    cloud[:, :3] = middle
    return cloud
