"""Whether the machine itself stood still: a loop that does nothing, and notes when it was late.

On shared processors a virtual machine is taken off its core for tens of milliseconds and more, and
everything on it stands still, whatever its priority. What is measured meanwhile says nothing about
the program, so that whoever measures asks here first.
"""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection

_PERIOD_S = 0.002
_PRIORITY = 70
_WORTH_TELLING_S = 0.005


@dataclass(frozen=True, kw_only=True, slots=True)
class Stall:
    """The machine stood still.

    Attributes:
        begun_s: `CLOCK_MONOTONIC`.
        ended_s: The same clock.
        core: Which of its processors.
    """

    begun_s: float
    ended_s: float
    core: int

    @property
    def lasted_s(self) -> float:
        return self.ended_s - self.begun_s


class Canary:
    """One loop per processor, before everything else."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._stalls: list[Stall] = []
        self._ends: list[Connection] = []
        self._loops = []
        for core in sorted(os.sched_getaffinity(0)):
            mine, theirs = context.Pipe(duplex=False)
            loop = context.Process(target=_watch, args=(core, theirs), daemon=True)
            loop.start()
            theirs.close()
            self._ends.append(mine)
            self._loops.append(loop)

    def stalls(self, since_s: float = 0.0, longer_s: float = _WORTH_TELLING_S) -> list[Stall]:
        """What stood still since then, for longer than that."""
        for end in self._ends:
            with suppress(EOFError):
                while end.poll():
                    begun_s, ended_s, core = end.recv()
                    self._stalls.append(Stall(begun_s=begun_s, ended_s=ended_s, core=core))
        return [one for one in self._stalls if one.ended_s >= since_s and one.lasted_s > longer_s]

    def close(self) -> None:
        for loop in self._loops:
            loop.kill()
            loop.join()


@contextmanager
def canary() -> Iterator[Canary]:
    """A canary for as long as the block lasts."""
    made = Canary()
    try:
        yield made
    finally:
        made.close()


def _watch(core: int, tell: Connection) -> None:
    os.sched_setaffinity(0, {core})
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(_PRIORITY))
    due_s = time.monotonic()
    while True:
        due_s += _PERIOD_S
        time.sleep(max(due_s - time.monotonic(), 0.0))
        now_s = time.monotonic()
        if now_s - due_s > _WORTH_TELLING_S:
            tell.send((due_s, now_s, core))
            due_s = now_s
