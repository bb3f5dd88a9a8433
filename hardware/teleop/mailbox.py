"""A device that others write into: the console in a browser, a test, a network service."""

import threading
from collections.abc import Sequence
from dataclasses import replace

from robot_skills.core.teleop import DeviceLost, TeleopSample, Wish

_STARTED_OVER_S = 1.0


class MailboxDevice:
    """`TeleopDevice` that keeps the newest sample and every wish. Safe between threads.

    Args:
        name: How it is called in messages.
    """

    def __init__(self, name: str = "console") -> None:
        self.name = name
        self._lock = threading.Lock()
        self._newest: TeleopSample | None = None
        self._wishes: list[Wish] = []
        self._connected = False
        self._gone = ""

    def connect(self) -> None:
        """Begin without a sample. Wishes that have not been read yet are kept."""
        with self._lock:
            self._newest = None
            self._connected, self._gone = True, ""

    def push(self, sample: TeleopSample) -> bool:
        """Hand in a sample; returns whether its motion was taken.

        Wishes are always taken. A sample that is a little older than the newest one, or that comes
        while nobody is connected, is not; one that is much older comes from a clock that has
        started over.
        """
        with self._lock:
            self._wishes.extend(sample.wishes)
            newest = self._newest
            age_s = 0.0 if newest is None else newest.stamp_s - sample.stamp_s
            late = 0.0 < age_s < _STARTED_OVER_S
            if late or not self._connected:
                return False
            self._newest = replace(sample, wishes=())
            return True

    def ask(self, wishes: Sequence[Wish]) -> None:
        """Hand in wishes without a motion."""
        with self._lock:
            self._wishes.extend(wishes)

    def lose(self, reason: str) -> None:
        """Whoever wrote is gone; reading fails until the next `connect`."""
        with self._lock:
            self._connected, self._gone = False, reason

    def read(self) -> TeleopSample | None:
        with self._lock:
            if not self._connected:
                raise DeviceLost(self._gone or f"The {self.name} is not connected.")
            if self._newest is None:
                return None
            wishes, self._wishes = tuple(self._wishes), []
            return replace(self._newest, wishes=wishes)

    def close(self) -> None:
        """Forget the newest sample; wishes wait for the next reader."""
        with self._lock:
            self._connected, self._newest = False, None
