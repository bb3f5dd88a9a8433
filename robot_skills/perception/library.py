"""The one place that imports open3d: late, in part, and with the USB library that it links to."""

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType

from robot_skills.core.errors import MissingDependencyError


@cache
def open3d() -> ModuleType:
    """The open3d module, imported on first use.

    Raises:
        MissingDependencyError: open3d, or the libusb that it links to, is not installed.
    """
    try:
        import libusb_package

        # open3d links to libusb-1.0, which bare systems lack; a loaded one satisfies the linker.
        ctypes.CDLL(str(libusb_package.get_library_path()), mode=ctypes.RTLD_GLOBAL)
    except (ImportError, OSError):
        pass  # The system's own libusb may do.
    try:
        with _without_browser_plots():
            import open3d
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"Perception needs open3d, which does not load here ({error}). "
            "Install the extra: pip install 'robot-skills[sim]'."
        ) from error
    return open3d


@contextmanager
def _without_browser_plots() -> Iterator[None]:
    """Spare the import of what open3d plots with in a browser: dash, plotly and IPython.

    That is most of what importing open3d costs, and nothing here plots. Whoever does finds the
    module untouched afterwards.
    """
    name = "open3d.visualization.draw_plotly"
    if "open3d" in sys.modules:
        yield
        return
    empty = ModuleType(name)
    for plot in ("get_plotly_fig", "draw_plotly", "draw_plotly_server"):
        setattr(empty, plot, None)
    sys.modules[name] = empty
    try:
        yield
    finally:
        sys.modules.pop(name, None)
