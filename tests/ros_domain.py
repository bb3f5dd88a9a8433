"""A domain of ROS 2 that no other tests on this machine use, for as long as a process lives."""

import fcntl
import os
import tempfile
from pathlib import Path

_FIRST, _COUNT = 20, 80
_held: list = []


def claim_domain() -> int:
    """The domain of this process: claimed once, by a lock that goes with the process.

    Raises:
        RuntimeError: All of them are in use.
    """
    if _held:
        return _held[0][0]
    folder = Path(tempfile.gettempdir()) / "robot_skills_ros_domains"
    folder.mkdir(exist_ok=True)
    for i in range(_COUNT):
        domain = _FIRST + (os.getpid() + i) % _COUNT
        file = (folder / f"{domain}.lock").open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        _held.append((domain, file))
        os.environ["ROS_DOMAIN_ID"] = str(domain)
        return domain
    raise RuntimeError(f"All {_COUNT} domains of the tests are in use.")
