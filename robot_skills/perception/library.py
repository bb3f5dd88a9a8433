"""The one place that imports open3d: late (1.2 s), and with the USB library that it links to."""

import ctypes
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
        import open3d
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"Perception needs open3d, which does not load here ({error}). "
            "Install the extra: pip install 'robot-skills[sim]'."
        ) from error
    return open3d
