"""Episodes to a LeRobot v3 dataset that appears whole and checked, or not at all.

LeRobot writes the footers of its files at the very end, so that an interrupted export cannot be
continued; the next one begins anew.
"""

import math
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import overload

import numpy as np
from tqdm import tqdm

from robot_skills.core.errors import DatasetError, StorageError
from robot_skills.data.lerobot.compare import Comparison
from robot_skills.data.lerobot.content import ContentHash
from robot_skills.data.lerobot.layout import Layout, OpticsBook, layout_of
from robot_skills.data.lerobot.rows import Rows, Told, align
from robot_skills.data.lerobot.writer import LeRobotWriter, pictures_of
from robot_skills.data.series import EpisodeData, EpisodeSource

_ROUNDING = 0.52
"""Steps between depth codes that rounding may cost, with a little for the log of float32."""


class Codec(Enum):
    """How colour videos are encoded; the values are LeRobot's names."""

    H264 = "h264"
    HEVC = "hevc"
    AV1 = "libsvtav1"


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportConfig:
    """How episodes become a dataset.

    Attributes:
        action: Which command to an arm is the action.
        trim_s: Begin and end of what is wanted of each episode, from its start; None is its end.
        also: Recorded vectors to keep besides those that LeRobot knows.
        depth: Whether depth is written. LeRobot's own policies take every camera of a dataset for
            colour and fail on depth, unless they are told their inputs.
        subtasks: Whether subtasks are written. LeRobot 0.6.1 shows no dataset with language columns
            in ``lerobot-dataset-viz``; it trains on them.
        video: Pictures as video; otherwise each by itself, without loss.
        codec: Of colour videos. H.264 decodes several times as fast as LeRobot's default AV1.
        crf: Quality of colour videos, lower is better; 18 is hardly to be told from the original.
        psnr_db: Mean peak signal-to-noise ratio that every camera has to keep [dB].
        depth_max_m: Farthest depth that is kept.
    """

    action: Told = Told.SENT
    trim_s: tuple[float, float | None] = (0.0, None)
    also: tuple[str, ...] = ()
    depth: bool = True
    subtasks: bool = True
    video: bool = True
    codec: Codec = Codec.H264
    crf: int = 18
    psnr_db: float = 30.0
    depth_max_m: float = 10.0

    def __post_init__(self) -> None:
        if not 0 <= self.crf <= 51:
            raise ValueError(f"crf is between 0 and 51, got {self.crf}.")
        if not 0.02 <= self.depth_max_m < math.inf:
            raise ValueError(f"depth_max_m is at least 0.02, got {self.depth_max_m}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraReport:
    """What the export cost a camera.

    Attributes:
        worst_offset_s: Longest time between a row and the picture in it.
        psnr_mean_db: Of its colour pictures; None without colour.
        psnr_min_db: Of the worst of them.
        depth_error_m: Worst error of depth that can be kept; None without depth.
        depth_beyond: Pixels nearer or farther than what is kept.
    """

    worst_offset_s: float
    psnr_mean_db: float | None
    psnr_min_db: float | None
    depth_error_m: float | None
    depth_beyond: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ExportReport:
    """What was written.

    Attributes:
        root: The dataset.
        episodes: How many.
        frames: Rows in all of them.
        fps: Rows per second.
        content_sha256: Equal for equal episodes, whatever the codec.
        cameras: By name.
        left_out: Recorded vectors that were not written.
        notes: What else could not be kept, in words.
    """

    root: Path
    episodes: int
    frames: int
    fps: int
    content_sha256: str
    cameras: Mapping[str, CameraReport] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class SourceEpisodes(Sequence[EpisodeData]):
    """Episodes of a source, read when asked for.

    Args:
        source: Where they are.
        indices: Which; all of them by default.
    """

    def __init__(self, source: EpisodeSource, indices: Iterable[int] | None = None) -> None:
        self._source = source
        self._indices = tuple(range(len(source)) if indices is None else indices)

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> EpisodeData: ...

    @overload
    def __getitem__(self, index: slice) -> "SourceEpisodes": ...

    def __getitem__(self, index: int | slice) -> "EpisodeData | SourceEpisodes":
        if isinstance(index, slice):
            return SourceEpisodes(self._source, self._indices[index])
        return self._source.episode(self._indices[index])


def export_lerobot(
    episodes: Sequence[EpisodeData],
    root: Path,
    *,
    fps: int,
    robot_type: str,
    config: ExportConfig | None = None,
    progress: bool = True,
) -> ExportReport:
    """Write episodes as a LeRobot v3 dataset, which gets its name once it came back unchanged.

    Args:
        episodes: Each is read twice: to write it, and to compare with it what was written. One
            after the other is in memory, so a lazy sequence such as `SourceEpisodes` is welcome.
        root: Dataset folder, which must not exist.
        fps: Rows per second.
        robot_type: Name of the arm, for LeRobot.
        config: How.
        progress: Whether to draw a progress bar on stderr.

    Raises:
        DatasetError: The folder exists, an episode cannot be read or does not fit in with the
            others, or what came back is not what was written; nothing is left in its place.
        StorageError: The disk does not take it.
    """
    if fps != int(fps) or fps < 1:
        raise DatasetError(f"LeRobot needs a whole number of rows per second, got {fps}.")
    if root.exists():
        raise DatasetError(f"Dataset folder {root} exists already; choose another.")
    if not len(episodes):
        raise DatasetError("There is not one episode to export.")
    job = _Export(
        episodes=episodes,
        root=root,
        partial=root.with_name(f"{root.name}.writing"),
        fps=int(fps),
        robot_type=robot_type,
        config=config or ExportConfig(),
        progress=progress,
    )
    try:
        report = job.run()
        _force_to_disk(job.partial)
        job.partial.replace(root)
    except OSError as error:
        raise StorageError(f"{root} cannot be written: {error}") from error
    finally:
        shutil.rmtree(job.partial, ignore_errors=True)
    return report


@dataclass(frozen=True, kw_only=True, slots=True)
class _Export:
    """One export, in two passes over the episodes."""

    episodes: Sequence[EpisodeData]
    root: Path
    partial: Path
    fps: int
    robot_type: str
    config: ExportConfig
    progress: bool

    def run(self) -> ExportReport:
        shutil.rmtree(self.partial, ignore_errors=True)
        self.partial.parent.mkdir(parents=True, exist_ok=True)
        layout, written = self._write()
        comparison = self._compare(layout, written)
        return ExportReport(
            root=self.root,
            episodes=len(self.episodes),
            frames=written.frames,
            fps=self.fps,
            content_sha256=written.content.sha256,
            cameras=self._cameras(comparison, written),
            left_out=tuple(sorted(written.left_out)),
            notes=tuple(dict.fromkeys(written.optics.notes)),
        )

    def _write(self) -> tuple[Layout, "_Written"]:
        done = _Written()
        writer: LeRobotWriter | None = None
        layout: Layout | None = None
        try:
            with closing(self._bar("writing LeRobot v3")) as bar:
                for number, rows in enumerate(self._rows()):
                    mine = layout_of(rows, depth=self.config.depth, video=self.config.video)
                    layout = layout or mine
                    layout.check(mine, f"Episode {number}")
                    writer = writer or self._writer(layout)
                    self._write_episode(writer, layout, rows, done, bar)
            assert layout is not None
            assert writer is not None
            writer.finish()
        finally:
            if writer is not None:
                writer.close()
        done.optics.write(self.partial)
        return layout, done

    def _write_episode(
        self, writer: LeRobotWriter, layout: Layout, rows: Rows, done: "_Written", bar: tqdm
    ) -> None:
        done.add(rows)
        for index, pictures in enumerate(pictures_of(layout, rows)):
            writer.add_row(rows, index, pictures)
            done.content.pictures(pictures)
            bar.update()
        writer.end_episode(rows)

    def _compare(self, layout: Layout, written: "_Written") -> Comparison:
        comparison = Comparison(
            self.partial,
            layout,
            repo_id=f"robot-skills/{self.root.name}",
            depth_max_m=self.config.depth_max_m,
            video=self.config.video,
        )
        again = ContentHash()
        with closing(self._bar("comparing", written.frames)) as bar:
            for number, rows in enumerate(self._rows()):
                again.rows(rows)
                found = comparison.episode(number, rows)
                for was, is_now in zip(pictures_of(layout, rows), found, strict=True):
                    again.pictures(was)
                    comparison.row(was, is_now)
                    bar.update()
        comparison.whole(len(self.episodes))
        if again.sha256 != written.content.sha256:
            raise DatasetError("The episodes changed while they were exported.")
        return comparison

    def _cameras(self, comparison: Comparison, written: "_Written") -> dict[str, CameraReport]:
        found = {}
        for name, errors in comparison.errors.items():
            mean_db = float(np.mean(errors.psnr_db)) if errors.psnr_db else None
            if mean_db is not None and mean_db < self.config.psnr_db:
                raise DatasetError(
                    f"Pictures of {name} came back with {mean_db:.1f} dB on average, "
                    f"{self.config.psnr_db:.1f} are wanted. Choose a crf below {self.config.crf}, "
                    "or pictures without video."
                )
            if errors.depth_steps > _ROUNDING and self.config.video:
                raise DatasetError(
                    f"Depth of {name} came back off by {errors.depth_steps:.1f} codes, "
                    f"{errors.depth_m:.4f} m."
                )
            found[name] = CameraReport(
                worst_offset_s=written.worst_offset_s[name],
                psnr_mean_db=mean_db,
                psnr_min_db=min(errors.psnr_db, default=None),
                depth_error_m=errors.depth_m if name in comparison.depth else None,
                depth_beyond=errors.beyond,
            )
        return found

    def _rows(self) -> Iterator[Rows]:
        for number in range(len(self.episodes)):
            rows = align(
                self.episodes[number],
                self.fps,
                action=self.config.action,
                trim_s=self.config.trim_s,
                also=self.config.also,
            )
            yield rows if self.config.subtasks else replace(rows, subtasks=())

    def _writer(self, layout: Layout) -> LeRobotWriter:
        return LeRobotWriter(
            self.partial,
            layout,
            fps=self.fps,
            robot_type=self.robot_type,
            codec=self.config.codec.value,
            crf=self.config.crf,
            depth_max_m=self.config.depth_max_m,
        )

    def _bar(self, words: str, total: int | None = None) -> tqdm:
        return tqdm(desc=words, total=total, unit="frame", disable=not self.progress)


@dataclass(slots=True)
class _Written:
    """What the first pass learnt."""

    frames: int = 0
    content: ContentHash = field(default_factory=ContentHash)
    optics: OpticsBook = field(default_factory=OpticsBook)
    worst_offset_s: dict[str, float] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    def add(self, rows: Rows) -> None:
        self.frames += len(rows)
        self.content.rows(rows)
        self.left_out |= set(rows.left_out)
        for name, camera in rows.cameras.items():
            self.optics.add(name, camera.series.K, camera.T_base_camera)
            before_s = self.worst_offset_s.get(name, 0.0)
            self.worst_offset_s[name] = max(before_s, camera.worst_offset_s)


def _force_to_disk(root: Path) -> None:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
