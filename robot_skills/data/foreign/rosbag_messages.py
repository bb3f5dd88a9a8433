"""Numbers and pictures of ROS 2 messages. Quaternions come as xyzw and leave as wxyz."""

import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import DatasetError
from robot_skills.core.se3 import Array, wxyz_to_matrix
from robot_skills.data.foreign.pictures import decode_depth, decode_rgb, metres

Vector = tuple[tuple[str, ...], NDArray]
"""Names, which may be none, and as many numbers."""

JOINT_STATE = "sensor_msgs/msg/JointState"
POSE, TRANSFORMS = "geometry_msgs/msg/PoseStamped", "tf2_msgs/msg/TFMessage"
IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
STRING, BOOL = "std_msgs/msg/String", "std_msgs/msg/Bool"
SCALARS = ("std_msgs/msg/Float64", "std_msgs/msg/Float32")

_COMPRESSED_DEPTH_HEADER = 12
_CHANNELS = {"rgb8": 3, "bgr8": 3, "rgba8": 4, "bgra8": 4, "mono8": 1}
_DEPTHS = {"16UC1": np.dtype("u2"), "mono16": np.dtype("u2"), "32FC1": np.dtype("f4")}


def xyz(point: Any) -> list[float]:
    return [point.x, point.y, point.z]


def wxyz(rotation: Any) -> list[float]:
    return [rotation.w, rotation.x, rotation.y, rotation.z]


def pose_matrix(position: Any, rotation: Any) -> Array:
    """(4, 4) of a position and a quaternion of ROS."""
    T = np.eye(4)
    quaternion = wxyz(rotation)
    if not np.linalg.norm(quaternion) > 0.5:
        raise DatasetError(f"A pose has the rotation {quaternion}, which is none.")
    T[:3, :3] = wxyz_to_matrix(quaternion)
    T[:3, 3] = xyz(position)
    return T


def _trajectory(message: Any) -> Vector:
    if not len(message.points):
        return (), np.zeros(0)
    return tuple(message.joint_names), np.asarray(message.points[-1].positions)


def _pose(message: Any) -> Vector:
    pose = message.pose
    names = ("x", "y", "z", "qw", "qx", "qy", "qz")
    return names, np.array([*xyz(pose.position), *wxyz(pose.orientation)])


def _six(first: str, second: str, linear: Any, angular: Any) -> Vector:
    names = (*(f"{first}{n}" for n in "xyz"), *(f"{second}{n}" for n in "xyz"))
    return names, np.array([*xyz(linear), *xyz(angular)])


NUMBERS: Mapping[str, Callable[[Any], Vector]] = {
    JOINT_STATE: lambda m: (tuple(m.name), np.asarray(m.position)),
    "trajectory_msgs/msg/JointTrajectory": _trajectory,
    POSE: _pose,
    "geometry_msgs/msg/TwistStamped": lambda m: _six("v", "w", m.twist.linear, m.twist.angular),
    "geometry_msgs/msg/Twist": lambda m: _six("v", "w", m.linear, m.angular),
    "geometry_msgs/msg/WrenchStamped": lambda m: _six("f", "t", m.wrench.force, m.wrench.torque),
    "std_msgs/msg/Float64MultiArray": lambda m: ((), np.asarray(m.data)),
    "std_msgs/msg/Float32MultiArray": lambda m: ((), np.asarray(m.data)),
    **{kind: lambda m: ((), np.array([m.data])) for kind in SCALARS},
}
"""How a message of each type becomes a vector."""


def joint_rows(message: Any, names: tuple[str, ...]) -> NDArray | None:
    """Position, velocity and torque of joints, (3 J,); None where the message is about others."""
    place = {name: i for i, name in enumerate(message.name)}
    if not all(name in place for name in names):
        return None
    order = [place[name] for name in names]

    def row(values: NDArray) -> NDArray:
        return np.asarray(values)[order] if len(values) == len(place) else np.zeros(len(order))

    if len(message.position) != len(place):
        raise DatasetError(
            f"A JointState has {len(place)} names and {len(message.position)} positions."
        )
    return np.concatenate([row(message.position), row(message.velocity), row(message.effort)])


def header_ns(data: bytes) -> int:
    """Stamp of a serialised message that begins with a header, without reading the rest."""
    order = "<" if data[1] & 1 else ">"
    seconds, nanoseconds = struct.unpack_from(f"{order}iI", data, 4)
    return seconds * 10**9 + nanoseconds


def stamp_ns(message: Any) -> int | None:
    """Stamp of a message; None where it has no header, or an empty one."""
    header = getattr(message, "header", None)
    if header is None:
        return None
    return (header.stamp.sec * 10**9 + header.stamp.nanosec) or None


def rgb_of(message: Any) -> NDArray[np.uint8]:
    """Colour (H, W, 3) of an Image or CompressedImage.

    Raises:
        DatasetError: Its encoding is unknown, or it is damaged.
    """
    if not hasattr(message, "encoding"):
        return decode_rgb(bytes(message.data), f"A picture of format {message.format!r}")
    channels = _CHANNELS.get(message.encoding)
    if channels is None:
        raise DatasetError(
            f"A picture has the encoding {message.encoding!r}. "
            f"Colour may be: {', '.join(sorted(_CHANNELS))}."
        )
    pixels = _pixels(message, np.dtype("u1"), channels)
    if channels == 1:
        return np.repeat(pixels, 3, axis=2)
    ordered = pixels[..., 2::-1] if message.encoding.startswith("bgr") else pixels[..., :3]
    return np.ascontiguousarray(ordered)


def depth_of(message: Any) -> NDArray[np.float32]:
    """Depth [m], (H, W), of an Image or CompressedImage.

    Raises:
        DatasetError: Its encoding is unknown, or it is damaged.
    """
    if not hasattr(message, "encoding"):
        return _compressed_depth(message)
    dtype = _DEPTHS.get(message.encoding)
    if dtype is None:
        raise DatasetError(
            f"A picture has the encoding {message.encoding!r}. "
            f"Depth may be: {', '.join(sorted(_DEPTHS))}."
        )
    return metres(_pixels(message, dtype, 1))


def _pixels(message: Any, dtype: np.dtype, channels: int) -> NDArray:
    """Pixels of an Image, (H, W, channels); rows may be longer than what is in them."""
    dtype = dtype.newbyteorder(">" if message.is_bigendian else "<")
    used = message.width * channels * dtype.itemsize
    data = np.asarray(message.data, dtype=np.uint8)
    if message.step < used or len(data) < message.step * message.height:
        raise DatasetError(
            f"A picture of {message.height} x {message.width} {message.encoding} has "
            f"{len(data)} bytes in rows of {message.step}."
        )
    rows = data[: message.step * message.height].reshape(message.height, message.step)
    pixels = np.ascontiguousarray(rows[:, :used]).view(dtype)
    return pixels.reshape(message.height, message.width, channels)


def _compressed_depth(message: Any) -> NDArray[np.float32]:
    """A PNG of depth; that of compressed_depth_image_transport has twelve bytes before it."""
    data, where = bytes(message.data), f"A depth picture of format {message.format!r}"
    if "compressedDepth" not in message.format:
        return decode_depth(data, where)
    picture = data[_COMPRESSED_DEPTH_HEADER:]
    if not message.format.startswith("32FC1"):
        return decode_depth(picture, where)
    if len(data) < _COMPRESSED_DEPTH_HEADER:
        raise DatasetError(f"{where} is damaged.")
    # Floats are stored as a / depth + b.
    a, b = struct.unpack_from("<ff", data, 4)
    inverse = decode_depth(picture, where, unit="m")
    return np.where(inverse > b, a / np.where(inverse > b, inverse - b, 1.0), 0.0).astype(
        np.float32
    )
