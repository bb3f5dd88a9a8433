"""ROS 2 messages to and from the project's types, without a copy where that is possible.

Message classes come from the caller or are imported where they are needed: this module can be
imported without ROS, and its arithmetic tested without it.
"""

import array
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import PerceptionError, RobotFault
from robot_skills.core.se3 import Array, matrix_to_wxyz, wxyz_to_matrix
from robot_skills.core.types import ActionChunk, ArmChunk

_M_PER_MM = np.float32(0.001)

# Pictures


def rgb_of(message: Any) -> NDArray[np.uint8]:
    """Colours (H, W, 3) of a ``sensor_msgs/Image``.

    Raises:
        PerceptionError: It holds something else, or is not as long as it says.
    """
    match message.encoding:
        case "rgb8" | "8UC3":
            return _pixels(message, np.uint8, 3)
        case "bgr8":
            return np.ascontiguousarray(_pixels(message, np.uint8, 3)[:, :, ::-1])
        case "rgba8" | "8UC4":
            return np.ascontiguousarray(_pixels(message, np.uint8, 4)[:, :, :3])
        case "bgra8":
            return np.ascontiguousarray(_pixels(message, np.uint8, 4)[:, :, 2::-1])
        case "mono8" | "8UC1":
            return np.repeat(_pixels(message, np.uint8, 1), 3, axis=2)
    raise PerceptionError(
        f"Pictures as {message.encoding!r} are not understood; colours come as rgb8, bgr8, rgba8, "
        "bgra8 or mono8."
    )


def depth_of(message: Any) -> NDArray[np.float32]:
    """Depth [m] (H, W), 0 = no reading, of a ``sensor_msgs/Image``: 16UC1 [mm] or 32FC1 [m].

    Raises:
        PerceptionError: It holds something else, or is not as long as it says.
    """
    match message.encoding:
        case "16UC1" | "mono16":
            return (_pixels(message, np.uint16, 1)[:, :, 0] * _M_PER_MM).astype(np.float32)
        case "32FC1":
            metres = _pixels(message, np.float32, 1)[:, :, 0]
            return np.where(np.isfinite(metres) & (metres > 0.0), metres, np.float32(0.0))
    raise PerceptionError(
        f"Depth as {message.encoding!r} is not understood; it comes as 16UC1 [mm] or 32FC1 [m]."
    )


def colours_of_compressed(message: Any) -> NDArray[np.uint8]:
    """Colours (H, W, 3) of a ``sensor_msgs/CompressedImage``.

    Raises:
        PerceptionError: It cannot be decoded.
    """
    import cv2

    picture = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise PerceptionError(f"A compressed picture ({message.format}) cannot be decoded.")
    return np.ascontiguousarray(picture[:, :, ::-1], dtype=np.uint8)


def depth_of_compressed(message: Any) -> NDArray[np.float32]:
    """Depth [m] (H, W) of a ``compressedDepth`` picture, 0 = no reading.

    The transport puts twelve bytes before the PNG: what it is, and two numbers that only its 32FC1
    form needs, which quantises and is not taken.

    Raises:
        PerceptionError: It cannot be decoded, or is of the form that loses depth.
    """
    import cv2

    data = np.frombuffer(message.data, np.uint8)
    start = 12 if "compressedDepth" in message.format else 0
    if message.format.startswith("32FC1"):
        raise PerceptionError("Compressed depth has to be 16UC1; 32FC1 is rounded on its way.")
    if message.format.endswith("rvl"):
        raise PerceptionError("Compressed depth has to be png: set the transport's `format` to it.")
    picture = cv2.imdecode(data[start:], cv2.IMREAD_UNCHANGED)
    if picture is None or picture.dtype != np.uint16 or picture.ndim != 2:
        raise PerceptionError(f"A compressed depth picture ({message.format}) cannot be decoded.")
    return (picture * _M_PER_MM).astype(np.float32)


def _pixels(message: Any, dtype: type[np.generic], channels: int) -> NDArray:
    """Pixels (H, W, channels), read in place where rows are not padded."""
    kind = np.dtype(dtype)
    if getattr(message, "is_bigendian", 0) and kind.itemsize > 1:
        kind = kind.newbyteorder(">")
    height, width, step = message.height, message.width, message.step
    row = width * channels * kind.itemsize
    data = np.frombuffer(message.data, np.uint8)
    if height < 1 or width < 1 or step < row or len(data) < height * step:
        raise PerceptionError(
            f"A picture of {width} x {height} {message.encoding} needs {height * max(step, row)} "
            f"bytes, it has {len(data)}."
        )
    rows = data[: height * step].reshape(height, step)[:, :row]
    pixels = np.ascontiguousarray(rows).view(kind).reshape(height, width, channels)
    return pixels if kind.isnative else pixels.astype(dtype)


def fill_image(message: Any, pixels: NDArray, encoding: str) -> None:
    """Put pixels (H, W) or (H, W, C) into a ``sensor_msgs/Image``."""
    pixels = np.ascontiguousarray(pixels)
    message.height, message.width = pixels.shape[:2]
    message.encoding = encoding
    message.is_bigendian = 0
    message.step = pixels.strides[0]
    # Anything but an array costs the setter milliseconds.
    data = array.array("B")
    data.frombytes(memoryview(pixels).cast("B"))
    message.data = data


def depth_mm(depth_m: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Depth as 16UC1 [mm], rounded; what is farther than it can hold becomes no reading."""
    mm = np.rint(np.nan_to_num(depth_m, nan=0.0, posinf=0.0, neginf=0.0) * 1000.0)
    return np.where((mm < 0.0) | (mm > 65535.0), 0.0, mm).astype(np.uint16)


def intrinsics_of(message: Any, *, distorted: bool = False) -> Array:
    """K (3, 3) [px] of a ``sensor_msgs/CameraInfo``.

    Args:
        message: The info.
        distorted: Pictures may be distorted: whoever asks undistorts them.

    Raises:
        PerceptionError: The camera is not calibrated, or its picture is distorted.
    """
    K = np.array(message.k, dtype=np.float64).reshape(3, 3)
    if not (np.isfinite(K).all() and K[0, 0] > 0.0 and K[1, 1] > 0.0):
        raise PerceptionError("The camera's info has no intrinsics: calibrate the camera.")
    distortion = np.abs(np.array(message.d, dtype=np.float64))
    if not distorted and distortion.size and not distortion.max() <= _DISTORTED:
        raise PerceptionError(
            f"The camera's pictures are distorted ({message.distortion_model}): subscribe to "
            "rectified ones, or give the cell its `distortion`."
        )
    if message.binning_x > 1 or message.binning_y > 1:
        K[0] /= max(message.binning_x, 1)
        K[1] /= max(message.binning_y, 1)
    return K


_DISTORTED = 1e-3
"""Coefficients below are what cameras give that are as good as undistorted."""


# Poses


def pose_matrix(pose: Any) -> Array:
    """A ``geometry_msgs/Pose`` as (4, 4)."""
    T = np.eye(4)
    T[:3, 3] = pose.position.x, pose.position.y, pose.position.z
    o = pose.orientation
    T[:3, :3] = _rotation(np.array([o.w, o.x, o.y, o.z]))
    return T


def fill_pose(pose: Any, T: Array) -> None:
    """Put (4, 4) into a ``geometry_msgs/Pose``."""
    p, q = pose.position, pose.orientation
    p.x, p.y, p.z = (float(value) for value in T[:3, 3])
    q.w, q.x, q.y, q.z = (float(value) for value in matrix_to_wxyz(T[:3, :3]))


def _rotation(wxyz: Array) -> Array:
    norm = float(np.linalg.norm(wxyz))
    if not 0.5 < norm < 2.0:
        # Left as it is: the gate refuses what is not a rotation.
        return np.full((3, 3), np.nan)
    return wxyz_to_matrix(wxyz)


# Chunks


def chunk_of(message: Any, offset_s: float = 0.0) -> ActionChunk:
    """The chunk of our own ``ActionChunk`` message.

    Args:
        message: The message.
        offset_s: What to add to its times.

    Raises:
        ValueError: Its parts do not have the same length, or it is empty.
    """
    poses = np.array([pose_matrix(pose) for pose in message.base_from_tool])
    arm = ArmChunk(T_base_tool=poses.reshape(-1, 4, 4), opening=np.array(message.opening))
    stamps = np.array(message.stamp_s, dtype=np.float64) + offset_s
    return ActionChunk(stamp_s=stamps, arms={message.arm: arm})


def fill_chunk(message: Any, chunk: ActionChunk, arm: str, pose_type: type) -> None:
    """Put the waypoints of one arm into our own ``ActionChunk`` message."""
    mine = chunk.arms[arm]
    message.arm = arm
    message.stamp_s = array.array("d", chunk.stamp_s)
    message.opening = array.array("d", mine.opening)
    message.base_from_tool = [pose_type() for _ in mine.T_base_tool]
    for pose, T in zip(message.base_from_tool, mine.T_base_tool, strict=True):
        fill_pose(pose, T)


# Joints


class JointOrder:
    """Picks an arm's joints out of ``sensor_msgs/JointState``, whose order nobody promises.

    Args:
        names: Of the joints, base to tip.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = tuple(names)
        self._seen: tuple[str, ...] = ()
        self._index: list[int] = []

    def covers(self, message: Any) -> bool:
        """Whether a message speaks of these joints at all; others may share the topic."""
        return not set(self._names).isdisjoint(message.name)

    def pick(self, message: Any) -> tuple[Array, Array, Array]:
        """Positions [rad], velocities [rad/s] and torques [N m] in our order, (n,) each.

        What the driver does not tell is zero.

        Raises:
            RobotFault: A joint is missing, or there are not as many numbers as names.
        """
        names = tuple(message.name)
        if names != self._seen:
            missing = [name for name in self._names if name not in names]
            if missing:
                raise RobotFault(
                    f"The joint states lack {', '.join(missing)}; they have {', '.join(names)}."
                )
            self._index, self._seen = [names.index(name) for name in self._names], names
        q, dq, tau = (
            self._column(numbers, len(names), what)
            for numbers, what in (
                (message.position, "positions"),
                (message.velocity, "velocities"),
                (message.effort, "efforts"),
            )
        )
        return q, dq, tau

    def _column(self, numbers: Sequence[float], count: int, what: str) -> Array:
        if len(numbers) == 0 and what != "positions":
            return np.zeros(len(self._names))
        if len(numbers) != count:
            raise RobotFault(f"The joint states have {len(numbers)} {what} for {count} joints.")
        return np.asarray(numbers, dtype=np.float64)[self._index]


def stamp_s(header: Any) -> float:
    """Of a header [s], on whatever clock it is."""
    return header.stamp.sec + 1e-9 * header.stamp.nanosec


def fill_stamp(stamp: Any, time_s: float) -> None:
    """Put seconds into a ``builtin_interfaces/Time``."""
    stamp.sec = int(time_s // 1)
    stamp.nanosec = min(int((time_s % 1) * 1e9), 999_999_999)


def arguments_of(words: Sequence[str]) -> Mapping[str, str]:
    """``name=value`` as a mapping.

    Raises:
        ValueError: A word has no ``=``.
    """
    found = {}
    for word in words:
        name, mark, value = word.partition("=")
        if not mark or not name:
            raise ValueError(f"Arguments are written name=value, got {word!r}.")
        found[name] = value
    return found
