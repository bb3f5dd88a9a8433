"""Pictures and clouds as network inputs: recorded ones for training, live ones for running."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from policies.cache import FrameCache, open_cache
from policies.clouds import cloud_of, jittered
from policies.config import NoiseConfig
from policies.contract import (
    CLOUD,
    IMAGE,
    Channels,
    CloudSpec,
    ImageSpec,
    PolicyContract,
    depth_key,
)
from policies.resize import crop_size, resize_colours, resize_depth

if TYPE_CHECKING:
    from torch import Tensor

Arrays = dict[str, NDArray]

_HOLES = 2
"""Holes that half of the depth pictures get in training."""
_HOLE_SIDE = 0.25
"""Longest side of a hole, as a part of the picture's."""


class CachedPictures:
    """Recorded frames of one or several datasets; implements `policies.sources.Pictures`.

    Args:
        contract: What is seen.
        caches: Decoded frames of each dataset.
        noise: How colours differ in training; as recorded where left out.
    """

    def __init__(
        self,
        contract: PolicyContract,
        caches: Sequence[FrameCache],
        noise: NoiseConfig | None = None,
    ) -> None:
        self._contract, self._caches = contract, list(caches)
        self._noise = noise or NoiseConfig()

    def gather(
        self, past: NDArray[np.int64], source: NDArray[np.int64], rng: np.random.Generator | None
    ) -> "dict[str, Tensor]":
        """Inputs of windows, cut to the size that the network sees.

        Args:
            past: Dataset rows of each window's history, oldest first, (B, n).
            source: Which dataset each window is from, (B,).
            rng: Places the crops, colours pictures, jitters clouds and makes holes in depth; None
                for the middle of the pictures and no noise. The same state of it gives the same
                inputs.
        """
        import torch

        arrays: Arrays = {}
        for image in self._contract.images:
            arrays |= self._images(image, past[:, -image.steps :], source, rng)
        for cloud in self._contract.clouds:
            points = self._rows(CLOUD + cloud.key, past[:, -1], source)
            arrays[CLOUD + cloud.key] = points if rng is None else jittered(points, rng)
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _images(
        self,
        image: ImageSpec,
        rows: NDArray[np.int64],
        source: NDArray[np.int64],
        rng: np.random.Generator | None,
    ) -> Arrays:
        """Colours and depth of one camera, both cut at the same place."""
        corners = crop_corners(image, len(rows), rng)
        arrays: Arrays = {}
        for name in _inputs_of(image):
            arrays[name] = self._crops(name, image, rows, source, corners)
        if rng is not None and IMAGE + image.key in arrays:
            arrays[IMAGE + image.key] = coloured(arrays[IMAGE + image.key], self._noise, rng)
        name = IMAGE + depth_key(image.key)
        if name in arrays:
            depth_m = arrays[name].astype(np.float32)
            arrays[name] = depth_m if rng is None else with_holes(depth_m, rng)
        return arrays

    def _crops(
        self,
        name: str,
        image: ImageSpec,
        rows: NDArray[np.int64],
        source: NDArray[np.int64],
        corners: NDArray[np.int64],
    ) -> NDArray:
        """One crop per window out of the mapped pictures, (B, n, C, h, w)."""
        frames = [cache.arrays[name] for cache in self._caches]
        height, width = crop_size(image)
        cut = np.empty((*rows.shape, frames[0].shape[1], height, width), frames[0].dtype)
        corner = corners.tolist()
        for i, (place, window) in enumerate(zip(source.tolist(), rows.tolist(), strict=True)):
            top, left = corner[i]
            for step, row in enumerate(window):
                cut[i, step] = frames[place][row, :, top : top + height, left : left + width]
        return cut

    def _rows(self, name: str, rows: NDArray[np.int64], source: NDArray[np.int64]) -> NDArray:
        frames = [cache.arrays[name] for cache in self._caches]
        if len(frames) == 1:
            return frames[0][rows]
        found = np.empty((len(rows), *frames[0].shape[1:]), frames[0].dtype)
        for place, array in enumerate(frames):
            mine = source == place
            found[mine] = array[rows[mine]]
        return found


def open_pictures(
    dataset_dirs: Sequence[Path],
    contract: PolicyContract,
    noise: NoiseConfig | None = None,
    *,
    progress: bool = True,
) -> CachedPictures:
    """Recorded frames of datasets, decoded where they are not yet.

    Raises:
        DatasetError: When a dataset lacks a camera, or a file is missing or damaged.
        StorageError: When the decoded frames cannot be written.
    """
    caches = [open_cache(directory, contract, progress=progress) for directory in dataset_dirs]
    return CachedPictures(contract, caches, noise)


def live_inputs(history: Mapping[str, NDArray], contract: PolicyContract) -> Arrays:
    """Network inputs of a running policy's newest pictures, made as the recorded ones are.

    Args:
        history: By dataset feature, oldest first: colours (n, H, W, 3) uint8, depth (n, H, W) [m].
        contract: What is seen.

    Returns:
        By input name, batch of one. Pictures are whole; the network takes their middle.

    Raises:
        ValueError: When a picture is missing or of wrong shape or type.
    """
    arrays: Arrays = {}
    for image in contract.images:
        size = (image.height, image.width)
        for name in _inputs_of(image):
            newest = _newest(history, name.removeprefix(IMAGE), image.steps)
            arrays[name] = np.stack([_as_input(picture, size) for picture in newest])[None]
    for cloud in contract.clouds:
        arrays[CLOUD + cloud.key] = _live_cloud(history, cloud)[None]
    return arrays


def crop_corners(
    image: ImageSpec, count: int, rng: np.random.Generator | None
) -> NDArray[np.int64]:
    """Upper left corners of crops, (count, 2) [px]; the middle without a generator."""
    height, width = crop_size(image)
    room = np.array([image.height - height, image.width - width])
    if rng is None:
        return np.tile(room // 2, (count, 1))
    return rng.integers(0, room + 1, size=(count, 2))


def with_holes(depth_m: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Depth pictures (B, n, 1, h, w), half of them with rectangles that have no reading.

    Depth cameras lose shiny, dark and thin things; a policy must not rely on any one patch.
    """
    count, (height, width) = len(depth_m), depth_m.shape[-2:]
    with_any = rng.random(count) < 0.5
    hidden = np.zeros((count, height, width), dtype=bool)
    for _ in range(_HOLES):
        first = rng.random((2, count, 1)) * (1.0 - _HOLE_SIDE)
        last = first + rng.random((2, count, 1)) * _HOLE_SIDE
        down, across = np.arange(height) / height, np.arange(width) / width
        rows = (down >= first[0]) & (down < last[0])
        columns = (across >= first[1]) & (across < last[1])
        hidden |= rows[:, :, None] & columns[:, None, :]
    hidden &= with_any[:, None, None]
    return np.where(hidden[:, None, None], np.float32(0.0), depth_m)


def coloured(
    pictures: NDArray[np.uint8], noise: NoiseConfig, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Pictures (B, n, 3, h, w) as other cameras show them: each window's brightness and white
    balance are of one camera, each pixel's noise is new."""
    if noise.exposure == noise.white == noise.pixel == 0.0:
        return pictures
    gains = noise.exposure * rng.standard_normal((len(pictures), 1, 1, 1, 1), dtype=np.float32)
    gains = gains + noise.white * rng.standard_normal((len(pictures), 1, 3, 1, 1), dtype=np.float32)
    shown = pictures * np.exp(gains)
    shown += noise.pixel * rng.standard_normal(pictures.shape, dtype=np.float32)
    return np.clip(np.rint(shown), 0, 255).astype(np.uint8)


def _inputs_of(image: ImageSpec) -> Iterator[str]:
    """Names of a camera's network inputs."""
    if image.channels is not Channels.DEPTH:
        yield IMAGE + image.key
    if image.channels is not Channels.RGB:
        yield IMAGE + depth_key(image.key)


def _newest(history: Mapping[str, NDArray], key: str, steps: int) -> NDArray:
    found = history.get(key)
    if found is None:
        raise ValueError(
            f"The policy sees {key}, which is missing; there is {', '.join(sorted(history))}."
        )
    if found.ndim == 4 and found.shape[-1] == 1:
        found = found[..., 0]
    colours = found.ndim == 4 and found.shape[-1] == 3 and found.dtype == np.uint8
    depth = found.ndim == 3 and np.issubdtype(found.dtype, np.floating)
    if not (colours or depth) or len(found) < steps:
        raise ValueError(
            f"{key}: wanted {steps} pictures (H, W, 3) uint8 or depth (H, W) in metres, "
            f"got {found.dtype} of shape {found.shape}."
        )
    return found[-steps:]


def _as_input(picture: NDArray, size: tuple[int, int]) -> NDArray:
    """Channels first, at the network's size."""
    if picture.ndim == 3:
        return resize_colours(picture, *size).transpose(2, 0, 1)
    # Twice rounded, as the recorded depth is.
    return resize_depth(picture, *size).astype(np.float16).astype(np.float32)[None]


def _live_cloud(history: Mapping[str, NDArray], cloud: CloudSpec) -> NDArray[np.float32]:
    depth_m = _newest(history, depth_key(cloud.key), 1)[-1]
    colours = _newest(history, cloud.key, 1)[-1] if cloud.colour else None
    return cloud_of(depth_m, cloud, colours)
