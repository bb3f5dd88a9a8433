"""Frames of a dataset, decoded once, at the size that a network sees, mapped into memory.

Decoding a video for every sample feeds a small network far more slowly than it trains. Here each
array is one file beside the dataset, read in place; it is made when it is first needed, and again
when the dataset or the wanted size has changed. Making it takes one pass of decoding in all,
however often it is interrupted: the next call goes on where the progress was last noted.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.cache.frames import RecordedFrames, opencv
from policies.cache.store import Wanted, key_of, open_array
from policies.clouds import cloud_of
from policies.contract import (
    CLOUD,
    IMAGE,
    Channels,
    CloudSpec,
    ImageSpec,
    PolicyContract,
    depth_key,
)
from policies.resize import resize_colours, resize_depth
from robot_skills.core.errors import DatasetError

__all__ = ["FrameCache", "open_cache"]

_VERSION = 1
"""Of the content of the files; a change makes them again."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FrameCache:
    """Everything but numbers that a policy sees of one dataset.

    Attributes:
        directory: Where the files are.
        arrays: By the name of the network's input, a row per frame of the dataset: colours
            (M, 3, H, W) uint8, depth [m] (M, 1, H, W) float16, clouds (M, P, 3 or 6) float32.
    """

    directory: Path
    arrays: Mapping[str, NDArray]


def open_cache(
    dataset_dir: Path,
    contract: PolicyContract,
    cache_dir: Path | None = None,
    progress: bool = True,
) -> FrameCache:
    """Map the frames of a dataset, after decoding what is not there yet.

    A call that was interrupted, or killed, is gone on with. Decoded again are the frames since its
    progress was last noted, about a thousand at most, and those of a video from a key frame to
    the place to go on.

    Args:
        dataset_dir: LeRobot v3 dataset.
        contract: What of it is seen.
        cache_dir: Where the decoded frames go; by default beside the dataset, or below the user's
            cache directory where that is not writable.
        progress: Show a progress bar on stderr while decoding.

    Raises:
        DatasetError: When the dataset lacks a camera, or a file is missing or damaged.
        StorageError: When the decoded frames cannot be written.
    """
    frames = RecordedFrames(Path(dataset_dir))
    if not frames.count:
        raise DatasetError(f"Dataset {dataset_dir} holds no frames.")
    directory = _directory(Path(dataset_dir), cache_dir)
    arrays = {
        name: open_array(directory, wanted) for name, wanted in _wanted(frames, contract, progress)
    }
    return FrameCache(directory=directory, arrays=arrays)


def _directory(dataset_dir: Path, asked: Path | None) -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    place = hashlib.sha256(str(dataset_dir.resolve()).encode()).hexdigest()[:16]
    fallback = home / "robot-skills" / "frames" / f"{dataset_dir.name}-{place}"
    wishes = [asked] if asked is not None else [dataset_dir / "cache", fallback]
    for directory in wishes:
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(directory, os.W_OK):
            return directory
    # Not even the last can be written; whatever is read from it may still be there.
    return wishes[-1]


def _wanted(
    frames: RecordedFrames, contract: PolicyContract, progress: bool
) -> Iterator[tuple[str, Wanted]]:
    """The arrays of a contract, under the names of the network's inputs."""
    for image in contract.images:
        if image.channels is not Channels.DEPTH:
            yield IMAGE + image.key, _colours(frames, image, progress)
        if image.channels is not Channels.RGB:
            yield IMAGE + depth_key(image.key), _depth(frames, image, progress)
    for cloud in contract.clouds:
        yield CLOUD + cloud.key, _cloud(frames, cloud, progress)


def _colours(frames: RecordedFrames, image: ImageSpec, progress: bool) -> Wanted:
    size = (image.height, image.width)

    def rows(start: int) -> Iterator[tuple[int, NDArray]]:
        pictures = frames.colours(image.key, start)
        for row, picture in _shown(pictures, frames, image.key, start, progress):
            yield row, _planes(resize_colours(picture, *size))

    return Wanted(
        name=_file_name(image.key, *size),
        key=_key(frames, [image.key], ["colours", *size]),
        shape=(frames.count, 3, *size),
        dtype=np.dtype(np.uint8),
        rows=rows,
    )


def _depth(frames: RecordedFrames, image: ImageSpec, progress: bool) -> Wanted:
    size, key = (image.height, image.width), depth_key(image.key)

    def rows(start: int) -> Iterator[tuple[int, NDArray]]:
        pictures = frames.depth_m(key, start)
        for row, depth_m in _shown(pictures, frames, key, start, progress):
            yield row, resize_depth(depth_m, *size)[None]

    return Wanted(
        name=_file_name(key, *size),
        key=_key(frames, [key], ["depth", *size]),
        shape=(frames.count, 1, *size),
        dtype=np.dtype(np.float16),
        rows=rows,
    )


def _cloud(frames: RecordedFrames, cloud: CloudSpec, progress: bool) -> Wanted:
    key = depth_key(cloud.key)

    def rows(start: int) -> Iterator[tuple[int, NDArray]]:
        colours = frames.colours(cloud.key, start) if cloud.colour else None
        pictures = frames.depth_m(key, start)
        for row, depth_m in _shown(pictures, frames, cloud.key, start, progress):
            picture = None if colours is None else _same_row(cloud.key, row, next(colours, None))
            yield row, cloud_of(depth_m, cloud, picture)

    return Wanted(
        name=_file_name(cloud.key, "cloud", cloud.points),
        key=_key(frames, [key, cloud.key] if cloud.colour else [key], cloud.to_json()),
        shape=(frames.count, cloud.points, 6 if cloud.colour else 3),
        dtype=np.dtype(np.float32),
        rows=rows,
    )


def _planes(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture (H, W, 3) with its channels first, several times faster than a transposed copy."""
    planes = np.empty((3, *picture.shape[:2]), np.uint8)
    opencv().split(picture, list(planes))
    return planes


def _same_row(key: str, row: int, found: tuple[int, NDArray[np.uint8]] | None) -> NDArray[np.uint8]:
    if found is None or found[0] != row:
        raise DatasetError(f"Colours and depth of {key} are not of the same frames.")
    return found[1]


def _key(frames: RecordedFrames, cameras: list[str], parts: object) -> str:
    """Hash of the recorded files and of what is made of them."""
    files = [path for camera in cameras for path in frames.files(camera)]
    described = [frames.info.features[camera] for camera in cameras]
    return key_of([_VERSION, described, frames.info.fps, parts], files)


def _file_name(key: str, *parts: object) -> str:
    readable = "".join(letter if letter.isalnum() or letter in "._" else "_" for letter in key)
    return "-".join([readable, *(str(part) for part in parts)])


def _shown(
    rows: Iterator[tuple[int, Any]], frames: RecordedFrames, key: str, start: int, progress: bool
) -> Iterator[tuple[int, Any]]:
    """The same rows, counted: on a progress bar, and to be sure that none is missing.

    The first `start` pictures are there already and are not among them.
    """
    from tqdm import tqdm

    count = start
    bar = tqdm(
        total=frames.count,
        initial=start,
        desc=f"decoding {key}",
        unit="frame",
        disable=not progress,
    )
    with bar:
        for row in rows:
            yield row
            count += 1
            bar.update()
    if count != frames.count:
        raise DatasetError(f"{key} has {count} pictures for {frames.count} frames.")
