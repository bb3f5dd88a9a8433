"""A chunk's waypoints as a continuous path of the joints."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from hardware.safety_gate import GateCode, Verdict
from robot_skills.core.se3 import Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class JointWaypoints:
    """Where the joints should be at which times.

    Attributes:
        stamp_s: Increasing times, (H,).
        q_rad: Joints, (H, n).
        opening: Of the gripper, (H,).
    """

    stamp_s: Array
    q_rad: Array
    opening: Array

    def after(self, now_s: float) -> "JointWaypoints | None":
        """Those later than a time; None when there is none."""
        first = int(np.searchsorted(self.stamp_s, now_s, side="right"))
        if first == len(self.stamp_s):
            return None
        return replace(
            self,
            stamp_s=self.stamp_s[first:],
            q_rad=self.q_rad[first:],
            opening=self.opening[first:],
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Judgement:
    """What was decided about a chunk.

    Attributes:
        code: Why it was refused, or that it was not.
        message: In words.
        waypoints: What may be followed; None when it was refused.
    """

    code: GateCode
    message: str = ""
    waypoints: JointWaypoints | None = None

    @classmethod
    def of(cls, verdict: Verdict, arm: str) -> Self:
        """The part of a verdict that moving takes."""
        if verdict.accepted is None or verdict.q_rad is None:
            return cls(code=verdict.code, message=verdict.message)
        waypoints = JointWaypoints(
            stamp_s=verdict.accepted.stamp_s,
            q_rad=verdict.q_rad,
            opening=verdict.accepted.arms[arm].opening,
        )
        return cls(code=verdict.code, message=verdict.message, waypoints=waypoints)

    @property
    def ok(self) -> bool:
        return self.waypoints is not None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PathPoint:
    """Where the joints should be at a time.

    Attributes:
        q_rad: Positions, (n,).
        dq_rad_s: Velocities, (n,).
        ddq_rad_s2: Accelerations, (n,).
        opening: Of the gripper, in [0, 1].
    """

    q_rad: Array
    dq_rad_s: Array
    ddq_rad_s2: Array
    opening: float


class JointPath:
    """Cubic pieces through waypoints, smooth in velocity, that come to rest at the last one.

    The last piece takes twice as long as it was given: that is what coming to rest from the speed
    of the pieces before it takes, if it is done evenly. Where a newer chunk takes over before the
    end, as chunks do that follow one another, nothing of that is seen.

    Args:
        start_s: Time at which the path begins.
        q_rad: Joints there, (n,).
        dq_rad_s: Their velocities there, (n,).
        opening: Of the gripper there.
        waypoints: All later than the start.
    """

    def __init__(
        self,
        start_s: float,
        q_rad: Array,
        dq_rad_s: Array,
        opening: float,
        waypoints: JointWaypoints,
    ) -> None:
        times = np.concatenate([[start_s], waypoints.stamp_s])
        self.chunk_end_s = float(times[-1])
        times[-1] += times[-1] - times[-2]
        q = np.concatenate([q_rad[None], waypoints.q_rad])
        slopes = np.diff(q, axis=0) / np.diff(times)[:, None]
        # The slope at a waypoint is that of the parabola through it and its neighbours.
        speeds = np.zeros_like(q)
        speeds[0] = dq_rad_s
        if len(q) > 2:
            before, after = np.diff(times)[:-1, None], np.diff(times)[1:, None]
            speeds[1:-1] = (after * slopes[:-1] + before * slopes[1:]) / (before + after)
            # The last piece is slow on purpose; the waypoint before it is passed at full speed.
            speeds[-2] = slopes[-2] if len(q) > 3 else speeds[-2]
        self._times, self._q, self._speeds = times, q, speeds
        self._openings = np.concatenate([[opening], waypoints.opening])
        self._at = 0

    @property
    def end_s(self) -> float:
        """When the joints are at rest at the last waypoint."""
        return float(self._times[-1])

    def at(self, time_s: float) -> PathPoint:
        """The path at a time; before it begins and after it ends, its ends."""
        times = self._times
        t = min(max(time_s, float(times[0])), float(times[-1]))
        while self._at < len(times) - 2 and times[self._at + 1] < t:
            self._at += 1
        while self._at > 0 and times[self._at] > t:
            self._at -= 1
        i = self._at
        T = float(times[i + 1] - times[i])
        u = (t - float(times[i])) / T
        q0, q1 = self._q[i], self._q[i + 1]
        v0, v1 = T * self._speeds[i], T * self._speeds[i + 1]
        # Hermite: q0 + u v0 + u^2 b + u^3 c.
        b, c = 3.0 * (q1 - q0) - 2.0 * v0 - v1, 2.0 * (q0 - q1) + v0 + v1
        over = time_s >= times[-1]
        return PathPoint(
            q_rad=q0 + u * (v0 + u * (b + u * c)),
            dq_rad_s=np.zeros_like(q0) if over else (v0 + u * (2.0 * b + 3.0 * u * c)) / T,
            ddq_rad_s2=np.zeros_like(q0) if over else (2.0 * b + 6.0 * u * c) / T**2,
            opening=float((1.0 - u) * self._openings[i] + u * self._openings[i + 1]),
        )
