"""Holes of a stereo camera, from a box in front of something flat.

The right imager does not see what the box hides from it: beside one edge of the box, a strip of the
background has no reading. It is ``f B (w_box - w_behind)`` pixels wide, which gives the baseline B.
At the other edge are the holes and the readings between two surfaces that every edge has.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.depth_frames import DepthSeries, fit_plane, inverse, surface
from calibration.errors import CalibrationRefused, Cause
from robot_skills.core.se3 import Array

Pixels = NDArray[np.intp]

_STANDS_OUT = 12.0
"""Standard deviations by which a box is nearer than what is behind it."""
_LEAST_PX = 12
"""Width and height of a box."""
_LEAST_BEHIND = 0.35
_MOST_SHADOW_PX = 60
_MOST_EDGE_PX = 4
_CUT_PX = 0.5
"""Whole pixels are hidden: a shadow is half a pixel wider than they are, give or take as much."""
_HALF = 0.5
_ON_SURFACE = 5.0
_BINS = 20
_LEAST_IN_BIN = 40
_DARK, _BRIGHT = 0.25, 0.85
"""Luminance below, above which things may give holes for their brightness."""
_LOSSY = 0.05
"""Share of holes beyond the usual that brightness is blamed for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Brightness:
    """Holes of dark, or of shiny, things.

    Attributes:
        level: Luminance at which they begin, in [0, 1].
        hole_share: Of the pixels beyond.
        pixels: In how many that was seen.
    """

    level: float
    hole_share: float
    pixels: int


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BoxHoles:
    """What a box says; after each number, its standard deviation.

    Attributes:
        baseline_m: Distance of the imagers, from the width of the shadow.
        shadow_share: Share of holes in the shadow.
        edge_width_px: How far an edge reaches to both sides.
        edge_hole_share: Share of holes there.
        flying_share: Share of readings there that are between the two surfaces.
        dark: Holes of dark things; None where nothing dark was seen.
        shiny: Holes of shiny things; None where nothing bright was seen.
        jump_w: From the background to the box [1/m].
        frames: How many.
        rows: Of the picture in which the box's edges were looked at.
        shadow_profile: Share of holes by pixels from the edge, on the side of the shadow.
        edge_profile: The same on the other side.
    """

    baseline_m: tuple[float, float]
    shadow_share: tuple[float, float]
    edge_width_px: int
    edge_hole_share: tuple[float, float]
    flying_share: tuple[float, float]
    dark: Brightness | None
    shiny: Brightness | None
    jump_w: float
    frames: int
    rows: int
    shadow_profile: Array
    edge_profile: Array


def fit_box(one: DepthSeries, focal_px: float, sigma_w: float, dropout: float) -> BoxHoles:
    """Fit the holes at a box.

    Args:
        one: The box in front of something flat.
        focal_px: Focal length of the picture.
        sigma_w: Noise of readings [1/m].
        dropout: Share of holes that is usual.

    Raises:
        CalibrationRefused: No box is seen, or nothing flat behind it.
    """
    w = inverse(one.depth_m)
    behind = _behind(one, w)
    above = _mean(w) - behind
    box = _find(above, sigma_w, one.name)
    rows, first, last = _edges(box)
    jump_w = float(np.nanmedian(above[box]))
    holes = np.isnan(w)
    left, right = (_profile(holes, rows, columns, way) for columns, way in ((first, -1), (last, 1)))
    extra = [np.clip(side.mean(axis=0) - dropout, 0.0, None).sum() for side in (left, right)]
    shaded, clear = (left, right) if extra[0] >= extra[1] else (right, left)
    clear_at = (last, 1) if extra[0] >= extra[1] else (first, -1)
    plateau, widths = _strip(shaded, dropout)
    edge = clear.mean(axis=0)
    edge_px = _edge_width(edge, dropout)
    flying = _between(w, behind, rows, *clear_at, edge_px, jump_w, sigma_w)
    away = _away(box, int(np.ceil(np.mean(widths))) + _MOST_EDGE_PX)
    dark, shiny = (None, None) if one.rgb is None else _brightness(one.rgb, holes, away, dropout)
    per_px = 1.0 / (focal_px * jump_w)
    wide_px = float(np.mean(widths)) + _CUT_PX
    wide_error_px = float(np.hypot(_error(widths), _CUT_PX / np.sqrt(3.0)))
    return BoxHoles(
        baseline_m=(wide_px * per_px, wide_error_px * per_px),
        shadow_share=(float(np.mean(plateau)), _error(plateau)),
        edge_width_px=edge_px,
        edge_hole_share=_edge_holes(clear, edge_px, dropout),
        flying_share=flying,
        dark=dark,
        shiny=shiny,
        jump_w=jump_w,
        frames=len(w),
        rows=len(rows),
        shadow_profile=shaded.mean(axis=0),
        edge_profile=edge,
    )


def _behind(one: DepthSeries, w: Array) -> Array:
    """Inverse depth of what is behind the box, (H, W)."""
    height, width = w.shape[1:]
    rows, columns = np.mgrid[:height, :width].reshape(2, -1).astype(float)
    plane, on_plane = fit_plane(_mean(w).ravel(), rows, columns)
    if on_plane < _LEAST_BEHIND:
        raise CalibrationRefused(
            Cause.NOT_FLAT,
            f"{one.name}: what is behind the box is not flat ({100 * on_plane:.0f} % of the "
            "picture on one plane): put the box in front of a wall, or on a table seen from above.",
        )
    return (surface(rows, columns) @ plane).reshape(height, width)


def _mean(w: Array) -> Array:
    """Over the frames, NaN where there is never a reading, (H, W)."""
    there = np.isfinite(w)
    count = there.sum(axis=0)
    total = np.where(there, w, 0.0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _find(above: Array, sigma_w: float, name: str) -> NDArray[np.bool_]:
    """Pixels of the box, (H, W)."""
    high = np.nan_to_num(above) > _STANDS_OUT * sigma_w
    if high.any():
        high &= np.nan_to_num(above) > _HALF * np.nanmedian(above[high])
    closed = cv2.morphologyEx(high.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    sizes = stats[1:, cv2.CC_STAT_AREA]
    if len(sizes):
        best = 1 + int(np.argmax(sizes))
        x, y, across, down, area = stats[best]
        inside = x > 0 and y > 0 and x + across < above.shape[1] and y + down < above.shape[0]
        if inside and min(across, down) >= _LEAST_PX and area > _HALF * across * down:
            return labels == best
    raise CalibrationRefused(
        Cause.NO_BOX,
        f"{name}: no box stands out of what is behind it: put one upright in the middle of the "
        "picture, at least a tenth of the distance in front of the background.",
    )


def _edges(box: NDArray[np.bool_]) -> tuple[Pixels, Pixels, Pixels]:
    """Rows across the middle of the box, and its first and last column in each."""
    rows = np.flatnonzero(box.any(axis=1))
    margin = len(rows) // 5
    rows = rows[margin : len(rows) - margin]
    first = box[rows].argmax(axis=1)
    last = np.asarray(box.shape[1] - 1 - box[rows, ::-1].argmax(axis=1), dtype=np.intp)
    straight = (np.abs(first - np.median(first)) <= 2) & (np.abs(last - np.median(last)) <= 2)
    return rows[straight], first[straight], last[straight]


def _profile(holes: NDArray[np.bool_], rows: Pixels, edge: Pixels, way: int) -> Array:
    """Share of holes over the frames, for each row and pixels outside of the edge, (rows, n)."""
    room = holes.shape[2] - 1 - edge.max() if way > 0 else edge.min()
    out = np.arange(1, min(int(room), _MOST_SHADOW_PX) + 1)
    columns = edge[:, None] + way * out[None]
    return holes[:, rows[:, None], columns].mean(axis=0)


def _strip(shaded: Array, dropout: float) -> tuple[Array, Array]:
    """Of each row, share of holes in the shadow, and its width [px]."""
    mean = shaded.mean(axis=0)
    top = float(np.quantile(mean, 0.95))
    inside = mean > _HALF * (top + dropout)
    reach = int(np.argmin(inside)) if not inside.all() else len(inside)
    core = shaded[:, : max(reach - 1, 1)]
    plateau = core.mean(axis=1)
    share = max(float(plateau.mean()) - dropout, 1e-6)
    return plateau, (shaded[:, : reach + _MOST_EDGE_PX] - dropout).sum(axis=1) / share


def _edge_width(edge: Array, dropout: float) -> int:
    """How many pixels from an edge it still gives holes."""
    extra = edge[:_MOST_EDGE_PX] - dropout
    return max(1, int((extra > _HALF * max(extra.max(), 1e-6)).sum()))


def _edge_holes(clear: Array, edge_px: int, dropout: float) -> tuple[float, float]:
    shares = clear[:, :edge_px].mean(axis=1)
    return float(np.clip((shares.mean() - dropout) / (1.0 - dropout), 0.0, 1.0)), _error(shares)


def _between(
    w: Array,
    behind: Array,
    rows: Pixels,
    edge: Pixels,
    way: int,
    edge_px: int,
    jump_w: float,
    sigma_w: float,
) -> tuple[float, float]:
    """Share of the readings at an edge that are on neither surface."""
    columns = edge[:, None] + way * np.arange(1, edge_px + 1)[None]
    at = w[:, rows[:, None], columns] - behind[rows[:, None], columns]
    clear_w = _ON_SURFACE * sigma_w
    read = np.isfinite(at)
    off = read & (at > clear_w) & (at < jump_w - clear_w)
    per_row = off.sum(axis=(0, 2)) / np.maximum(read.sum(axis=(0, 2)), 1)
    # Some readings between the surfaces are too near to one of them to be told from it.
    told = max(1.0 - 2.0 * clear_w / jump_w, 0.2)
    return float(np.clip(per_row.mean() / told, 0.0, 1.0)), _error(per_row) / told


def _away(box: NDArray[np.bool_], reach_px: int) -> NDArray[np.bool_]:
    """Pixels that are away from the box's outline, (H, W)."""
    kernel = np.ones((2 * reach_px + 1, 2 * reach_px + 1), np.uint8)
    drawn = box.astype(np.uint8)
    small = np.ones((2 * _MOST_EDGE_PX + 1, 2 * _MOST_EDGE_PX + 1), np.uint8)
    return (cv2.dilate(drawn, kernel) == 0) | (cv2.erode(drawn, small) == 1)


def _brightness(
    rgb: NDArray[np.uint8], holes: NDArray[np.bool_], away: NDArray[np.bool_], dropout: float
) -> tuple[Brightness | None, Brightness | None]:
    """Holes of dark and of bright pixels."""
    luminance = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), dtype=np.float64)[away] / 255.0
    lost = holes.mean(axis=0)[away]
    middle = (luminance >= _DARK) & (luminance <= _BRIGHT)
    usual = float(lost[middle].mean()) if middle.any() else dropout
    return (
        _beyond(luminance, lost, usual, _DARK),
        _beyond(1.0 - luminance, lost, usual, 1.0 - _BRIGHT, from_top=True),
    )


def _beyond(
    luminance: Array, lost: Array, usual: float, limit: float, from_top: bool = False
) -> Brightness | None:
    """Holes at one end of the brightness, which is at zero here; None where nothing is there."""
    edges = np.linspace(0.0, limit, _BINS + 1)
    bins = np.digitize(luminance, edges) - 1
    shares = [
        (edges[i + 1], float(lost[bins == i].mean()), int((bins == i).sum()))
        for i in range(_BINS)
        if (bins == i).sum() >= _LEAST_IN_BIN
    ]
    if not shares:
        return None
    worst = max((share - usual) / (1.0 - usual) for _, share, _ in shares[:3])
    if worst < _LOSSY:
        return Brightness(level=1.0 if from_top else 0.0, hole_share=0.0, pixels=shares[0][2])
    lossy = [edge for edge, share, _ in shares if (share - usual) / (1.0 - usual) > _HALF * worst]
    level = max(lossy)
    pixels = sum(count for edge, _, count in shares if edge <= level)
    return Brightness(
        level=float(1.0 - level if from_top else level),
        hole_share=float(np.clip(worst, 0.0, 1.0)),
        pixels=pixels,
    )


def _error(values: Array) -> float:
    """Standard deviation of the mean of rows, of which neighbours are alike."""
    return float(np.std(values) / np.sqrt(max(len(values) / 4.0, 1.0)))
