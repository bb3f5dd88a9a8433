"""The newest numbers of one process for others on the machine, without waiting for each other."""

import multiprocessing.sharedctypes
from typing import Any

import numpy as np

from robot_skills.core.se3 import Array


class SharedNumbers:
    """A vector in shared memory: one process writes, any number of others read whole vectors.

    Passed to a spawned process as an argument, it is shared.

    Args:
        size: How many numbers.
    """

    def __init__(self, size: int) -> None:
        self._raw = multiprocessing.sharedctypes.RawArray("d", 1 + size)
        self._view: Array | None = None

    def __getstate__(self) -> Any:
        return self._raw

    def __setstate__(self, raw: Any) -> None:
        self._raw, self._view = raw, None

    def _numbers(self) -> Array:
        if self._view is None:
            self._view = np.frombuffer(self._raw, dtype=np.float64)
        return self._view

    def write(self, *parts: "Array | float") -> None:
        """Put numbers and vectors there, one after the other."""
        numbers = self._numbers()
        # The first is odd while the others are being written.
        numbers[0] += 1.0
        numbers[1:] = np.hstack(parts)
        numbers[0] += 1.0

    def read(self) -> Array | None:
        """The newest vector; None before the first."""
        numbers = self._numbers()
        while True:
            before = numbers[0]
            copy = numbers.copy()
            if before == numbers[0] and before % 2.0 == 0.0:
                return copy[1:] if before > 0.0 else None
