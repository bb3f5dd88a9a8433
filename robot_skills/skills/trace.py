"""What a motion came to, so that one can ask later why it failed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from robot_skills.core.binding import Anchor
from robot_skills.core.policy import EntityToken
from robot_skills.core.types import ArmState
from robot_skills.skills.card import SkillCase

_LOW_M = 0.03
"""A hand this little above its lowest point does what it came for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionTrace:
    """A motion in a few numbers.

    Attributes:
        nearest_m: For each token of the call, how near the tool came to its anchor, sideways, while
            it was about as low as it ever was.
        least_opening: Smallest opening of the gripper that was measured.
        least_told: Smallest opening that it was told; None when nothing was commanded.
    """

    nearest_m: tuple[float, ...]
    least_opening: float
    least_told: float | None


def trace_data(trace: MotionTrace, case: SkillCase, args: Mapping[str, str]) -> dict[str, Any]:
    """A trace by the names of what its call is about, JSON values only."""
    return {
        # Nobody goes to a hinge, which only says how a handle turns.
        "nearest_m": {
            args[token.argument]: round(away_m, 4)
            for token, away_m in zip(case.tokens, trace.nearest_m, strict=False)
            if token.anchor is not Anchor.HINGE
        },
        "least_opening": trace.least_opening,
        "least_told": trace.least_told,
    }


@dataclass(slots=True)
class Tracer:
    """Follows a motion state by state."""

    _heights_m: list[float] = field(default_factory=list)
    _away_m: list[list[float]] = field(default_factory=list)
    _openings: list[float] = field(default_factory=list)
    _told: list[float] = field(default_factory=list)

    def saw(self, state: ArmState, tokens: tuple[EntityToken, ...]) -> None:
        """Take a state in, with the tokens as they are then."""
        p = state.T_base_tool.p
        self._heights_m.append(float(p[2]))
        self._openings.append(state.opening)
        self._away_m.append(
            [float(np.linalg.norm((token.T_base_anchor.p - p)[:2])) for token in tokens]
        )

    def told(self, opening: float) -> None:
        """Take in what the gripper is told."""
        self._told.append(opening)

    def trace(self) -> MotionTrace | None:
        """The motion so far; None before its first state."""
        if not self._heights_m:
            return None
        heights = np.array(self._heights_m)
        low = heights <= heights.min() + _LOW_M
        return MotionTrace(
            nearest_m=tuple(np.array(self._away_m)[low].min(axis=0).tolist()),
            least_opening=min(self._openings),
            least_told=min(self._told, default=None),
        )
