"""RealSense's SDK in tests: also where the system has not the USB library that it links to."""

import ctypes.util
from typing import Any

import pytest

from hardware.cameras.realsense_device import import_realsense
from robot_skills.core.errors import MissingDependencyError


def realsense_or_skip() -> Any:
    """The module `pyrealsense2`, loaded as the driver loads it; skips where it is not installed."""
    try:
        return import_realsense()
    except MissingDependencyError as error:
        pytest.skip(str(error), allow_module_level=True)


def usb_for_others() -> dict[str, str]:
    """What a program of others needs in its environment to load the SDK by itself here."""
    if ctypes.util.find_library("usb-1.0") is not None:
        return {}
    try:
        import libusb_package
    except ImportError:
        return {}
    return {"LD_PRELOAD": str(libusb_package.get_library_path())}
