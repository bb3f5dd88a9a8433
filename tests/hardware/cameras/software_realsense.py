"""A RealSense of the SDK's own making, which shows what a test gives it."""

import threading
import time

import numpy as np

from robot_skills.core.camera import pinhole
from tests.realsense_sdk import realsense_or_skip

rs = realsense_or_skip()
SIZE = (64, 48)
K = pinhole(*SIZE, np.deg2rad(60.0))
PERIOD_S = 1.0 / 30.0


class SoftwareRealSense:
    """A device with colours and depth on one lens.

    Args:
        serial: Of the device.
        usb: What it says of its port.
        coefficients: Of the lens.
        model: Its kind.
        K: Its intrinsics.
        offset_m: Of the depth sensor's origin in the colours' frame.
    """

    def __init__(
        self,
        serial="123",
        usb="3.2",
        coefficients=(0.0,) * 5,
        model=rs.distortion.none,
        K=K,
        offset_m=(0.0, 0.0, 0.0),
    ):
        self.device = rs.software_device()
        for info, value in (
            (rs.camera_info.name, "Software"),
            (rs.camera_info.serial_number, serial),
            (rs.camera_info.usb_type_descriptor, usb),
        ):
            self.device.register_info(info, value)
        lens = rs.intrinsics()
        lens.width, lens.height = SIZE
        lens.fx, lens.fy, lens.ppx, lens.ppy = K[0, 0], K[1, 1], K[0, 2], K[1, 2]
        lens.model, lens.coeffs = model, list(coefficients)
        self.lens = lens
        self.depth = self._sensor("Stereo Module", rs.stream.depth, 0, 2, rs.format.z16)
        self.colour = self._sensor("RGB Camera", rs.stream.color, 1, 3, rs.format.rgb8)
        self.depth[0].add_read_only_option(rs.option.depth_units, 0.001)
        self.depth[0].add_read_only_option(rs.option.stereo_baseline, 50.0)
        same = rs.extrinsics()
        same.rotation, same.translation = np.eye(3).ravel().tolist(), list(offset_m)
        self.depth[1].register_extrinsics_to(self.colour[1], same)
        self.device.create_matcher(rs.matchers.default)

    def _sensor(self, name, kind, uid, bytes_px, form):
        sensor = self.device.add_sensor(name)
        stream = rs.video_stream()
        stream.type, stream.uid, stream.index = kind, uid, 0
        stream.width, stream.height = SIZE
        stream.fps, stream.bpp, stream.fmt, stream.intrinsics = 30, bytes_px, form, self.lens
        return sensor, sensor.add_video_stream(stream), bytes_px

    def show(self, rgb, depth_mm, number, device_s):
        for (sensor, profile, bytes_px), pixels in ((self.depth, depth_mm), (self.colour, rgb)):
            frame = rs.software_video_frame()
            frame.pixels, frame.bpp, frame.stride = pixels, bytes_px, SIZE[0] * bytes_px
            frame.timestamp, frame.domain = 1e3 * device_s, rs.timestamp_domain.hardware_clock
            frame.frame_number, frame.profile = number, profile.as_video_stream_profile()
            if bytes_px == 2:
                frame.depth_units = 0.001
            sensor.on_video_frame(frame)


class Showing:
    """Shows pictures one after the other until the block ends, or it is unplugged.

    Args:
        software: Where.
        picture: Colours and depth [mm] of a number.
    """

    def __init__(self, software, picture):
        self.software, self.picture = software, picture
        self.plugged = True
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        number = 0
        while not self._stop.is_set():
            if self.plugged:
                self.software.show(*self.picture(number), number, 100.0 + PERIOD_S * number)
            number += 1
            time.sleep(PERIOD_S)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def numbered(number):
    """Says its number in its colours and its depth."""
    rgb = np.full((SIZE[1], SIZE[0], 3), number % 251, np.uint8)
    return rgb, np.full((SIZE[1], SIZE[0]), 1000 + number % 1000, np.uint16)
