"""The one project clock. Control uses monotonic time only; wall time is for names of files."""

import time
from typing import Protocol


class Clock(Protocol):
    """Source of `stamp_s` and the only way in which a loop waits.

    In simulation waiting *is* stepping: `sleep_until` advances the world in lock-step, so the same
    loop runs on a real arm and in MuJoCo.
    """

    def now_s(self) -> float:
        """Seconds since an arbitrary start; never decreases."""
        ...

    def sleep_until(self, stamp_s: float) -> None:
        """Return when `now_s() >= stamp_s`; at once when that is already so."""
        ...


class MonotonicClock:
    """`time.monotonic` seconds since construction."""

    def __init__(self) -> None:
        self._start_s = time.monotonic()

    def now_s(self) -> float:
        return time.monotonic() - self._start_s

    def sleep_until(self, stamp_s: float) -> None:
        remaining = stamp_s - self.now_s()
        while remaining > 0.0:
            time.sleep(remaining)
            remaining = stamp_s - self.now_s()


class ManualClock:
    """A clock that a test moves by hand; sleeping moves it to the wanted time."""

    def __init__(self, start_s: float = 0.0) -> None:
        self._now_s = start_s

    def now_s(self) -> float:
        return self._now_s

    def sleep_until(self, stamp_s: float) -> None:
        self._now_s = max(self._now_s, stamp_s)
