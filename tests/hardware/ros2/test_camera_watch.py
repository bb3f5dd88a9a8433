"""A camera of another driver is watched over DDS: what is said of it, and that it is over."""

import os
import time

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")

from hardware.cameras.undistort import undistortion
from hardware.cameras.watch import WatchConfig
from hardware.ros2.camera import RosCamera, RosCameraConfig
from hardware.ros2.camera_topics import HealthLevel
from hardware.ros2.camera_watch import CameraWatch, WatchedCamera
from hardware.ros2.messages import depth_mm, fill_image, fill_stamp
from hardware.ros2.runtime import RosNode
from hardware.ros2.times import MachineClock
from robot_skills.core.camera import pinhole
from robot_skills.core.errors import PerceptionError
from robot_skills.core.se3 import SE3

SIZE_PX = (32, 24)
K = pinhole(*SIZE_PX, 1.0)
LENS = (-0.2, 0.05, 0.001, -0.002, 0.01)
PATIENCE_S = 20.0
_spaces = iter(range(100))


class Driver:
    """Somebody's driver of a camera, and who watches it, in one process."""

    def __init__(self, *, compressed=False, distortion=(0.0,) * 5, **watch):
        from sensor_msgs.msg import CameraInfo, CompressedImage, Image

        space = f"watch_{os.getpid()}_{next(_spaces)}"
        self.compressed = compressed
        self.clock = MachineClock()
        self.node = RosNode("driver", namespace=space)
        self.heard = RosNode("watch", namespace=space)
        colour, depth = "front/color/image_raw", "front/aligned_depth_to_color/image_raw"
        if compressed:
            colour, depth = f"{colour}/compressed", f"{depth}/compressedDepth"
        config = RosCameraConfig(
            name="front",
            colour=colour,
            depth=depth,
            T_mount_camera=SE3.identity(),
            distortion=distortion,
            stale_s=0.5,
        )
        self.watch = CameraWatch(
            self.heard,
            WatchedCamera(
                camera=config, size_px=SIZE_PX, stale_s=0.4, watch=WatchConfig(K=K, **watch)
            ),
            self.clock,
        )
        self.camera = RosCamera(self.heard, config, self.clock)
        make = self.node.node.create_publisher
        kind = CompressedImage if compressed else Image
        self.topics = {
            "colour": make(kind, colour, 2),
            "depth": make(kind, depth, 2),
            "info": make(CameraInfo, "front/color/camera_info", 2),
        }
        self.count = 0
        self.told = {}

    def image(self, pixels, encoding):
        from sensor_msgs.msg import CompressedImage, Image

        if not self.compressed:
            message = Image()
            fill_image(message, pixels, encoding)
            return message
        cv2 = pytest.importorskip("cv2")
        png = cv2.imencode(".png", pixels)[1].tobytes()
        if encoding == "16UC1":
            return CompressedImage(format="16UC1; compressedDepth png", data=bytes(12) + png)
        return CompressedImage(format="rgb8; png compressed bgr8", data=png)

    def publish(
        self, *, size_px=SIZE_PX, depth_px=None, info_px=None, zoom=1.0, d=(), still=False,
        clock_s=0.0, without=(),
    ):  # fmt: skip
        from sensor_msgs.msg import CameraInfo

        self.count += 0 if still else 1
        columns, rows = size_px
        rgb = np.tile(np.arange(columns, dtype=np.uint8)[:, None], (rows, 1, 3))
        rgb[0, 0] = self.count % 251
        depth = np.full((depth_px or size_px)[::-1], 0.5, np.float32)
        info = CameraInfo(width=(info_px or size_px)[0], height=(info_px or size_px)[1])
        info.k = (K * [[zoom], [zoom], [1.0]]).ravel().tolist()
        info.distortion_model, info.d = "plumb_bob", [float(value) for value in d]
        messages = {
            "colour": self.image(rgb, "rgb8"),
            "depth": self.image(depth_mm(depth), "16UC1"),
            "info": info,
        }
        for name, message in messages.items():
            fill_stamp(message.header.stamp, self.clock.now_s() + clock_s)
            if name not in without:
                self.topics[name].publish(message)

    def until(self, level, *words, **picture):
        """Send pictures until this is said of them; all that was said before."""
        until_s = time.monotonic() + PATIENCE_S
        said = []
        while True:
            self.publish(**picture)
            for _ in range(10):
                self.heard.spin_once(0.005)
                self.watch.look()
            said.append(self.watch.health())
            if said[-1][0] is level and all(word in said[-1][1] for word in words):
                return said
            assert time.monotonic() < until_s, said[-1]

    def close(self):
        self.node.close()
        self.heard.close()


@pytest.fixture
def drivers():
    made = []

    def make(**settings):
        made.append(Driver(**settings))
        return made[-1]

    try:
        yield make
    finally:
        for driver in made:
            driver.close()


@pytest.mark.parametrize("compressed", [False, True])
def test_what_is_wrong_with_pictures_is_said_and_that_it_is_over(drivers, compressed):
    driver = drivers(compressed=compressed)
    driver.until(HealthLevel.WELL)
    colour, depth, _ = driver.camera._config.topics()
    for level, words, picture in (
        (HealthLevel.LOST, (f"nothing came on {depth} for",), {"without": ("depth",)}),
        (HealthLevel.LOST, (f"nothing came on {colour} for",), {"without": ("colour",)}),
        (HealthLevel.LOST, ("same picture came 10 times", "frozen"), {"still": True}),
        (HealthLevel.LOST, ("late",), {"clock_s": -0.6}),
        (HealthLevel.MISFIT, ("40 x 24", "32 x 24"), {"size_px": (40, 24)}),
        (HealthLevel.MISFIT, ("32 x 24", "16 x 12", "align"), {"depth_px": (16, 12)}),
        (HealthLevel.MISFIT, ("info of 64 x 48",), {"info_px": (64, 48)}),
        (HealthLevel.MISFIT, ("intrinsics changed",), {"zoom": 1.2}),
    ):
        said = driver.until(level, *words, **picture)
        assert all(kind in (level, HealthLevel.WELL, HealthLevel.LOST) for kind, _ in said)
        driver.until(HealthLevel.WELL)
    known = driver.watch.known()
    assert known["frozen"] >= 1
    assert known["refused"] >= 1
    assert float(known["age_s"]) < 1.0


def test_another_lens_from_the_start_is_a_misfit(drivers):
    driver = drivers()
    driver.until(HealthLevel.MISFIT, "another camera", zoom=1.2)
    driver.until(HealthLevel.WELL)


def test_a_clock_that_is_set_makes_no_picture_late(drivers):
    driver = drivers()
    driver.until(HealthLevel.WELL)
    for clock_s in (3600.0, -3600.0):
        said = driver.until(HealthLevel.WELL, clock_s=clock_s)
        assert len(said) == 1


def test_a_camera_without_noise_is_believed_where_the_cell_says_so(drivers):
    driver = drivers(frozen_frames=None)
    driver.until(HealthLevel.WELL)
    for _ in range(25):
        driver.until(HealthLevel.WELL, still=True)
    assert driver.watch.known()["frozen"] == 0


def test_distorted_pictures_are_undistorted_with_the_lens_that_was_told(drivers):
    pytest.importorskip("cv2")
    driver = drivers(distortion=LENS)
    driver.until(HealthLevel.WELL, d=LENS)
    frame = driver.camera.read()
    straight = undistortion(K, np.array(LENS), SIZE_PX)
    assert straight is not None
    raw = np.tile(np.arange(SIZE_PX[0], dtype=np.uint8)[:, None], (SIZE_PX[1], 1, 3))
    np.testing.assert_array_equal(frame.rgb[4:], straight.rgb(raw)[4:])
    assert not np.array_equal(frame.rgb[4:], raw[4:])


@pytest.mark.parametrize(
    "found", [(), (0.0,) * 5, (-0.2, 0.05, 0.001, -0.002, 0.02), (*LENS, 0.3, 0.0, 0.0)]
)
def test_another_distortion_than_was_told_is_a_misfit(drivers, found):
    driver = drivers(distortion=LENS)
    driver.until(HealthLevel.MISFIT, "plumb_bob with -0.2 0.05 0.001 -0.002 0.01", d=found)
    with pytest.raises(PerceptionError, match=r"sensor_lost\(front\).*the cell says plumb_bob"):
        driver.camera.read()
    driver.until(HealthLevel.WELL, d=LENS)


def test_distortion_that_nobody_told_of_is_refused(drivers):
    driver = drivers()
    driver.until(HealthLevel.LOST, "distorted", "give the cell its `distortion`", d=LENS)
    driver.until(HealthLevel.WELL)
