"""The last seconds of an arm's states: written by who hears them, read by everybody."""

import bisect
import threading
import time
from collections import deque
from collections.abc import Callable

from robot_skills.core.clock import Clock
from robot_skills.core.errors import PerceptionError, RobotFault
from robot_skills.core.se3 import SE3, interpolate
from robot_skills.core.types import ArmState

_LENGTH = 400
_STALE_S = 0.2
_CATCHES_UP_S, _LOOKS_S = 1.0, 0.005


class StateHistory:
    """States in the order of their times; any thread may ask."""

    def __init__(self) -> None:
        self._states: deque[ArmState] = deque(maxlen=_LENGTH)
        self._lock = threading.Lock()

    def add(self, state: ArmState) -> None:
        with self._lock:
            self._states.append(state)

    @property
    def newest(self) -> ArmState | None:
        """None before the first."""
        with self._lock:
            return self._states[-1] if self._states else None

    def fresh(self, clock: Clock, topic: str, problem: Callable[[], str]) -> ArmState:
        """The newest state, if it is new enough to act upon.

        A process that was not let run for a while finds what came meanwhile a moment later, so that
        is waited for. The arm's gate, which is let run, has held it by then if it had to.

        Args:
            clock: The project clock.
            topic: Where states come from, for the message.
            problem: Says what else is wrong, for the message.

        Raises:
            RobotFault: None came of late.
        """
        until_s = clock.now_s() + _CATCHES_UP_S
        while True:
            state, now_s = self.newest, clock.now_s()
            if state is not None and now_s - state.stamp_s <= _STALE_S:
                return state
            if now_s > until_s:
                break
            time.sleep(_LOOKS_S)
        age = "ever" if state is None else f"for {now_s - state.stamp_s:.2f} s"
        raise RobotFault(f"No states of the arm came on {topic} {age}. {problem()}".strip())

    def T_base_tool_at(self, stamp_s: float) -> SE3:
        """Where the tool was, between two states; at the ends, the state there.

        Raises:
            PerceptionError: There is no state yet.
        """
        with self._lock:
            states = list(self._states)
        if not states:
            raise PerceptionError("Where the camera on the tool was is not known.")
        stamps = [state.stamp_s for state in states]
        later = min(max(bisect.bisect_left(stamps, stamp_s), 1), len(states) - 1)
        if len(states) == 1:
            return states[0].T_base_tool
        a, b = states[later - 1], states[later]
        fraction = (stamp_s - a.stamp_s) / max(b.stamp_s - a.stamp_s, 1e-9)
        fraction = min(max(fraction, 0.0), 1.0)
        return SE3.from_matrix(
            interpolate(a.T_base_tool.matrix(), b.T_base_tool.matrix(), fraction)
        )
