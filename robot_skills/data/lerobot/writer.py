"""Rows into a LeRobot v3 dataset, through LeRobot's own API."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.priority import ordinary_priority
from robot_skills.data.lerobot.layout import (
    Layout,
    depth_key,
    rgb_key,
    stored_time_s,
    subtask_starts,
)
from robot_skills.data.lerobot.rows import Rows


class LeRobotWriter:
    """Writes one dataset, episode after episode.

    Args:
        root: Its folder, which must not exist.
        layout: Of all episodes.
        fps: Rows per second.
        robot_type: Name of the arm.
        codec: Of colour videos, as LeRobot calls it.
        crf: Quality of colour videos; lower is better and larger.
        depth_max_m: Farthest depth that is kept.
    """

    def __init__(
        self,
        root: Path,
        layout: Layout,
        *,
        fps: int,
        robot_type: str,
        codec: str,
        crf: int,
        depth_max_m: float,
    ) -> None:
        self._root, self._layout, self._fps = root, layout, fps
        self._starts: list[list[tuple[int, str]]] = []
        encoders = encoder_configs(layout, codec=codec, crf=crf, depth_max_m=depth_max_m)
        self._dataset = lerobot_dataset_class().create(
            repo_id=f"robot-skills/{root.stem}",
            fps=fps,
            features={key: dict(one) for key, one in layout.features.items()},
            root=root,
            robot_type=robot_type,
            use_videos=any(one["dtype"] == "video" for one in layout.features.values()),
            # Named, because looking for the other decoder fills the terminal with its errors.
            video_backend="pyav",
            image_writer_threads=2,
            **encoders,
        )

    def add_row(self, rows: Rows, index: int, pictures: Mapping[str, NDArray]) -> None:
        """Append one row to the episode that is being written.

        Args:
            rows: The episode.
            index: Of the row.
            pictures: By feature: (H, W, 3) uint8, or depth (H, W, 1) float32 [m].
        """
        frame: dict[str, Any] = {name: one.values[index] for name, one in rows.columns.items()}
        self._dataset.add_frame({**frame, **pictures, "task": rows.task})

    def end_episode(self, rows: Rows) -> None:
        """Write the rows that were added as one episode."""
        self._starts.append(subtask_starts(rows))
        with _encoders_muted(), ordinary_priority():
            self._dataset.save_episode(parallel_encoding=False)

    def finish(self) -> None:
        """Write what LeRobot keeps back, and the subtasks."""
        self.close()
        # What is left of the pictures that became videos are empty folders.
        if not any(path.is_file() for path in (self._root / "images").rglob("*")):
            shutil.rmtree(self._root / "images", ignore_errors=True)
        if any(self._starts):
            _write_subtasks(self._root, self._starts, self._fps)

    def close(self) -> None:
        """Write nothing more. Otherwise LeRobot does so whenever its object goes."""
        with ordinary_priority():
            self._dataset.finalize()


def lerobot_dataset_class() -> Any:
    """LeRobot's dataset class, offline and without progress bars of its own.

    Raises:
        MissingDependencyError: LeRobot is not installed.
    """
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        from datasets import disable_progress_bars
        from lerobot.datasets.lerobot_dataset import LeRobotDataset
    except ImportError as error:
        raise MissingDependencyError(
            f"LeRobot datasets need LeRobot, which does not work here: {error}. "
            "Install the extra `train`: pip install 'robot-skills[train]'."
        ) from None
    disable_progress_bars()
    return LeRobotDataset


def encoder_configs(layout: Layout, *, codec: str, crf: int, depth_max_m: float) -> dict[str, Any]:
    """LeRobot's settings of the video encoders."""
    from lerobot.configs.video import DepthEncoderConfig, RGBEncoderConfig

    sizes = [one["shape"] for one in layout.features.values() if one["dtype"] == "video"]
    # Half the colour resolution, as usual, needs an even number of pixels each way.
    even = all(shape[0] % 2 == 0 and shape[1] % 2 == 0 for shape in sizes)
    # AV1 has presets of its own, of which LeRobot chooses one.
    preset = None if "av1" in codec else "veryfast"
    return {
        "rgb_encoder": RGBEncoderConfig(
            vcodec=codec, crf=crf, preset=preset, pix_fmt="yuv420p" if even else "yuv444p"
        ),
        # Depth is kept without loss, so haste costs nothing but a larger file.
        "depth_encoder": DepthEncoderConfig(depth_max=depth_max_m, preset="ultrafast"),
    }


def pictures_of(layout: Layout, rows: Rows) -> Iterator[dict[str, NDArray]]:
    """The pictures of each row by feature, each decoded once."""
    names = tuple(dict.fromkeys((*layout.rgb, *layout.depth)))
    streams = [rows.cameras[name].pictures() for name in names]
    for _ in range(len(rows)):
        found: dict[str, NDArray] = {}
        for name, stream in zip(names, streams, strict=True):
            rgb, depth_m = next(stream)
            if name in layout.rgb and rgb is not None:
                found[rgb_key(name)] = rgb
            if name in layout.depth and depth_m is not None:
                found[depth_key(name)] = depth_m[..., None]
        yield found


@contextmanager
def _encoders_muted() -> Iterator[None]:
    """Keep what video encoders print on file descriptor 2 away from the terminal."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _write_subtasks(root: Path, starts: list[list[tuple[int, str]]], fps: int) -> None:
    """Fill LeRobot's language columns: one row per subtask, from the row it starts at."""
    from lerobot.annotations.steerable_pipeline.reader import iter_episodes
    from lerobot.annotations.steerable_pipeline.staging import EpisodeStaging
    from lerobot.annotations.steerable_pipeline.writer import LanguageColumnsWriter
    from lerobot.datasets.io_utils import load_info, write_info
    from lerobot.datasets.language import language_feature_info

    staging = root / "subtasks.staging"
    records = list(iter_episodes(root))
    for record in records:
        subtasks = [
            {
                "role": "assistant",
                "content": words,
                "style": "subtask",
                "timestamp": stored_time_s(row, fps),
            }
            for row, words in starts[record.episode_index]
        ]
        EpisodeStaging(staging, record.episode_index).write("plan", subtasks)
    LanguageColumnsWriter().write_all(records, staging, root)
    info = load_info(root)
    info.features = {**info.features, **language_feature_info()}
    write_info(info, root)
    shutil.rmtree(staging)
