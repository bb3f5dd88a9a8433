"""An episode as rows on a fixed grid of times, as most learning code wants it.

Columns of an episode with arms:

===========================  ======================================================================
``observation.state``        tool pose and opening in the order of `ACTION_NAMES`, then joints [rad]
``action``                   where the arm was told to be one period later, `ACTION_NAMES`
``action.requested``         what was asked for before the safety gate, where that is known
===========================  ======================================================================

A recorded vector of the same name is taken in place of these; the arm's own then are
``observation.arm`` and ``action.arm``. With several arms, names begin with the arm's. Every episode
has ``next.success``, ``done``, ``label_valid`` and, per camera, ``capture_ns.<camera>``: when the
picture in the row was taken, counted from the first row.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.annotation import Outcome, Subtask
from robot_skills.core.errors import DatasetError, unknown_name
from robot_skills.core.policy import ACTION_NAMES, pose_to_vector
from robot_skills.core.se3 import Array
from robot_skills.data.foreign.interpolation import held, nearest, numbers_at, poses_at
from robot_skills.data.series import (
    ActionSeries,
    ArmSeries,
    CameraSeries,
    EpisodeData,
    NumberSeries,
)

STATE, ARM_STATE = "observation.state", "observation.arm"
ACTION, ARM_ACTION, REQUESTED = "action", "action.arm", "action.requested"
SUCCESS, DONE, LABEL_VALID = "next.success", "done", "label_valid"
CAPTURE_NS = "capture_ns."

_DONE_S = 0.2
"""How long before its end a successful episode counts as finished."""
_TRUTHS = (SUCCESS, "next.done", "next.truncated")
_EXACT_IN_FLOAT32 = 2.0**24
_SLACK = 1e-6


class Told(Enum):
    """Which of the commands to an arm is the action."""

    SENT = "sent"
    REQUESTED = "requested"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Column:
    """One vector per row.

    Attributes:
        names: Of its k numbers.
        values: (n, k), float32, int64 or bool.
    """

    names: tuple[str, ...]
    values: NDArray

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != len(self.names):
            raise ValueError(f"{len(self.names)} names for values {self.values.shape}.")
        if self.values.dtype not in (np.float32, np.int64, np.bool_):
            raise ValueError(f"A column is float32, int64 or bool, got {self.values.dtype}.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RowCamera:
    """Which picture of a camera each row shows.

    Attributes:
        series: Its pictures.
        index: Of the picture in each row, (n,), never decreasing.
        offset_s: When it was taken, counted from the time of the row, (n,).
    """

    series: CameraSeries
    index: NDArray[np.int64]
    offset_s: Array

    @property
    def worst_offset_s(self) -> float:
        """Time between a row and its picture, the longest."""
        return float(np.abs(self.offset_s).max())

    @property
    def T_base_camera(self) -> Array | None:
        """Its pose (4, 4); None where it moves or nobody knows."""
        T = self.series.T_base_camera
        if T is None or not np.allclose(T, T[:1], atol=1e-6):
            return None
        return T[0]

    def pictures(
        self,
    ) -> Iterator[tuple[NDArray[np.uint8] | None, NDArray[np.float32] | None]]:
        """Colour and depth of every row, each picture decoded once."""
        wanted = 0
        for number, picture in enumerate(self.series.pictures.in_order()):
            while wanted < len(self.index) and self.index[wanted] == number:
                yield picture
                wanted += 1
            if wanted == len(self.index):
                return
        raise DatasetError(
            f"A camera has fewer pictures than its {len(self.series.stamp_s)} times."
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rows:
    """An episode on a fixed grid: row i is at ``i / fps`` seconds from its first row.

    Attributes:
        fps: Rows per second.
        task: In words.
        columns: By name, n rows each.
        cameras: By name, n rows each.
        subtasks: Seconds from the first row.
        outcome: How it ended.
        left_out: Recorded vectors that are in no column.
        origin: Where it comes from, in words.
    """

    fps: float
    task: str
    columns: Mapping[str, Column]
    cameras: Mapping[str, RowCamera]
    subtasks: tuple[Subtask, ...] = ()
    outcome: Outcome = Outcome.UNKNOWN
    left_out: tuple[str, ...] = ()
    origin: str = ""

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())).values)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Grid:
    """Times of the rows, (n,), on the episode's clock, and their period."""

    time_s: Array
    period_s: float
    end_s: float = field(default=0.0)


def align(
    episode: EpisodeData,
    fps: float,
    *,
    action: Told = Told.SENT,
    trim_s: tuple[float, float | None] = (0.0, None),
    also: Sequence[str] = (),
) -> Rows:
    """Put an episode on a fixed grid of times that begins with it.

    A row shows the picture that was taken nearest to its time, the arm and other numbers
    interpolated at its time (rotations along geodesics; whole numbers and actions are those in
    force), and as its action where the arm was told to be one period later. Before the first
    command an arm was told nothing: the action is where it was. Rows at either end that no picture
    is near are left out: the last pictures of a late camera arrive after the end.

    Args:
        episode: As recorded.
        fps: Rows per second.
        action: Which command is the action.
        trim_s: Begin and end of the part that is wanted, from the episode's start; None is its end.
        also: Recorded vectors to keep besides those of the names that LeRobot knows
            (``observation.*``, ``action*``, ``next.*``, ``done``, ``label_valid``).

    Raises:
        DatasetError: There is nothing to put there, or a camera has no picture.
        UnknownNameError: `also` names a vector that was not recorded.
    """
    grid = _covered(_grid(episode, fps, trim_s), episode)
    for name in also:
        if name not in episode.numbers:
            raise unknown_name("recorded vector", name, episode.numbers)
    kept = {name: one for name, one in episode.numbers.items() if _is_known(name) or name in also}
    columns = {name: _column(name, one, grid) for name, one in kept.items()}
    for name, column in _arm_columns(episode, grid, action).items():
        renamed = {STATE: ARM_STATE, ACTION: ARM_ACTION}.get(name, name)
        columns[renamed if name in columns else name] = column
    if not columns:
        raise DatasetError(
            f"{episode.origin or 'The episode'} has neither arms nor vectors to export. "
            f"Its vectors: {', '.join(episode.numbers) or 'none'}."
        )
    cameras = {name: _row_camera(name, one, grid) for name, one in episode.cameras.items()}
    columns = _marks(episode, grid) | columns | _captured(cameras, grid)
    order = sorted(columns, key=lambda name: (name not in (STATE, ACTION), name))
    return Rows(
        fps=fps,
        task=episode.task,
        columns={name: columns[name] for name in order},
        cameras=cameras,
        subtasks=_subtasks(episode, grid),
        outcome=episode.outcome,
        left_out=tuple(sorted(set(episode.numbers) - set(kept))),
        origin=episode.origin,
    )


def _grid(episode: EpisodeData, fps: float, trim_s: tuple[float, float | None]) -> _Grid:
    if not (math.isfinite(fps) and fps > 0.0):
        raise DatasetError(f"Rows per second need to be above 0, got {fps}.")
    first_s = max(0.0, trim_s[0])
    last_s = episode.duration_s if trim_s[1] is None else min(trim_s[1], episode.duration_s)
    if last_s < first_s:
        raise DatasetError(
            f"Nothing is left of {episode.origin or 'an episode'} of {episode.duration_s:.2f} s "
            f"between {first_s:.2f} and {last_s:.2f} s."
        )
    count = max(1, math.ceil((last_s - first_s) * fps - _SLACK))
    start_s = episode.start_s + first_s
    return _Grid(
        time_s=start_s + np.arange(count) / fps,
        period_s=1.0 / fps,
        end_s=start_s + last_s - first_s,
    )


def _covered(grid: _Grid, episode: EpisodeData) -> _Grid:
    """The rows from the first to the last for which every camera has a picture.

    Raises:
        DatasetError: There is none.
    """
    time_s = grid.time_s
    for name, camera in episode.cameras.items():
        if not len(camera.stamp_s):
            raise DatasetError(f"Camera {name} has no pictures.")
        reach_s = 0.5 * max(grid.period_s, _period_s(camera)) + _SLACK
        seen = (time_s >= camera.stamp_s.min() - reach_s) & (
            time_s <= camera.stamp_s.max() + reach_s
        )
        time_s = time_s[seen]
    if not len(time_s):
        raise DatasetError(
            f"{episode.origin or 'The episode'} has no moment that all its cameras saw."
        )
    if len(time_s) == len(grid.time_s):
        return grid
    end_s = min(grid.end_s, float(time_s[-1]) + grid.period_s)
    return _Grid(time_s=time_s, period_s=grid.period_s, end_s=end_s)


def _period_s(camera: CameraSeries) -> float:
    """Usual time between two pictures."""
    return float(np.median(np.diff(camera.stamp_s))) if len(camera.stamp_s) > 1 else 0.0


# Vectors


def _is_known(name: str) -> bool:
    prefixes = ("observation.", ACTION + ".", "next.")
    return name.startswith(prefixes) or name in (ACTION, DONE, LABEL_VALID)


def _column(name: str, series: NumberSeries, grid: _Grid) -> Column:
    if not len(series.stamp_s):
        raise DatasetError(f"The recorded vector {name} has no samples.")
    whole = bool((series.values == np.rint(series.values)).all())
    if whole or name.startswith(ACTION):
        values = series.values[held(series.stamp_s, grid.time_s)]
    else:
        values = numbers_at(series.stamp_s, series.values, grid.time_s)
    if name in _TRUTHS:
        return Column(names=series.names, values=values != 0.0)
    if whole and np.abs(values).max(initial=0.0) > _EXACT_IN_FLOAT32:
        return Column(names=series.names, values=values.astype(np.int64))
    return Column(names=series.names, values=values.astype(np.float32))


def _marks(episode: EpisodeData, grid: _Grid) -> dict[str, Column]:
    """What a trainer wants to know about each row."""
    succeeded = episode.outcome is Outcome.SUCCESS
    count = len(grid.time_s)
    last = np.arange(count) == count - 1
    finished = last | (grid.time_s >= grid.end_s - _DONE_S - _SLACK)
    return {
        SUCCESS: Column(names=(SUCCESS,), values=(last & succeeded)[:, None]),
        DONE: Column(names=(DONE,), values=(finished & succeeded)[:, None].astype(np.float32)),
        LABEL_VALID: Column(names=(LABEL_VALID,), values=np.ones((count, 1), dtype=np.float32)),
    }


# Arms


def _arm_columns(episode: EpisodeData, grid: _Grid, action: Told) -> dict[str, Column]:
    """State and action of all arms side by side."""
    arms = {name: arm for name, arm in episode.arms.items() if len(arm.stamp_s)}
    if len(arms) < len(episode.arms):
        silent = sorted(set(episode.arms) - set(arms))
        raise DatasetError(f"{episode.origin or 'An episode'}: no state of {', '.join(silent)}.")
    if not arms:
        return {}
    found = {STATE: _joined({name: _state(arm, grid) for name, arm in arms.items()})}
    told = episode.sent if action is Told.SENT else episode.requested
    if set(told) >= set(arms):
        found[ACTION] = _joined({name: _told(arms[name], told[name], grid) for name in arms})
    if action is Told.SENT and set(episode.requested) >= set(arms):
        asked = {name: _told(arms[name], episode.requested[name], grid) for name in arms}
        found[REQUESTED] = _joined(asked)
    return found


def _joined(columns: Mapping[str, Column]) -> Column:
    if len(columns) == 1:
        return next(iter(columns.values()))
    names = tuple(f"{arm}.{name}" for arm, one in columns.items() for name in one.names)
    values = np.concatenate([one.values for one in columns.values()], axis=1)
    return Column(names=names, values=values)


def _state(arm: ArmSeries, grid: _Grid) -> Column:
    T_base_tool = poses_at(arm.stamp_s, arm.T_base_tool, grid.time_s)
    opening = numbers_at(arm.stamp_s, arm.opening, grid.time_s)
    q_rad = numbers_at(arm.stamp_s, arm.q_rad, grid.time_s)
    joints = tuple(f"joint{i + 1}.pos" for i in range(q_rad.shape[1]))
    values = np.concatenate([pose_to_vector(T_base_tool), opening[:, None], q_rad], axis=1)
    return Column(names=(*ACTION_NAMES, *joints), values=values.astype(np.float32))


def _told(arm: ArmSeries, told: ActionSeries, grid: _Grid) -> Column:
    """Where an arm was told to be one period after each row."""
    time_s = grid.time_s + grid.period_s
    T = poses_at(arm.stamp_s, arm.T_base_tool, time_s)
    opening = numbers_at(arm.stamp_s, arm.opening, time_s)
    if len(told.stamp_s):
        begun = time_s >= told.stamp_s[0] - _SLACK
        T = np.where(begun[:, None, None], poses_at(told.stamp_s, told.T_base_tool, time_s), T)
        opening = np.where(begun, numbers_at(told.stamp_s, told.opening, time_s), opening)
    values = np.concatenate([pose_to_vector(T), opening[:, None]], axis=1)
    return Column(names=ACTION_NAMES, values=values.astype(np.float32))


# Cameras and subtasks


def _row_camera(name: str, series: CameraSeries, grid: _Grid) -> RowCamera:
    if (np.diff(series.stamp_s) < 0.0).any():
        raise DatasetError(f"The pictures of camera {name} are not in the order of their times.")
    index = nearest(series.stamp_s, grid.time_s)
    offset_s = series.stamp_s[index] - grid.time_s
    return RowCamera(series=series, index=index.astype(np.int64), offset_s=offset_s)


def _captured(cameras: Mapping[str, RowCamera], grid: _Grid) -> dict[str, Column]:
    found = {}
    for name, camera in cameras.items():
        since_s = camera.series.stamp_s[camera.index] - grid.time_s[0]
        values = np.rint(since_s * 1e9).astype(np.int64)[:, None]
        found[CAPTURE_NS + name] = Column(names=(CAPTURE_NS + name,), values=values)
    return found


def _subtasks(episode: EpisodeData, grid: _Grid) -> tuple[Subtask, ...]:
    """Those that happen in the rows, from the first row on."""
    first_s = float(grid.time_s[0]) - episode.start_s
    length_s = grid.end_s - float(grid.time_s[0])
    return tuple(
        Subtask(
            start_s=max(0.0, one.start_s - first_s),
            end_s=min(length_s, one.end_s - first_s),
            words=one.words,
        )
        for one in episode.subtasks
        if one.end_s > first_s and one.start_s - first_s < length_s
    )
