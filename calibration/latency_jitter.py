"""Lateness that changes from one message to the next, found for each message and taken out.

A command that is held up shifts what an arm does until the next command, in all directions alike; a
state that is held up shows the arm as it was a little earlier, gripper included. On average, both
make a motion rounder, just as the lag of a servo does, and would be taken for one. But what is off
along the velocity, by as much as the arm is fast, is lateness, and noise is off in every direction.
So where an arm moves in several directions, what its servo leaves unexplained says how late single
messages were.
"""

from dataclasses import dataclass

import numpy as np

from robot_skills.core.se3 import Array

_COMMAND_S = 0.1
"""About so long a command counts."""
_LEAST_ROWS = 3
_TINY = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Jitter:
    """By how much more than usual messages were late.

    Attributes:
        stamp_s: Of the states, (n,).
        states_s: Of each state, (n,).
        commands_s: Of the command that the arm followed in it, (n,).
        delay_s: After which the arm follows commands; another part follows them after another.
        sigma_s: Standard deviation of what is usual, because it was seen for so long only.
    """

    stamp_s: Array
    states_s: Array
    commands_s: Array
    delay_s: float
    sigma_s: float

    @property
    def spread_s(self) -> float:
        """By how much messages are late by more or less than usual."""
        return float(np.std(self.states_s + self.commands_s))

    def without(self, stamp_s: Array, delay_s: float) -> Array:
        """Stamps of states as they would be if all messages were as late as usual.

        Args:
            stamp_s: (m,).
            delay_s: After which the part in question follows commands.
        """
        states_s = np.interp(stamp_s, self.stamp_s, self.states_s)
        followed_s = stamp_s - delay_s + self.delay_s
        return stamp_s - states_s - np.interp(followed_s, self.stamp_s, self.commands_s)


def find_jitter(stamp_s: Array, off: Array, velocity: Array, delay_s: float) -> Jitter:
    """How late single messages were, from what a model of the motion leaves unexplained.

    Both kinds are shrunk towards 0 by as much as noise hides them, as in ridge regression.

    Args:
        stamp_s: Of the states, (n,).
        off: States less what the model says, (n, k) with k >= 2.
        velocity: Of the model, (n, k).
        delay_s: Of the model.
    """
    square_speed = (velocity**2).sum(axis=1) + _TINY
    late_s = -(off * velocity).sum(axis=1) / square_speed
    across = (off**2).sum(axis=1) - late_s**2 * square_speed
    noise = float(across.mean()) / (off.shape[1] - 1) + _TINY**2
    rows = max(round(_COMMAND_S / float(np.median(np.diff(stamp_s)))), _LEAST_ROWS)
    near_s = _sums(late_s * square_speed, rows) / _sums(square_speed, rows)
    own = ((late_s - near_s) ** 2 * square_speed - noise) * square_speed
    states_s2 = max(float(own.sum() / (square_speed**2).sum()), 0.0) * rows / (rows - 1)
    shared_s2 = float(near_s**2 @ square_speed / square_speed.sum())
    commands_s2 = max(shared_s2 - (states_s2 + noise / float(square_speed.mean())) / rows, 0.0)
    weight = 1.0 / (states_s2 + noise / square_speed)
    commands_s = _sums(late_s * weight, rows) / (
        _sums(weight, rows) + 1.0 / max(commands_s2, _TINY)
    )
    return Jitter(
        stamp_s=stamp_s,
        states_s=states_s2 * weight * (late_s - commands_s),
        commands_s=commands_s,
        delay_s=delay_s,
        sigma_s=float(
            np.sqrt(
                states_s2 / len(stamp_s) + commands_s2 * _COMMAND_S / (stamp_s[-1] - stamp_s[0])
            )
        ),
    )


def _sums(values: Array, rows: int) -> Array:
    """Of so many neighbours of each, (n,)."""
    return np.asarray(np.convolve(values, np.ones(rows), mode="same"), dtype=np.float64)
