"""When a device captured something, on the project clock, from its own clock and from arrivals.

A device stamps what it captures on a clock of its own, which began somewhere else and runs a little
faster or slower. What arrives soonest was delayed least, so the lower edge of arrival minus device
time is the offset of the two clocks plus the least delay (as network time protocols estimate it;
Moon, Skelly and Towsley, 1999). The least delay itself cannot be told from the offset: it is the
device's latency, which calibration measures.
"""

from collections import deque
from dataclasses import dataclass

_WINDOW_S = 10.0
_JUMP_S = 0.5
_OFFSETS = 512


@dataclass(frozen=True, kw_only=True, slots=True)
class _Arrival:
    received_s: float
    offset_s: float


class ClockMap:
    """Maps one device's clock to the project clock.

    Args:
        latency_s: Least time from capture to arrival.
        window_s: How long an arrival says something of the clocks; short enough for their drift,
            long enough to hold one that was hardly delayed.

    Raises:
        ValueError: A negative latency, or no window.
    """

    def __init__(self, latency_s: float = 0.0, window_s: float = _WINDOW_S) -> None:
        if latency_s < 0.0 or window_s <= 0.0:
            raise ValueError(f"Needs latency >= 0 and a window, got {latency_s}, {window_s}.")
        self._latency_s, self._window_s = latency_s, window_s
        self._arrivals: deque[_Arrival] = deque(maxlen=_OFFSETS)

    def stamp_s(self, device_s: float | None, received_s: float) -> float:
        """Capture time on the project clock; never later than the arrival.

        Args:
            device_s: Capture time on the device's clock; None where it has none, then the usual
                latency is all that is known.
            received_s: Arrival on the project clock.
        """
        if device_s is None:
            return received_s - self._latency_s
        offset_s = received_s - device_s
        if self._arrivals and self._was_set(device_s, received_s):
            self._arrivals.clear()
        self._arrivals.append(_Arrival(received_s=received_s, offset_s=offset_s))
        while received_s - self._arrivals[0].received_s > self._window_s:
            self._arrivals.popleft()
        least_s = min(arrival.offset_s for arrival in self._arrivals)
        return min(device_s + least_s - self._latency_s, received_s)

    def _was_set(self, device_s: float, received_s: float) -> bool:
        """Whether one of the clocks was set, or the device has begun anew.

        A device whose clock went on as always, and that was not heard for a while, is only late.
        """
        last = self._arrivals[-1]
        jump_s = received_s - device_s - last.offset_s
        went_s = device_s - (last.received_s - last.offset_s)
        is_late = jump_s > 0.0 and 0.0 <= went_s <= _JUMP_S
        return abs(jump_s) > _JUMP_S and not is_late
