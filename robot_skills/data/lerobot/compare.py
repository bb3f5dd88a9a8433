"""A written dataset against what was to be written.

Numbers, tasks, subtasks and lengths are read through LeRobot's dataset class and have to be the
same bit for bit. Every picture is decoded from its file, and some more through LeRobot's class, and
has to be near: colour by its peak signal-to-noise ratio, depth within the step between two of
LeRobot's twelve-bit codes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import DatasetError
from robot_skills.data.foreign.lerobot_v3 import LeRobotV3
from robot_skills.data.lerobot.layout import (
    Layout,
    depth_key,
    rgb_key,
    stored_time_s,
    subtask_starts,
)
from robot_skills.data.lerobot.rows import Rows
from robot_skills.data.lerobot.writer import lerobot_dataset_class
from robot_skills.data.series import EpisodeData

_SAMPLED = 4
"""Rows per episode whose pictures are also read through LeRobot's class."""
_BEST_DB = 100.0
"""Peak signal-to-noise ratio of pictures without any difference."""
_LOWEST_M = 0.01
"""Nearest depth that LeRobot keeps."""


@dataclass(slots=True)
class PictureErrors:
    """How far the pictures of one camera are from what they were.

    Attributes:
        psnr_db: Of every colour picture.
        depth_m: Worst error of depth [m], of pixels that can be kept.
        depth_steps: The same in steps of LeRobot's codes; 0.5 is rounding.
        beyond: Pixels nearer or farther than LeRobot can hold.
    """

    psnr_db: list[float] = field(default_factory=list)
    depth_m: float = 0.0
    depth_steps: float = 0.0
    beyond: int = 0

    def add_rgb(self, was: NDArray[np.uint8], is_now: NDArray) -> float:
        """Take in a colour picture; returns its ratio [dB]."""
        error = was.astype(np.float32) - is_now.astype(np.float32)
        mean = float(np.mean(np.square(error)))
        psnr_db = min(_BEST_DB, 10.0 * math.log10(255.0**2 / mean)) if mean > 0.0 else _BEST_DB
        self.psnr_db.append(psnr_db)
        return psnr_db

    def add_depth(self, was: NDArray, is_now: NDArray, step_m: NDArray, highest_m: float) -> None:
        """Take in a depth picture [m]; `step_m` is the distance between codes at each pixel."""
        kept = (was >= _LOWEST_M) & (was <= highest_m)
        self.beyond += int(((was > 0.0) & ~kept).sum())
        # No reading is stored as the nearest depth, or read as none.
        error = np.where(kept, np.abs(was - is_now), 0.0)
        empty = np.where(was <= 0.0, np.maximum(is_now - _LOWEST_M - step_m, 0.0), 0.0)
        self.depth_m = max(self.depth_m, float(error.max(initial=0.0)))
        worst = (np.maximum(error, empty) / step_m).max(initial=0.0)
        self.depth_steps = max(self.depth_steps, float(worst))


class Comparison:
    """Reads back one dataset and compares it, episode after episode.

    Args:
        root: The dataset.
        layout: As it was written.
        repo_id: Under which it was written.
        depth_max_m: Farthest depth that it keeps.
        video: Whether its pictures are videos.
    """

    def __init__(
        self, root: Path, layout: Layout, *, repo_id: str, depth_max_m: float, video: bool
    ) -> None:
        self._layout, self._depth_max_m, self._video = layout, depth_max_m, video
        self.depth = layout.depth
        self._loaded: Any = lerobot_dataset_class()(
            repo_id, root=root, video_backend="pyav", depth_output_unit="m"
        )
        self._numbers = self._loaded.hf_dataset.with_format("arrow")
        self._read = LeRobotV3(root)
        self._first = 0
        self.errors = {name: PictureErrors() for name in (*layout.rgb, *layout.depth)}

    def episode(self, index: int, rows: Rows) -> Iterator[dict[str, NDArray]]:
        """Compare the numbers of an episode; then hand out its pictures as they are now, by row.

        Raises:
            DatasetError: Anything is not as it was.
        """
        first, self._first = self._first, self._first + len(rows)
        self._lengths(index, rows, first)
        table = self._numbers[first : first + len(rows)]
        for name, column in rows.columns.items():
            found = _array(table, name, column.values.dtype)
            if found.tobytes() != np.ascontiguousarray(column.values).tobytes():
                raise DatasetError(f"Episode {index}: {name} came back changed.")
        episode = self._read.episode(index)
        self._subtasks(index, rows, episode)
        self._sampled(index, rows, first)
        return self._pictures(episode, len(rows))

    def row(self, was: dict[str, NDArray], is_now: dict[str, NDArray]) -> None:
        """Compare the pictures of one row."""
        for name in self._layout.rgb:
            self.errors[name].add_rgb(was[rgb_key(name)], is_now[rgb_key(name)])
        for name in self._layout.depth:
            depth_m = was[depth_key(name)][..., 0]
            self._depth(name, depth_m, is_now[depth_key(name)][..., 0])

    def whole(self, episodes: int) -> None:
        """Make sure that nothing more is in the dataset.

        Raises:
            DatasetError: There is.
        """
        found = len(self._loaded.meta.episodes), len(self._loaded)
        if found != (episodes, self._first):
            raise DatasetError(
                f"{found[0]} episodes of {found[1]} rows came back of {episodes} of {self._first}."
            )

    def _depth(self, name: str, was: NDArray, is_now: NDArray) -> None:
        step_m = depth_step_m(was, self._depth_max_m) if self._video else np.full_like(was, 1e-6)
        highest_m = self._depth_max_m if self._video else math.inf
        self.errors[name].add_depth(was, is_now, step_m, highest_m)

    def _lengths(self, index: int, rows: Rows, first: int) -> None:
        told = self._loaded.meta.episodes[index]
        found = (told["length"], told["dataset_from_index"], list(told["tasks"]))
        if found != (len(rows), first, [rows.task]):
            raise DatasetError(
                f"Episode {index}: {len(rows)} rows from {first} of {rows.task!r} came back as "
                f"{found[0]} from {found[1]} of {found[2]}."
            )

    def _subtasks(self, index: int, rows: Rows, episode: EpisodeData) -> None:
        expected = [(stored_time_s(row, rows.fps), words) for row, words in subtask_starts(rows)]
        found = [(float(np.float32(one.start_s)), one.words) for one in episode.subtasks]
        if found != expected:
            raise DatasetError(f"Episode {index}: subtasks {expected} came back as {found}.")

    def _sampled(self, index: int, rows: Rows, first: int) -> None:
        """Read some rows as a trainer does, and compare their pictures."""
        chosen = sorted({*np.linspace(0, len(rows) - 1, _SAMPLED).round().astype(int).tolist()})
        for row in chosen:
            item = self._loaded[first + row]
            if item["task"] != rows.task:
                raise DatasetError(f"Episode {index}: the task came back as {item['task']!r}.")
            for name in self._layout.rgb:
                camera = rows.cameras[name]
                was = camera.series.pictures.rgb(int(camera.index[row]))
                is_now = item[rgb_key(name)].numpy().transpose(1, 2, 0) * 255.0
                self.errors[name].add_rgb(was, is_now)
            for name in self._layout.depth:
                camera = rows.cameras[name]
                was = camera.series.pictures.depth_m(int(camera.index[row]))
                self._depth(name, was, item[depth_key(name)].numpy()[0])

    def _pictures(self, episode: EpisodeData, count: int) -> Iterator[dict[str, NDArray]]:
        streams = {name: episode.cameras[name].pictures.in_order() for name in self.errors}
        for _ in range(count):
            found: dict[str, NDArray] = {}
            for name, stream in streams.items():
                rgb, depth_m = next(stream)
                if rgb is not None:
                    found[rgb_key(name)] = rgb
                if depth_m is not None:
                    found[depth_key(name)] = depth_m[..., None]
            yield found


def depth_step_m(depth_m: NDArray, depth_max_m: float) -> NDArray:
    """Distance between LeRobot's depth codes at given depths [m].

    Codes are even in log(depth + 3.5 m) from 0.01 m to the farthest depth, 4096 of them.
    """
    shift_m, codes = 3.5, 4096
    span = math.log(depth_max_m + shift_m) - math.log(_LOWEST_M + shift_m)
    return (np.maximum(depth_m, 0.0) + shift_m) * math.expm1(span / (codes - 1))


def _array(table: Any, name: str, dtype: np.dtype) -> NDArray:
    """A column of an arrow table, flat."""
    import pyarrow as pa

    if name not in table.column_names:
        raise DatasetError(f"Column {name} did not come back.")
    column = table.column(name).combine_chunks()
    while pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type):
        column = column.flatten()
    found = column.to_numpy(zero_copy_only=False)
    if found.dtype != dtype:
        raise DatasetError(f"Column {name} came back as {found.dtype} instead of {dtype}.")
    return found
