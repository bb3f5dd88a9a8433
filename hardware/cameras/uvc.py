"""Webcams and everything else that OpenCV opens: colours alone, no depth."""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hardware.cameras.pose import CameraPose, pose_at
from hardware.cameras.stream import Pictures, PicturesEnded, StreamCamera, StreamConfig
from hardware.cameras.undistort import import_cv2, undistortion
from robot_skills.core.clock import Clock
from robot_skills.core.clock_map import ClockMap
from robot_skills.core.errors import MissingDependencyError, PerceptionError, RefusedError
from robot_skills.core.se3 import Array
from robot_skills.core.types import RgbdFrame

_COEFFICIENTS = 5


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class UvcConfig:
    """One webcam.

    Attributes:
        name: Of the camera.
        device: Number or path of the device (``/dev/v4l/by-id/...`` names the same one after a
            restart), or a video file that stands in for one.
        width_px: Of the pictures.
        height_px: Of the pictures.
        rate_hz: Pictures per second.
        K: Intrinsics [px], (3, 3), from calibration at this size.
        distortion: k1, k2, p1, p2, k3 of the lens, (5,); pictures are undistorted.
        format: Four letters of the pixel format that is asked for; ``MJPG`` fits a USB 2 port.
        latency_s: Least time from capture to arrival, from calibration.
        stream: How patient one is.
    """

    name: str
    device: int | str
    width_px: int = 640
    height_px: int = 480
    rate_hz: int = 30
    K: Array
    distortion: tuple[float, ...] = (0.0,) * _COEFFICIENTS
    format: str = "MJPG"
    latency_s: float = 0.0
    stream: StreamConfig = field(default_factory=StreamConfig)

    def __post_init__(self) -> None:
        K = np.asarray(self.K, dtype=np.float64)
        if K.shape != (3, 3) or not np.isfinite(K).all() or min(K[0, 0], K[1, 1]) <= 0.0:
            raise ValueError(f"The camera {self.name} needs intrinsics (3, 3), got {self.K}.")
        if not (0.0 < K[0, 2] < self.width_px and 0.0 < K[1, 2] < self.height_px):
            raise ValueError(
                f"The camera {self.name} has its optical axis at ({K[0, 2]:.0f}, {K[1, 2]:.0f}) "
                f"px, outside pictures of {self.width_px} x {self.height_px}: its intrinsics are "
                "of another size."
            )
        if len(self.distortion) != _COEFFICIENTS or len(self.format) != 4:
            raise ValueError("Distortion has five coefficients, and a format four letters.")
        object.__setattr__(self, "K", K)


class UvcCamera(StreamCamera):
    """A webcam. Implements `Camera`; its depth is all zeros, which is no reading.

    Args:
        clock: The project clock.
        config: Which device, and how it is set.
        T_base_camera: Where it is.
    """

    def __init__(self, clock: Clock, config: UvcConfig, T_base_camera: CameraPose) -> None:
        super().__init__(config.name, clock, config.stream)
        self._config, self._T_base_camera = config, T_base_camera

    def _open(self) -> Pictures:
        return _Captured(self._config, self._T_base_camera, self._clock)


class _Captured:
    """What OpenCV captures from one device or file."""

    def __init__(self, config: UvcConfig, T_base_camera: CameraPose, clock: Clock) -> None:
        self._config, self._T_base_camera, self._clock = config, T_base_camera, clock
        self._cv2 = import_cv2()
        self._times = ClockMap(latency_s=config.latency_s)
        size = config.width_px, config.height_px
        self._straight = undistortion(config.K, np.array(config.distortion), size)
        self._depth_m = np.zeros((config.height_px, config.width_px), dtype=np.float32)
        self._number = 0
        self._is_file = isinstance(config.device, str) and Path(config.device).is_file()
        self._due_s = clock.now_s()
        self._capture = self._opened()

    def _opened(self) -> Any:
        cv2, config = self._cv2, self._config
        _check_there(config)
        capture = cv2.VideoCapture(config.device)
        if not capture.isOpened():
            raise MissingDependencyError(
                f"The camera {config.name} ({config.device}) cannot be opened: another program "
                "uses it, or it is no camera."
            )
        if not self._is_file:
            for what, value in (
                (cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*config.format)),
                (cv2.CAP_PROP_FRAME_WIDTH, config.width_px),
                (cv2.CAP_PROP_FRAME_HEIGHT, config.height_px),
                (cv2.CAP_PROP_FPS, config.rate_hz),
                # An old picture is worth nothing.
                (cv2.CAP_PROP_BUFFERSIZE, 1),
            ):
                capture.set(what, value)
        found = tuple(
            round(capture.get(what))
            for what in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
        )
        if found != (config.width_px, config.height_px):
            capture.release()
            raise RefusedError(
                f"The camera {config.name} gives pictures of {found[0]} x {found[1]}, not of "
                f"{config.width_px} x {config.height_px}: its intrinsics would be wrong."
            )
        return capture

    def take(self, timeout_s: float) -> RgbdFrame | None:
        """The next picture. A device is waited for as long as OpenCV does, whatever the timeout."""
        if self._is_file and not self._is_due(timeout_s):
            return None
        came, bgr = self._capture.read()
        received_s = self._clock.now_s()
        if not came:
            if self._is_file:
                raise PicturesEnded("the video is over")
            raise PerceptionError("it gives no picture any more: it was unplugged or has failed")
        rgb = np.ascontiguousarray(bgr[:, :, ::-1])
        if self._straight is not None:
            rgb = self._straight.rgb(rgb)
        stamp_s = self._times.stamp_s(None, received_s)
        number, self._number = self._number, self._number + 1
        return RgbdFrame(
            stamp_s=stamp_s,
            rgb=rgb,
            depth_m=self._depth_m,
            K=self._config.K,
            T_base_camera=pose_at(self._T_base_camera, stamp_s),
            number=number,
            received_s=received_s,
        )

    def _is_due(self, timeout_s: float) -> bool:
        """Waits for the time of a file's next picture, but no longer than the timeout."""
        self._clock.sleep_until(min(self._due_s, self._clock.now_s() + timeout_s))
        if self._clock.now_s() < self._due_s:
            return False
        self._due_s += 1.0 / self._config.rate_hz
        return True

    def close(self) -> None:
        self._capture.release()


def _check_there(config: UvcConfig) -> None:
    """OpenCV tells on the console, not to us, what it does not find."""
    path = f"/dev/video{config.device}" if isinstance(config.device, int) else config.device
    if os.name == "posix" and "://" not in path and not Path(path).exists():
        there = ", ".join(sorted(str(one) for one in Path("/dev").glob("video*"))) or "none"
        raise MissingDependencyError(
            f"The camera {config.name} is not connected: there is no {path}. Devices: {there}."
        )
