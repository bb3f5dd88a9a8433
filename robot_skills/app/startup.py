"""How long a run took from the start of its process to the first motion of an arm."""

import os
import time
from pathlib import Path

from robot_skills.core.events import Event, EventKind


class FirstMotion:
    """Notes when the safety gate first let a chunk of motion through. Implements `EventSink`.

    Attributes:
        age_s: Age of the process at that moment; None before, and where the system does not tell.
    """

    def __init__(self) -> None:
        self.age_s: float | None = None
        self._seen = False

    def emit(self, event: Event) -> None:
        if not self._seen and event.kind is EventKind.GATE and event.data["accepted"]:
            self._seen = True
            self.age_s = process_age_s()


def process_age_s() -> float | None:
    """Time since this process was started, Python's own start included; None if not told."""
    try:
        text = Path("/proc/self/stat").read_text(encoding="ascii")
        # The name of the program, in brackets, may hold anything; fields are counted after it.
        ticks = int(text.rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError):
        return None
