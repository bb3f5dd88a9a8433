"""Pictures for a page: JPEG, and depth in colours with a scale in metres."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.types import RgbdFrame

KINDS = ("colour", "depth")
_QUALITY = 80
_STEP_M = 0.1
"""The scale begins and ends at multiples of it, so that it does not flicker."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """One encoded picture.

    Attributes:
        jpeg: The file.
        near_m: Depth that has the first colour of the scale; None for a colour picture.
        far_m: Depth that has the last one.
    """

    jpeg: bytes
    near_m: float | None = None
    far_m: float | None = None


def picture_of(frame: RgbdFrame, kind: str) -> Picture:
    """Encode the colour or the depth of a frame.

    Raises:
        UnknownNameError: `kind` is neither.
    """
    if kind == "colour":
        return colour_picture(frame.rgb)
    if kind == "depth":
        return depth_picture(frame.depth_m)
    raise unknown_name("picture", kind, KINDS)


def colour_picture(rgb: NDArray[np.uint8]) -> Picture:
    """Encode a colour picture (H, W, 3)."""
    return Picture(jpeg=_jpeg(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)))


def depth_picture(depth_m: NDArray[np.float32]) -> Picture:
    """Encode depth [m], (H, W), near in blue and far in red; without a reading it stays black."""
    near_m, far_m = depth_range_m(depth_m)
    share = np.clip((depth_m - near_m) / (far_m - near_m), 0.0, 1.0)
    coloured = cv2.applyColorMap((share * 255.0).astype(np.uint8), cv2.COLORMAP_TURBO)
    coloured[~(depth_m > 0.0)] = 0
    return Picture(jpeg=_jpeg(coloured), near_m=near_m, far_m=far_m)


def depth_range_m(depth_m: NDArray[np.float32]) -> tuple[float, float]:
    """Where nearly all readings lie, widened to whole steps of the scale."""
    readings = depth_m[::4, ::4]
    readings = readings[(readings > 0.0) & np.isfinite(readings)]
    if len(readings) == 0:
        return 0.0, 1.0
    low, high = np.percentile(readings, (2.0, 98.0))
    near = np.floor(low / _STEP_M)
    far = max(np.ceil(high / _STEP_M), near + 1.0)
    return round(float(near * _STEP_M), 3), round(float(far * _STEP_M), 3)


def _jpeg(bgr: NDArray[np.uint8] | cv2.typing.MatLike) -> bytes:
    done, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not done:
        raise RefusedError(f"A picture of shape {np.shape(bgr)} cannot be encoded.")
    return data.tobytes()
