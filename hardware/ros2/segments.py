"""Shared memory that killed processes have left behind.

Fast DDS gives every process that uses shared memory a segment of its own (70 MB with our profiles),
and holds a lock beside it for as long as the process lives. What was killed leaves its segment: a
few hundred of them, and the machine is out of memory. Whoever comes next removes them.
"""

import contextlib
import fcntl
import os
import re
import time
from pathlib import Path

FOLDER = Path("/dev/shm")
_LOCK = re.compile(r"(fastdds_[0-9a-f]{16})_el")
_YOUNG_S = 10.0
"""Younger locks may be about to be taken."""


def remove_left_over(folder: Path = FOLDER) -> int:
    """Remove the segments of processes that are gone; those of others stay, and those in doubt.

    Args:
        folder: Where segments are.

    Returns:
        How many were removed.
    """
    removed = 0
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if found := _LOCK.fullmatch(name):
                removed += _remove(folder / name, folder / found[1])
    return removed


def _remove(lock: Path, segment: Path) -> bool:
    """Whether nobody held the lock, so that both could go."""
    try:
        if time.time() - lock.stat().st_mtime < _YOUNG_S:
            return False
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            segment.unlink(missing_ok=True)
            lock.unlink(missing_ok=True)
    except OSError:
        # Held, of another user, or removed by somebody else meanwhile.
        return False
    return True
