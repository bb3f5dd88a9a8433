"""Times in messages: of a named clock, so that nobody depends on what time it is.

All processes of one machine share `CLOCK_MONOTONIC`, and the machine's boot has an id. A message
carries times of that clock and the id; a receiver on the same machine takes them as they are, one
on another machine maps them by when messages arrive (`SenderClocks`). Stamps of other drivers are
wall time, which can be set: `robot_skills.core.clock_map` maps those.
"""

import time
from functools import cache
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class MachineClock:
    """The project clock of processes that work together: this machine's monotonic one."""

    def now_s(self) -> float:
        return time.monotonic()

    def sleep_until(self, stamp_s: float) -> None:
        while (remaining_s := stamp_s - time.monotonic()) > 0.0:
            time.sleep(remaining_s)


@cache
def clock_name() -> str:
    """Name of this machine's clock since it was started."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        import uuid

        return f"{uuid.getnode():012x}"


class SenderClocks:
    """Maps monotonic times of senders to this machine's clock.

    Nobody can set such a clock, so a message that comes late was late: what a cut network held back
    is never taken for new, however long the cut was. The least delay is kept for good, and given
    away only as fast as two clocks may drift apart.

    Args:
        latency_s: Least time that a message takes from another machine.
    """

    def __init__(self, latency_s: float = 0.0) -> None:
        self._latency_s = latency_s
        self._least: dict[str, tuple[float, float]] = {}

    def offset_s(self, clock: str, sent_s: float, received_s: float) -> float:
        """What to add to a sender's times.

        Args:
            clock: Name of the sender's clock.
            sent_s: The newest time in the message, on that clock.
            received_s: Arrival, on this machine's.
        """
        if clock == clock_name():
            return 0.0
        offset_s = received_s - sent_s
        if clock in self._least:
            least_s, since_s = self._least[clock]
            offset_s = min(offset_s, least_s + _DRIFT * (received_s - since_s))
        self._least[clock] = (offset_s, received_s)
        return offset_s - self._latency_s


_DRIFT = 2e-4
"""Quartz is within 100 parts in a million."""
