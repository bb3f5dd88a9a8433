"""What an array of n rows is, where nothing but its name, shape and type tells it."""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import DatasetError
from robot_skills.core.se3 import Array
from robot_skills.data.foreign.pictures import CameraPictures, StoredStream, metres
from robot_skills.data.series import CameraSeries, NumberSeries

LARGEST_VECTOR = 4096
"""Numbers per row; more are a point cloud or a feature map, and are left out."""


class Content(Enum):
    """What an array holds."""

    NUMBERS = "numbers"
    RGB = "rgb"
    DEPTH = "depth"
    OTHER = "other"


def content_of(name: str, shape: Sequence[int], dtype: np.dtype) -> Content:
    """What an array (n, ...) holds.

    Colour is uint8 (n, H, W, 3); depth says so in its name and is (n, H, W) or (n, H, W, 1).
    Colour as floats in [0, 255] is found where the array is called ``img`` or ``...image`` or
    ``...rgb``.
    """
    said = name.lower()
    if "depth" in said and (len(shape) == 3 or (len(shape) == 4 and shape[3] == 1)):
        return Content.DEPTH
    if len(shape) == 4 and shape[3] == 3:
        named = said == "img" or said.endswith(("image", "rgb"))
        return Content.RGB if dtype == np.uint8 or named else Content.OTHER
    if dtype.kind not in "fiub" or len(shape) > 3 or not shape:
        return Content.OTHER
    return Content.NUMBERS if np.prod(shape[1:]) <= LARGEST_VECTOR else Content.OTHER


def camera_of(name: str) -> str:
    """``agentview`` of ``agentview_image``, ``camera0`` of ``camera0_rgb``."""
    for suffix in ("_image", "_rgb", "_depth"):
        if name.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def number_series(name: str, values: NDArray, stamp_s: Array) -> NumberSeries:
    """An array (n, ...) as vectors, with names made of its own."""
    flat = values.reshape(len(values), -1)
    count = flat.shape[1]
    names = (name,) if count == 1 else tuple(f"{name}.{i}" for i in range(count))
    return NumberSeries(names=names, stamp_s=stamp_s, values=flat)


def joined(parts: Mapping[str, NumberSeries]) -> NumberSeries:
    """Vectors of the same times side by side."""
    series = list(parts.values())
    return NumberSeries(
        names=tuple(name for one in series for name in one.names),
        stamp_s=series[0].stamp_s,
        values=np.concatenate([one.values for one in series], axis=1),
    )


def camera_series(
    name: str,
    stamp_s: Array,
    size_px: tuple[int, int],
    *,
    rgb: Callable[[int], NDArray] | None,
    depth: Callable[[int], NDArray] | None,
) -> CameraSeries:
    """A camera whose pictures two functions read as they are stored."""
    count = len(stamp_s)
    colours = None if rgb is None else StoredStream(count, lambda i: colour(rgb(i)))
    depths = None if depth is None else StoredStream(count, lambda i: metres(depth(i)))
    return CameraSeries(
        stamp_s=stamp_s,
        pictures=CameraPictures(name, rgb=colours, depth=depths),
        height_px=size_px[0],
        width_px=size_px[1],
        has_rgb=rgb is not None,
        has_depth=depth is not None,
    )


def colour(picture: NDArray) -> NDArray[np.uint8]:
    """A colour picture (H, W, 3) that may be stored as floats in [0, 255].

    Raises:
        DatasetError: Its numbers are no colours.
    """
    if picture.dtype == np.uint8:
        return picture
    if not np.isfinite(picture).all() or picture.min() < 0.0 or picture.max() > 255.0:
        raise DatasetError("A colour picture holds numbers outside of 0 to 255.")
    return np.rint(picture).astype(np.uint8)


def paired_cameras[T](
    rgb: Mapping[str, T], depth: Mapping[str, T]
) -> dict[str, tuple[T | None, T | None]]:
    """Colour and depth of each camera, from what is stored under which name."""
    colours = {camera_of(name): one for name, one in rgb.items()}
    depths = {camera_of(name): one for name, one in depth.items()}
    names = dict.fromkeys((*colours, *depths))
    return {name: (colours.get(name), depths.get(name)) for name in names}
