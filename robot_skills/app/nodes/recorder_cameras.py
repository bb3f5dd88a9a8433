"""Pictures on their way from topics to a recorder: those that are no data are left out."""

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from hardware.ros2.camera import RosCamera
from robot_skills.core.errors import PerceptionError
from robot_skills.core.frame_ring import FrameRing
from robot_skills.core.types import RgbdFrame

_ILL = b"\x02"
"""From this level of a `diagnostic_msgs/DiagnosticStatus` on, a camera's pictures are no data."""
_FROZEN = 10
"""As many equal pictures in a row, and a camera is frozen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeardCamera:
    """A camera that is recorded.

    Attributes:
        size_px: Width and height that its pictures have to have.
        noisy: Whether a scene at rest gives a new picture each time.
    """

    size_px: tuple[int, int]
    noisy: bool


class CameraFeed:
    """Pictures of one camera on their way into its ring.

    Args:
        camera: Whose node somebody else spins.
        heard: What its pictures have to be.
        ring: Where they go.
    """

    def __init__(self, camera: RosCamera, heard: HeardCamera, ring: FrameRing) -> None:
        self._camera, self._heard, self._ring = camera, heard, ring
        self._ill = self._problem = ""
        self._content: int | None = None
        self._same = 0

    def heard_health(self, message: Any) -> None:
        """How its driver says that it is."""
        self._ill = (message.message or "its driver says so") if message.level >= _ILL else ""

    def why_none(self) -> str:
        """Why nothing is recorded of it; empty when something is."""
        return self._ill or self._problem or self._camera.why_none()

    def take(self) -> None:
        """The newest picture, if there is a new one that shows something."""
        try:
            frame = self._camera.take()
        except PerceptionError as problem:
            self._problem = str(problem)
            return
        if frame is None:
            return
        self._problem = self._why_no_data(frame)
        if not (self._problem or self._ill):
            self._ring.write(frame)

    def _why_no_data(self, frame: RgbdFrame) -> str:
        width, height = frame.rgb.shape[1::-1]
        if (width, height) != self._heard.size_px:
            wanted = " x ".join(map(str, self._heard.size_px))
            return f"its pictures are {width} x {height}, those of the cell are {wanted}"
        content = zlib.crc32(np.ascontiguousarray(frame.rgb[::8]).data)
        self._same = self._same + 1 if content == self._content else 0
        self._content = content
        if self._heard.noisy and self._same >= _FROZEN:
            return f"it is frozen: {self._same} equal pictures"
        return ""
