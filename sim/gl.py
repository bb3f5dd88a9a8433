"""The OpenGL context that pictures are drawn in.

Linux draws headless through EGL (on a GPU, or in software through Mesa); elsewhere MuJoCo's own
choice is right. `MUJOCO_GL` overrides it, as for every program that uses MuJoCo.
"""

import atexit
import ctypes
import os
import sys
import weakref
from typing import Protocol

from robot_skills.core.errors import MissingDependencyError

_PACKAGES = "libegl1 libgl1 libgl1-mesa-dri"
_CHECK_SIZE_PX = 16
_LIBRARIES = {
    "egl": (("libEGL.so.1", "libEGL.so"), _PACKAGES),
    "osmesa": (("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"), "libosmesa6"),
}
"""Libraries that a backend loads, and the Debian package that brings them."""


_open_contexts: "weakref.WeakSet[GLContext]" = weakref.WeakSet()


class GLContext(Protocol):
    """What MuJoCo's contexts have in common."""

    def make_current(self) -> None: ...

    def free(self) -> None: ...


def choose_backend() -> str:
    """Set `MUJOCO_GL` when nobody has, and return it."""
    if sys.platform.startswith("linux") and not os.environ.get("MUJOCO_GL"):
        os.environ["MUJOCO_GL"] = "egl"
    return os.environ.get("MUJOCO_GL", "")


def check_library() -> None:
    """Make sure that the library which `MUJOCO_GL` asks for is there; nothing when it is not set.

    Raises:
        MissingDependencyError: It is not; names the package that brings it.
    """
    backend = os.environ.get("MUJOCO_GL", "")
    if not sys.platform.startswith("linux") or backend not in _LIBRARIES:
        return
    names, package = _LIBRARIES[backend]
    for name in names:
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return
    raise MissingDependencyError(
        f"MUJOCO_GL={backend} needs {names[0]}, which is not installed. "
        f"On Debian or Ubuntu: apt-get install {package}; or unset MUJOCO_GL."
    )


def make_context(width_px: int, height_px: int) -> GLContext:
    """An OpenGL context, not yet current in any thread.

    Raises:
        MissingDependencyError: No context can be made; names the packages that mend it.
    """
    backend = choose_backend()
    try:
        context = _context_class(backend)(width_px, height_px)
    # The bindings raise whatever they stumble over: AttributeError on a missing library,
    # ImportError, RuntimeError, OSError, or an OpenGL.error class that may itself not import.
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else "no reason given"
        raise MissingDependencyError(
            f"Drawing pictures needs OpenGL, and MUJOCO_GL={backend or 'default'} does not work "
            f"({type(error).__name__}: {reason}). On Debian or Ubuntu: apt-get install {_PACKAGES}."
        ) from error
    if not _open_contexts:
        # Registered after MuJoCo's own, so it runs before the display is gone.
        atexit.unregister(_free_open_contexts)
        atexit.register(_free_open_contexts)
    _open_contexts.add(context)
    return context


def check() -> str:
    """Make and free a context; returns the backend that works.

    Raises:
        MissingDependencyError: As `make_context`.
    """
    context = make_context(_CHECK_SIZE_PX, _CHECK_SIZE_PX)
    context.free()
    return choose_backend()


def _context_class(backend: str):
    # Taken from its own module, so that it works when `mujoco` was imported before the choice.
    match backend:
        case "egl":
            from mujoco.egl import GLContext
        case "osmesa":
            from mujoco.osmesa import GLContext
        case _:
            from mujoco.gl_context import GLContext
    return GLContext


def _free_open_contexts() -> None:
    for context in list(_open_contexts):
        context.free()
