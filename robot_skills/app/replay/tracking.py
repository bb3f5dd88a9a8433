"""How closely a replayed motion followed what was commanded, and what was recorded.

A position-controlled arm trails its command. So every error is told twice: as it is, and after the
lag ``L`` has been taken out that makes ``mean |p(t) - p_ref(t - L)|`` smallest.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from robot_skills.core.se3 import Array, interpolate, rotation_angle

_LAGS_S = np.arange(-0.5, 1.0001, 0.01)
_FEWEST = 5


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ToolTrack:
    """Where a tool was, or was to be.

    Attributes:
        time_s: From the beginning of the replay, (n,), increasing.
        T_base_tool: (n, 4, 4).
        opening: (n,).
    """

    time_s: Array
    T_base_tool: Array
    opening: Array

    def at(self, time_s: Array) -> "ToolTrack":
        """The track at other times (m,), interpolated, held at both ends."""
        last = len(self.time_s) - 1
        after = np.searchsorted(self.time_s, time_s).clip(min(1, last), last)
        before = np.maximum(after - 1, 0)
        gap_s = np.where(after > before, self.time_s[after] - self.time_s[before], 1.0)
        share = ((time_s - self.time_s[before]) / gap_s).clip(0.0, 1.0)
        return ToolTrack(
            time_s=time_s,
            T_base_tool=interpolate(self.T_base_tool[before], self.T_base_tool[after], share),
            opening=(1.0 - share) * self.opening[before] + share * self.opening[after],
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantiles:
    """Of absolute errors."""

    median: float
    p95: float
    max: float

    @classmethod
    def of(cls, values: Array) -> "Quantiles":
        """Of at least one value (n,)."""
        return cls(
            median=float(np.median(values)),
            p95=float(np.quantile(values, 0.95)),
            max=float(values.max()),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class TrackErrors:
    """Differences between two tracks at the same times.

    Attributes:
        position_mm: Distances of the tools.
        rotation_deg: Angles between the tools.
        opening: Differences of the openings, in [0, 1].
    """

    position_mm: Quantiles
    rotation_deg: Quantiles
    opening: Quantiles


@dataclass(frozen=True, kw_only=True, slots=True)
class Following:
    """How closely a tool followed a reference.

    Attributes:
        as_it_is: Errors at the same times.
        lag_s: By how much the tool trails; negative where it is ahead.
        without_lag: Errors once the lag is taken out.
    """

    as_it_is: TrackErrors
    lag_s: float
    without_lag: TrackErrors


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArmTracking:
    """One arm in a replay.

    Attributes:
        measured: Where its tool was.
        commanded: Where it was told to be.
        recorded: Where it was when the episode was recorded; None where nobody measured it.
        to_commanded: How closely it followed the commands.
        to_recorded: How closely it repeated the recording; None where nobody measured it.
    """

    measured: ToolTrack
    commanded: ToolTrack
    recorded: ToolTrack | None
    to_commanded: Following
    to_recorded: Following | None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TrackingReport:
    """How a replay went.

    Attributes:
        episode: Which one, in words.
        robot: Kind of robot.
        speed: As a multiple of the recorded speed.
        planned_s: How long the replay was to take.
        done_s: How far it came.
        stopped: Why the safety gate stopped it; None when it came to its end.
        stopped_code: The gate's reason code; None when it came to its end.
        slowed: Commands that the gate changed.
        arms: By name; empty when it stopped before it began.
        succeeded: Whether the task was done again; None when nobody can tell.
        notes: What else is to be known, in words.
    """

    episode: str
    robot: str
    speed: float
    planned_s: float
    done_s: float
    stopped: str | None = None
    stopped_code: str | None = None
    slowed: int = 0
    arms: Mapping[str, ArmTracking] = field(default_factory=dict)
    succeeded: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether it came to its end."""
        return self.stopped is None

    def to_json(self) -> dict[str, Any]:
        """Everything but the tracks, as JSON values."""
        values = ("episode", "robot", "speed", "planned_s", "done_s", "stopped", "stopped_code")
        return {
            **{name: getattr(self, name) for name in values},
            "finished": self.finished,
            "slowed": self.slowed,
            "succeeded": self.succeeded,
            "notes": list(self.notes),
            "arms": {
                name: {
                    "to_commanded": asdict(arm.to_commanded),
                    "to_recorded": None if arm.to_recorded is None else asdict(arm.to_recorded),
                }
                for name, arm in self.arms.items()
            },
        }


def follow_errors(measured: ToolTrack, reference: ToolTrack) -> Following:
    """How closely a measured track follows a reference, which may have other times."""
    lag_s = lag_of(measured, reference)
    return Following(
        as_it_is=errors(measured, reference.at(measured.time_s)),
        lag_s=lag_s,
        without_lag=errors(measured, reference.at(measured.time_s - lag_s)),
    )


def errors(one: ToolTrack, other: ToolTrack) -> TrackErrors:
    """Differences between two tracks of the same times."""
    p, R = one.T_base_tool[:, :3, 3], one.T_base_tool[:, :3, :3]
    offsets_m = np.linalg.norm(p - other.T_base_tool[:, :3, 3], axis=-1)
    turns_rad = rotation_angle(np.swapaxes(R, -1, -2) @ other.T_base_tool[:, :3, :3])
    return TrackErrors(
        position_mm=Quantiles.of(1e3 * offsets_m),
        rotation_deg=Quantiles.of(np.rad2deg(turns_rad)),
        opening=Quantiles.of(np.abs(one.opening - other.opening)),
    )


def lag_of(measured: ToolTrack, reference: ToolTrack) -> float:
    """By how much a track trails a reference [s]; 0 where nothing moves or little is known."""
    p = measured.T_base_tool[:, :3, 3]
    moved_m = float(np.linalg.norm(np.ptp(reference.T_base_tool[:, :3, 3], axis=0)))
    if len(p) < _FEWEST or moved_m < 1e-3:
        return 0.0
    costs = [
        float(np.linalg.norm(p - _positions_at(reference, measured.time_s - lag), axis=-1).mean())
        for lag in _LAGS_S
    ]
    # Of lags that are equally good the smallest one.
    best = min(range(len(costs)), key=lambda i: (round(costs[i], 9), abs(_LAGS_S[i])))
    return round(float(_LAGS_S[best]), 3)


def _positions_at(track: ToolTrack, time_s: Array) -> Array:
    p = track.T_base_tool[:, :3, 3]
    return np.stack([np.interp(time_s, track.time_s, column) for column in p.T], axis=-1)
