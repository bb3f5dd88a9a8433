"""Keeps others from coming before the processes that drive an arm.

SVT-AV1, where root runs it, gives the highest real-time priority to its threads and to the one that
calls it. Whatever is encoded on a robot's computer then stops the arm's safety gate for seconds. A
thread that lacks the right to raise priorities (CAP_SYS_NICE) stays ordinary, and so do the threads
that it begins.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
            _set_effective(lambda rights: rights | _CAP_SYS_NICE)


def give_up_priority() -> bool:
    """As `ordinary_priority`, from now on. False where the calling thread had no such right."""
    return _set_effective(lambda rights: rights & ~_CAP_SYS_NICE)


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
