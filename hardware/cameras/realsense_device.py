"""Finding, opening and recording an Intel RealSense: what gives `RealSenseCamera` its framesets."""

import contextlib
import ctypes
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from hardware.cameras.stream import PicturesEnded, StreamConfig
from hardware.ros2.runtime import import_rclpy
from robot_skills.core.errors import MissingDependencyError, PerceptionError, RefusedError

_RECORDINGS = (".db3", ".bag")


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthFilters:
    """The SDK's own filters, in the order in which it recommends them.

    Attributes:
        decimation: Depth is thinned out by this factor before it is aligned; 1 is off.
        spatial: Smooths, keeping edges.
        temporal: Averages over time; what moves leaves a trace.
        hole_filling: Fills what has no reading from its neighbours: invents depth.
    """

    decimation: int = 1
    spatial: bool = False
    temporal: bool = False
    hole_filling: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.decimation <= 8:
            raise ValueError(f"Decimation is from 1 (off) to 8, got {self.decimation}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class RealSenseConfig:
    """One RealSense.

    Attributes:
        name: Of the camera.
        serial: Of the device; empty takes the only one there is.
        width_px: Of colours, and so of aligned depth.
        height_px: Of both.
        rate_hz: Pictures per second.
        filters: For depth.
        latency_s: Least time from capture to arrival, from calibration.
        usb2: A USB 2 port will do. It carries few sizes and rates.
        record: File of the SDK's own kind (``.db3``) that everything is recorded to.
        playback: Such a file that is played instead of a device.
        stream: How patient one is.
    """

    name: str
    serial: str = ""
    width_px: int = 640
    height_px: int = 480
    rate_hz: int = 30
    filters: DepthFilters = field(default_factory=DepthFilters)
    latency_s: float = 0.0
    usb2: bool = False
    record: str = ""
    playback: str = ""
    stream: StreamConfig = field(default_factory=StreamConfig)

    def __post_init__(self) -> None:
        if min(self.width_px, self.height_px, self.rate_hz) < 1:
            raise ValueError(f"A camera needs a size and a rate, got {self}.")
        if self.record and self.playback:
            raise ValueError("A camera either records or plays, not both.")


class Framesets(Protocol):
    """The framesets of an opened device."""

    def take(self, timeout_s: float) -> Any | None:
        """The next `rs.composite_frame`; None when none came in time.

        Raises:
            PerceptionError: The device is gone.
        """
        ...

    def close(self) -> None: ...


OpenFramesets = Callable[[RealSenseConfig], Framesets]


def open_realsense(
    config: RealSenseConfig, find_devices: Callable[[], Sequence[Any]] | None = None
) -> Framesets:
    """Open a device, or a recording of one.

    Args:
        config: Which.
        find_devices: Those to choose from, as `rs.device`; None asks USB.

    Raises:
        MissingDependencyError: The SDK or the device is not there, or another program uses it.
        RefusedError: It cannot do what is asked of it.
    """
    if config.playback:
        return _PlayedFramesets(config)
    return _LiveFramesets(config, find_devices)


def import_realsense() -> Any:
    """The module `pyrealsense2`, after ROS 2 where that is installed.

    Both bring a Fast DDS: a process that loads the SDK's first crashes as it ends.

    Raises:
        MissingDependencyError: It, or the libusb that it links to, is not installed.
    """
    try:
        import libusb_package

        # Bare systems lack libusb-1.0; a loaded one satisfies the linker.
        ctypes.CDLL(str(libusb_package.get_library_path()), mode=ctypes.RTLD_GLOBAL)
    except (ImportError, OSError):
        pass  # The system's own may do.
    with contextlib.suppress(MissingDependencyError):
        import_rclpy()
    try:
        import pyrealsense2 as rs
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"RealSense cameras do not work here: {error}. Install the extra `realsense`: "
            "pip install 'robot-skills[realsense]'."
        ) from None
    return rs


class _LiveFramesets:
    """A pipeline on one device."""

    def __init__(
        self, config: RealSenseConfig, find_devices: Callable[[], Sequence[Any]] | None
    ) -> None:
        rs = import_realsense()
        self._name = config.name
        self._context = rs.context()
        devices = (
            list(self._context.query_devices()) if find_devices is None else list(find_devices())
        )
        self._device = chosen_device(rs, devices, config)
        self._gone = threading.Event()
        if find_devices is None:
            self._context.set_devices_changed_callback(self._changed)
        self._pipeline = rs.pipeline(self._context)
        wish = rs.config()
        if find_devices is None:
            wish.enable_device(self._device.get_info(rs.camera_info.serial_number))
        else:
            self._pipeline.set_device(self._device)
        size = config.width_px, config.height_px
        wish.enable_stream(rs.stream.color, *size, rs.format.rgb8, config.rate_hz)
        wish.enable_stream(rs.stream.depth, *size, rs.format.z16, config.rate_hz)
        if config.record:
            _check_recording(config.record)
            wish.enable_record_to_file(config.record)
        try:
            self._pipeline.start(wish)
        except RuntimeError as error:
            raise _why_not(error, config) from None

    def _changed(self, info: Any) -> None:
        # Called by a thread of the SDK: note it and be gone.
        if info.was_removed(self._device):
            self._gone.set()

    def take(self, timeout_s: float) -> Any | None:
        if self._gone.is_set():
            raise PerceptionError("it was unplugged")
        try:
            came, frameset = self._pipeline.try_wait_for_frames(max(1, round(1e3 * timeout_s)))
        except RuntimeError as error:
            raise PerceptionError(f"its driver says: {error}") from None
        return frameset if came else None

    def close(self) -> None:
        try:
            self._pipeline.stop()
        except RuntimeError as error:
            raise PerceptionError(f"its driver says: {error}") from None
        finally:
            # A recording gets its index when the last reference is gone.
            del self._pipeline, self._device, self._context


class _PlayedFramesets:
    """A recording, as fast as it was made."""

    def __init__(self, config: RealSenseConfig) -> None:
        if not Path(config.playback).is_file():
            raise RefusedError(f"There is no recording {config.playback!r}.")
        rs = import_realsense()
        self._stopped = rs.playback_status.stopped
        self._pipeline = rs.pipeline()
        wish = rs.config()
        try:
            wish.enable_device_from_file(config.playback, repeat_playback=False)
            profile = self._pipeline.start(wish)
        except RuntimeError as error:
            raise RefusedError(f"{config.playback!r} cannot be played: {error}.") from None
        self._playback = profile.get_device().as_playback()

    def take(self, timeout_s: float) -> Any | None:
        came, frameset = self._pipeline.try_wait_for_frames(max(1, round(1e3 * timeout_s)))
        if came:
            return frameset
        if self._playback.current_status() == self._stopped:
            raise PicturesEnded("the recording is over")
        return None

    def close(self) -> None:
        self._pipeline.stop()
        del self._playback, self._pipeline


def chosen_device(rs: Any, devices: Sequence[Any], config: RealSenseConfig) -> Any:
    """The device that is meant, on a port that will do.

    Raises:
        MissingDependencyError: It is not there, or it is not said which of several.
        RefusedError: It is on a USB 2 port.
    """
    serials = [device.get_info(rs.camera_info.serial_number) for device in devices]
    there = ", ".join(serials) or "none"
    if not devices:
        which = f" (serial {config.serial})" if config.serial else ""
        raise MissingDependencyError(
            f"The camera {config.name}{which}: no RealSense is connected. Plug it in, and check "
            "that its udev rules are installed."
        )
    if config.serial and config.serial not in serials:
        raise MissingDependencyError(
            f"The camera {config.name} has serial {config.serial}, which is not connected. "
            f"Connected: {there}."
        )
    if not config.serial and len(devices) > 1:
        raise MissingDependencyError(
            f"The camera {config.name} could be any of several: give it a serial. "
            f"Connected: {there}."
        )
    device = devices[serials.index(config.serial) if config.serial else 0]
    port = rs.camera_info.usb_type_descriptor
    kind = device.get_info(port) if device.supports(port) else ""
    if kind.startswith("2") and not config.usb2:
        raise RefusedError(
            f"The camera {config.name} is on a USB {kind} port, which cannot carry its pictures. "
            "Use a USB 3 port and cable, or allow it in its settings (usb2)."
        )
    return device


def _check_recording(file: str) -> None:
    path = Path(file)
    if path.suffix not in _RECORDINGS:
        raise RefusedError(f"Recordings end in {' or '.join(_RECORDINGS)}, got {file!r}.")
    if path.exists():
        raise RefusedError(f"{file!r} exists already; recordings are not overwritten.")
    if not path.parent.is_dir():
        raise RefusedError(f"There is no folder {str(path.parent)!r} to record to.")


_BUSY = ("busy", "failed to set power state", "xioctl", "failed to open")
_UNABLE = ("couldn't resolve requests", "profile")


def _why_not(error: RuntimeError, config: RealSenseConfig) -> MissingDependencyError | RefusedError:
    said = str(error)
    low = said.lower()
    if any(word in low for word in _BUSY):
        return MissingDependencyError(
            f"The camera {config.name} is in use by another program, or may not be opened: {said}."
        )
    if any(word in low for word in _UNABLE):
        return RefusedError(
            f"The camera {config.name} has no colours and depth of {config.width_px} x "
            f"{config.height_px} at {config.rate_hz} Hz on this port."
        )
    if "no device" in low:
        return MissingDependencyError(f"The camera {config.name} went away while it was opened.")
    return RefusedError(f"The camera {config.name} does not start: {said}.")
