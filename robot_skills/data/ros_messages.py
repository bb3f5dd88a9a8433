"""Pictures and camera geometry as ROS 2 messages, so that Foxglove and every bag tool reads them.

Colour is a JPEG in ``sensor_msgs/CompressedImage``, depth a ``sensor_msgs/Image`` of 16-bit
millimetres, as depth cameras publish it.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.typesys import Stores, get_typestore

from robot_skills.core.se3 import SE3, Array

COMPRESSED, IMAGE = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/Image"
INFO, POSE = "sensor_msgs/msg/CameraInfo", "geometry_msgs/msg/PoseStamped"
DEPTH_ENCODING = "16UC1"


@cache
def _store() -> Any:
    return get_typestore(Stores.ROS2_JAZZY)


def definition(kind: str) -> bytes:
    """The text that describes a message type, as bags carry it."""
    return _store().generate_msgdef(kind, ros_version=2)[0].encode()


def pack(kind: str, message: Any) -> bytes:
    """A message as CDR."""
    return bytes(_store().serialize_cdr(message, kind))


def unpack(kind: str, data: bytes) -> Any:
    """The message that `pack` packed."""
    return _store().deserialize_cdr(data, kind)


def header(frame_id: str, stamp_s: float) -> Any:
    """A header; `stamp_s` is the camera's own time where it has one."""
    types = _store().types
    nanoseconds = max(round(stamp_s * 1e9), 0)
    stamp = types["builtin_interfaces/msg/Time"](
        sec=int(nanoseconds // 1_000_000_000) & 0x7FFFFFFF, nanosec=int(nanoseconds % 1_000_000_000)
    )
    return types["std_msgs/msg/Header"](stamp=stamp, frame_id=frame_id)


def compressed(head: Any, data: NDArray[np.uint8], form: str) -> bytes:
    """An encoded picture."""
    return pack(COMPRESSED, _store().types[COMPRESSED](header=head, format=form, data=data))


def depth_image(head: Any, depth_mm: NDArray[np.uint16]) -> bytes:
    """Depth [mm], (H, W)."""
    height, width = depth_mm.shape
    message = _store().types[IMAGE](
        header=head,
        height=height,
        width=width,
        encoding=DEPTH_ENCODING,
        is_bigendian=0,
        step=2 * width,
        data=np.ascontiguousarray(depth_mm).view(np.uint8).ravel(),
    )
    return pack(IMAGE, message)


def camera_info(head: Any, width_px: int, height_px: int, K: Array) -> bytes:
    """Intrinsics [px], (3, 3), of pictures without distortion."""
    types = _store().types
    region = types["sensor_msgs/msg/RegionOfInterest"](
        x_offset=0, y_offset=0, height=0, width=0, do_rectify=False
    )
    message = types[INFO](
        header=head,
        height=height_px,
        width=width_px,
        distortion_model="plumb_bob",
        d=np.zeros(5),
        k=np.ascontiguousarray(K, dtype=np.float64).ravel(),
        r=np.eye(3).ravel(),
        p=np.hstack([K, np.zeros((3, 1))]).ravel(),
        binning_x=0,
        binning_y=0,
        roi=region,
    )
    return pack(INFO, message)


def pose_stamped(head: Any, T: SE3) -> bytes:
    """A pose."""
    types = _store().types
    w, x, y, z = (float(v) for v in T.wxyz())
    px, py, pz = (float(v) for v in T.p)
    pose = types["geometry_msgs/msg/Pose"](
        position=types["geometry_msgs/msg/Point"](x=px, y=py, z=pz),
        orientation=types["geometry_msgs/msg/Quaternion"](x=x, y=y, z=z, w=w),
    )
    return pack(POSE, types[POSE](header=head, pose=pose))


def pose_of(message: Any) -> SE3:
    """The pose in a PoseStamped."""
    p, q = message.pose.position, message.pose.orientation
    return SE3.from_wxyz((q.w, q.x, q.y, q.z), (p.x, p.y, p.z))
