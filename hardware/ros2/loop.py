"""A control loop that wakes up in time, and knows how well it does."""

import gc
import os
import resource
import time
from dataclasses import dataclass

import numpy as np

PRIORITY = 50
"""Of what drives an arm, among those that real-time systems know: 1 to 99."""
_KEPT = 2000
_COLLECT_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Lateness:
    """How late a loop woke up, of late.

    Attributes:
        p50_ms: Median.
        p99_ms: 99th percentile.
        max_ms: Worst.
        missed: Periods that were missed altogether, since the start.
    """

    p50_ms: float
    p99_ms: float
    max_ms: float
    missed: int


class ControlLoop:
    """Keeps a period on `CLOCK_MONOTONIC`.

    Args:
        period_s: Of the loop.
        kept: So many periods of late are remembered.
    """

    def __init__(self, period_s: float, kept: int = _KEPT) -> None:
        self.period_s = period_s
        self._due_s = time.monotonic()
        # A ring: what is asked of it many times a second must not cost the loop its time.
        self._late_s = np.zeros(kept)
        self._waited = 0
        self._missed = 0
        self._collected_s = self._due_s

    def begin(self) -> None:
        """The first period begins now: what was done before it is no lateness."""
        self._due_s = self._collected_s = time.monotonic()

    @property
    def due_s(self) -> float:
        """When the next period begins."""
        return self._due_s

    def missed(self) -> int:
        """Periods that have passed since the next one was due."""
        return max(int((time.monotonic() - self._due_s) / self.period_s), 0)

    def wait(self) -> float:
        """Sleep until the next period begins; returns when it did."""
        remaining_s = self._due_s - time.monotonic()
        if remaining_s > 0.0:
            time.sleep(remaining_s)
        now_s = time.monotonic()
        late_s = now_s - self._due_s
        self._late_s[self._waited % len(self._late_s)] = late_s
        self._waited += 1
        # What was missed is not made up for: setpoints are for times, not for counts.
        missed = int(late_s / self.period_s)
        self._missed += missed
        self._due_s += (1 + missed) * self.period_s
        return now_s

    def tidy(self, now_s: float) -> None:
        """Collect garbage now and then, at a moment of the loop's choosing."""
        if now_s - self._collected_s > _COLLECT_S:
            gc.collect(0)
            self._collected_s = now_s

    @property
    def late_s(self) -> float:
        """How late it woke up the last time."""
        return float(self._late_s[(self._waited - 1) % len(self._late_s)])

    def lateness(self) -> Lateness:
        """Of the periods that are remembered."""
        late_ms = 1e3 * self._late_s[: max(self._waited, 1)]
        p50_ms, p99_ms = np.quantile(late_ms, [0.5, 0.99])
        return Lateness(
            p50_ms=float(p50_ms),
            p99_ms=float(p99_ms),
            max_ms=float(late_ms.max()),
            missed=self._missed,
        )


def claim_real_time(priority: int = PRIORITY) -> str:
    """Ask the system to run this process before others, and keep it in memory.

    Returns:
        What could not be had, in words; empty when all could.
    """
    gc.collect()
    gc.freeze()
    gc.disable()
    problems = []
    try:
        # The middleware's threads carry what the loop waits for; they come right after it.
        for thread in os.listdir("/proc/self/task"):
            rank = priority if int(thread) == os.getpid() else priority - 1
            os.sched_setscheduler(int(thread), os.SCHED_FIFO, os.sched_param(rank))
    except (OSError, AttributeError):
        problems.append(
            "no real-time priority: not real time (limits.conf: rtprio, or run as root)"
        )
    if not _locked_in_memory():
        problems.append("memory may be swapped out (limits.conf: memlock)")
    return "; ".join(problems)


def real_time_allowed(priority: int = PRIORITY) -> bool:
    """Whether this user would get that priority."""
    return os.geteuid() == 0 or resource.getrlimit(resource.RLIMIT_RTPRIO)[0] >= priority


def leave_real_time() -> None:
    """Collect garbage as everybody does, before the process ends."""
    gc.enable()
    gc.unfreeze()


def _locked_in_memory() -> bool:
    """Keep in memory what is there now, and what comes as soon as it is used.

    Not before it is used: the middleware maps 64 MB for every other process that it hears of, most
    of which is never touched.
    """
    import ctypes

    current, future, on_fault = 1, 2, 4
    try:
        system = ctypes.CDLL(None)
        return system.mlockall(current) == 0 == system.mlockall(current | future | on_fault)
    except (OSError, AttributeError):
        return False
