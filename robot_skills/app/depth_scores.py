"""How far measured depth is off from exact depth, and what repairs of it come to."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from policies.depth import DepthDenoiser

DepthImage = NDArray[np.float32]
_MEDIAN_PX = 5


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Repaired:
    """Depth after a repair.

    Attributes:
        depth_m: (H, W), 0 = hole.
        filled_m: The same with an answer in every hole.
    """

    depth_m: DepthImage
    filled_m: DepthImage


Repair = Callable[[NDArray[np.uint8], DepthImage], Repaired]
"""Of a picture (H, W, 3) and raw depth (H, W)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthScore:
    """Errors over pixels, to be added up over frames.

    Attributes:
        pixels: With exact depth in range.
        read: Of which have a reading.
        squares: Sum of squared errors [m^2] of those with a reading.
        filled_squares: The same of all pixels, with holes filled.
        medians: Of the sizes of the readings' errors [m], one per frame.
    """

    pixels: int = 0
    read: int = 0
    squares: float = 0.0
    filled_squares: float = 0.0
    medians: tuple[float, ...] = ()

    def __add__(self, other: "DepthScore") -> "DepthScore":
        return DepthScore(
            pixels=self.pixels + other.pixels,
            read=self.read + other.read,
            squares=self.squares + other.squares,
            filled_squares=self.filled_squares + other.filled_squares,
            medians=self.medians + other.medians,
        )

    @property
    def holes(self) -> float:
        """Share of the pixels without a reading."""
        return 1.0 - self.read / max(self.pixels, 1)

    @property
    def median_m(self) -> float:
        """How far a reading is off in the frame in the middle."""
        return float(np.median(self.medians)) if self.medians else 0.0

    @property
    def read_rmse_m(self) -> float:
        """Root mean squared error of the readings; holes do not count."""
        return float(np.sqrt(self.squares / max(self.read, 1)))

    @property
    def filled_rmse_m(self) -> float:
        """The same of all pixels; a hole counts with the error of what it is filled with."""
        return float(np.sqrt(self.filled_squares / max(self.pixels, 1)))


def score(
    repaired: Repaired, true_m: DepthImage, nearest_m: float, furthest_m: float
) -> DepthScore:
    """Compare a frame with the truth.

    Args:
        repaired: Depth as it is measured or repaired.
        true_m: (H, W), 0 = nothing.
        nearest_m: Pixels whose truth is nearer do not count ...
        furthest_m: ... nor those whose truth is further.
    """
    inside = (true_m >= nearest_m) & (true_m <= furthest_m) & (true_m > 0.0)
    read = inside & (repaired.depth_m > 0.0)
    off = repaired.depth_m.astype(np.float64) - true_m
    off_filled = repaired.filled_m.astype(np.float64) - true_m
    return DepthScore(
        pixels=int(inside.sum()),
        read=int(read.sum()),
        squares=float((off[read] ** 2).sum()),
        filled_squares=float((off_filled[inside] ** 2).sum()),
        medians=(float(np.median(np.abs(off[read]))),) if read.any() else (),
    )


def nearest_filled(depth_m: DepthImage) -> DepthImage:
    """Depth with every hole taken from the nearest reading in the picture."""
    holes = depth_m <= 0.0
    if holes.all() or not holes.any():
        return depth_m
    nearest = distance_transform_edt(holes, return_distances=False, return_indices=True)
    rows, columns = np.asarray(nearest)
    return depth_m[rows, columns]


def median_filled(depth_m: DepthImage) -> DepthImage:
    """The same, smoothed by a median over 5 x 5 pixels: what is usually done."""
    return np.asarray(cv2.medianBlur(nearest_filled(depth_m), _MEDIAN_PX), dtype=np.float32)


def total(scores: Iterable[DepthScore]) -> DepthScore:
    """All of them together."""
    return sum(scores, DepthScore())


def raw_depth(rgb: NDArray[np.uint8], raw_m: DepthImage) -> Repaired:
    """No repair; holes filled from the nearest reading."""
    return Repaired(depth_m=raw_m, filled_m=nearest_filled(raw_m))


def median_depth(rgb: NDArray[np.uint8], raw_m: DepthImage) -> Repaired:
    """The usual repair, which leaves no hole."""
    filled_m = median_filled(raw_m)
    return Repaired(depth_m=filled_m, filled_m=filled_m)


def denoised_by(denoiser: DepthDenoiser) -> Repair:
    """The repair by a network; holes filled by its own best guess."""

    def repair(rgb: NDArray[np.uint8], raw_m: DepthImage) -> Repaired:
        guess = denoiser.guess(rgb, raw_m)
        known_m = np.where(guess.known, guess.depth_m, np.float32(0.0))
        return Repaired(depth_m=known_m, filled_m=guess.depth_m)

    return repair


PLAIN_REPAIRS: Mapping[str, Repair] = {"raw": raw_depth, "median": median_depth}
"""What a denoiser is compared with."""
