"""Webcams; a video stands in for one."""

import numpy as np
import pytest

pytest.importorskip("cv2", reason="OpenCV is not installed")

import cv2

from hardware.cameras.stream import StreamConfig
from hardware.cameras.uvc import UvcCamera, UvcConfig
from robot_skills.core.camera import pinhole
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import MissingDependencyError, PerceptionError, RefusedError
from robot_skills.core.se3 import SE3

K = pinhole(64, 48, np.deg2rad(60.0))
FRAMES = 6


@pytest.fixture
def video(tmp_path):
    file = str(tmp_path / "table.avi")
    writer = cv2.VideoWriter(file, cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for i in range(FRAMES):
        # Red in OpenCV's order of channels.
        writer.write(np.full((48, 64, 3), (0, 0, 40 * i), np.uint8))
    writer.release()
    return file


def made(device, clock=None, **changes):
    config = {"name": "web", "device": device, "width_px": 64, "height_px": 48, "K": K}
    return UvcCamera(
        clock or ManualClock(5.0), UvcConfig(**config | {"rate_hz": 10} | changes), SE3.identity()
    )


def test_a_video_gives_its_colours_in_order_at_its_rate_without_depth(video):
    clock = ManualClock(5.0)
    camera = made(video, clock)
    camera.connect()
    frames = []
    while "over" not in camera.problem:
        frame = camera.next_frame(0.05)
        if frame is not None:
            frames.append(frame)
    camera.close()
    assert [frame.number for frame in frames] == list(range(FRAMES))
    np.testing.assert_allclose([frame.stamp_s for frame in frames], 5.0 + 0.1 * np.arange(FRAMES))
    for i, frame in enumerate(frames):
        # The format is lossy.
        np.testing.assert_allclose(frame.rgb.mean(axis=(0, 1)), [40 * i, 0, 0], atol=4.0)
        assert not frame.depth_m.any()
        np.testing.assert_array_equal(frame.K, K)


def test_a_video_that_is_over_gives_nothing_and_does_not_begin_again(video):
    clock = ManualClock(5.0)
    camera = made(video, clock)
    camera.connect()
    clock.sleep_until(20.0)
    for _ in range(FRAMES + 1):
        clock.sleep_until(clock.now_s() + 1.0)
        camera.next_frame(0.0)
    clock.sleep_until(clock.now_s() + 1.0)
    with pytest.raises(PerceptionError, match="web gives no pictures: the video is over"):
        camera.read()
    assert camera.opened == 1


def test_latency_is_taken_off_the_stamp(video):
    camera = made(video, latency_s=0.08)
    camera.connect()
    frame = camera.next_frame(0.1)
    assert frame.received_s - frame.stamp_s == pytest.approx(0.08)
    camera.close()


def test_a_distorted_picture_is_made_straight(tmp_path):
    lens = (-0.3, 0.05, 0.0, 0.0, 0.0)
    x, y = np.meshgrid(np.linspace(-1.0, 1.0, 64), np.linspace(-1.0, 1.0, 48))
    picture = np.stack([100 + 60 * x, 100 + 60 * y, 100 + 0 * x], axis=-1).astype(np.uint8)
    file = str(tmp_path / "lens.avi")
    writer = cv2.VideoWriter(file, cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(3):
        writer.write(picture[:, :, ::-1])
    writer.release()
    camera = made(file, distortion=lens)
    camera.connect()
    frame = camera.next_frame(0.1)
    camera.close()
    expected = cv2.undistort(picture, K, np.array(lens))
    difference = np.abs(frame.rgb.astype(float) - expected)
    assert np.median(difference) < 4.0
    assert np.abs(expected.astype(float) - picture).max() > 8.0


def test_what_is_not_there_or_no_camera_is_named(tmp_path):
    with pytest.raises(MissingDependencyError, match="no /dev/video77"):
        made(77).connect()
    with pytest.raises(MissingDependencyError, match="there is no"):
        made(str(tmp_path / "none.avi")).connect()
    text = tmp_path / "text.avi"
    text.write_text("no video")
    with pytest.raises(MissingDependencyError, match="cannot be opened"):
        made(str(text)).connect()


def test_pictures_of_another_size_are_refused(video):
    with pytest.raises(RefusedError, match="64 x 48, not of 128 x 96"):
        made(video, width_px=128, height_px=96).connect()


@pytest.mark.parametrize(
    "wrong",
    [
        {"K": np.eye(2)},
        {"K": np.diag([np.nan, 1.0, 1.0])},
        {"K": pinhole(640, 480, 1.0)},
        {"distortion": (0.1,)},
        {"format": "YUV"},
    ],
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError):
        made(0, **wrong)


def test_times_of_a_stream_have_to_be_positive():
    with pytest.raises(ValueError, match="above 0"):
        StreamConfig(stale_s=0.0)
    with pytest.raises(ValueError, match="longest"):
        StreamConfig(pause_s=3.0, longest_pause_s=1.0)
