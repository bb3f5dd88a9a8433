"""Setpoints that never leave a joint's limits of position, velocity, acceleration and jerk.

Whatever it is asked to follow, the limiter only ever moves to a state from which it can brake to a
standstill inside the limits, and it knows that because it has planned the braking before it goes
there: when a step would lose that, the braking of the step before is carried out instead. So by
induction it stays inside for ever, whoever asks for what, and stopping is never a step to zero.

Towards a wish it moves by a critically damped law whose approach is bounded by what can still be
braked, and by what the tool may do; a wish that keeps to the limits is followed without lag.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hardware.gate.braking import Braking
from robot_skills.core.errors import RobotFault
from robot_skills.core.limits import JointLimits
from robot_skills.core.se3 import Array

_MARGIN = 1e-9
_TINY = 1e-12
_AT_REST = 1e-6
_INSIDE = 0.999
"""Share of every limit that is used: what is left covers rounding, here and in the driver."""
_BANDWIDTH = 0.3
"""Of the law that follows, in radians per period."""
_TOO_FAST = 1.015
"""A wish that is faster than 1 is slowed down; joints that still get so fast brake."""
_APPROACH = 0.5
"""Share of the acceleration that an approach is planned with."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class JointSetpoint:
    """Where the joints are told to be.

    Attributes:
        q_rad: Positions, (n,).
        dq_rad_s: Velocities, (n,).
        ddq_rad_s2: Accelerations, (n,).
    """

    q_rad: Array
    dq_rad_s: Array
    ddq_rad_s2: Array

    @property
    def at_rest(self) -> bool:
        """Whether nothing moves, nor is about to."""
        return bool(
            np.abs(self.dq_rad_s).max() < _AT_REST and np.abs(self.ddq_rad_s2).max() < _AT_REST
        )


class JointLimiter:
    """Follows what it is given as closely as the limits allow, one period after another.

    Args:
        limits: Of the joints.
        period_s: Between two setpoints.
        too_fast: How many times too fast joints (n,) that move at speeds (n,) move what they
            carry; up to 1 is inside.
    """

    def __init__(
        self, limits: JointLimits, period_s: float, too_fast: Callable[[Array, Array], float]
    ) -> None:
        n = len(limits.lower_rad)
        self._n, self.period_s, self._too_fast = n, period_s, too_fast
        self._lower, self._upper = limits.lower_rad, limits.upper_rad
        self._velocity = _INSIDE * limits.velocity_rad_s
        self._acceleration = _INSIDE * limits.acceleration_rad_s2
        self._jerk = _INSIDE * limits.jerk_rad_s3
        self._stop: Braking | None = None
        self._now: JointSetpoint | None = None
        self._stopping_s = 0.0
        """How far the present state is along `_stop`."""

    @property
    def now(self) -> JointSetpoint:
        """The present setpoint.

        Raises:
            RobotFault: `begin` was never called.
        """
        if self._now is None:
            raise RobotFault("The limiter does not know where the arm is.")
        return self._now

    def begin(self, q_rad: Array) -> JointSetpoint:
        """Begin at rest.

        Args:
            q_rad: Where the arm is, (n,).

        Raises:
            RobotFault: Not there: not finite, of another shape, or outside the limits.
        """
        q = np.array(q_rad, dtype=np.float64)
        if q.shape != (self._n,) or not np.isfinite(q).all():
            raise RobotFault(f"An arm of {self._n} joints cannot begin at {q_rad}.")
        outside = np.maximum(self._lower - q, q - self._upper)
        if outside.max() > 0.0:
            joint = int(outside.argmax())
            raise RobotFault(
                f"Joint {joint} is at {q[joint]:.4f} rad, outside of "
                f"[{self._lower[joint]:.4f}, {self._upper[joint]:.4f}] rad: move it back by hand."
            )
        zero = np.zeros(self._n)
        self._now = JointSetpoint(q_rad=q, dq_rad_s=zero, ddq_rad_s2=zero)
        self._plan_stop(self._now)
        return self._now

    def follow(
        self, q_rad: Array, dq_rad_s: Array | None = None, ddq_rad_s2: Array | None = None
    ) -> JointSetpoint:
        """Go on for one period, towards where the joints should be at its end.

        Args:
            q_rad: Positions, (n,).
            dq_rad_s: Velocities there, (n,); zero by default.
            ddq_rad_s2: Accelerations there, (n,); zero by default.

        Returns:
            Where they are told to be. That is the wish where the limits allow it; what is not
            finite is not followed, and the arm brakes.
        """
        n = self._n
        dq = np.zeros(n) if dq_rad_s is None else dq_rad_s
        ddq = np.zeros(n) if ddq_rad_s2 is None else ddq_rad_s2
        if not (np.isfinite(q_rad).all() and np.isfinite(dq).all() and np.isfinite(ddq).all()):
            return self.brake()
        wanted = self._towards(
            _clip(q_rad, self._lower, self._upper),
            _clip(dq, -self._velocity, self._velocity),
            _clip(ddq, -self._acceleration, self._acceleration),
        )
        if wanted is None or self._too_fast(wanted.q_rad, wanted.dq_rad_s) > _TOO_FAST:
            return self.brake()
        if not self._plan_stop(wanted):
            return self.brake()
        self._now = wanted
        return wanted

    def _towards(self, q_rad: Array, dq_rad_s: Array, ddq_rad_s2: Array) -> JointSetpoint | None:
        """The state one period on, with a constant jerk, all but the position inside the limits.

        None where no constant jerk keeps inside; braking, which changes its jerk at any time, does.
        """
        now, T = self.now, self.period_s
        q, v, a = now.q_rad, now.dq_rad_s, now.ddq_rad_s2
        jerk, top = self._jerk, self._acceleration
        # Where the wish's own acceleration would lead, and what is missing then.
        there = q + T * v + T**2 * (2.0 * a + ddq_rad_s2) / 6.0
        speed = v + 0.5 * T * (a + ddq_rad_s2)
        missing = q_rad - there
        bandwidth = _BANDWIDTH / T
        approach = np.minimum(
            0.5 * bandwidth * np.abs(missing), np.sqrt(2.0 * _APPROACH * top * np.abs(missing))
        )
        wish_speed = _clip(
            dq_rad_s + np.copysign(approach, missing), -self._velocity, self._velocity
        )
        slower = max(1.0, self._too_fast(q, wish_speed))
        wish = ddq_rad_s2 / slower + 2.0 * bandwidth * (wish_speed / slower - speed)
        low, high = np.maximum(-top, a - T * jerk), np.minimum(top, a + T * jerk)
        high = np.minimum(high, self._highest(v, a))
        low = np.maximum(low, -self._highest(-v, -a))
        if (high < low - _MARGIN).any():
            return None
        acceleration = _clip(wish, low, np.maximum(low, high))
        return JointSetpoint(
            q_rad=q + T * v + T**2 * (2.0 * a + acceleration) / 6.0,
            dq_rad_s=v + 0.5 * T * (a + acceleration),
            ddq_rad_s2=acceleration,
        )

    def _highest(self, v: Array, a: Array) -> Array:
        """Highest acceleration one period on that keeps the velocity in bounds, then and later."""
        T, jerk = self.period_s, self._jerk
        room = self._velocity - v - 0.5 * T * a
        later = jerk * (np.sqrt(0.25 * T**2 + 2.0 * np.maximum(room, 0.0) / jerk) - 0.5 * T)
        # No room: the velocity has its peak before the period is over.
        peak = a - 0.5 * T * a**2 / np.maximum(self._velocity - v, _TINY)
        return np.where(room >= 0.0, later, peak)

    def brake(self) -> JointSetpoint:
        """Go on for one period with stopping; at rest, stay."""
        if self.now.at_rest:
            return self.now
        assert self._stop is not None
        self._stopping_s += self.period_s
        q, dq, ddq = self._stop.at(self._stopping_s)
        self._now = JointSetpoint(q_rad=q, dq_rad_s=dq, ddq_rad_s2=ddq)
        return self._now

    def _plan_stop(self, state: JointSetpoint) -> bool:
        """Plan to brake from a state; False, and the old plan, if that would leave the limits."""
        q, v, a = state.q_rad, state.dq_rad_s, state.ddq_rad_s2
        # The velocity goes on for as long as the acceleration takes to end.
        rising = np.maximum(np.abs(v), np.abs(v + a * np.abs(a) / (2.0 * self._jerk)))
        if (rising > self._velocity + _MARGIN).any():
            return False
        if (np.abs(a) > self._acceleration + _MARGIN).any():
            return False
        stop = Braking(q, v, a, self._acceleration, self._jerk)
        inside = (stop.lowest_rad >= self._lower) & (stop.highest_rad <= self._upper)
        if not inside.all():
            return False
        self._stop, self._stopping_s = stop, 0.0
        return True


def _clip(values: Array, lower: Array, upper: Array) -> Array:
    return np.minimum(np.maximum(values, lower), upper)
