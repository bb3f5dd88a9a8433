"""A depth camera of robot-skills as one of LeRobot's.

Cameras of robot-skills keep their newest frame themselves, so no thread is needed here. Colours
and depth that are read one after the other come from the same frame.
"""

import time
from typing import Any

import numpy as np
from lerobot.cameras import Camera as LeRobotsCamera
from lerobot.utils.errors import DeviceAlreadyConnectedError, DeviceNotConnectedError
from numpy.typing import NDArray

from hardware.lerobot_views import depth_mm
from lerobot_camera_robot_skills.config_robot_skills import RobotSkillsCameraConfig, Source
from lerobot_camera_robot_skills.sources import make_source
from robot_skills.core.errors import PerceptionError, RefusedError
from robot_skills.core.types import RgbdFrame

_ASK_S = 0.002


class RobotSkillsCamera(LeRobotsCamera):
    """Colours, uint8 (H, W, 3), and depth, uint16 millimetres (H, W, 1), 0 = no reading.

    Args:
        config: Which camera.
    """

    config_class = RobotSkillsCameraConfig
    name = "robot_skills"

    def __init__(self, config: RobotSkillsCameraConfig) -> None:
        super().__init__(config)
        self.config = config
        self.use_rgb, self.use_depth = config.use_rgb, config.use_depth
        self._source = make_source(config)
        self._connected = False
        self._forget()

    def __str__(self) -> str:
        return f"{type(self).__name__}({self.config.source} {self.config.name})"

    @property
    def is_connected(self) -> bool:
        # LeRobot's finaliser asks this of what was never quite made.
        return getattr(self, "_connected", False)

    @staticmethod
    def find_cameras() -> list[dict[str, Any]]:
        """The cameras of a simulated table; topics are not looked for."""
        from sim.world import CAMERAS

        return [
            {"name": name, "type": "robot_skills", "id": name, "source": Source.SIM.value}
            for name in CAMERAS
        ]

    def connect(self, warmup: bool = True) -> None:
        """Open the camera, and wait for its first picture.

        Args:
            warmup: Whether to wait. Without that, its size has to be in the configuration.

        Raises:
            DeviceAlreadyConnectedError: It is open.
            ConnectionError: It gives no picture.
            RefusedError: Its pictures have another size than the configuration says.
        """
        if self._connected:
            raise DeviceAlreadyConnectedError(f"{self} is already connected.")
        self._source.connect()
        self._connected = True
        # The robot of a robot's camera may be connected later than its cameras.
        if warmup and Source(self.config.source) is not Source.ROBOT:
            try:
                self._warm_up()
            except BaseException:
                self.disconnect()
                raise

    def _warm_up(self) -> None:
        until_s = time.monotonic() + self.config.warmup_s
        while True:
            try:
                frame = self._source.read()
                break
            except PerceptionError as reason:
                if time.monotonic() > until_s:
                    raise ConnectionError(f"{self} gives no picture: {reason}") from reason
                time.sleep(_ASK_S)
        self._check_size(frame)

    # Colours

    def read(self) -> NDArray[np.uint8]:
        """The next picture. Raises `DeviceNotConnectedError`, `TimeoutError`."""
        return self.async_read(1e3 * self.config.warmup_s)

    def async_read(self, timeout_ms: float = 200) -> NDArray[np.uint8]:
        """A picture that was not read before, waiting for it if need be.

        Raises:
            DeviceNotConnectedError: The camera is not open.
            TimeoutError: None came in time.
        """
        return self._next("colours", timeout_ms).rgb

    def read_latest(self, max_age_ms: int = 500) -> NDArray[np.uint8]:
        """The newest picture.

        Raises:
            DeviceNotConnectedError: The camera is not open.
            TimeoutError: It is too old, or there is none.
        """
        return self._newest("colours", max_age_ms).rgb

    # Depth, under the names that LeRobot's RealSense camera has

    def read_depth(self, timeout_ms: int = 200) -> NDArray[np.uint16]:
        """The next depth. Raises as `async_read_depth` does."""
        return self.async_read_depth(timeout_ms)

    def async_read_depth(self, timeout_ms: float = 200) -> NDArray[np.uint16]:
        """Depth that was not read before, waiting for it if need be.

        Raises:
            RuntimeError: `use_depth` is off.
            DeviceNotConnectedError: The camera is not open.
            TimeoutError: None came in time.
        """
        self._check_depth()
        return depth_mm(self._next("depth", timeout_ms).depth_m)

    def read_latest_depth(self, max_age_ms: int = 500) -> NDArray[np.uint16]:
        """The newest depth, of the same frame as the colours that were read before it.

        Raises:
            RuntimeError: `use_depth` is off.
            DeviceNotConnectedError: The camera is not open.
            TimeoutError: It is too old, or there is none.
        """
        self._check_depth()
        return depth_mm(self._newest("depth", max_age_ms).depth_m)

    def disconnect(self) -> None:
        """Release the camera.

        Raises:
            DeviceNotConnectedError: It is not open.
        """
        self._check_connected()
        self._connected = False
        self._forget()
        self._source.close()

    # Frames

    def _forget(self) -> None:
        self._frame: RgbdFrame | None = None
        self._arrived_s = 0.0
        self._read: set[str] = set()
        """What was read of the present frame."""

    def _newest(self, part: str, max_age_ms: float) -> RgbdFrame:
        self._check_connected()
        frame = self._frame
        # Depth goes with the colours that were just read, and the other way round.
        if frame is None or part in self._read or self._age_ms() > max_age_ms or not self._read:
            frame = self._take()
        if self._age_ms() > max_age_ms:
            raise TimeoutError(f"The newest frame of {self} is {self._age_ms():.0f} ms old.")
        self._read.add(part)
        return frame

    def _next(self, part: str, timeout_ms: float) -> RgbdFrame:
        self._check_connected()
        until_s = time.monotonic() + 1e-3 * timeout_ms
        if self._frame is not None and self._read and part not in self._read:
            self._read.add(part)
            return self._frame
        while True:
            before = self._frame
            frame = self._take()
            if before is None or frame is not before:
                self._read.add(part)
                return frame
            if time.monotonic() > until_s:
                raise TimeoutError(f"{self} gave no new frame in {timeout_ms:.0f} ms.")
            time.sleep(_ASK_S)

    def _take(self) -> RgbdFrame:
        try:
            frame = self._source.read()
        except PerceptionError as reason:
            raise TimeoutError(str(reason)) from reason
        if frame is not self._frame:
            self._check_size(frame)
            self._frame, self._arrived_s = frame, time.monotonic()
            self._read = set()
        return frame

    def _age_ms(self) -> float:
        return 1e3 * (time.monotonic() - self._arrived_s)

    def _check_size(self, frame: RgbdFrame) -> None:
        height, width = frame.rgb.shape[:2]
        wanted = (self.width or width, self.height or height)
        if (width, height) != wanted:
            raise RefusedError(
                f"{self} gives {width} x {height} px, width and height say "
                f"{wanted[0]} x {wanted[1]}."
            )
        self.width, self.height = width, height

    def _check_depth(self) -> None:
        if not self.use_depth:
            raise RuntimeError(f"{self} was configured with use_depth=false.")

    def _check_connected(self) -> None:
        if not self._connected:
            raise DeviceNotConnectedError(f"{self} is not connected.")
