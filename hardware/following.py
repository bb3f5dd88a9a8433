"""Whether an arm moves when it is told to: joint by joint, and its gripper.

A skill that plans anew from where the arm is asks for a little motion again and again, so an arm
that does not move is never far from where it should be. What tells it apart is how far it was asked
to move of late beside how far it did. An arm that something holds back looks the same.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from robot_skills.core.se3 import Array
from robot_skills.core.types import ArmState

GRIPPER = "gripper"


@dataclass(frozen=True, kw_only=True, slots=True)
class FollowConfig:
    """When an arm counts as not following.

    Attributes:
        window_s: Time over which motion is added up.
        lag_s: Time by which the arm may trail: what was asked for later than this does not count.
        asked_rad: A joint must have been asked to move so far.
        asked_opening: The gripper must have been asked to move so far.
        moved_share: A joint or gripper that moved less than this share of it does not follow.
    """

    window_s: float = 1.0
    lag_s: float = 0.4
    asked_rad: float = 0.25
    asked_opening: float = 0.3
    moved_share: float = 0.1

    def __post_init__(self) -> None:
        if self.window_s <= 0.0 or self.lag_s < 0.0:
            raise ValueError("Watching an arm needs window_s > 0 and lag_s >= 0.")
        if min(self.asked_rad, self.asked_opening) <= 0.0 or not 0.0 < self.moved_share < 1.0:
            raise ValueError("Needs motions asked for above zero, and 0 < moved_share < 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class NotFollowing:
    """A part of an arm that does not do what it was told.

    Attributes:
        part: ``joint 3``, or ``gripper``.
        asked: How far it was asked to move, [rad] or of the opening.
        moved: How far it did.
    """

    part: str
    asked: float
    moved: float

    def __str__(self) -> str:
        return f"the {self.part} was told to move by {self.asked:.2f} and moved by {self.moved:.2f}"


@dataclass(frozen=True, slots=True)
class _Step:
    """Motion between two states, per joint and of the gripper: as asked for, and as made."""

    stamp_s: float
    asked: Array
    moved: Array


@dataclass(frozen=True, slots=True)
class _Told:
    """What is to be followed: times (H,), joints and opening there (H, n + 1)."""

    stamp_s: Array
    parts: Array


class FollowWatch:
    """Watches one arm. Each part is told once, and again only after it has followed meanwhile.

    Args:
        config: When it counts as not following.
    """

    def __init__(self, config: FollowConfig | None = None) -> None:
        self._config = config or FollowConfig()
        self._told: _Told | None = None
        self._last: tuple[float, Array] | None = None
        self._steps: deque[_Step] = deque()
        self._known: set[int] = set()

    def tell(self, stamp_s: Array, q_rad: Array, opening: Array) -> None:
        """What the arm is to follow from now on.

        Args:
            stamp_s: Times of the waypoints, (H,).
            q_rad: Joints there, (H, n).
            opening: Of the gripper there, (H,).
        """
        self._told = _Told(stamp_s, np.column_stack([q_rad, opening]))

    def stop(self) -> None:
        """It has nothing to follow any more."""
        self._told = None

    def saw(self, state: ArmState) -> list[NotFollowing]:
        """Take a state in; the parts of which it has become clear that they do not follow."""
        parts = np.append(state.q_rad, state.opening)
        last, self._last = self._last, (state.stamp_s, parts)
        if last is None or state.stamp_s <= last[0]:
            return []
        asked = self._asked(last[0], state.stamp_s, len(parts))
        self._steps.append(_Step(state.stamp_s, asked, np.abs(parts - last[1])))
        config = self._config
        while self._steps[0].stamp_s < state.stamp_s - config.window_s - config.lag_s:
            self._steps.popleft()
        return self._judge(state.stamp_s)

    def _asked(self, from_s: float, to_s: float, count: int) -> Array:
        """How far every part was asked to move between two times, (count,)."""
        told = self._told
        if told is None:
            return np.zeros(count)
        ends = [np.interp((from_s, to_s), told.stamp_s, part) for part in told.parts.T]
        return np.abs(np.diff(ends, axis=1)[:, 0])

    def _judge(self, now_s: float) -> list[NotFollowing]:
        config = self._config
        due = [step.asked for step in self._steps if step.stamp_s <= now_s - config.lag_s]
        if not due:
            return []
        asked = np.sum(due, axis=0)
        moved = np.sum([step.moved for step in self._steps], axis=0)
        least = np.append(np.full(len(asked) - 1, config.asked_rad), config.asked_opening)
        moves = moved >= config.moved_share * asked
        still = (asked >= least) & ~moves
        self._known -= set(np.flatnonzero((asked >= least) & moves).tolist())
        new = [part for part in np.flatnonzero(still).tolist() if part not in self._known]
        self._known |= set(new)
        return [
            NotFollowing(
                part=GRIPPER if part == len(asked) - 1 else f"joint {part}",
                asked=float(asked[part]),
                moved=float(moved[part]),
            )
            for part in new
        ]
