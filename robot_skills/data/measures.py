"""What can be measured of a recorded episode: its motion, its timing, where it touched.

Smoothness follows Balasubramanian et al., "On the analysis of movement smoothness", J. NeuroEng.
Rehabil. 12:112, 2015:

========  ==========================================================================================
``v``     speed of the tool [m/s]; ``v_peak`` its highest
``T``     duration of the motion [s], from the first to the last time at which it moves
LDLJ      log dimensionless jerk, ``-ln(T^3 / v_peak^2 * integral |d^2 v/dt^2|^2 dt)``
SPARC     minus the arc length of the normalised spectrum of v up to the adaptive cut-off
========  ==========================================================================================

Both are dimensionless, and nearer to zero is smoother. A single minimum-jerk reach has LDLJ -5.3
and SPARC -1.4. Every stop and new start makes both larger in size, so compare like tasks.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mcap.reader import make_reader

from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array, rotation_angle
from robot_skills.data.episode_log import damage
from robot_skills.data.messages import scene_from_json
from robot_skills.data.series import ArmSeries, EpisodeData, NumberSeries

IDLE_M_S, IDLE_RAD_S, IDLE_PER_S = 0.005, 0.03, 0.05
"""Slower than all of these is idle: of the tool, of its rotation, of the opening."""
_SPARC_HZ = 10.0
_SPARC_AMPLITUDE = 0.05
_SPARC_PADDING = 4
_FEWEST = 8
"""Samples of a motion of which smoothness means something."""
_CLOSING = 0.5
"""Share of the range of the opening below which a gripper counts as closed."""
_LEAST_RANGE = 0.1


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ToolPath:
    """Where a tool was, at a steady rate.

    Attributes:
        period_s: Between samples.
        stamp_s: Times, (n,).
        p: Positions [m], (n, 3).
        turn_rad_s: Angular speeds, (n,); zeros where rotations are not known.
        opening: (n,); ones where it is not known.
    """

    period_s: float
    stamp_s: Array
    p: Array
    turn_rad_s: Array
    opening: Array

    @property
    def speed_m_s(self) -> Array:
        """(n,)."""
        return np.linalg.norm(_rate(self.p, self.period_s), axis=-1)


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionMeasures:
    """How a tool moved.

    Attributes:
        path_m: Length of its way.
        peak_m_s: Highest speed.
        idle_s: Time in which nothing moved.
        ldlj: Log dimensionless jerk; None for what hardly moves.
        sparc: Spectral arc length; None for what hardly moves.
    """

    path_m: float
    peak_m_s: float
    idle_s: float
    ldlj: float | None
    sparc: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class AlignmentMeasures:
    """Time between each row of an episode and the picture of a camera that is nearest to it.

    Rows are one control period apart, and the arm's state in a row is interpolated at its time, so
    this is by how much the picture and the state in a row are apart.

    Attributes:
        median_s: Of the absolute values.
        p95_s: 95th percentile.
        worst_s: Largest.
        bias_s: Mean; positive when pictures are later than rows.
    """

    median_s: float
    p95_s: float
    worst_s: float
    bias_s: float


def tool_paths(episode: EpisodeData) -> dict[str, ToolPath]:
    """Path of every tool, by arm.

    Datasets without arms have one, called ``tool``, where a vector names its numbers ``tool.x``,
    ``tool.y`` and ``tool.z``.
    """
    found = {
        name: path_of_arm(arm, episode.period_s)
        for name, arm in episode.arms.items()
        if len(arm.stamp_s) > 1
    }
    if found:
        return found
    wanted = ("tool.x", "tool.y", "tool.z")
    for series in episode.numbers.values():
        if set(wanted) <= set(series.names) and len(series.stamp_s) > 1:
            return {"tool": _path_of_numbers(series, wanted, episode.period_s)}
    return {}


def path_of_arm(arm: ArmSeries, period_s: float) -> ToolPath:
    """The path of an arm's tool, resampled to a steady rate."""
    at_s = _grid(arm.stamp_s, period_s)
    R = arm.T_base_tool[:, :3, :3]
    steps_s = np.maximum(np.diff(arm.stamp_s), 1e-6)
    turns = rotation_angle(np.swapaxes(R[:-1], -1, -2) @ R[1:]) / steps_s
    return ToolPath(
        period_s=period_s,
        stamp_s=at_s,
        p=_columns_at(arm.stamp_s, arm.T_base_tool[:, :3, 3], at_s),
        turn_rad_s=np.interp(at_s, arm.stamp_s[1:], turns),
        opening=np.interp(at_s, arm.stamp_s, arm.opening),
    )


def motion(path: ToolPath) -> MotionMeasures:
    """How a tool moved."""
    speed = path.speed_m_s
    closing = np.abs(_rate(path.opening[:, None], path.period_s)[:, 0])
    still = (speed < IDLE_M_S) & (path.turn_rad_s < IDLE_RAD_S) & (closing < IDLE_PER_S)
    moving = np.flatnonzero(speed >= IDLE_M_S)
    core = speed[moving[0] : moving[-1] + 1] if len(moving) else speed[:0]
    smooth = len(core) >= _FEWEST
    return MotionMeasures(
        path_m=float(np.linalg.norm(np.diff(path.p, axis=0), axis=-1).sum()),
        peak_m_s=float(speed.max(initial=0.0)),
        idle_s=float(still.sum() * path.period_s),
        ldlj=log_dimensionless_jerk(core, path.period_s) if smooth else None,
        sparc=spectral_arc_length(core, path.period_s) if smooth else None,
    )


def log_dimensionless_jerk(speed: Array, period_s: float) -> float:
    """LDLJ of a speed profile (n,), n >= 3, that moves; see the top of this file."""
    jerk = np.diff(speed, n=2) / period_s**2
    duration_s = (len(speed) - 1) * period_s
    scale = duration_s**3 / float(speed.max()) ** 2
    return float(-np.log(max(scale * float(np.sum(jerk**2)) * period_s, 1e-12)))


def spectral_arc_length(speed: Array, period_s: float) -> float:
    """SPARC of a speed profile (n,) that moves; see the top of this file."""
    count = 2 ** int(np.ceil(np.log2(len(speed))) + _SPARC_PADDING)
    hz = np.arange(count // 2) / (count * period_s)
    spectrum = np.abs(np.fft.rfft(speed, count))[: count // 2]
    spectrum = spectrum / spectrum.max()
    inside = hz <= _SPARC_HZ
    hz, spectrum = hz[inside], spectrum[inside]
    # The cut-off adapts: beyond it nothing is louder than the threshold.
    last = int(np.flatnonzero(spectrum >= _SPARC_AMPLITUDE)[-1])
    hz, spectrum = hz[: last + 1], spectrum[: last + 1]
    if len(hz) < 2:
        return 0.0
    steps = np.diff(hz) / (hz[-1] - hz[0])
    return float(-np.sum(np.hypot(steps, np.diff(spectrum))))


def first_grasp(path: ToolPath) -> Array | None:
    """Where the tool was when the gripper first closed on something, (3,); None if it never did.

    That is the first time at which the opening, having been above half of its range in the
    episode, is below it.
    """
    low, high = float(path.opening.min()), float(path.opening.max())
    if high - low < _LEAST_RANGE:
        return None
    closed = path.opening < low + _CLOSING * (high - low)
    fallen = np.flatnonzero(closed[1:] & ~closed[:-1])
    return path.p[fallen[0] + 1] if len(fallen) else None


def shape_of(path: ToolPath, count: int) -> Array:
    """The path's positions at `count` times that are equally far apart, (count, 3)."""
    at_s = np.linspace(path.stamp_s[0], path.stamp_s[-1], count)
    return _columns_at(path.stamp_s, path.p, at_s)


def alignment(episode: EpisodeData, camera: str) -> AlignmentMeasures | None:
    """How far pictures are from rows; None for a camera without pictures."""
    stamp_s = episode.cameras[camera].stamp_s
    count = max(int(episode.duration_s / episode.period_s), 1)
    if not len(stamp_s):
        return None
    rows_s = episode.start_s + np.arange(count) * episode.period_s
    after = np.searchsorted(stamp_s, rows_s).clip(0, len(stamp_s) - 1)
    before = np.maximum(after - 1, 0)
    later = np.abs(stamp_s[after] - rows_s) < np.abs(stamp_s[before] - rows_s)
    off_s = np.where(later, stamp_s[after], stamp_s[before]) - rows_s
    size_s = np.abs(off_s)
    return AlignmentMeasures(
        median_s=float(np.median(size_s)),
        p95_s=float(np.quantile(size_s, 0.95)),
        worst_s=float(size_s.max()),
        bias_s=float(off_s.mean()),
    )


def first_scene(log: Path) -> Scene | None:
    """The first scene in the log of an episode; None where none was recorded.

    Raises:
        DatasetError: The log is missing or damaged.
    """
    with damage(log), log.open("rb") as stream:
        for _, _, message in make_reader(stream).iter_messages(["/scene"]):
            return scene_from_json(json.loads(message.data))
    return None


def outliers(values: Sequence[float | None], *, limit: float = 3.5) -> list[float]:
    """Modified z-scores: how many times as far from the median as usual; 0 where inside `limit`.

    After Iglewicz and Hoaglin, "How to detect and handle outliers", 1993; fewer than five values
    have no outliers.
    """
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if len(known) < 5:
        return [0.0] * len(values)
    middle = float(np.median(known))
    usual = float(np.median(np.abs(known - middle)))
    # Where most values are equal, a small part of them stands in for what is usual.
    usual = max(usual, 0.01 * abs(middle), 1e-9)
    scores = [0.0 if v is None else 0.6745 * (v - middle) / usual for v in values]
    return [score if abs(score) > limit else 0.0 for score in scores]


def _path_of_numbers(series: NumberSeries, names: Sequence[str], period_s: float) -> ToolPath:
    at_s = _grid(series.stamp_s, period_s)
    columns = [series.names.index(name) for name in names]
    opening = np.ones(len(at_s))
    if "tool.opening" in series.names:
        column = series.values[:, series.names.index("tool.opening")]
        opening = np.interp(at_s, series.stamp_s, column)
    return ToolPath(
        period_s=period_s,
        stamp_s=at_s,
        p=_columns_at(series.stamp_s, series.values[:, columns], at_s),
        turn_rad_s=np.zeros(len(at_s)),
        opening=opening,
    )


def _grid(stamp_s: Array, period_s: float) -> Array:
    count = max(round((float(stamp_s[-1]) - float(stamp_s[0])) / period_s), 1)
    return stamp_s[0] + np.arange(count + 1) * period_s


def _columns_at(stamp_s: Array, values: Array, at_s: Array) -> Array:
    return np.stack([np.interp(at_s, stamp_s, column) for column in values.T], axis=-1)


def _rate(values: Array, period_s: float) -> Array:
    if len(values) < 2:
        return np.zeros_like(values)
    return np.gradient(values, period_s, axis=0)
