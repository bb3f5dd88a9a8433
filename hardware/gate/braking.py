"""Braking to a standstill as fast as limits of acceleration and jerk allow, for all joints at once.

Each joint turns its acceleration to the one that brakes, keeps that where it is the highest that is
allowed, and lets it go: three pieces of constant jerk in closed form, as in the first part of every
jerk-limited profile (Kröger, "On-Line Trajectory Generation in Robotic Systems", 2010, ch. 4).
"""

import numpy as np

from robot_skills.core.se3 import Array


class Braking:
    """How joints come to rest from where they are, each as soon as it can.

    Args:
        q_rad: Positions, (n,).
        dq_rad_s: Velocities, (n,).
        ddq_rad_s2: Accelerations, (n,), inside their limits.
        acceleration_rad_s2: Highest accelerations, (n,).
        jerk_rad_s3: Highest jerks, (n,).

    Attributes:
        lowest_rad: Lowest positions on the way, (n,).
        highest_rad: Highest ones, (n,).
        duration_s: Until the last joint rests.
    """

    def __init__(
        self,
        q_rad: Array,
        dq_rad_s: Array,
        ddq_rad_s2: Array,
        acceleration_rad_s2: Array,
        jerk_rad_s3: Array,
    ) -> None:
        J, A = jerk_rad_s3, acceleration_rad_s2
        # All as if the joint went forwards once its acceleration is gone.
        after = dq_rad_s + ddq_rad_s2 * np.abs(ddq_rad_s2) / (2.0 * J)
        sign = np.where(after < 0.0, -1.0, 1.0)
        v, a = sign * dq_rad_s, sign * ddq_rad_s2
        peak = np.sqrt(np.maximum(J * v + 0.5 * a**2, 0.0))
        top = np.minimum(peak, A)
        t1 = np.maximum((a + top) / J, 0.0)
        t3 = top / J
        left = v + 0.5 * a**2 / J - top**2 / J
        t2 = np.where(peak > A, np.maximum(left, 0.0) / A, 0.0)
        p1, v1 = _along(t1, v, a, -J)
        p2, v2 = _along(t2, v1, -top, 0.0)
        p3, _ = _along(t3, v2, -top, J)
        self._q, self._sign, self._v, self._a, self._J = q_rad, sign, v, a, J
        self._top, self._t1, self._t2, self._t3 = top, t1, t2, t3
        self._p1, self._v1, self._p2, self._v2, self._p3 = p1, v1, p1 + p2, v2, p1 + p2 + p3
        self.duration_s = float((t1 + t2 + t3).max())
        # One that still goes backwards turns round first.
        turn = np.maximum(a**2 + 2.0 * J * np.minimum(v, 0.0), 0.0)
        back, _ = _along((a - np.sqrt(turn)) / J, v, a, -J)
        back = np.where(v < 0.0, back, 0.0)
        ends = np.stack([np.zeros_like(v), back, self._p3]) * sign
        self.lowest_rad, self.highest_rad = q_rad + ends.min(axis=0), q_rad + ends.max(axis=0)

    def at(self, time_s: float) -> tuple[Array, Array, Array]:
        """Positions, velocities and accelerations at a time since the beginning, (n,) each."""
        s1 = np.minimum(time_s, self._t1)
        s2 = np.minimum(np.maximum(time_s - self._t1, 0.0), self._t2)
        s3 = np.minimum(np.maximum(time_s - self._t1 - self._t2, 0.0), self._t3)
        first, second = time_s < self._t1, time_s < self._t1 + self._t2
        p1, v1 = _along(s1, self._v, self._a, -self._J)
        p2, v2 = _along(s2, self._v1, -self._top, 0.0)
        p3, v3 = _along(s3, self._v2, -self._top, self._J)
        p = np.where(first, p1, np.where(second, self._p1 + p2, self._p2 + p3))
        v = np.where(first, v1, np.where(second, v2, v3))
        a = np.where(
            first, self._a - self._J * s1, np.where(second, -self._top, -self._top + self._J * s3)
        )
        rests = time_s >= self._t1 + self._t2 + self._t3
        v, a = np.where(rests, 0.0, v), np.where(rests, 0.0, a)
        return self._q + self._sign * p, self._sign * v, self._sign * a


def _along(time_s: Array, v: Array, a: Array, jerk: "Array | float") -> tuple[Array, Array]:
    """How far, and how fast then, with a constant jerk."""
    way = time_s * (v + time_s * (0.5 * a + time_s * jerk / 6.0))
    return way, v + time_s * (a + 0.5 * time_s * jerk)
