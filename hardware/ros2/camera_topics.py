"""Topics of an RGB-D camera, named as RealSense's driver names them, and how the camera is."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.ros2.messages import depth_mm, fill_image, fill_stamp
from hardware.ros2.runtime import RosNode
from robot_skills.core.types import RgbdFrame

_NOTHING: Mapping[str, object] = MappingProxyType({})
_WELL = "pictures come"


class HealthLevel(IntEnum):
    """How a camera is, as levels of a `diagnostic_msgs/DiagnosticStatus`.

    Attributes:
        WELL: Fresh pictures come (OK).
        MISFIT: They are of another size or lens than those that everybody counts on (ERROR): a
            person has to look.
        LOST: No fresh ones come: unplugged, frozen, late (STALE). That may be over at any time.
    """

    WELL = 0
    MISFIT = 2
    LOST = 3


class CameraTopics:
    """Publishes one camera.

    For a camera ``<name>`` these are ``<name>/color/image_raw`` (rgb8) and ``camera_info``, and
    ``<name>/aligned_depth_to_color/image_raw`` (16UC1, mm) and ``camera_info``.

    Args:
        node: That publishes.
        name: Of the camera.
        has_depth: Whether there is depth to publish.
    """

    def __init__(self, node: RosNode, name: str, *, has_depth: bool = True) -> None:
        from sensor_msgs.msg import CameraInfo, Image

        make = node.node.create_publisher
        self._has_depth = has_depth
        self._frame_id = f"{name}_color_optical_frame"
        colour, depth = f"{name}/color", f"{name}/aligned_depth_to_color"
        places = (colour, depth) if has_depth else (colour,)
        self._images = [make(Image, f"{place}/image_raw", 2) for place in places]
        self._infos = [make(CameraInfo, f"{place}/camera_info", 2) for place in places]

    def publish(self, frame: RgbdFrame) -> None:
        """A picture with its depth and what the lens is like."""
        from sensor_msgs.msg import CameraInfo, Image

        pictures: list[tuple[NDArray, str]] = [(frame.rgb, "rgb8")]
        if self._has_depth:
            pictures.append((depth_mm(frame.depth_m), "16UC1"))
        for publisher, (pixels, encoding) in zip(self._images, pictures, strict=True):
            message = Image()
            self._fill_header(message, frame)
            fill_image(message, pixels, encoding)
            publisher.publish(message)
        info = CameraInfo(height=frame.rgb.shape[0], width=frame.rgb.shape[1])
        self._fill_header(info, frame)
        info.distortion_model, info.d = "plumb_bob", [0.0] * 5
        info.k = frame.K.ravel().tolist()
        info.r = np.eye(3).ravel().tolist()
        info.p = np.column_stack([frame.K, np.zeros(3)]).ravel().tolist()
        for publisher in self._infos:
            publisher.publish(info)

    def _fill_header(self, message: Any, frame: RgbdFrame) -> None:
        fill_stamp(message.header.stamp, frame.stamp_s)
        message.header.frame_id = self._frame_id


class HealthTopic:
    """Says how a camera is: ``<name>/health``, a `diagnostic_msgs/DiagnosticStatus`.

    Args:
        node: That publishes.
        name: Of the camera.
    """

    def __init__(self, node: RosNode, name: str) -> None:
        from diagnostic_msgs.msg import DiagnosticStatus

        self._name = name
        self._publisher = node.node.create_publisher(DiagnosticStatus, health_topic(name), 2)

    def tell(
        self, level: HealthLevel, problem: str = "", values: Mapping[str, object] = _NOTHING
    ) -> None:
        """Say how the camera is; whoever depends on it stops when nobody says so any more.

        Args:
            level: In a word.
            problem: Why it is not well.
            values: What else there is to know.
        """
        from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

        self._publisher.publish(
            DiagnosticStatus(
                level=bytes([level]),
                name=self._name,
                message=problem or _WELL,
                hardware_id=self._name,
                values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
            )
        )


def health_topic(name: str) -> str:
    """Where it is said how a camera is."""
    return f"{name}/health"
