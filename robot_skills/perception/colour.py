"""Basic colour words of pixels and of things."""

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import Array

CHROMATIC = ("red", "orange", "yellow", "green", "blue", "purple")
"""Words that a hue decides, in the order of the hue circle."""
BLACK, LIGHT = len(CHROMATIC), len(CHROMATIC) + 1
"""Classes of `paint_classes` without a hue."""
PAINTS = LIGHT + 1
COLOURS = (*CHROMATIC, "brown", "pink", "white", "grey", "black")

# Upper hue [deg] of each chromatic word; above the last one red begins again.
_HUE_ENDS_DEG = np.array([16.0, 42.0, 70.0, 165.0, 262.0, 345.0])
_SHADES = ({"orange", "brown"}, {"white", "grey"}, {"grey", "black"})
_GREY_SATURATION = 0.22
_BLACK_VALUE = 0.14
_WHITE_VALUE = 0.62
_BROWN_VALUE = 0.72
_PINK_SATURATION = 0.66
_PINK_VALUE = 0.70
_LEAST_TOP = 15
_SIDE_GAIN = 1.7


def rgb_to_hsv(rgb: Array) -> Array:
    """Hue [deg] in [0, 360), saturation and value, (n, 3), of colours in [0, 1], (n, 3)."""
    rgb = np.asarray(rgb, dtype=np.float64)
    value = rgb.max(axis=-1)
    span = value - rgb.min(axis=-1)
    safe = np.where(span > 0.0, span, 1.0)
    r, g, b = np.moveaxis(rgb, -1, 0)
    hue = np.select(
        [value == r, value == g], [(g - b) / safe % 6.0, (b - r) / safe + 2.0], (r - g) / safe + 4.0
    )
    saturation = np.where(value > 0.0, span / np.where(value > 0.0, value, 1.0), 0.0)
    return np.stack([np.where(span > 0.0, 60.0 * hue, 0.0), saturation, value], axis=-1)


def paint_classes(rgb: Array) -> NDArray[np.int8]:
    """What a surface is painted with, robust to how strongly it is lit, (n,).

    Classes 0 to 5 are `CHROMATIC`; `BLACK` is black, `LIGHT` any lighter grey up to white.
    """
    hue, saturation, value = rgb_to_hsv(rgb).T
    chromatic = np.searchsorted(_HUE_ENDS_DEG, hue, side="right") % len(CHROMATIC)
    dull = np.where(value < _BLACK_VALUE, BLACK, LIGHT)
    return np.where((saturation < _GREY_SATURATION) | (value < 0.06), dull, chromatic).astype(
        np.int8
    )


def colour_word(rgb: Array, faces_up: NDArray[np.bool_]) -> str:
    """The word that a person would use for a thing.

    A thing with a clear share of one hue is named after it, even when more of it is white.

    Args:
        rgb: Its pixels, (n, 3).
        faces_up: Which of them lie on its top face, (n,). Rooms are lit from above: the top tells
            white from grey and orange from brown, sides look darker than they are.
    """
    paint = paint_classes(rgb)
    counts = np.bincount(paint, minlength=PAINTS)
    chromatic = counts[: len(CHROMATIC)]
    best = int(np.argmax(chromatic))
    hsv = rgb_to_hsv(rgb)
    if chromatic.sum() >= 0.35 * len(rgb):
        warm = CHROMATIC[best] in ("red", "orange") and chromatic[1] > 0.2 * chromatic.sum()
        if warm and _brightness(hsv, faces_up) < _BROWN_VALUE:
            return "brown"
        pale = float(np.median(hsv[paint == best, 1])) < _PINK_SATURATION
        reddish = CHROMATIC[best] in ("red", "purple")
        if reddish and pale and _brightness(hsv, faces_up) > _PINK_VALUE:
            return "pink"
        return CHROMATIC[best]
    bright = _brightness(hsv, faces_up)
    if bright < 2.0 * _BLACK_VALUE:
        return "black"
    return "white" if bright >= _WHITE_VALUE else "grey"


def same_in_shade(a: str, b: str) -> bool:
    """Whether two colour words may name one paint, seen by its top once and in shade once."""
    return any({a, b} <= pair for pair in _SHADES)


def _brightness(hsv: Array, faces_up: NDArray[np.bool_]) -> float:
    """Value of the well lit part of a thing; what only sides tell is made up for."""
    if faces_up.sum() >= _LEAST_TOP:
        return float(np.quantile(hsv[faces_up, 2], 0.8))
    return min(1.0, _SIDE_GAIN * float(np.quantile(hsv[:, 2], 0.8)))
