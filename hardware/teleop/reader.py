"""A thread that asks a slow device again and again, so that nobody else has to wait for it."""

import threading
from collections.abc import Callable

from robot_skills.core.clock import Clock
from robot_skills.core.teleop import DeviceLost

_JOIN_S = 2.0
_PAUSE_S = 0.002
"""Between two questions: leaves the processor to the control loop."""


class Reader[T]:
    """Keeps the newest answer of a device.

    Args:
        name: Of the device, for messages.
        ask: Asks the device once; may wait.
        clock: The project clock.
        errors: What `ask` raises when the device is gone.
    """

    def __init__(
        self,
        name: str,
        ask: Callable[[], T],
        clock: Clock,
        errors: tuple[type[Exception], ...],
    ) -> None:
        self._name = name
        self._ask = ask
        self._clock = clock
        self._errors = errors
        self._newest: tuple[float, T] | None = None
        self._failure: Exception | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"teleop-{name}", daemon=True)
        self._thread.start()

    def newest(self) -> tuple[float, T] | None:
        """The newest answer and when it was asked for; None before the first.

        Raises:
            DeviceLost: The device failed.
        """
        if not self._thread.is_alive():
            reason = self._failure or "its reader has ended"
            raise DeviceLost(f"The {self._name} is gone: {reason}.")
        return self._newest

    def stop(self) -> None:
        """End the thread, unless the device keeps it waiting for too long."""
        self._stopping.set()
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            asked_s = self._clock.now_s()
            try:
                answer = self._ask()
            except self._errors as failure:
                self._failure = failure
                return
            self._newest = (asked_s, answer)
            self._stopping.wait(_PAUSE_S)
