"""A trained denoiser at run time."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from policies.depth.checkpoint import load_depth
from policies.depth.network import MULTIPLE_PX, DepthNetwork
from robot_skills.core.errors import RefusedError

_LEAST_W = 0.1
"""Inverse depth [1/m] of the furthest answer."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DepthGuess:
    """An answer for every pixel, and which of them to rely on.

    Attributes:
        depth_m: float32, (H, W), positive everywhere.
        known: bool, (H, W).
    """

    depth_m: NDArray[np.float32]
    known: NDArray[np.bool_]


class DepthDenoiser:
    """Clean metric depth from pictures with raw depth.

    Args:
        network: In evaluation mode.
        known_from: Probability of being right below which a pixel is a hole.
    """

    def __init__(self, network: DepthNetwork, known_from: float = 0.75) -> None:
        self._network = network
        self._least = (
            float(np.log(known_from / (1.0 - known_from))) if known_from > 0.0 else -np.inf
        )

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read a checkpoint directory. Raises `CheckpointError`."""
        config, network = load_depth(directory)
        return cls(network, config.known_from)

    def __call__(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> NDArray[np.float32]:
        """Clean depth, (H, W), 0 where nothing is known.

        Args:
            rgb: Picture, uint8, (H, W, 3).
            depth_m: Raw depth, (H, W), 0 = hole.

        Raises:
            RefusedError: They are of different sizes.
        """
        guess = self.guess(rgb, depth_m)
        return np.where(guess.known, guess.depth_m, np.float32(0.0))

    def guess(self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]) -> DepthGuess:
        """The best guess everywhere, apart from whether it is known.

        Args:
            rgb: Picture, uint8, (H, W, 3).
            depth_m: Raw depth, (H, W), 0 = hole.

        Raises:
            RefusedError: They are of different sizes.
        """
        if rgb.shape != (*depth_m.shape, 3):
            raise RefusedError(
                f"Picture {rgb.shape} and depth {depth_m.shape} are not of one size: align them."
            )
        height, width = depth_m.shape
        below, right = -height % MULTIPLE_PX, -width % MULTIPLE_PX
        picture = np.pad(rgb, ((0, below), (0, right), (0, 0)), mode="edge")
        raw = np.pad(np.nan_to_num(depth_m), ((0, below), (0, right)))
        with torch.inference_mode():
            cleaned = self._network(
                torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255.0,
                torch.from_numpy(raw.astype(np.float32, copy=False))[None, None],
            )
            known = (cleaned.known > self._least)[0, 0, :height, :width]
            clean_m = (1.0 / cleaned.w.clamp(min=_LEAST_W))[0, 0, :height, :width]
        return DepthGuess(depth_m=clean_m.numpy(), known=known.numpy())
