"""Trains a denoiser of depth on clean frames that are made noisy anew at every step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from policies.depth.network import MULTIPLE_PX, Cleaned, DepthNetwork, DepthNetworkConfig
from policies.depth.samples import CleanFrame
from policies.json_config import JsonConfig, require
from policies.schedule import warm_cosine
from policies.snapshot import Snapshots
from robot_skills.core.errors import RefusedError

Spoil = Callable[[CleanFrame, np.random.Generator], NDArray[np.float32]]
"""Gives what a camera would measure, (H, W) [m], 0 = hole; another camera at every call."""

_WARM_UP = 0.05
_SHIFTS = (1, 4, 12)
"""Pixels over which an error should not change."""
_CLOSE = 0.01
"""What a network claims to know should be right to this share of the distance: a reading between a
cube and the table behind it is off by no more than 4 % of a metre."""
_FAR_OFF = 0.15
"""Errors beyond this share of the distance count little more."""
_KNOWN_WEIGHT = 0.1
_EDGE_PX, _EDGE = 5, 0.03
"""A jump of inverse depth [1/m] over so many pixels is an edge; half of it is none."""
_METRE = 1.0
"""Errors beyond it count by their size, no longer by its square."""
_FADING = 8
"""Power of the distance that squared errors beyond the workspace fade with."""
_LEAST_W = 0.1
"""Inverse depth [1/m] below which all is equally far."""
_PERCENT = 100.0
_GAIN, _GRAIN = 0.15, 0.02
"""Exposure and noise of the pictures, as shares."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthTraining(JsonConfig):
    """The recipe. The same values on the same frames give the same weights, bit for bit."""

    seed: int = 0
    """Seeds weights, crops and noise."""
    steps: int = 6000
    """Optimiser steps."""
    batch_size: int = 6
    """Crops per step."""
    width_px: int = 160
    """Of the crops."""
    height_px: int = 128
    """Of the crops."""
    learning_rate: float = 2e-3
    """Peak of the schedule: linearly up in the first steps, then down with a cosine."""
    weight_decay: float = 1e-4
    """Of AdamW."""
    flatness: float = 0.5
    """Weight of the loss on errors that change from pixel to pixel."""
    edges: float = 4.0
    """How much more an error counts near an edge: few pixels that say where a thing ends."""
    squares: float = 1000.0
    """Weight of the mean squared error [m^2]: few pixels that are metres off make most of it."""
    workspace_m: float = 1.5
    """Beyond it squared errors fade out."""
    threads: int = 1
    """Processor threads."""

    def __post_init__(self) -> None:
        sizes = (self.steps, self.batch_size, self.threads, self.width_px, self.height_px)
        require(min(sizes) >= 1, f"Sizes must be positive, got {sizes}.")
        for side in (self.width_px, self.height_px):
            require(side % MULTIPLE_PX == 0, f"Crops have multiples of {MULTIPLE_PX} px.")
        weights = (self.flatness, self.edges, self.squares)
        require(min(weights) >= 0.0, f"Weights of losses cannot be negative, got {weights}.")
        require(self.workspace_m > 0.0, f"workspace_m is {self.workspace_m}.")

    def rate_at(self, step: int) -> float:
        """Learning rate of a step; the first is 1."""
        return warm_cosine(step, self.steps, self.learning_rate, _WARM_UP)


def train_depth(
    frames: Sequence[CleanFrame],
    spoil: Spoil,
    recipe: DepthTraining | None = None,
    shape: DepthNetworkConfig | None = None,
    snapshots: Snapshots | None = None,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> DepthNetwork:
    """Fit a network to frames.

    Args:
        frames: With exact depth, none smaller than a crop.
        spoil: Makes them noisy.
        recipe: How to train.
        shape: Of the network.
        snapshots: Where it is written down now and then, to go on after an interruption.
        progress: Told the step and the loss after every step.

    Raises:
        RefusedError: There are no frames, or one is smaller than a crop.
    """
    recipe = recipe or DepthTraining()
    _check(frames, recipe)
    torch.set_num_threads(recipe.threads)
    rng = np.random.default_rng(recipe.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = DepthNetwork(shape or DepthNetworkConfig())
        # Faster on processors than planes one after the other.
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        done = 0 if snapshots is None else snapshots.restore(network, optimiser, rng)
        network.train()
        for step in range(done + 1, recipe.steps + 1):
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate_at(step)
            rgb, raw_m, true_m = _batch(frames, spoil, recipe, rng)
            loss = _loss(network(rgb, raw_m), true_m, recipe)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            progress(step, loss.item())
            if snapshots is not None and step % snapshots.every == 0:
                snapshots.save(step, network, optimiser, rng)
    return network.eval().requires_grad_(False)


def _check(frames: Sequence[CleanFrame], recipe: DepthTraining) -> None:
    if not frames:
        raise RefusedError("A denoiser needs frames to learn from; there are none.")
    for frame in frames:
        height, width = frame.depth_m.shape
        if height < recipe.height_px or width < recipe.width_px:
            raise RefusedError(
                f"Frames of {width} x {height} are smaller than crops of "
                f"{recipe.width_px} x {recipe.height_px}."
            )


def _batch(
    frames: Sequence[CleanFrame], spoil: Spoil, recipe: DepthTraining, rng: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Crops of random frames: pictures, raw and true depth."""
    size_px = recipe.width_px, recipe.height_px
    pictures, raw, true = [], [], []
    for i in rng.integers(len(frames), size=recipe.batch_size):
        height, width = frames[i].depth_m.shape
        row = int(rng.integers(height - recipe.height_px + 1))
        column = int(rng.integers(width - recipe.width_px + 1))
        crop = frames[i].crop(row, column, size_px)
        pictures.append(_exposed(crop.rgb, rng))
        raw.append(spoil(crop, rng))
        true.append(crop.depth_m)
    return (
        torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous(),
        torch.from_numpy(np.stack(raw))[:, None],
        torch.from_numpy(np.stack(true))[:, None],
    )


def _exposed(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """A picture in [0, 1], a little lighter or darker, with noise."""
    gain = 1.0 + rng.uniform(-_GAIN, _GAIN, 3)
    noise = _GRAIN * rng.random() * rng.standard_normal(rgb.shape, dtype=np.float32)
    seen = np.clip(rgb * np.float32(1.0 / 255.0) * gain.astype(np.float32) + noise, 0.0, 1.0)
    return seen.astype(np.float32)


def _loss(cleaned: Cleaned, true_m: Tensor, recipe: DepthTraining) -> Tensor:
    """How far depth is off, in percent and squared; how ripply; and whether the network knows."""
    there = true_m > 0.0
    off = torch.where(
        there, (cleaned.w.clamp(min=1e-3) * true_m.clamp(min=1e-3)).log(), torch.zeros_like(true_m)
    )
    count = there.sum().clamp(min=1)
    loss = (_robust(off) * (1.0 + recipe.edges * _edges(true_m))).sum() / count
    loss = loss + recipe.squares * _squares(cleaned.w, true_m, recipe.workspace_m) / count
    for shift in _SHIFTS:
        across = (off[..., shift:] - off[..., :-shift]) * (there[..., shift:] & there[..., :-shift])
        down = (off[..., shift:, :] - off[..., :-shift, :]) * (
            there[..., shift:, :] & there[..., :-shift, :]
        )
        ripple = _robust(across).sum() + _robust(down).sum()
        loss = loss + recipe.flatness / len(_SHIFTS) * ripple / (2 * count)
    right = (there & (off.detach().abs() < _CLOSE)).to(off.dtype)
    known = nn.functional.binary_cross_entropy_with_logits(cleaned.known, right)
    return loss + _KNOWN_WEIGHT * known


def _edges(true_m: Tensor) -> Tensor:
    """How much of an edge is near every pixel, from 0 to 1, (B, 1, H, W)."""
    w = torch.where(true_m > 0.0, 1.0 / true_m.clamp(min=1e-3), torch.zeros_like(true_m))
    around = _EDGE_PX // 2
    jump = max_pool2d(w, _EDGE_PX, 1, around) + max_pool2d(-w, _EDGE_PX, 1, around)
    return (jump / _EDGE - 0.5).clamp(0.0, 1.0)


def _squares(w: Tensor, true_m: Tensor, workspace_m: float) -> Tensor:
    """Sum of squared errors [m^2]; beyond the workspace they count less and less."""
    there = true_m > 0.0
    off_m = torch.where(there, 1.0 / w.clamp(min=_LEAST_W) - true_m, torch.zeros_like(w))
    squares = 2.0 * nn.functional.huber_loss(
        off_m, torch.zeros_like(off_m), reduction="none", delta=_METRE
    )
    return (squares * (workspace_m / true_m.clamp(min=workspace_m)) ** _FADING).sum()


def _robust(off: Tensor) -> Tensor:
    """Size of errors, in percent; what nobody could know, being far off, counts little more."""
    return _PERCENT * _FAR_OFF * (1.0 + off.abs() / _FAR_OFF).log()
