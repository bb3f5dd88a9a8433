"""LeRobot datasets v2.0 and v2.1: one parquet file and one video per camera for each episode."""

from functools import cached_property
from pathlib import Path
from typing import Any

from robot_skills.core.errors import DatasetError
from robot_skills.data.foreign.files import needed, read_json_lines
from robot_skills.data.foreign.lerobot_rows import Clip, Located
from robot_skills.data.foreign.lerobot_source import LeRobotSource

_DATA_PATH = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
_VIDEO_PATH = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
_CHUNK = 1000


class LeRobotV21(LeRobotSource):
    """A dataset of LeRobot v2.0 or v2.1 (`data.series.EpisodeSource`).

    Args:
        root: Its folder, with ``meta/info.json`` and ``meta/episodes.jsonl``.
    """

    MAJOR = "v2"

    def __len__(self) -> int:
        return len(self._episodes)

    @property
    def _list(self) -> Path:
        return self._root / "meta" / "episodes.jsonl"

    @cached_property
    def _episodes(self) -> list[dict[str, Any]]:
        rows = read_json_lines(self._list)
        numbers = sorted(needed(row, "episode_index", int, self._list) for row in rows)
        announced = self.info.count("total_episodes", default=len(rows))
        if numbers != list(range(announced)):
            raise DatasetError(
                f"{self.info.path} announces {announced} episodes, {self._list.name} lists "
                f"{len(numbers)}."
            )
        return sorted(rows, key=lambda row: row["episode_index"])

    def _located(self, index: int) -> Located:
        row = self._episodes[index]
        values = {
            "episode_chunk": index // max(1, self.info.count("chunks_size", default=_CHUNK)),
            "episode_index": index,
        }
        videos = [one.key for one in self.info.features.values() if one.dtype == "video"]
        clips = {
            key: Clip(path=self.info.place("video_path", _VIDEO_PATH, video_key=key, **values))
            for key in videos
        }
        return Located(
            index=index,
            path=self.info.place("data_path", _DATA_PATH, **values),
            length=needed(row, "length", int, self._list),
            tasks=tuple(str(task) for task in needed(row, "tasks", list, self._list)),
            clips=clips,
        )
