"""Waiting for processes that share their processors with all other tests."""

import time
from collections.abc import Callable

from robot_skills.core.errors import RobotFault


def patiently[T](call: Callable[[], T], timeout_s: float = 60.0) -> T:
    """Call again until it raises no `RobotFault`: a robot has less patience than starts may need.

    Raises:
        RobotFault: It still does after so long.
    """
    until_s = time.monotonic() + timeout_s
    while True:
        try:
            return call()
        except RobotFault:
            if time.monotonic() > until_s:
                raise
