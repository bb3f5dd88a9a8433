"""What a camera's process tells its owner: one writes, the other reads, nobody waits."""

import ctypes
import multiprocessing.sharedctypes
from dataclasses import astuple, dataclass, field
from enum import IntEnum
from typing import Any

from hardware.cameras.watch import COUNTERS, FrameCounters

_REASON_BYTES = 1024
_HEAD = 3
_TRIES = 100


class CameraState(IntEnum):
    """How a camera is.

    Attributes:
        OPENING: Its device is being opened.
        RUNNING: Pictures come.
        UNUSABLE: Pictures come that are not passed on: of another size or lens.
        LOST: No pictures come: unplugged, in use, silent.
        ENDED: Its process has ended; another one is started soon.
        CLOSED: Nobody has started it.
        FROZEN: The same picture comes again and again; it is not passed on.
    """

    OPENING = 0
    RUNNING = 1
    UNUSABLE = 2
    LOST = 3
    ENDED = 4
    CLOSED = 5
    FROZEN = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class ProcessReport:
    """What a camera's process said last.

    Attributes:
        state: How the camera is.
        reason: Why it is not running.
        beat_s: When it said so, on the machine's clock.
        counters: What became of its frames.
    """

    state: CameraState = CameraState.OPENING
    reason: str = ""
    beat_s: float = 0.0
    counters: FrameCounters = field(default_factory=FrameCounters)


class SharedReport:
    """The newest report, in shared memory; given to a spawned process, it is shared."""

    def __init__(self) -> None:
        self._numbers = multiprocessing.sharedctypes.RawArray("d", _HEAD + len(COUNTERS))
        self._reason: Any = multiprocessing.sharedctypes.RawArray(ctypes.c_char, _REASON_BYTES)

    def write(self, report: ProcessReport) -> None:
        """Replace the report."""
        numbers = self._numbers
        # Whoever wrote before may have been killed in the middle of it.
        before = numbers[0] + numbers[0] % 2.0
        numbers[0] = before + 1.0
        numbers[1:] = [float(report.state), report.beat_s, *map(float, astuple(report.counters))]
        self._reason.value = report.reason.encode()[: _REASON_BYTES - 1]
        numbers[0] = before + 2.0

    def read(self) -> ProcessReport:
        """The newest report that was written completely, or else what there is of one."""
        numbers, reason = self._copy()
        for _ in range(_TRIES):
            if numbers[0] % 2.0 == 0.0 and numbers[0] == self._numbers[0]:
                break
            numbers, reason = self._copy()
        return ProcessReport(
            state=CameraState(int(numbers[1])),
            reason=reason.decode(errors="ignore"),
            beat_s=numbers[2],
            counters=FrameCounters(*map(int, numbers[_HEAD:])),
        )

    def _copy(self) -> tuple[list[float], bytes]:
        return list(self._numbers), self._reason.value
