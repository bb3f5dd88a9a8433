"""What cameras with a device have in common: the newest picture, its age, and coming back.

A device that is unplugged, or says nothing for a while, is closed and opened again and again with
growing pauses, in the same process. `StreamCamera` has no thread: whoever asks does the work. For a
control loop, put a camera into a `CameraProcess`.
"""

import logging
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from robot_skills.core.clock import Clock
from robot_skills.core.errors import PerceptionError, RobotSkillsError
from robot_skills.core.types import RgbdFrame

_log = logging.getLogger(__name__)

_MOST_WAITING = 64
_GROWTH = 2.0


class PicturesEnded(PerceptionError):
    """A recording is over; opening it again would begin it anew."""


class Pictures(Protocol):
    """An opened device, which gives its frames one after the other."""

    def take(self, timeout_s: float) -> RgbdFrame | None:
        """The next frame; None when none came in time.

        Raises:
            PerceptionError: The device is gone.
            PicturesEnded: There are no more.
        """
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamConfig:
    """How patient one is with a device.

    Attributes:
        stale_s: Age at which a picture is too old to be read.
        first_s: How long a device may take from its opening to its first picture.
        silence_s: A device that says nothing for so long is opened again.
        pause_s: Before it is opened again; doubled each time it does not come.
        longest_pause_s: The longest of these pauses.
    """

    stale_s: float = 0.2
    first_s: float = 5.0
    silence_s: float = 1.0
    pause_s: float = 0.2
    longest_pause_s: float = 2.0

    def __post_init__(self) -> None:
        if min(self.stale_s, self.first_s, self.silence_s, self.pause_s) <= 0.0:
            raise ValueError(f"Times of a camera have to be above 0 s, got {self}.")
        if self.longest_pause_s < self.pause_s:
            raise ValueError(f"The longest pause has to be the longest, got {self}.")


class StreamCamera(ABC):
    """A camera whose device is opened, read, lost and opened again. Implements `Camera`.

    Args:
        name: Of the camera.
        clock: The project clock.
        stream: How patient one is.

    Attributes:
        problem: Why no picture comes; empty while they do.
        opened: How often the device was opened.
    """

    def __init__(self, name: str, clock: Clock, stream: StreamConfig) -> None:
        self._name, self._clock, self._stream = name, clock, stream
        self._connected = False
        self._pictures: Pictures | None = None
        self._newest: RgbdFrame | None = None
        self._heard_s = self._again_s = 0.0
        self._has_spoken = self._ended = False
        self._pause_s = stream.pause_s
        self.problem = ""
        self.opened = 0

    @abstractmethod
    def _open(self) -> Pictures:
        """Open the device.

        Raises:
            RobotSkillsError: It cannot be; says why.
        """

    @property
    def name(self) -> str:
        return self._name

    def connect(self) -> None:
        """Open the device.

        Raises:
            MissingDependencyError: The device is not there or in use, or its library is missing.
            RefusedError: It cannot do what is asked of it.
        """
        if not self._connected:
            self._start()
            self._connected = True

    def close(self) -> None:
        """Give the device back; safe to call twice."""
        self._connected = self._ended = False
        self._newest = None
        self._shut()

    def next_frame(self, timeout_s: float) -> RgbdFrame | None:
        """The next frame in order; None when none came in time, and `problem` may say why.

        Opens a device again that was lost, which can take longer than the timeout.

        Raises:
            PerceptionError: The camera is not connected.
        """
        if not self._connected:
            raise PerceptionError(f"The camera {self._name} is not connected.")
        if self._pictures is None and not self._came_back(timeout_s):
            return None
        assert self._pictures is not None
        try:
            frame = self._pictures.take(timeout_s)
        except PerceptionError as error:
            self._ended = isinstance(error, PicturesEnded)
            self._lose(str(error))
            return None
        now_s = time.monotonic()
        if frame is not None:
            self._heard_s, self._has_spoken = now_s, True
            self._newest, self.problem = frame, ""
            self._pause_s = self._stream.pause_s
        else:
            patience_s = self._stream.silence_s if self._has_spoken else self._stream.first_s
            if now_s - self._heard_s > patience_s:
                self._lose(f"it said nothing for {patience_s:g} s")
        return frame

    def read(self) -> RgbdFrame:
        """The newest frame; waits a little where there is none that is fresh.

        Raises:
            PerceptionError: None came of late; says why.
        """
        for _ in range(_MOST_WAITING):
            if self.next_frame(0.0) is None:
                break
        until_s = time.monotonic() + self._stream.stale_s
        while not self._is_fresh() and (left_s := until_s - time.monotonic()) > 0.0:
            self.next_frame(left_s)
        if not self._is_fresh():
            raise PerceptionError(self._why_none())
        assert self._newest is not None
        return self._newest

    def _is_fresh(self) -> bool:
        if self._newest is None:
            return False
        return self._clock.now_s() - self._newest.stamp_s <= self._stream.stale_s

    def _why_none(self) -> str:
        why = self.problem
        if not why:
            why = "none has come yet"
            if self._newest is not None:
                why = f"the last one is {self._clock.now_s() - self._newest.stamp_s:.1f} s old"
        return f"The camera {self._name} gives no pictures: {why}."

    # The device

    def _start(self) -> None:
        self._pictures = self._open()
        self.opened += 1
        self._heard_s, self._has_spoken = time.monotonic(), False

    def _shut(self) -> None:
        pictures, self._pictures = self._pictures, None
        if pictures is not None:
            with suppress(PerceptionError):
                pictures.close()

    def _lose(self, why: str) -> None:
        _log.warning("The camera %s gives no pictures: %s.", self._name, why)
        self.problem = why
        self._shut()
        self._again_s = time.monotonic() + self._pause_s
        self._pause_s = min(_GROWTH * self._pause_s, self._stream.longest_pause_s)

    def _came_back(self, timeout_s: float) -> bool:
        left_s = self._again_s - time.monotonic()
        if self._ended or left_s > 0.0:
            time.sleep(timeout_s if self._ended else min(timeout_s, left_s))
            return False
        try:
            self._start()
        except RobotSkillsError as error:
            self._lose(str(error).rstrip("."))
            return False
        _log.info("The camera %s is there again.", self._name)
        return True
