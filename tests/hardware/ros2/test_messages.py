"""Messages of ROS 2 to our types and back."""

import numpy as np
import pytest

from hardware.ros2.messages import (
    JointOrder,
    arguments_of,
    chunk_of,
    colours_of_compressed,
    depth_mm,
    depth_of,
    depth_of_compressed,
    fill_chunk,
    fill_image,
    fill_pose,
    fill_stamp,
    intrinsics_of,
    pose_matrix,
    rgb_of,
    stamp_s,
)
from robot_skills.core.errors import PerceptionError, RobotFault
from robot_skills.core.se3 import SE3
from robot_skills.core.types import single_arm_chunk

sensor_msgs = pytest.importorskip("sensor_msgs.msg", reason="ROS 2 is not installed")
RNG = np.random.default_rng(0)


def image(pixels, encoding):
    message = sensor_msgs.Image()
    fill_image(message, pixels, encoding)
    return message


def test_colours_come_back_in_every_encoding():
    rgb = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    opaque = np.full((5, 7, 1), 255, np.uint8)
    bgr = rgb[:, :, ::-1]
    for encoding, pixels in {
        "rgb8": rgb,
        "bgr8": bgr,
        "rgba8": np.concatenate([rgb, opaque], axis=2),
        "bgra8": np.concatenate([bgr, opaque], axis=2),
    }.items():
        np.testing.assert_array_equal(rgb_of(image(pixels, encoding)), rgb)
    grey = rgb_of(image(rgb[:, :, 0], "mono8"))
    np.testing.assert_array_equal(grey, np.repeat(rgb[:, :, :1], 3, axis=2))


def test_depth_comes_back_in_metres_and_what_is_missing_is_zero():
    depth_m = RNG.uniform(0.2, 3.0, (4, 6)).astype(np.float32)
    depth_m[0, 0], depth_m[1, 1], depth_m[2, 2] = 0.0, np.nan, np.inf
    known = np.where(np.isfinite(depth_m), depth_m, 0.0)
    np.testing.assert_allclose(depth_of(image(depth_mm(depth_m), "16UC1")), known, atol=5e-4)
    np.testing.assert_array_equal(depth_of(image(depth_m, "32FC1")), known)
    assert depth_mm(np.array([[70.0, -1.0]], np.float32)).tolist() == [[0, 0]]


def test_rows_may_be_padded_and_bytes_swapped():
    pixels = RNG.integers(0, 5000, (3, 4), dtype=np.uint16)
    message = image(np.pad(pixels, ((0, 0), (0, 5))), "16UC1")
    message.width = 4
    np.testing.assert_allclose(depth_of(message), pixels * 0.001, atol=1e-6)
    message = image(pixels.astype(">u2").view(np.uint16), "16UC1")
    message.is_bigendian = 1
    np.testing.assert_allclose(depth_of(message), pixels * 0.001, atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(0, 4), (4, 0), (400, 4)])
def test_a_picture_that_is_not_as_large_as_it_says_is_refused(height, width):
    message = image(np.zeros((4, 4, 3), np.uint8), "rgb8")
    message.height, message.width = height, width
    with pytest.raises(PerceptionError, match="needs"):
        rgb_of(message)


def test_what_is_not_understood_is_named():
    with pytest.raises(PerceptionError, match="yuv422"):
        rgb_of(image(np.zeros((4, 4, 2), np.uint8), "yuv422"))
    with pytest.raises(PerceptionError, match="rgb8"):
        depth_of(image(np.zeros((4, 4, 3), np.uint8), "rgb8"))


def test_compressed_pictures_are_decoded():
    cv2 = pytest.importorskip("cv2")
    rgb = np.full((8, 8, 3), (10, 200, 30), np.uint8)
    message = sensor_msgs.CompressedImage(format="rgb8; png compressed bgr8")
    message.data = cv2.imencode(".png", rgb[:, :, ::-1])[1].tobytes()
    np.testing.assert_array_equal(colours_of_compressed(message), rgb)
    mm = RNG.integers(0, 5000, (8, 8), dtype=np.uint16)
    message = sensor_msgs.CompressedImage(format="16UC1; compressedDepth png")
    message.data = bytes(12) + cv2.imencode(".png", mm)[1].tobytes()
    np.testing.assert_allclose(depth_of_compressed(message), mm * 0.001, atol=1e-6)
    for wrong, words in (
        ("32FC1; compressedDepth png", "16UC1"),
        ("16UC1; compressedDepth rvl", "png"),
    ):
        other = sensor_msgs.CompressedImage(format=wrong, data=message.data)
        with pytest.raises(PerceptionError, match=words):
            depth_of_compressed(other)
    message.data = b"nothing of the kind"
    with pytest.raises(PerceptionError, match="cannot be decoded"):
        depth_of_compressed(message)


def test_intrinsics_are_those_of_a_calibrated_rectified_camera():
    info = sensor_msgs.CameraInfo(width=640, height=480)
    with pytest.raises(PerceptionError, match="no intrinsics"):
        intrinsics_of(info)
    info.k = [600.0, 0.0, 320.0, 0.0, 610.0, 240.0, 0.0, 0.0, 1.0]
    np.testing.assert_array_equal(intrinsics_of(info)[0], [600.0, 0.0, 320.0])
    info.distortion_model, info.d = "plumb_bob", [0.1, 0.0, 0.0, 0.0, 0.0]
    with pytest.raises(PerceptionError, match="distorted"):
        intrinsics_of(info)


def test_poses_and_chunks_come_back():
    from geometry_msgs.msg import Pose

    T = np.stack([SE3.exp(RNG.normal(size=6)).matrix() for _ in range(5)])
    pose = Pose()
    fill_pose(pose, T[0])
    np.testing.assert_allclose(pose_matrix(pose), T[0], atol=1e-12)
    pose.orientation.w = pose.orientation.x = pose.orientation.y = pose.orientation.z = 0.0
    assert np.isnan(pose_matrix(pose)[:3, :3]).all()

    messages = pytest.importorskip("robot_skills_interfaces.msg", reason="not built")
    message = messages.ActionChunk()
    chunk = single_arm_chunk(np.arange(5.0), T, np.linspace(0.0, 1.0, 5))
    fill_chunk(message, chunk, "arm", Pose)
    back = chunk_of(message, offset_s=2.0)
    np.testing.assert_allclose(back.stamp_s, chunk.stamp_s + 2.0)
    np.testing.assert_allclose(back.arms["arm"].T_base_tool, T, atol=1e-12)
    np.testing.assert_allclose(back.arms["arm"].opening, chunk.arms["arm"].opening)


def joints(**changes):
    fields = {
        "name": ["c", "a", "other", "b"],
        "position": [3.0, 1.0, 9.0, 2.0],
        "velocity": [0.3, 0.1, 0.9, 0.2],
        "effort": [],
    }
    return sensor_msgs.JointState(**(fields | changes))


def test_joints_are_found_by_name():
    q, dq, tau = JointOrder(["a", "b", "c"]).pick(joints())
    assert q.tolist() == [1.0, 2.0, 3.0]
    assert dq.tolist() == [0.1, 0.2, 0.3]
    assert tau.tolist() == [0.0, 0.0, 0.0]


def test_joints_that_are_missing_are_named():
    with pytest.raises(RobotFault, match="lack d; they have c, a, other, b"):
        JointOrder(["a", "d"]).pick(joints())
    with pytest.raises(RobotFault, match="3 velocities for 4 joints"):
        JointOrder(["a"]).pick(joints(velocity=[0.1, 0.2, 0.3]))
    with pytest.raises(RobotFault, match="0 positions"):
        JointOrder(["a"]).pick(joints(position=[]))
    assert not JointOrder(["x"]).covers(joints())
    assert JointOrder(["x", "a"]).covers(joints())


def test_stamps_keep_nanoseconds():
    from std_msgs.msg import Header

    header = Header()
    fill_stamp(header.stamp, 1234567890.123456)
    assert stamp_s(header) == pytest.approx(1234567890.123456, abs=1e-6)


def test_arguments_are_names_and_values():
    assert arguments_of(["object=red_cube", "to=a=b"]) == {"object": "red_cube", "to": "a=b"}
    with pytest.raises(ValueError, match="name=value"):
        arguments_of(["object"])
