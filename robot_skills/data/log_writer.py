"""Writes the log of one recorded episode: MCAP, append-only, hashed while it is written.

=========================  ====================================================================
``/events``                decisions, see `robot_skills.core.events`: JSON
``/arm/state``             measured state of each arm: JSON
``/arm/command``           each chunk as requested and as sent, or why it was refused: JSON
``/numbers/<name>``        further vectors: JSON
``/scene``                 entities: JSON
``/camera/<name>/rgb``     colour, JPEG: ROS 2 ``sensor_msgs/CompressedImage``
``/camera/<name>/depth``   depth, 16-bit millimetres: ROS 2 ``sensor_msgs/Image``
``/camera/<name>/info``    intrinsics: ROS 2 ``sensor_msgs/CameraInfo``
``/camera/<name>/pose``    optical frame in the base: ROS 2 ``geometry_msgs/PoseStamped``
=========================  ====================================================================

Of each message, ``log_time`` is when it arrived and ``publish_time`` when it was captured, both
on the project clock; ``sequence`` is the device's own counter where it has one. The header of a
picture has the camera's own time.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from mcap.writer import CompressionType, Writer
from numpy.typing import NDArray

from robot_skills.core.se3 import SE3, Array
from robot_skills.data import ros_messages, schemas
from robot_skills.data.storage import storage_errors
from robot_skills.data.store import FileRecord

METADATA = "robot_skills.episode"
"""Name of the metadata record that says what was recorded and how."""
_JPEG_QUALITY = 95
JSON_SCHEMAS: Mapping[str, schemas.Schema] = {
    "/events": schemas.EVENT,
    "/arm/state": schemas.ARM_STATE,
    "/arm/command": schemas.ARM_COMMAND,
    "/scene": schemas.SCENE,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """When a sample was captured and arrived.

    Attributes:
        stamp_s: Capture, on the project clock.
        received_s: Arrival, on the project clock.
        number: The device's own counter.
        device_s: Capture on the device's own clock; None where it has none.
    """

    stamp_s: float
    received_s: float
    number: int = 0
    device_s: float | None = None


class _HashedFile:
    """A file that is only appended to, and knows the hash of what it holds."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=1 << 20)
        self._digest = hashlib.sha256()
        self._bytes = 0

    def write(self, data: bytes) -> int:
        self._digest.update(data)
        self._bytes += len(data)
        return self._file.write(data)

    def tell(self) -> int:
        return self._bytes

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        return self._file.fileno()

    def close(self) -> None:
        self._file.close()

    def record(self) -> FileRecord:
        return FileRecord(bytes=self._bytes, sha256=self._digest.hexdigest())


class LogWriter:
    """One log, from its first byte on.

    Args:
        path: The file.
        metadata: What is recorded and how, as words.

    Raises:
        StorageError: The file cannot be written. So does every method.
    """

    def __init__(self, path: Path, metadata: Mapping[str, str]) -> None:
        self._path = path
        self._channels: dict[str, int] = {}
        self._schemas: dict[str, int] = {}
        self._optics: dict[str, bytes] = {}
        with storage_errors(path):
            self._file = _HashedFile(path)
            stream: IO[Any] = self._file  # type: ignore[assignment]
            self._writer = Writer(stream, compression=CompressionType.ZSTD)
            self._writer.start(profile="", library="robot-skills")
            self._writer.add_metadata(METADATA, dict(metadata))

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._file.tell()

    def fileno(self) -> int:
        """Of the file, to force it to disk from elsewhere."""
        return self._file.fileno()

    def json(
        self, topic: str, data: bytes, *, stamp_s: float, received_s: float, number: int
    ) -> None:
        """Write a message that is JSON already."""
        schema = JSON_SCHEMAS.get(topic, schemas.NUMBERS)
        document = json.dumps(schema.document()).encode()
        channel = self._channel(topic, schema.name, "jsonschema", document, "json")
        self._add(channel, data, stamp_s, received_s, number)

    def raw(self, topic: str, kind: str, data: bytes, times: Times) -> None:
        """Write a ROS message that is CDR already."""
        channel = self._ros_channel(topic, kind)
        self._add(channel, data, times.stamp_s, times.received_s, times.number)

    def frame(
        self,
        camera: str,
        rgb: NDArray[np.uint8],
        depth_mm: NDArray[np.uint16] | None,
        optics: tuple[Array, SE3],
        times: Times,
    ) -> None:
        """Write what a camera saw.

        Args:
            camera: Its name.
            rgb: (H, W, 3).
            depth_mm: (H, W); None where there is no depth.
            optics: K (3, 3) and T_base_camera; written again only when they change.
            times: Of the frame.
        """
        place = f"/camera/{camera}"
        device_s = times.stamp_s if times.device_s is None else times.device_s
        head = ros_messages.header(f"camera/{camera}", device_s)
        self._optics_of(place, head, rgb.shape, optics, times)
        picture = ros_messages.compressed(head, _jpeg(rgb), "jpeg")
        self.raw(f"{place}/rgb", ros_messages.COMPRESSED, picture, times)
        if depth_mm is not None:
            depth = ros_messages.depth_image(head, depth_mm)
            self.raw(f"{place}/depth", ros_messages.IMAGE, depth, times)

    def _optics_of(
        self,
        place: str,
        head: Any,
        shape: tuple[int, ...],
        optics: tuple[Array, SE3],
        times: Times,
    ) -> None:
        K, T_base_camera = optics
        for part, key in (("info", K.tobytes()), ("pose", T_base_camera.matrix().tobytes())):
            topic = f"{place}/{part}"
            if self._optics.get(topic) == key:
                continue
            self._optics[topic] = key
            if part == "info":
                data = ros_messages.camera_info(head, shape[1], shape[0], K)
                self.raw(topic, ros_messages.INFO, data, times)
            else:
                base = ros_messages.header("base", times.stamp_s)
                data = ros_messages.pose_stamped(base, T_base_camera)
                self.raw(topic, ros_messages.POSE, data, times)

    def flush(self) -> None:
        """Hand everything to the system, in chunks that can be read without the rest."""
        with storage_errors(self._path):
            self._writer.flush()

    def finish(self) -> FileRecord:
        """Complete the file and force it to disk."""
        with storage_errors(self._path):
            self._writer.finish()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        return self._file.record()

    def abandon(self) -> None:
        """Close the file as it is."""
        try:
            self._file.close()
        except OSError:
            # Closing flushes once more, which fails once more on a full disk.
            return

    def _add(
        self, channel: int, data: bytes, stamp_s: float, received_s: float, number: int
    ) -> None:
        with storage_errors(self._path):
            self._writer.add_message(
                channel_id=channel,
                log_time=max(round(received_s * 1e9), 0),
                publish_time=max(round(stamp_s * 1e9), 0),
                data=data,
                sequence=number & 0xFFFFFFFF,
            )

    def _ros_channel(self, topic: str, kind: str) -> int:
        if topic in self._channels:
            return self._channels[topic]
        return self._channel(topic, kind, "ros2msg", ros_messages.definition(kind), "cdr")

    def _channel(self, topic: str, name: str, form: str, document: bytes, encoding: str) -> int:
        if topic in self._channels:
            return self._channels[topic]
        if name not in self._schemas:
            self._schemas[name] = self._writer.register_schema(
                name=name, encoding=form, data=document
            )
        self._channels[topic] = self._writer.register_channel(
            topic=topic, message_encoding=encoding, schema_id=self._schemas[name]
        )
        return self._channels[topic]


def _jpeg(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    import cv2

    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].ravel()
