"""Recorded series that latencies are found from, and whether they can be used."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from calibration.errors import CalibrationRefused, Cause
from robot_skills.core.se3 import Array, so3_log

EARLIEST_S, LATEST_S = -0.2, 0.8
"""Delays that are looked for."""
M_PER_RAD = 0.25
"""A turn by a radian counts as much as going so far."""
_LEAST_S = 6.0
_LEAST_SAMPLES = 60
_GAPS = 8.0
"""Longest pause between two samples, in usual ones."""
_SHORTEST_GAP_S = 0.5


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Series:
    """Numbers over time.

    Attributes:
        name: In words, for messages.
        stamp_s: Increasing times, (n,).
        values: (n, k).
    """

    name: str
    stamp_s: Array
    values: Array

    @property
    def period_s(self) -> float:
        """Usual time between two samples."""
        return float(np.median(np.diff(self.stamp_s)))

    def between(self, start_s: float, end_s: float) -> "Series":
        """The samples between two times."""
        inside = (self.stamp_s >= start_s) & (self.stamp_s <= end_s)
        return Series(name=self.name, stamp_s=self.stamp_s[inside], values=self.values[inside])

    def channels(self, chosen: NDArray[np.bool_]) -> "Series":
        """Some of the numbers, by a mask (k,)."""
        return Series(name=self.name, stamp_s=self.stamp_s, values=self.values[:, chosen])

    def spline(self) -> CubicSpline:
        """Smooth through the samples; held at neither end, so stay inside."""
        return CubicSpline(self.stamp_s, self.values, axis=0)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ToolSeries:
    """Where a tool was, or was told to be.

    Attributes:
        stamp_s: (n,).
        T_base_tool: (n, 4, 4).
        opening: Of the gripper, (n,).
    """

    stamp_s: Array
    T_base_tool: Array
    opening: Array

    def motion(self, name: str, middle: Array) -> Series:
        """Place [m] and turn [m], relative to a pose (4, 4): six numbers."""
        R = middle[:3, :3]
        p = (self.T_base_tool[:, :3, 3] - middle[:3, 3]) @ R
        turn = so3_log(np.swapaxes(R[None], -1, -2) @ self.T_base_tool[:, :3, :3])
        return Series(
            name=name, stamp_s=self.stamp_s, values=np.concatenate([p, M_PER_RAD * turn], axis=-1)
        )

    def gripper(self, name: str) -> Series:
        """The opening: one number."""
        return Series(name=name, stamp_s=self.stamp_s, values=self.opening[:, None])


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PictureSeries:
    """What a camera saw.

    Attributes:
        stamp_s: When, as the camera's driver says, (n,).
        grey: Small grey pictures, (n, H, W).
    """

    stamp_s: Array
    grey: NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ClockSeries:
    """What a camera saw of a clock that shows the project's time.

    Attributes:
        stamp_s: Of the picture, as the camera's driver says, (n,).
        shown_s: Time that the clock shows in it, (n,).
        period_s: Time between two changes of what is shown; 0 for a clock without steps.
    """

    stamp_s: Array
    shown_s: Array
    period_s: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LatencyRecording:
    """An arm that moved, as it was recorded.

    Attributes:
        told: Where it was told to be, by when it should have been there.
        measured: Where it was, by what the states say when that was.
        cameras: What was seen, by camera.
        clocks: What was seen of a clock, by camera.
        step_s: Time between two control steps of the robot; 0 where it is not known.
    """

    told: ToolSeries
    measured: ToolSeries
    cameras: Mapping[str, PictureSeries] = field(default_factory=dict)
    clocks: Mapping[str, ClockSeries] = field(default_factory=dict)
    step_s: float = 0.0


def checked(series: Series) -> Series:
    """A series that something can be found from.

    Raises:
        CalibrationRefused: It is too short, not finite, or its clock jumps.
    """
    stamp_s = series.stamp_s
    if len(stamp_s) < _LEAST_SAMPLES or stamp_s[-1] - stamp_s[0] < _LEAST_S:
        lasts_s = float(stamp_s[-1] - stamp_s[0]) if len(stamp_s) else 0.0
        raise CalibrationRefused(
            Cause.TOO_SHORT,
            f"{series.name}: {len(stamp_s)} samples in {lasts_s:.1f} s are too few; "
            f"{_LEAST_SAMPLES} in {_LEAST_S:g} s are needed: record for longer.",
        )
    if not (np.isfinite(stamp_s).all() and np.isfinite(series.values).all()):
        raise CalibrationRefused(
            Cause.DAMAGED, f"{series.name}: not all that was recorded are finite numbers."
        )
    steps_s = np.diff(stamp_s)
    worst = int(np.argmin(steps_s)) if steps_s.min() <= 0.0 else int(np.argmax(steps_s))
    longest_s = max(_GAPS * float(np.median(steps_s)), _SHORTEST_GAP_S)
    if steps_s.min() <= 0.0 or steps_s.max() > longest_s:
        raise CalibrationRefused(
            Cause.CLOCK_JUMP,
            f"{series.name}: its clock jumps by {steps_s[worst]:.3f} s at "
            f"{stamp_s[worst] - stamp_s[0]:.1f} s: record again, without pauses.",
        )
    return series


def common(told: Series, seen: Series, most_s: float) -> tuple[Series, Series]:
    """Two series cut to the time that they share.

    Args:
        told: The one that comes first.
        seen: The one that follows.
        most_s: By which it may be late.

    Raises:
        CalibrationRefused: They share too little.
    """
    start_s = max(told.stamp_s[0], seen.stamp_s[0])
    end_s = min(told.stamp_s[-1] + most_s, seen.stamp_s[-1])
    if end_s - start_s < _LEAST_S:
        raise CalibrationRefused(
            Cause.NO_OVERLAP,
            f"{told.name} ({told.stamp_s[0]:.1f} to {told.stamp_s[-1]:.1f} s) and {seen.name} "
            f"({seen.stamp_s[0]:.1f} to {seen.stamp_s[-1]:.1f} s) share less than {_LEAST_S:g} s: "
            "they are of different times or clocks.",
        )
    return told, seen.between(start_s, end_s)
