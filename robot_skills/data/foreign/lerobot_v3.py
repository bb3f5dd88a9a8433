"""LeRobot datasets v3.0: many episodes per parquet file and per video.

The files are read directly, because LeRobot's own dataset class costs ten seconds to import and
seeks in a video for every picture.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

from robot_skills.core.errors import DatasetError
from robot_skills.data.foreign.files import library, needed, reading
from robot_skills.data.foreign.lerobot_rows import Clip, Located
from robot_skills.data.foreign.lerobot_source import LeRobotSource

_DATA_PATH = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_VIDEO_PATH = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


class LeRobotV3(LeRobotSource):
    """A dataset of LeRobot v3.0 (`data.series.EpisodeSource`).

    Args:
        root: Its folder, with ``meta/info.json``.
    """

    MAJOR = "v3"

    def __len__(self) -> int:
        return len(self._episodes)

    @cached_property
    def _episodes(self) -> list[tuple[Path, dict[str, Any]]]:
        """What is told about each episode, without its statistics, and in which file."""
        pq, pa = library("pyarrow.parquet", "LeRobot"), library("pyarrow", "LeRobot")
        found: list[tuple[Path, dict[str, Any]]] = []
        for path in sorted((self._root / "meta" / "episodes").glob("chunk-*/file-*.parquet")):
            with reading(path, pa.ArrowException):
                file = pq.ParquetFile(path)
                names = [name for name in file.schema_arrow.names if not name.startswith("stats/")]
                found += [(path, row) for row in file.read(columns=names).to_pylist()]
        found.sort(key=lambda item: needed(item[1], "episode_index", int, item[0]))
        numbers = [row["episode_index"] for _, row in found]
        announced = self.info.count("total_episodes")
        if numbers != list(range(announced)):
            raise DatasetError(
                f"{self.info.path} announces {announced} episodes, meta/episodes lists "
                f"{len(numbers)}. A recording that was interrupted looks like this."
            )
        return found

    def _located(self, index: int) -> Located:
        path, row = self._episodes[index]

        def number(key: str) -> int:
            return needed(row, key, int, path)

        clips = {}
        for feature in self.info.features.values():
            if feature.dtype != "video":
                continue
            at = f"videos/{feature.key}"
            video = self.info.place(
                "video_path",
                _VIDEO_PATH,
                video_key=feature.key,
                chunk_index=number(f"{at}/chunk_index"),
                file_index=number(f"{at}/file_index"),
            )
            first_s = needed(row, f"{at}/from_timestamp", float, path)
            clips[feature.key] = Clip(path=video, first_s=first_s)
        rows = self.info.place(
            "data_path",
            _DATA_PATH,
            chunk_index=number("data/chunk_index"),
            file_index=number("data/file_index"),
        )
        return Located(
            index=number("episode_index"),
            path=rows,
            length=number("length"),
            tasks=tuple(str(task) for task in needed(row, "tasks", list, path)),
            clips=clips,
        )
