"""Counts what a stream of samples does wrong: missing, repeated, late and swapped samples, gaps."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any

_WINDOW = 64
_GAP_PERIODS = 3.0
"""A longer pause is a gap."""
_FROZEN = 10
"""As many equal samples in a row, and the stream is frozen."""
_GAPS_KEPT = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamStats:
    """What one stream did in an episode.

    Attributes:
        count: Samples that are in order and kept.
        dropped: Missing by the device's own counter, or by the time between samples.
        repeated: With the counter or stamp of the newest; not kept.
        late: Later than usual by two periods and the usual latency again; kept.
        out_of_order: With a counter or stamp below the newest; not kept.
        frozen: Samples with a new counter and the old content, in rows of ten or more; kept.
        lost: Arrived, and could not be written.
        rate_hz: Samples over the time between the first and the last.
        jitter_s: Median deviation of the time between samples from its median.
        latency_s: Median time from capture to arrival.
        longest_gap_s: Longest time between two samples.
        gaps: Beginning and end of each pause of more than three periods.
    """

    count: int = 0
    dropped: int = 0
    repeated: int = 0
    late: int = 0
    out_of_order: int = 0
    frozen: int = 0
    lost: int = 0
    rate_hz: float = 0.0
    jitter_s: float = 0.0
    latency_s: float = 0.0
    longest_gap_s: float = 0.0
    gaps: tuple[tuple[float, float], ...] = ()

    def to_json(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in self.__slots__}
        return {**values, "gaps": [list(gap) for gap in self.gaps]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "StreamStats":
        gaps = tuple((float(a), float(b)) for a, b in data["gaps"])
        return cls(**{**data, "gaps": gaps})


@dataclass(slots=True, eq=False)
class StreamCounter:
    """Counts one stream.

    Attributes:
        expected_hz: Rate at which samples should come; None where nobody knows.
    """

    expected_hz: float | None = None
    lost: int = 0
    newest_stamp_s: float | None = None
    newest_received_s: float | None = None
    _first_stamp_s: float = 0.0
    _number: int | None = None
    _count: int = 0
    _dropped: int = 0
    _repeated: int = 0
    _late: int = 0
    _out_of_order: int = 0
    _frozen: int = 0
    _same: int = 0
    _content: int | None = None
    _longest_gap_s: float = 0.0
    _gaps: list[tuple[float, float]] = field(default_factory=list)
    _steps_s: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    _latencies_s: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))

    def take(
        self,
        stamp_s: float,
        received_s: float | None = None,
        number: int | None = None,
        content: int | None = None,
    ) -> bool:
        """Count a sample. Returns whether it is to be kept.

        Args:
            stamp_s: Capture time.
            received_s: Time of arrival, on the same clock.
            number: The device's own counter.
            content: Hash of the content, to find frozen streams.
        """
        if self.newest_stamp_s is None:
            self._first_stamp_s = stamp_s
        else:
            if not self._in_order(stamp_s, number):
                return False
            self._step(stamp_s, number)
        self._delay(stamp_s, received_s)
        self._same_again(content)
        self._count += 1
        self.newest_stamp_s, self.newest_received_s = stamp_s, received_s
        self._number = number
        return True

    def note(self, stamp_s: float | None) -> None:
        """Count a sample of a stream that has no rate and no order."""
        self._count += 1
        if stamp_s is not None:
            self.newest_stamp_s = max(stamp_s, self.newest_stamp_s or stamp_s)

    @property
    def count(self) -> int:
        """Samples kept so far."""
        return self._count

    def rate_hz(self) -> float:
        """Rate of late."""
        return 1.0 / max(median(self._steps_s), 1e-9) if self._steps_s else 0.0

    def stats(self) -> StreamStats:
        """Everything so far."""
        span_s = (self.newest_stamp_s or 0.0) - self._first_stamp_s if self._steps_s else 0.0
        usual_s = median(self._steps_s) if self._steps_s else 0.0
        return StreamStats(
            count=self._count,
            dropped=self._dropped,
            repeated=self._repeated,
            late=self._late,
            out_of_order=self._out_of_order,
            frozen=self._frozen,
            lost=self.lost,
            rate_hz=(self._count - 1) / span_s if self._count > 1 and span_s > 0.0 else 0.0,
            jitter_s=median(abs(s - usual_s) for s in self._steps_s) if self._steps_s else 0.0,
            latency_s=median(self._latencies_s) if self._latencies_s else 0.0,
            longest_gap_s=self._longest_gap_s,
            gaps=tuple(self._gaps),
        )

    def _in_order(self, stamp_s: float, number: int | None) -> bool:
        assert self.newest_stamp_s is not None
        step_s = stamp_s - self.newest_stamp_s
        step: float = step_s
        if number is not None and self._number is not None and not self._restarted(step_s):
            step = number - self._number
        if step > 0 and step_s > 0.0:
            return True
        if step == 0 or step_s == 0.0:
            self._repeated += 1
        else:
            self._out_of_order += 1
        return False

    def _restarted(self, step_s: float) -> bool:
        """Whether the device may have been away, and counts from the beginning again."""
        period_s = self._period_s()
        return period_s is not None and step_s > _GAP_PERIODS * period_s

    def _step(self, stamp_s: float, number: int | None) -> None:
        assert self.newest_stamp_s is not None
        step_s = stamp_s - self.newest_stamp_s
        period_s = self._period_s()
        self._dropped += self._missing(step_s, period_s, number)
        if period_s and step_s > _GAP_PERIODS * period_s and len(self._gaps) < _GAPS_KEPT:
            self._gaps.append((self.newest_stamp_s, stamp_s))
        self._longest_gap_s = max(self._longest_gap_s, step_s)
        self._steps_s.append(step_s)

    def _missing(self, step_s: float, period_s: float | None, number: int | None) -> int:
        """Samples that should have come since the newest."""
        counted = number is not None and self._number is not None and number > self._number
        by_number = number - self._number - 1 if counted else 0  # type: ignore[operator]
        if not period_s or step_s <= 1.5 * period_s:
            return by_number
        # A device that was away does not count what it missed.
        away = not counted or step_s > _GAP_PERIODS * period_s
        return max(by_number, round(step_s / period_s) - 1) if away else by_number

    def _period_s(self) -> float | None:
        if self.expected_hz:
            return 1.0 / self.expected_hz
        return median(self._steps_s) if len(self._steps_s) >= 8 else None

    def _delay(self, stamp_s: float, received_s: float | None) -> None:
        if received_s is None:
            return
        latency_s = received_s - stamp_s
        if len(self._latencies_s) >= 8:
            period_s = self._period_s() or 0.0
            if latency_s > 2.0 * max(median(self._latencies_s), 0.0) + 2.0 * period_s:
                self._late += 1
        self._latencies_s.append(latency_s)

    def _same_again(self, content: int | None) -> None:
        if content is None or content != self._content:
            self._content, self._same = content, 0
            return
        self._same += 1
        if self._same == _FROZEN:
            self._frozen += _FROZEN
        elif self._same > _FROZEN:
            self._frozen += 1
