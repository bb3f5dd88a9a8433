"""How time passes while LeRobot's loop runs."""

import logging
import time
from typing import Protocol

from robot_skills.core.clock import Clock

_log = logging.getLogger(__name__)

_MOST_BEHIND_S = 0.25


class Pacing(Protocol):
    """Is told when LeRobot looks and when it has acted."""

    def before(self) -> None: ...

    def after(self, period_s: float) -> None: ...


class OwnTime:
    """A real arm: time passes by itself."""

    def before(self) -> None:
        pass

    def after(self, period_s: float) -> None:
        pass


class Lockstep:
    """A simulation that goes on by one period after every action, and only then."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def before(self) -> None:
        pass

    def after(self, period_s: float) -> None:
        self._clock.sleep_until(self._clock.now_s() + period_s)


class Realtime:
    """A simulation that catches up with the wall's time whenever LeRobot calls.

    Where it is slower than that, its time falls behind instead of taking ever longer to catch up.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_s: float | None = None
        self._slow = False

    def before(self) -> None:
        now_s = time.monotonic()
        if self._ahead_s is None:
            self._ahead_s = self._clock.now_s() - now_s
        behind_s = self._ahead_s + now_s - self._clock.now_s()
        if behind_s > _MOST_BEHIND_S:
            self._ahead_s -= behind_s - _MOST_BEHIND_S
            if not self._slow:
                self._slow = True
                _log.warning("the simulation is slower than real time; its own time falls behind")
        self._clock.sleep_until(self._ahead_s + now_s)

    def after(self, period_s: float) -> None:
        pass
