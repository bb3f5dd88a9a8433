"""What calls the control loop of a LeRobot arm."""

import threading
import time
from collections.abc import Callable
from typing import Protocol


class Loop(Protocol):
    """Calls something once per period, from `start` until `stop`."""

    def start(self, tick: Callable[[], None], period_s: float) -> None: ...

    def stop(self) -> None: ...


class ThreadLoop:
    """`Loop` in a thread."""

    def __init__(self, name: str = "lerobot-arm") -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._end = threading.Event()

    def start(self, tick: Callable[[], None], period_s: float) -> None:
        self._end.clear()
        arguments = (tick, period_s)
        self._thread = threading.Thread(
            target=self._run, args=arguments, name=self._name, daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        self._end.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=5.0)

    def _run(self, tick: Callable[[], None], period_s: float) -> None:
        due_s = time.monotonic()
        while not self._end.wait(max(due_s - time.monotonic(), 0.0)):
            tick()
            # What was missed is not made up for: setpoints are for times, not for counts.
            due_s = max(due_s + period_s, time.monotonic())
