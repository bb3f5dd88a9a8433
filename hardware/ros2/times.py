"""Times in messages: of a named clock, so that nobody depends on what time it is.

All processes of one machine share `CLOCK_MONOTONIC`, and the machine's boot has an id. A message
carries times of that clock and the id; a receiver on the same machine takes them as they are, one
on another machine maps them by when messages arrive. Stamps of other drivers are wall time;
they are mapped the same way. A wall clock that is set does nothing but begin the mapping anew.
"""

import time
from functools import cache
from pathlib import Path

from robot_skills.core.clock_map import ClockMap

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
    """Maps times of senders to this machine's clock.

    Args:
        latency_s: Least time that a message takes from another machine.
    """

    def __init__(self, latency_s: float = 0.0) -> None:
        self._latency_s = latency_s
        self._maps: dict[str, ClockMap] = {}

    def offset_s(self, clock: str, sent_s: float, received_s: float) -> float:
        """What to add to a sender's times.

        Args:
            clock: Name of the sender's clock.
            sent_s: The newest time in the message, on that clock.
            received_s: Arrival, on this machine's.
        """
        if clock == clock_name():
            return 0.0
        mapping = self._maps.setdefault(clock, ClockMap(latency_s=self._latency_s))
        return mapping.stamp_s(sent_s, received_s) - sent_s
