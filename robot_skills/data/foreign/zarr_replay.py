"""Replay buffers of Diffusion Policy and UMI: zarr, as a folder or as one ``.zarr.zip``.

``data/<key>`` holds all episodes one after the other, ``meta/episode_ends`` where each ends.
``action`` and ``state`` become ``action`` and ``observation.state``, pictures become cameras,
everything else ``observation.<key>``. Where there is no ``state``, UMI's ``robot0_eef_pos``,
``robot0_eef_rot_axis_angle`` and ``robot0_gripper_width`` make it; where there is no ``action``
either, it is the state of the next row, and of the last row its own.

Files do not tell how fast they were recorded: a column ``timestamp`` does, otherwise UMI's are
taken for 60 Hz and others for 10 Hz, as their authors recorded.
"""

import json
import zipfile
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import DatasetError, MissingDependencyError
from robot_skills.core.se3 import Array
from robot_skills.data.foreign.arrays import (
    Content,
    camera_series,
    content_of,
    joined,
    number_series,
    paired_cameras,
)
from robot_skills.data.foreign.files import library, reading
from robot_skills.data.series import CameraSeries, EpisodeData, NumberSeries

ACTION, STATE = "action", "observation.state"
_NAMES = {"action": ACTION, "state": STATE}
_UMI = ("robot0_eef_pos", "robot0_eef_rot_axis_angle", "robot0_gripper_width")
_UMI_HZ, _OTHER_HZ = 60.0, 10.0
_CODECS = frozenset(
    {"adler32", "astype", "bitround", "blosc", "bz2", "crc32", "crc32c", "delta", "gzip", "lz4"}
    | {"fixedscaleoffset", "fletcher32", "lzma", "packbits", "quantize", "shuffle", "zlib", "zstd"}
)
"""Codecs that only compute. Others (``pickle``, ``json2``, ...) build objects and are refused."""
_PICTURE_CODECS = "imagecodecs_"


class ZarrReplay:
    """A replay buffer (`data.series.EpisodeSource`).

    Args:
        path: The folder or zip file.
        fps: Rows per second, where the file is not to be asked.
    """

    def __init__(self, path: Path, *, fps: float | None = None) -> None:
        self._path, self._fps = path, fps

    @property
    def name(self) -> str:
        return self._path.name.removesuffix(".zip").removesuffix(".zarr")

    @property
    def kind(self) -> str:
        return "zarr replay buffer"

    def __len__(self) -> int:
        return len(self._ends)

    def episode(self, index: int) -> EpisodeData:
        if not 0 <= index < len(self):
            raise DatasetError(f"{self._path} has no episode {index}; it has {len(self)}.")
        first = int(self._ends[index - 1]) if index else 0
        last = int(self._ends[index])
        stamp_s, period_s, assumed = self._times(first, last)
        numbers, left_out = self._numbers(first, last, stamp_s)
        meta = {"fps": f"{1.0 / period_s:g}, assumed"} if assumed else {}
        return EpisodeData(
            task="",
            start_s=0.0,
            end_s=float(stamp_s[-1]) + period_s,
            period_s=period_s,
            numbers=numbers,
            cameras=self._cameras(first, stamp_s),
            origin=f"{self.kind} {self.name}, episode {index}",
            meta=meta | ({"left_out": ", ".join(left_out)} if left_out else {}),
        )

    # The store

    @cached_property
    def _described(self) -> Mapping[str, dict[str, Any]]:
        """Metadata of every array, by its place, read before any of them is opened."""
        with reading(self._path, zipfile.BadZipFile, ValueError):
            return _arrays_in_zip(self._path) if self._path.is_file() else _arrays_in(self._path)

    @cached_property
    def _arrays(self) -> dict[str, Any]:
        """The arrays, by their name below ``data``, and ``episode_ends``."""
        if "meta/episode_ends" not in self._described:
            places = ", ".join(sorted(self._described)) or "none"
            raise DatasetError(f"{self._path} has no meta/episode_ends. Its arrays: {places}.")
        for place, described in self._described.items():
            _check_codecs(f"{self._path}: {place}", described)
        zarr = library("zarr", "Replay buffers")
        with reading(self._path, ValueError, KeyError, zipfile.BadZipFile):
            store = (
                zarr.storage.ZipStore(self._path, mode="r")
                if self._path.is_file()
                else zarr.storage.LocalStore(self._path, read_only=True)
            )
            root = zarr.open_group(store, mode="r", zarr_format=2)
            return {
                place.removeprefix("data/").removeprefix("meta/"): root[place]
                for place in self._described
                if place.startswith("data/") or place == "meta/episode_ends"
            }

    @cached_property
    def _data(self) -> dict[str, Any]:
        return {name: one for name, one in self._arrays.items() if name != "episode_ends"}

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        ends = np.asarray(self._read("episode_ends", slice(None))).astype(np.int64)
        lengths = {name: one.shape[0] for name, one in self._data.items()}
        last = int(ends[-1]) if len(ends) else 0
        if (np.diff(ends, prepend=0) <= 0).any() or any(n != last for n in lengths.values()):
            raise DatasetError(
                f"{self._path}: episodes end at {ends[:5].tolist()} ... {last}, the arrays have "
                f"{lengths} rows."
            )
        return ends

    def _read(self, name: str, rows: slice | int) -> NDArray:
        with reading(self._path, ValueError, KeyError, RuntimeError, zipfile.BadZipFile):
            return np.asarray(self._arrays[name][rows])

    # Series

    def _times(self, first: int, last: int) -> tuple[Array, float, bool]:
        """Times of the rows from the first one, their period, and whether it is a guess."""
        if self._fps is None and "timestamp" in self._data:
            stored = self._read("timestamp", slice(first, last)).astype(np.float64).ravel()
            gaps_s = np.diff(stored)
            if len(stored) == last - first and len(gaps_s) and (gaps_s > 0.0).all():
                return stored - stored[0], float(np.median(gaps_s)), False
        is_umi = all(name in self._data for name in _UMI)
        fps = self._fps or (_UMI_HZ if is_umi else _OTHER_HZ)
        return np.arange(last - first) / fps, 1.0 / fps, self._fps is None

    def _numbers(
        self, first: int, last: int, stamp_s: Array
    ) -> tuple[dict[str, NumberSeries], list[str]]:
        numbers: dict[str, NumberSeries] = {}
        left_out = []
        for name, stored in self._data.items():
            content = content_of(name, stored.shape, stored.dtype)
            if content is Content.NUMBERS:
                values = self._read(name, slice(first, last))
                known = _NAMES.get(name, f"observation.{name}")
                numbers[known] = number_series(name, values, stamp_s)
            elif content is Content.OTHER:
                left_out.append(name)
        parts = {key: numbers.get(f"observation.{key}") for key in _UMI}
        known = {key: one for key, one in parts.items() if one is not None}
        if len(known) == len(_UMI) and STATE not in numbers:
            numbers[STATE] = joined(known)
            if ACTION not in numbers:
                numbers[ACTION] = _next(numbers[STATE])
        return numbers, left_out

    def _cameras(self, first: int, stamp_s: Array) -> dict[str, CameraSeries]:
        kinds: dict[Content, dict[str, str]] = {Content.RGB: {}, Content.DEPTH: {}}
        for name, stored in self._data.items():
            content = content_of(name, stored.shape, stored.dtype)
            if content in kinds:
                kinds[content][name] = name
        cameras = {}
        for camera, (rgb, depth) in paired_cameras(
            kinds[Content.RGB], kinds[Content.DEPTH]
        ).items():
            sizes = {tuple(self._data[name].shape[1:3]) for name in (rgb, depth) if name}
            if len(sizes) != 1:
                raise DatasetError(f"{self._path}: {camera} has pictures of {sorted(sizes)}.")
            cameras[camera] = camera_series(
                camera,
                stamp_s,
                sizes.pop(),
                rgb=self._reader(rgb, first) if rgb else None,
                depth=self._reader(depth, first) if depth else None,
            )
        return cameras

    def _reader(self, name: str, first: int) -> Callable[[int], NDArray]:
        return lambda index: self._read(name, first + index)


def _next(state: NumberSeries) -> NumberSeries:
    following = np.concatenate([state.values[1:], state.values[-1:]])
    return NumberSeries(names=state.names, stamp_s=state.stamp_s, values=following)


def _arrays_in(root: Path) -> dict[str, dict[str, Any]]:
    return {
        path.parent.relative_to(root).as_posix(): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(root.rglob(".zarray"))
    }


def _arrays_in_zip(path: Path) -> dict[str, dict[str, Any]]:
    with zipfile.ZipFile(path) as file:
        return {
            name.removesuffix("/.zarray"): json.loads(file.read(name))
            for name in sorted(file.namelist())
            if name.endswith("/.zarray")
        }


def _check_codecs(place: str, described: dict[str, Any]) -> None:
    """Refuse arrays of objects and codecs that could run code; say which are not installed.

    Raises:
        DatasetError: Reading could do more than compute numbers.
        MissingDependencyError: Pictures are compressed with something that is not installed.
    """
    dtype = str(described.get("dtype"))
    if "O" in dtype:
        raise DatasetError(f"{place} holds Python objects ({dtype}); those are not unpickled.")
    stages = [described.get("compressor"), *(described.get("filters") or [])]
    for codec in (stage.get("id") for stage in stages if isinstance(stage, dict)):
        if str(codec).startswith(_PICTURE_CODECS):
            _register_picture_codecs(place, str(codec))
        elif codec not in _CODECS:
            raise DatasetError(
                f"{place} is compressed with {codec!r}, which is not accepted. "
                f"Accepted: {', '.join(sorted(_CODECS))} and imagecodecs_*."
            )


def _register_picture_codecs(place: str, codec: str) -> None:
    from importlib import import_module

    try:
        import_module("imagecodecs.numcodecs").register_codecs(verbose=False)
    except ImportError:
        raise MissingDependencyError(
            f"{place} is compressed with the codec {codec!r} (JPEG XL and the like), which needs "
            "the package imagecodecs: pip install imagecodecs."
        ) from None
