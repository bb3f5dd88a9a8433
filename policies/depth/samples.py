"""Clean frames that a denoiser learns from, in memory and on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import RefusedError, StorageError
from robot_skills.core.se3 import Array

_UNIT_M = 1e-4
"""Depth on disk is a whole number of these, in 16 bits."""
_FURTHEST_M = _UNIT_M * np.iinfo(np.uint16).max


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CleanFrame:
    """A picture with exact depth.

    Attributes:
        rgb: uint8, (H, W, 3).
        depth_m: float32, (H, W), 0 = nothing within 6.5 m.
        K: Intrinsics [px], (3, 3).
    """

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    K: Array

    def crop(self, row: int, column: int, size_px: tuple[int, int]) -> "CleanFrame":
        """A part of it, of this width and height."""
        width, height = size_px
        part = np.s_[row : row + height, column : column + width]
        K = self.K.copy()
        K[:2, 2] -= column, row
        return CleanFrame(rgb=self.rgb[part], depth_m=self.depth_m[part], K=K)


def save_frames(path: Path, frames: Sequence[CleanFrame]) -> None:
    """Write frames of one size.

    Raises:
        StorageError: They cannot be written.
    """
    depth_m = np.stack([frame.depth_m for frame in frames])
    depth_m = np.where(depth_m < _FURTHEST_M, depth_m, 0.0)
    partial = path.with_name(f"{path.stem}.partial.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            partial,
            rgb=np.stack([frame.rgb for frame in frames]),
            depth=np.round(depth_m / _UNIT_M).astype(np.uint16),
            K=np.stack([frame.K for frame in frames]),
        )
        partial.replace(path)
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error


def load_frames(path: Path) -> list[CleanFrame]:
    """Read what `save_frames` wrote.

    Raises:
        RefusedError: It is missing or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            rgb, depth, K = file["rgb"], file["depth"], file["K"]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise RefusedError(f"{path} holds no frames that can be read: {error}.") from error
    return [
        CleanFrame(rgb=a, depth_m=b.astype(np.float32) * np.float32(_UNIT_M), K=c)
        for a, b, c in zip(rgb, depth, K, strict=True)
    ]
