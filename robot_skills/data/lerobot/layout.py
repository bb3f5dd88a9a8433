"""How rows are laid out in a LeRobot v3 dataset: its features, its subtasks, its optics."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from robot_skills.core.errors import DatasetError
from robot_skills.core.se3 import Array
from robot_skills.data.foreign.lerobot_info import CAMERAS_FILE
from robot_skills.data.lerobot.rows import Rows

_PICTURE_AXES = ["height", "width", "channels"]
_RESERVED = frozenset({"timestamp", "frame_index", "episode_index", "index", "task_index", "task"})


def rgb_key(camera: str) -> str:
    return f"observation.images.{camera}"


def depth_key(camera: str) -> str:
    return f"observation.images.{camera}_depth"


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """What every episode of one dataset has.

    Attributes:
        features: LeRobot's description of each column and camera.
        rgb: Cameras with colour.
        depth: Cameras with depth.
    """

    features: Mapping[str, Mapping[str, Any]]
    rgb: tuple[str, ...]
    depth: tuple[str, ...]

    def check(self, other: "Layout", where: str) -> None:
        """Make sure that an episode fits in with the first one.

        Raises:
            DatasetError: It does not; says in what.
        """
        if self.features == other.features:
            return
        keys = sorted(set(self.features) | set(other.features))
        differing = [key for key in keys if self.features.get(key) != other.features.get(key)]
        key = differing[0]
        raise DatasetError(
            f"{where} does not fit in with the first episode: {key} is "
            f"{other.features.get(key, 'missing')} instead of {self.features.get(key, 'missing')}."
        )


def layout_of(rows: Rows, *, depth: bool, video: bool) -> Layout:
    """How an episode is laid out.

    Args:
        rows: The episode.
        depth: Whether depth is wanted.
        video: Pictures as video; otherwise each by itself.

    Raises:
        DatasetError: LeRobot cannot hold a column of that name.
    """
    features: dict[str, dict[str, Any]] = {}
    for name, column in rows.columns.items():
        if "/" in name or name in _RESERVED:
            raise DatasetError(f"LeRobot cannot hold a column called {name!r}.")
        features[name] = {
            "dtype": str(column.values.dtype),
            "shape": (len(column.names),),
            "names": list(column.names),
        }
    colours = tuple(name for name, one in rows.cameras.items() if one.series.has_rgb)
    depths = tuple(name for name, one in rows.cameras.items() if one.series.has_depth and depth)
    pictures = [(rgb_key(name), name, 3) for name in colours]
    pictures += [(depth_key(name), name, 1) for name in depths]
    for key, camera, channels in pictures:
        if key in features or "/" in key:
            raise DatasetError(f"LeRobot cannot hold a camera as {key!r}: the name is taken.")
        series = rows.cameras[camera].series
        features[key] = {
            "dtype": "video" if video else "image",
            "shape": (series.height_px, series.width_px, channels),
            "names": _PICTURE_AXES,
            **({"info": {"is_depth_map": True}} if channels == 1 else {}),
        }
    return Layout(features=features, rgb=colours, depth=depths)


def subtask_starts(rows: Rows) -> list[tuple[int, str]]:
    """First row and words of each subtask; LeRobot's last until the next begins."""
    found: dict[int, str] = {}
    for one in rows.subtasks:
        row = min(round(one.start_s * rows.fps), len(rows) - 1)
        found[row] = one.words
    return sorted(found.items())


def stored_time_s(row: int, fps: float) -> float:
    """The time of a row as LeRobot stores it."""
    return float(np.float32(row / fps))


@dataclass(slots=True)
class OpticsBook:
    """Intrinsics and poses that all episodes of a dataset share.

    Attributes:
        notes: What could not be kept, in words.
    """

    notes: list[str] = field(default_factory=list)
    _K: dict[str, Array | None] = field(default_factory=dict)
    _T_base_camera: dict[str, Array | None] = field(default_factory=dict)

    def add(self, camera: str, K: Array | None, T_base_camera: Array | None) -> None:
        """Take note of a camera in one episode, where it is known: K (3, 3), T (4, 4)."""
        for book, what, found in (
            (self._K, "lens", K),
            (self._T_base_camera, "place", T_base_camera),
        ):
            known = book.setdefault(camera, found)
            if known is not None and (found is None or not np.allclose(known, found, atol=1e-6)):
                book[camera] = None
                self.notes.append(f"{camera}: its {what} is not the same in all episodes")

    @property
    def changed_lenses(self) -> tuple[str, ...]:
        """Cameras whose lens is unknown, or not the same in all episodes."""
        return tuple(name for name, K in self._K.items() if K is None)

    def write(self, root: Path) -> None:
        """Write ``meta/cameras.json`` about cameras whose lens is known."""
        record = {
            name: {"K": K.ravel().tolist(), "T_base_camera": _flat(self._T_base_camera[name])}
            for name, K in self._K.items()
            if K is not None
        }
        if record:
            text = json.dumps(record, indent=2) + "\n"
            (root / "meta" / CAMERAS_FILE).write_text(text, encoding="utf-8")


def _flat(T: Array | None) -> list[float] | None:
    return None if T is None else T.ravel().tolist()
