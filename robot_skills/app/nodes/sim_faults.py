"""What can be made to go wrong with a simulated arm and its cameras."""

import json
from collections import deque
from dataclasses import dataclass, field, fields, replace

import numpy as np

from robot_skills.core.types import RgbdFrame

INJECT = "inject"
"""Topic below the simulated robot's node: a `std_msgs/String` of JSON with fields of `Faults`."""
_COUNTER_BITS = 32


@dataclass(slots=True)
class Faults:
    """What goes wrong. Numbers count messages, or seconds; the next `Faults` replaces them all.

    Attributes:
        silent_s: The arm says nothing for so long.
        not_finite: So many of its states have a joint that is not finite.
        jump_rad: The first joint is off by so much, in ``jumped`` states.
        jumped: See `jump_rad`.
        clock_s: The arm's own clock is ahead by so much from now on.
        reversed: Its joints are named in another order from now on.
        degrees: It tells its joints in degrees from now on.
        cameras: Cameras that the faults below are of; empty is all of them.
        camera_silent_s: No pictures come for so long, as if unplugged.
        camera_frozen: The same picture comes again and again, with new stamps.
        camera_late_s: Pictures come so long after they were taken.
        camera_shuffled: Every second picture comes after the one that was taken later.
        camera_px: Width and height that pictures have instead.
        camera_zoom: The focal length is so many times as long.
    """

    silent_s: float = 0.0
    not_finite: int = 0
    jump_rad: float = 0.5
    jumped: int = 0
    clock_s: float = 0.0
    reversed: bool = False
    degrees: bool = False
    cameras: tuple[str, ...] = ()
    camera_silent_s: float = 0.0
    camera_frozen: bool = False
    camera_late_s: float = 0.0
    camera_shuffled: bool = False
    camera_px: tuple[int, int] | None = None
    camera_zoom: float = 1.0


def read_faults(text: str) -> Faults:
    """Faults from JSON.

    Raises:
        ValueError: That is no JSON, or there are no such faults.
    """
    told = json.loads(text)
    known = {one.name for one in fields(Faults)}
    if not isinstance(told, dict) or not set(told) <= known:
        raise ValueError(f"known are {', '.join(sorted(known))}")
    return Faults(**told)


@dataclass(slots=True)
class CameraFaults:
    """Does to one camera's pictures what was injected.

    Attributes:
        name: Of the camera.
        counted: Pictures that its device has taken.
    """

    name: str
    counted: int = 0
    _faults: Faults = field(default_factory=Faults)
    _silent_until_s: float = 0.0
    _last: RgbdFrame | None = None
    _waiting: deque[tuple[float, RgbdFrame]] = field(default_factory=deque)

    def inject(self, faults: Faults, now_s: float) -> None:
        """From now on this goes wrong."""
        mine = not faults.cameras or self.name in faults.cameras
        self._faults = faults if mine else Faults()
        self._silent_until_s = now_s + self._faults.camera_silent_s
        if not self._faults.camera_late_s and not self._faults.camera_shuffled:
            self._waiting.clear()

    def come(self, frame: RgbdFrame, now_s: float) -> list[RgbdFrame]:
        """The pictures that come now, when this one has been taken."""
        faults = self._faults
        if now_s < self._silent_until_s:
            return []
        if not faults.camera_frozen or self._last is None:
            self.counted += 1
            self._last = numbered(frame, self.counted)
        frame = self._misfit(replace(self._last, stamp_s=frame.stamp_s))
        if faults.camera_shuffled:
            self._waiting.append((0.0, frame))
            if len(self._waiting) < 2:
                return []
            come = [one for _, one in reversed(self._waiting)]
            self._waiting.clear()
            return come
        self._waiting.append((now_s + faults.camera_late_s, frame))
        come = []
        while self._waiting and self._waiting[0][0] <= now_s:
            come.append(self._waiting.popleft()[1])
        return come

    def _misfit(self, frame: RgbdFrame) -> RgbdFrame:
        faults, K = self._faults, frame.K.copy()
        K[:2, :2] *= faults.camera_zoom
        if faults.camera_px is None:
            return replace(frame, K=K)
        width, height = faults.camera_px
        rows, columns = frame.depth_m.shape
        at = np.ix_(np.arange(height) % rows, np.arange(width) % columns)
        return replace(frame, rgb=frame.rgb[at], depth_m=frame.depth_m[at], K=K)


def numbered(frame: RgbdFrame, number: int) -> RgbdFrame:
    """A picture that carries its number, as devices that count write it into the first pixels.

    A drawn picture has no noise, so a scene at rest looks frozen; with its number it does not. It
    takes the lowest bit of the first 32 values.
    """
    rgb = frame.rgb.copy()
    first = rgb.reshape(-1)[:_COUNTER_BITS]
    bits = (number >> np.arange(len(first))) & 1
    first[:] = (first & 0xFE) | bits.astype(np.uint8)
    return replace(frame, rgb=rgb)
