"""The rows of one episode in a LeRobot parquet file, whatever the version of the dataset."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.annotation import Outcome, Subtask
from robot_skills.core.errors import DatasetError
from robot_skills.data.foreign.files import library, reading
from robot_skills.data.foreign.lerobot_info import (
    CameraKeys,
    Feature,
    LeRobotInfo,
    Optics,
    metres_of_codes,
)
from robot_skills.data.foreign.pictures import (
    CameraPictures,
    StoredStream,
    Stream,
    VideoStream,
    decode_depth,
    decode_rgb,
)
from robot_skills.data.series import CameraSeries, EpisodeData, NumberSeries

CAPTURE_NS = "capture_ns."
"""Begin of the columns with the times at which a camera's pictures were taken."""
SUCCESS = "next.success"
_SUBTASKS = "language_persistent"


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """Where an episode begins in a video."""

    path: Path
    first_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Located:
    """Where an episode is.

    Attributes:
        index: Its number.
        path: The parquet file with its rows.
        length: How many rows it has.
        tasks: Its tasks, in words.
        clips: Videos, by feature.
    """

    index: int
    path: Path
    length: int
    tasks: tuple[str, ...]
    clips: Mapping[str, Clip]


def read_episode(info: LeRobotInfo, where: Located, kind: str) -> EpisodeData:
    """Read one episode; its pictures stay where they are.

    Raises:
        DatasetError: It is damaged, or does not fit what the dataset says of itself.
    """
    first, table = _rows(info, where)
    numbers = {
        one.key: _column(one, table, where) for one in info.features.values() if one.is_number
    }
    stamp_s = _stamps(table, info.fps, where)
    end_s = where.length / info.fps
    cameras = {
        keys.name: _camera(info, where, keys, first, _captured(keys.name, numbers, stamp_s))
        for keys in info.cameras()
    }
    return EpisodeData(
        task=where.tasks[0] if where.tasks else "",
        start_s=0.0,
        end_s=end_s,
        period_s=1.0 / info.fps,
        outcome=_outcome(numbers),
        numbers={
            key: NumberSeries(names=info.features[key].names, stamp_s=stamp_s, values=values)
            for key, values in numbers.items()
            if not key.startswith(CAPTURE_NS)
        },
        cameras=cameras,
        subtasks=_subtasks(table, end_s, where),
        origin=f"{kind} {info.root.name}, episode {where.index}",
        meta=_meta(info, where),
    )


def _meta(info: LeRobotInfo, where: Located) -> dict[str, str]:
    found = {"robot_type": info.robot} if info.robot else {}
    return found | ({"tasks": " | ".join(where.tasks)} if len(where.tasks) > 1 else {})


# Numbers


def _rows(info: LeRobotInfo, where: Located) -> tuple[int, Any]:
    """Row of the file at which the episode begins, and its rows without the pictures."""
    pq, pa = library("pyarrow.parquet", "LeRobot"), library("pyarrow", "LeRobot")
    if not where.path.is_file():
        raise DatasetError(f"{where.path} is missing; it should hold episode {where.index}.")
    with reading(where.path, pa.ArrowException):
        file = pq.ParquetFile(where.path)
        wanted = [
            name for name in file.schema_arrow.names
            if name not in info.features or not info.features[name].is_picture
        ]  # fmt: skip
        episode = _flat(file.read(columns=["episode_index"]), "episode_index", where)
        rows = np.flatnonzero(episode == where.index)
        if len(rows) != where.length or (len(rows) and rows[-1] - rows[0] + 1 != len(rows)):
            raise DatasetError(
                f"{where.path}: episode {where.index} should have {where.length} rows in one "
                f"piece, found {len(rows)}."
            )
        if not len(rows):
            raise DatasetError(f"{where.path}: episode {where.index} has no rows.")
        first = int(rows[0])
        return first, _slice(file, wanted, first, where.length)


def _slice(file: Any, columns: list[str], first: int, count: int) -> Any:
    """Rows of a parquet file; only the row groups that they lie in are read."""
    groups, begin, skipped = [], 0, None
    for group in range(file.metadata.num_row_groups):
        end = begin + file.metadata.row_group(group).num_rows
        if begin < first + count and end > first:
            groups.append(group)
            skipped = begin if skipped is None else skipped
        begin = end
    return file.read_row_groups(groups, columns=columns).slice(first - (skipped or 0), count)


def _flat(table: Any, name: str, where: Located) -> NDArray:
    """A column as one flat array, lists in it joined."""
    pa = library("pyarrow", "LeRobot")
    if name not in table.column_names:
        raise DatasetError(
            f"{where.path} lacks the column {name}. It has: {', '.join(table.column_names)}."
        )
    column = table.column(name).combine_chunks()
    while True:
        if column.null_count:
            raise DatasetError(f"{where.path}: column {name} has rows without a value.")
        if isinstance(column, pa.ExtensionArray):
            column = column.storage
        if not (pa.types.is_list(column.type) or pa.types.is_fixed_size_list(column.type)):
            return column.to_numpy(zero_copy_only=False)
        column = column.flatten()


def _column(feature: Feature, table: Any, where: Located) -> NDArray:
    """A feature as (n, k)."""
    flat = _flat(table, feature.key, where)
    count = len(feature.names)
    if flat.dtype == object or len(flat) != where.length * count:
        raise DatasetError(
            f"{where.path}: {feature.key} should be {where.length} rows of {count} numbers, "
            f"found {len(flat)} of {flat.dtype}."
        )
    return flat.reshape(where.length, count)


def _stamps(table: Any, fps: float, where: Located) -> NDArray[np.float64]:
    """Times of the rows; they are frame_index / fps, of which LeRobot stores float32."""
    index = _flat(table, "frame_index", where).astype(np.int64)
    if (index != np.arange(len(index))).any():
        raise DatasetError(f"{where.path}: the rows of episode {where.index} are out of order.")
    stored = _flat(table, "timestamp", where).astype(np.float64)
    if not np.allclose(stored, index / fps, atol=0.5 / fps):
        raise DatasetError(
            f"{where.path}: the times of episode {where.index} do not fit {fps:g} rows per second."
        )
    return index / fps


def _captured(
    camera: str, numbers: Mapping[str, NDArray], stamp_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """When the pictures were taken, where it was recorded."""
    found = numbers.get(CAPTURE_NS + camera)
    return stamp_s if found is None else found[:, 0].astype(np.float64) * 1e-9


def _outcome(numbers: Mapping[str, NDArray]) -> Outcome:
    if SUCCESS not in numbers:
        return Outcome.UNKNOWN
    return Outcome.SUCCESS if numbers[SUCCESS].any() else Outcome.FAILURE


def _subtasks(table: Any, end_s: float, where: Located) -> tuple[Subtask, ...]:
    """What the language column says was being done: each lasts until the next begins."""
    if _SUBTASKS not in table.column_names:
        return ()
    stored = table.column(_SUBTASKS)[0].as_py() or []
    rows = [row for row in stored if isinstance(row, dict) and row.get("style") == "subtask"]
    starts = [row.get("timestamp") for row in rows]
    if any(not isinstance(start, float) or not 0.0 <= start <= end_s for start in starts):
        raise DatasetError(f"{where.path}: episode {where.index} has subtasks at {starts}.")
    rows = sorted(rows, key=lambda row: row["timestamp"])
    ends = [row["timestamp"] for row in rows[1:]] + [end_s]
    return tuple(
        Subtask(start_s=row["timestamp"], end_s=end, words=str(row.get("content") or ""))
        for row, end in zip(rows, ends, strict=True)
    )


# Pictures


def _camera(
    info: LeRobotInfo,
    where: Located,
    keys: CameraKeys,
    first: int,
    stamp_s: NDArray[np.float64],
) -> CameraSeries:
    rgb = keys.rgb and _stream(info, where, keys.rgb, first)
    depth = keys.depth and _stream(info, where, keys.depth, first)
    optics = info.optics.get(keys.name, Optics())
    height_px, width_px = keys.any.size_px
    T = optics.T_base_camera
    return CameraSeries(
        stamp_s=stamp_s,
        pictures=CameraPictures(keys.name, rgb=rgb, depth=depth),
        height_px=height_px,
        width_px=width_px,
        has_rgb=rgb is not None,
        has_depth=depth is not None,
        K=optics.K,
        T_base_camera=None if T is None else np.broadcast_to(T, (where.length, 4, 4)),
    )


def _stream(info: LeRobotInfo, where: Located, feature: Feature, first: int) -> Stream:
    if feature.dtype == "image":
        read = _StoredPictures(info, where, feature, first)
        return StoredStream(where.length, read)
    clip = where.clips.get(feature.key)
    if clip is None or not clip.path.is_file():
        lost = "which is not told" if clip is None else f"{clip.path}, which is missing"
        raise DatasetError(f"{info.root}: {feature.key} of episode {where.index} is in {lost}.")
    common = partial(
        VideoStream,
        clip.path,
        first_s=clip.first_s,
        count=where.length,
        fps=info.fps,
        size_px=feature.size_px,
    )
    if not feature.is_depth:
        return common()
    depth_m = metres_of_codes(feature.info)
    return common(
        pixels="gray12le", convert=lambda codes: depth_m[np.minimum(codes, len(depth_m) - 1)]
    )


class _StoredPictures:
    """Picture files inside a parquet file; one block of rows is held."""

    def __init__(self, info: LeRobotInfo, where: Located, feature: Feature, first: int) -> None:
        self._root, self._path, self._feature = info.root, where.path, feature
        self._first = first
        self._begin, self._block = 0, []

    def __call__(self, index: int) -> NDArray:
        where = f"{self._path}: picture {index} of {self._feature.key}"
        data = self._bytes(self._first + index, where)
        if self._feature.is_depth:
            return decode_depth(data, where, self._feature.info.get("depth_unit"))
        return decode_rgb(data, where)

    def _bytes(self, row: int, where: str) -> bytes:
        if not self._begin <= row < self._begin + len(self._block):
            self._begin, self._block = self._group_of(row)
        stored = self._block[row - self._begin].as_py()
        if isinstance(stored, dict) and stored.get("bytes"):
            return stored["bytes"]
        name = stored.get("path") if isinstance(stored, dict) else None
        path = self._root / str(name)
        if not name or not path.resolve().is_relative_to(self._root.resolve()):
            raise DatasetError(f"{where} is missing.")
        with reading(path):
            return path.read_bytes()

    def _group_of(self, row: int) -> tuple[int, Any]:
        """First row of the row group that a row is in, and the pictures in it."""
        pq, pa = library("pyarrow.parquet", "LeRobot"), library("pyarrow", "LeRobot")
        with reading(self._path, pa.ArrowException):
            file = pq.ParquetFile(self._path)
            begin = 0
            for group in range(file.metadata.num_row_groups):
                count = file.metadata.row_group(group).num_rows
                if row < begin + count:
                    key = self._feature.key
                    if key not in file.schema_arrow.names:
                        raise DatasetError(f"{self._path} lacks the column {key}.")
                    return begin, file.read_row_group(group, columns=[key]).column(key)
                begin += count
        raise DatasetError(f"{self._path} has no row {row}.")
