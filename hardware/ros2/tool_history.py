"""Where a tool was of late, for cameras that it carries."""

import bisect
import threading
from collections import deque

from robot_skills.core.errors import PerceptionError
from robot_skills.core.se3 import SE3, interpolate
from robot_skills.core.types import ArmState

_STATES = 400


class ToolHistory:
    """The newest states of an arm. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: deque[ArmState] = deque(maxlen=_STATES)

    def add(self, state: ArmState) -> None:
        with self._lock:
            self._states.append(state)

    @property
    def newest(self) -> ArmState | None:
        """The newest state; None before the first."""
        with self._lock:
            return self._states[-1] if self._states else None

    def T_base_tool_at(self, stamp_s: float) -> SE3:
        """Where the tool was, between two states.

        Raises:
            PerceptionError: No state has come.
        """
        with self._lock:
            states = list(self._states)
        if not states:
            raise PerceptionError("Where the camera on the tool was is not known.")
        if len(states) == 1:
            return states[0].T_base_tool
        stamps = [state.stamp_s for state in states]
        later = min(max(bisect.bisect_left(stamps, stamp_s), 1), len(states) - 1)
        a, b = states[later - 1], states[later]
        fraction = (stamp_s - a.stamp_s) / max(b.stamp_s - a.stamp_s, 1e-9)
        fraction = min(max(fraction, 0.0), 1.0)
        return SE3.from_matrix(
            interpolate(a.T_base_tool.matrix(), b.T_base_tool.matrix(), fraction)
        )
