"""Keeps others from coming before the processes that drive an arm.

SVT-AV1, where root runs it, gives the highest real-time priority to its threads and to the one that
calls it. Whatever is encoded on a robot's computer then stops the arm's safety gate for seconds. A
thread that lacks the right to raise priorities (CAP_SYS_NICE) stays ordinary, and so do the threads
that it begins.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CAP_SYS_NICE = 1 << 23
_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Rights(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


@contextmanager
def ordinary_priority() -> Iterator[None]:
    """Neither the calling thread nor one that it begins meanwhile can claim real-time priority."""
    gave_up = give_up_priority()
    try:
        yield
    finally:
        if gave_up:
            take_priority_back()


def give_up_priority() -> bool:
    """As `ordinary_priority`, from now on. False where the calling thread had no such right."""
    return _set_effective(lambda rights: rights & ~_CAP_SYS_NICE)


def take_priority_back() -> bool:
    """Undo what `give_up_priority` did to the calling thread. False where there was nothing."""
    return _set_effective(lambda rights: rights | _CAP_SYS_NICE)


def _set_effective(changed: Callable[[int], int]) -> bool:
    """Whether that changed the calling thread's effective rights; never where nobody knows them."""
    try:
        library = ctypes.CDLL(None, use_errno=True)
        get, put = library.capget, library.capset
    except (OSError, AttributeError):
        return False
    header, rights = _Header(_VERSION_3, 0), (_Rights * 2)()
    if get(ctypes.byref(header), rights) != 0:
        return False
    before = rights[0].effective
    rights[0].effective = changed(before)
    return rights[0].effective != before and put(ctypes.byref(header), rights) == 0


@dataclass(frozen=True, kw_only=True, slots=True)
class RealTimeProcess:
    """A process that runs before others.

    Attributes:
        pid: Of it.
        name: As the system shows it.
        priority: The highest of its threads', 1 to 99.
    """

    pid: int
    name: str
    priority: int


def real_time_processes(above: int, proc: Path = Path("/proc")) -> list[RealTimeProcess]:
    """Processes on this machine with a thread of a real-time priority above one, by their pid.

    The system's own threads are not counted: they are there on every machine.

    Args:
        above: Priority.
        proc: Where the system tells of its processes.
    """
    found = []
    for process in proc.glob("[0-9]*"):
        try:
            priority = max(map(_real_time_priority, process.glob("task/[0-9]*/stat")), default=0)
            if priority > above and (process / "cmdline").read_bytes():
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                found.append(RealTimeProcess(pid=int(process.name), name=name, priority=priority))
        except OSError:
            # It has ended meanwhile.
            continue
    return sorted(found, key=lambda one: one.pid)


def _real_time_priority(stat: Path) -> int:
    """Of one thread; 0 for an ordinary one. See proc_pid_stat(5)."""
    # The second field is a name in brackets, which may hold anything.
    fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return int(fields[37])
