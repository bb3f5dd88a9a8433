"""Pictures of a LeRobot v3 dataset, one after the other, each decoded once.

LeRobot's own dataset class costs ten seconds to import and seeks in the video for every sample;
reading the files in order is what a cache needs.
"""

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policies.dataset import DatasetInfo, open_dataset
from robot_skills.core.errors import DatasetError, MissingDependencyError

_VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
_TOLERANCE = 0.25
"""How far a frame may be from where it should be, as a part of the time between frames."""
_BLOCK_ROWS = 64
"""Rows of stored pictures read at a time."""
_DEPTH_CODES = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class _Clip:
    """One episode's part of one video file."""

    path: Path
    start_s: float
    rows: NDArray[np.int64]


class RecordedFrames:
    """Reads the pictures of one dataset in the order in which they are stored.

    Args:
        directory: The dataset.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @cached_property
    def info(self) -> DatasetInfo:
        """What the dataset says about itself."""
        return open_dataset(self._directory)

    @cached_property
    def count(self) -> int:
        """Frames in the dataset."""
        return len(self._episode_of_row)

    def files(self, key: str) -> list[Path]:
        """All files that a camera's pictures depend on.

        Raises:
            DatasetError: There is no such camera, or a file is missing.
        """
        tables = self._data_files + self._episode_files
        if self._camera(key)["dtype"] != "video":
            return tables
        videos = sorted({clip.path for clip in self._clips(key)})
        missing = [path for path in videos if not path.is_file()]
        if missing:
            raise DatasetError(f"Dataset {self._directory} lacks the video {missing[0]}.")
        return tables + videos

    def colours(self, key: str, start: int = 0) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Every frame's row in the dataset and its picture, (H, W, 3).

        Args:
            key: The camera.
            start: How many of the first pictures to leave out. The order is always the same.

        Raises:
            DatasetError: The camera gives depth, or a file is damaged.
        """
        if self._is_depth(key):
            raise DatasetError(f"Dataset {self._directory}: {key} holds depth, not colours.")
        if self._camera(key)["dtype"] == "video":
            return self._video(key, "rgb24", start)
        return ((row, self._colours_of(key, data)) for row, data in self._stored(key, start))

    def depth_m(self, key: str, start: int = 0) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Every frame's row in the dataset and its depth [m], (H, W), 0 = no reading.

        Args:
            key: The camera.
            start: How many of the first pictures to leave out. The order is always the same.

        Raises:
            DatasetError: The camera gives colours, or a file is damaged.
        """
        if not self._is_depth(key):
            raise DatasetError(f"Dataset {self._directory}: {key} holds colours, not depth.")
        if self._camera(key)["dtype"] == "video":
            metres = _metres_of_codes(self._camera(key).get("info") or {})
            codes = self._video(key, "gray12le", start)
            return ((row, metres[np.minimum(code, _DEPTH_CODES - 1)]) for row, code in codes)
        return ((row, self._depth_of(key, data)) for row, data in self._stored(key, start))

    def _camera(self, key: str) -> dict[str, Any]:
        feature = self.info.features.get(key)
        if feature is None or feature.get("dtype") not in ("video", "image"):
            cameras = sorted(
                name
                for name, other in self.info.features.items()
                if other.get("dtype") in ("video", "image")
            )
            raise DatasetError(
                f"Dataset {self._directory} has no camera {key}. "
                f"Its cameras: {', '.join(cameras) or 'none'}."
            )
        return feature

    def _is_depth(self, key: str) -> bool:
        described = self._camera(key).get("info") or {}
        return bool(described.get("is_depth_map") or described.get("video.is_depth_map"))

    # Tables

    @cached_property
    def _data_files(self) -> list[Path]:
        return sorted((self._directory / "data").glob("chunk-*/file-*.parquet"))

    @cached_property
    def _episode_files(self) -> list[Path]:
        return sorted((self._directory / "meta" / "episodes").glob("chunk-*/file-*.parquet"))

    @cached_property
    def _episode_of_row(self) -> NDArray[np.int64]:
        parts = [
            table["episode_index"].to_numpy()
            for path in self._data_files
            for table in [self._table(path, ["episode_index"])]
        ]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)

    def _table(self, path: Path, columns: list[str]) -> Any:
        with self._readable(path):
            import pyarrow.parquet as pq

            return pq.read_table(path, columns=columns)

    def _clips(self, key: str) -> list[_Clip]:
        """Where each episode is in the videos of a camera, in the order of the episodes."""
        places = {
            name: f"videos/{key}/{name}" for name in ("chunk_index", "file_index", "from_timestamp")
        }
        columns = ["episode_index", "length", *places.values()]
        template = self._video_template()
        clips = []
        for path in self._episode_files:
            table = self._table(path, columns)
            absent = sorted(set(columns) - set(table.column_names))
            if absent:
                raise DatasetError(f"Dataset file {path} lacks {', '.join(absent)}.")
            for row in table.to_pylist():
                rows = np.flatnonzero(self._episode_of_row == row["episode_index"])
                if len(rows) != row["length"]:
                    raise DatasetError(
                        f"Dataset {self._directory}: episode {row['episode_index']} should have "
                        f"{row['length']} frames, its data has {len(rows)}."
                    )
                place = {name: row[column] for name, column in places.items()}
                start_s = float(place.pop("from_timestamp"))
                video = self._directory / template.format(video_key=key, **place)
                clips.append(_Clip(path=video, start_s=start_s, rows=rows))
        return clips

    def _video_template(self) -> str:
        info = json.loads((self._directory / "meta" / "info.json").read_text(encoding="utf-8"))
        return str(info.get("video_path") or _VIDEO_PATH)

    # Videos

    def _video(self, key: str, pixels: str, start: int) -> Iterator[tuple[int, NDArray]]:
        for path, group in groupby(self._clips(key), key=lambda clip: clip.path):
            clips = list(group)
            count = sum(len(clip.rows) for clip in clips)
            if start < count:
                yield from self._one_video(path, clips, pixels, start)
            start = max(start - count, 0)

    def _one_video(
        self, path: Path, clips: list[_Clip], pixels: str, start: int
    ) -> Iterator[tuple[int, NDArray]]:
        """Frames of the episodes in one file; what belongs to none is passed over."""
        period_s = 1.0 / self.info.fps
        rows = np.concatenate([clip.rows for clip in clips])
        times = np.concatenate(
            [clip.start_s + period_s * np.arange(len(clip.rows)) for clip in clips]
        )
        if (np.diff(times) <= 0.0).any():
            raise DatasetError(f"Dataset {self._directory}: the episodes in {path} overlap.")
        found = start
        from_s = float(times[start]) + _TOLERANCE * period_s if start else None
        for time_s, frame in self._decoded(path, from_s):
            if found == len(rows) or time_s > times[found] + _TOLERANCE * period_s:
                break
            if time_s >= times[found] - _TOLERANCE * period_s:
                yield int(rows[found]), frame.to_ndarray(format=pixels)
                found += 1
        if found < len(rows):
            raise DatasetError(
                f"Video {path} has no frame at {times[found]:.3f} s, which an episode needs: "
                f"{found} of {len(rows)} frames were found."
            )

    def _decoded(self, path: Path, from_s: float | None) -> Iterator[tuple[float, Any]]:
        """Time and picture of the frames of a video, from the last key frame before a time on."""
        with self._readable(path):
            import av

            with av.open(str(path)) as container:
                if not container.streams.video:
                    raise DatasetError(f"Video {path} has no pictures.")
                stream = container.streams.video[0]
                stream.thread_type = "AUTO"
                first = 0 if from_s is None else _key_packet(path, from_s)
                for packet in islice(container.demux(stream), first, None):
                    for frame in stream.decode(packet):
                        if frame.time is not None:
                            yield frame.time, frame

    # Pictures inside parquet files

    def _stored(self, key: str, start: int) -> Iterator[tuple[int, bytes]]:
        """Every frame's row and its picture as a file."""
        row = 0
        for path in self._data_files:
            with self._readable(path):
                import pyarrow.parquet as pq

                file = pq.ParquetFile(path)
                if row + file.metadata.num_rows <= start:
                    row += file.metadata.num_rows
                    continue
                for block in file.iter_batches(_BLOCK_ROWS, columns=[key]):
                    left_out = min(max(start - row, 0), len(block))
                    row += left_out
                    for stored in block.column(0).slice(left_out).to_pylist():
                        yield row, self._bytes_of(key, row, stored)
                        row += 1

    def _bytes_of(self, key: str, row: int, stored: Any) -> bytes:
        data = stored.get("bytes") if isinstance(stored, dict) else None
        if data:
            return data
        name = stored.get("path") if isinstance(stored, dict) else None
        path = self._directory / name if name else None
        if path is None or not path.is_file():
            raise DatasetError(f"Dataset {self._directory}: frame {row} has no picture of {key}.")
        return path.read_bytes()

    def _colours_of(self, key: str, data: bytes) -> NDArray[np.uint8]:
        cv2 = opencv()
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        if picture is None:
            raise DatasetError(f"Dataset {self._directory}: a picture of {key} is damaged.")
        return np.ascontiguousarray(picture[:, :, ::-1])

    def _depth_of(self, key: str, data: bytes) -> NDArray[np.float32]:
        cv2 = opencv()
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if picture is None or picture.ndim != 2:
            raise DatasetError(f"Dataset {self._directory}: a depth picture of {key} is damaged.")
        whole = np.issubdtype(picture.dtype, np.integer)
        unit = (self._camera(key).get("info") or {}).get("depth_unit") or ("mm" if whole else "m")
        return picture.astype(np.float32) * np.float32(0.001 if unit == "mm" else 1.0)

    @contextmanager
    def _readable(self, path: Path) -> Iterator[None]:
        """Turn what readers raise about a damaged file into one line about the dataset."""
        try:
            import pyarrow as pa
            from av.error import FFmpegError
        except ImportError as error:
            raise MissingDependencyError(
                f"Reading datasets with pictures needs a package that is missing: {error}."
            ) from None
        try:
            yield
        except (FFmpegError, pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise DatasetError(f"Dataset file {path} cannot be read: {reason}") from None


def _key_packet(path: Path, time_s: float) -> int:
    """Which packet of a video is the last key frame that is shown before a time.

    Reading the packets costs no decoding. Seeking would do less, but where it lands depends on the
    container and on frames that are stored in another order than shown.
    """
    import av

    found = 0
    with av.open(str(path)) as container:
        for place, packet in enumerate(container.demux(container.streams.video[0])):
            if packet.is_keyframe and packet.pts is not None and packet.time_base is not None:
                found = place if packet.pts * packet.time_base < time_s else found
    return found


def _metres_of_codes(described: dict[str, Any]) -> NDArray[np.float32]:
    """Depth [m] of each of LeRobot's twelve-bit codes; code 0 is what missing readings become.

    Codes are spaced evenly in log(depth + shift), or in depth where `use_log` is false.
    """

    def setting(name: str, default: float) -> float:
        return float(described.get(f"video.{name}", described.get(name, default)))

    low, high, shift = (
        setting("depth_min", 0.01),
        setting("depth_max", 10.0),
        setting("shift", 3.5),
    )
    along = np.arange(_DEPTH_CODES) / (_DEPTH_CODES - 1)
    if setting("use_log", 1.0):
        first, last = math.log(low + shift), math.log(high + shift)
        metres = np.exp(first + along * (last - first)) - shift
    else:
        metres = low + along * (high - low)
    metres[0] = 0.0
    return metres.astype(np.float32)


def opencv() -> Any:
    """OpenCV, which takes a moment to load.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        import cv2
    except ImportError:
        raise MissingDependencyError(
            "Pictures are prepared with OpenCV, which is missing: "
            "pip install opencv-python-headless."
        ) from None
    return cv2
