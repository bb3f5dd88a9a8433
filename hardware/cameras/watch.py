"""Judges the frames of one camera, in the order in which they came."""

import zlib
from dataclasses import dataclass, fields

import numpy as np

from hardware.cameras.lens import is_same_lens, lens_numbers
from robot_skills.core.se3 import Array
from robot_skills.core.types import RgbdFrame

_BEGAN_ANEW_S = 1.0
_BEGAN_ANEW_FRAMES = 10
_SILENT_SHARE = 0.5
"""Of its age, the time since a picture came; above, it is old because none came after it."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class WatchConfig:
    """What is wrong with a frame.

    Attributes:
        late_s: A frame that came so long after it was taken is counted as late.
        frozen_frames: So many pictures in a row that are the same to the last bit are no pictures:
            a sensor's noise differs, or the device puts its number into them. None for cameras
            whose pictures have neither.
        K: Intrinsics [px], (3, 3), that the first frame has to have; None takes what it has.
        K_px: Farthest that those of later frames may be from those of the first.
    """

    late_s: float = 0.1
    frozen_frames: int | None = 10
    K: Array | None = None
    K_px: float = 0.5

    def __post_init__(self) -> None:
        if self.late_s <= 0.0 or (self.frozen_frames is not None and self.frozen_frames < 2):
            raise ValueError(f"Needs a time above 0 s and at least two frames, got {self}.")


@dataclass(slots=True)
class FrameCounters:
    """What became of a camera's frames.

    Attributes:
        frames: That were passed on.
        dropped: That the camera took and that did not come: gaps in its numbers.
        late: That were passed on, but came long after they were taken.
        out_of_order: That were taken before one that had come already; not passed on.
        frozen: That were the same again and again; not passed on.
        refused: That had another size or other intrinsics; not passed on.
        reconnects: How often its device was opened again.
    """

    frames: int = 0
    dropped: int = 0
    late: int = 0
    out_of_order: int = 0
    frozen: int = 0
    refused: int = 0
    reconnects: int = 0


COUNTERS = tuple(field.name for field in fields(FrameCounters))


class FrameWatch:
    """Counts, and says which frames may be passed on.

    Args:
        shape: Rows and columns that pictures have to have.
        config: What is wrong with a frame.

    Attributes:
        counters: What became of the frames.
        problem: What is wrong with the last one; empty when nothing is.
        frozen: What is wrong is that it was the same again, and not that it does not fit.
    """

    def __init__(self, shape: tuple[int, int], config: WatchConfig) -> None:
        self._shape, self._config = shape, config
        self._K: Array | None = None
        self._last: RgbdFrame | None = None
        self._content = 0
        self._same = 1
        self.counters = FrameCounters()
        self.problem = ""
        self.frozen = False

    def begin_anew(self) -> None:
        """The device was opened again: its numbers and its clock may begin anew."""
        self._last = None

    def is_new(self, frame: RgbdFrame) -> bool:
        """Whether this is another frame than the last one that was judged."""
        last = self._last
        return last is None or (frame.stamp_s, frame.number) != (last.stamp_s, last.number)

    def passes(self, frame: RgbdFrame, received_s: float) -> bool:
        """Judge a new frame.

        Args:
            frame: As it came.
            received_s: When, on the project clock.

        Returns:
            Whether it may be passed on; else `problem` says why not.
        """
        counters = self.counters
        self.problem, self.frozen = self._misfit(frame), False
        if self.problem:
            counters.refused += 1
            return False
        if self._is_from_before(frame):
            counters.out_of_order += 1
            return False
        self._count_gap(frame)
        self._last = frame
        if self._is_frozen(frame):
            counters.frozen += 1
            self.frozen = True
            self.problem = f"the same picture came {self._same} times: it is frozen"
            return False
        counters.late += received_s - frame.stamp_s > self._config.late_s
        counters.frames += 1
        return True

    def _misfit(self, frame: RgbdFrame) -> str:
        rows, columns = self._shape
        if not np.isfinite(frame.stamp_s):
            return f"its stamp is {frame.stamp_s}"
        if frame.depth_m.shape != self._shape:
            found = frame.depth_m.shape
            return f"its pictures are {found[1]} x {found[0]}, not {columns} x {rows}"
        if self._K is None:
            told = self._config.K
            if told is not None and not is_same_lens(frame.K, told):
                return (
                    f"its intrinsics are {_numbers(frame.K)}, not {_numbers(told)} (fx fy cx cy): "
                    "it is another camera, or was calibrated anew"
                )
            if np.isfinite(frame.K).all():
                self._K = frame.K
        if self._K is None or not np.abs(frame.K - self._K).max() <= self._config.K_px:
            return (
                f"its intrinsics changed from {_numbers(self._K)} to {_numbers(frame.K)} "
                "(fx fy cx cy): it has to be calibrated and connected anew"
            )
        return ""

    def _is_from_before(self, frame: RgbdFrame) -> bool:
        last = self._last
        if last is None:
            return False
        if frame.stamp_s <= last.stamp_s:
            return True
        # Its own clock knows better; one that is far behind has begun anew.
        if frame.device_s is not None and last.device_s is not None:
            return 0.0 <= last.device_s - frame.device_s < _BEGAN_ANEW_S
        if frame.number is not None and last.number is not None:
            return 0 <= last.number - frame.number < _BEGAN_ANEW_FRAMES and frame.number > 0
        return False

    def _count_gap(self, frame: RgbdFrame) -> None:
        last = self._last
        if last is None or frame.number is None or last.number is None:
            return
        self.counters.dropped += max(0, frame.number - last.number - 1)

    def _is_frozen(self, frame: RgbdFrame) -> bool:
        depth, rgb = np.ascontiguousarray(frame.depth_m), np.ascontiguousarray(frame.rgb)
        content = zlib.crc32(depth, zlib.crc32(rgb))
        self._same = self._same + 1 if content == self._content else 1
        self._content = content
        most = self._config.frozen_frames
        return most is not None and self._same >= most


def _numbers(K: Array | None) -> str:
    return "none" if K is None else " ".join(f"{value:.1f}" for value in lens_numbers(K))


def why_stale(age_s: float, arrived_s: float, stale_s: float) -> str:
    """What is wrong with the newest picture; empty when nothing is.

    Args:
        age_s: Since it was taken.
        arrived_s: Since it came.
        stale_s: Age at which it is too old.
    """
    if age_s <= stale_s:
        return ""
    if arrived_s <= _SILENT_SHARE * age_s:
        return f"pictures come late: the last one is {age_s:.1f} s old"
    return f"no pictures come: the last one is {age_s:.1f} s old"
