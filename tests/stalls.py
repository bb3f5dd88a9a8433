"""Tests that fail while the machine itself stands still are repeated.

On shared processors a virtual machine now and then stops for a second or more. Nodes that are
watched by others are lost by then, as they should be, and the test that runs them fails: not by
what it tests. A loop per core notes such moments, and says how long they were.
"""

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field

TOO_LONG_S = 0.3
"""What drives an arm counts on coming to its turn sooner."""
BEFORE_S = 20.0
"""What was lost so long before a test began may be what it fails by."""

_LOOP = """
import os, sys, time
core, parent = int(sys.argv[1]), os.getppid()
os.sched_setaffinity(0, {core})
due = time.monotonic()
while os.getppid() == parent:
    due += 0.02
    time.sleep(max(due - time.monotonic(), 0.0))
    now = time.monotonic()
    if now - due > 0.1:
        print(f"{now} {now - due}", flush=True)
        due = now
"""


@dataclass(slots=True)
class Stalls:
    """When the machine stood still, as one loop per core noticed."""

    _loops: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _rest: dict[int, bytes] = field(default_factory=dict)
    _noted: list[tuple[float, float]] = field(default_factory=list)

    def start(self) -> None:
        for core in sorted(os.sched_getaffinity(0)):
            loop = subprocess.Popen(
                [sys.executable, "-S", "-c", _LOOP, str(core)], stdout=subprocess.PIPE
            )
            assert loop.stdout is not None
            os.set_blocking(loop.stdout.fileno(), False)
            self._loops.append(loop)

    def close(self) -> None:
        for loop in self._loops:
            loop.kill()
            loop.communicate()
        self._loops.clear()

    def note(self, ended_s: float, lasted_s: float) -> None:
        """The machine stood still until a time of `CLOCK_MONOTONIC`."""
        self._noted.append((ended_s, lasted_s))

    def longest_s(self, since_s: float) -> float:
        """The longest that ended since then; 0 when there was none."""
        self._read()
        return max((lasted for ended, lasted in self._noted if ended >= since_s), default=0.0)

    def _read(self) -> None:
        for loop in self._loops:
            assert loop.stdout is not None
            text = self._rest.pop(loop.pid, b"")
            with suppress(BlockingIOError):
                while some := os.read(loop.stdout.fileno(), 65536):
                    text += some
            *lines, self._rest[loop.pid] = text.split(b"\n")
            for line in lines:
                ended_s, lasted_s = map(float, line.split())
                self.note(ended_s, lasted_s)

    def excuse(self, begun_s: float) -> str:
        """Why a test that began then and failed is repeated; empty when it is not."""
        # The loops tell of a moment when it is over.
        time.sleep(0.05)
        longest_s = self.longest_s(begun_s - BEFORE_S)
        return f"the machine stood still for {longest_s:.1f} s" if longest_s > TOO_LONG_S else ""
