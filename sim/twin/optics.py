"""What a real camera does to a clean picture: its lens bends it, its sensor colours it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import RobotFault
from robot_skills.core.se3 import Array

_MARGIN_PX = 2.0
_EXACT = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-10)
_WIDEST_RAD = np.deg2rad(75.0)
"""Half of the widest angle that a pinhole can be drawn with."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrueLens:
    """How a lens differs from the pinhole that it is taken for, whatever the picture's size.

    Attributes:
        focal: True focal lengths along x and y, as shares of the nominal one.
        centre: How far the centre is off, as shares of the picture's width.
        distortion: k1, k2, p1, p2, k3 (Brown, *Close-range camera calibration*, 1971).
    """

    focal: tuple[float, float] = (1.0, 1.0)
    centre: tuple[float, float] = (0.0, 0.0)
    distortion: tuple[float, float, float, float, float] = (0.0, 0.0, 0.0, 0.0, 0.0)

    def K(self, nominal_K: Array, width_px: int) -> Array:
        """True intrinsics [px], (3, 3), where the nominal ones are `nominal_K`."""
        K = nominal_K.copy()
        K[0, 0], K[1, 1] = K[0, 0] * self.focal[0], K[1, 1] * self.focal[1]
        K[:2, 2] += width_px * np.array(self.centre)
        return K


@dataclass(frozen=True, kw_only=True, slots=True)
class TrueSensor:
    """How a sensor shows colours.

    Attributes:
        gain: Of red, green and blue: exposure and white balance.
        gamma: Exponent of brightness in [0, 1].
        noise: Standard deviation of each pixel's noise, of 255.
    """

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gamma: float = 1.0
    noise: float = 0.0

    def shown(self, rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        """A picture (H, W, 3) as the sensor tells it."""
        levels = (np.arange(256) / 255.0) ** self.gamma * 255.0
        table = np.clip(levels[:, None] * np.array(self.gain), 0.0, 255.0).astype(np.float32)
        picture = np.stack([table[:, i][rgb[..., i]] for i in range(3)], axis=-1)
        if self.noise > 0.0:
            picture += self.noise * rng.standard_normal(picture.shape, dtype=np.float32)
        return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


class BentView:
    """Which pinhole has to be drawn for a lens, and how its picture is bent.

    Args:
        lens: The true lens.
        nominal_K: Intrinsics [px] that the camera is taken to have, (3, 3).
        size_px: Width and height of its pictures.

    Raises:
        RobotFault: The lens sees too wide for one pinhole.
    """

    def __init__(self, lens: TrueLens, nominal_K: Array, size_px: tuple[int, int]) -> None:
        width, height = size_px
        self.K = lens.K(nominal_K, width)
        columns, rows = np.meshgrid(np.arange(width), np.arange(height))
        pixels = np.stack([columns.ravel(), rows.ravel()], axis=-1).astype(np.float64)[:, None]
        rays = cv2.undistortPointsIter(
            pixels, self.K, np.array(lens.distortion), np.eye(3), np.eye(3), _EXACT
        )
        self._rays = np.asarray(rays, dtype=np.float64).reshape(height, width, 2)
        reach = np.abs(self._rays).max(axis=(0, 1))
        if not np.isfinite(reach).all() or float(reach.max()) > np.tan(_WIDEST_RAD):
            raise RobotFault(f"No pinhole is wide enough for the lens {lens}.")
        # As many pixels per angle as the lens has in its middle.
        self.focal_px = float(max(self.K[0, 0], self.K[1, 1]))
        half = self.focal_px * reach + _MARGIN_PX
        self.drawn_px = (2 * int(np.ceil(half[0])), 2 * int(np.ceil(half[1])))

    def fovy_deg(self, drawn_height_px: int) -> float:
        """Vertical angle of the pinhole to draw, at a height of its picture."""
        return float(np.rad2deg(2.0 * np.arctan2(0.5 * drawn_height_px, self.focal_px)))

    def bent[PixelT: (np.uint8, np.float32)](
        self, drawn: NDArray[PixelT], *, between: bool
    ) -> NDArray[PixelT]:
        """A drawn pinhole's picture as the lens shows it.

        Args:
            drawn: Picture, no smaller than `drawn_px`, its centre that of the pinhole.
            between: Whether pixels may be mixed, as colours may and depths may not.
        """
        height, width = drawn.shape[:2]
        at = self.focal_px * self._rays + 0.5 * (np.array([width, height]) - 1.0)
        columns, rows = (np.ascontiguousarray(at[..., i], dtype=np.float32) for i in range(2))
        how = cv2.INTER_LINEAR if between else cv2.INTER_NEAREST
        return np.asarray(cv2.remap(drawn, columns, rows, how), dtype=drawn.dtype)
