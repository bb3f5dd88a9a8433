"""Frames cross processes through shared memory; slow readers know what they missed."""

import multiprocessing

import numpy as np
import pytest

from robot_skills.core.frame_ring import FrameRing, RingSize, to_millimetres
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame

SIZE = RingSize(height_px=6, width_px=8, slots=4)


def frame(number: int, stamp_s: float = 1.0, **known: float) -> RgbdFrame:
    rgb = np.full((6, 8, 3), number % 256, dtype=np.uint8)
    depth = np.full((6, 8), 0.5 + 0.001 * number, dtype=np.float32)
    depth[0, 0] = 0.0
    return RgbdFrame(
        stamp_s=stamp_s,
        rgb=rgb,
        depth_m=depth,
        K=np.array([[9.0, 0.0, 3.5], [0.0, 9.0, 2.5], [0.0, 0.0, 1.0]]),
        T_base_camera=SE3.from_yaw(0.3, (0.1, 0.2, 0.3)),
        number=number,
        **known,
    )


def test_a_frame_comes_out_as_it_went_in():
    with FrameRing("front", SIZE) as ring:
        assert ring.latest() is None
        ring.write(frame(7, stamp_s=2.5, device_s=99.0, received_s=2.6))
        found = ring.latest()
    assert found is not None
    assert (found.stamp_s, found.number, found.device_s, found.received_s) == (2.5, 7, 99.0, 2.6)
    np.testing.assert_array_equal(found.rgb, 7)
    assert found.depth_m[0, 0] == 0.0
    assert found.depth_m[1, 1] == pytest.approx(0.507)
    assert found.T_base_camera.allclose(frame(7).T_base_camera)
    np.testing.assert_array_equal(found.K, frame(7).K)


def test_what_a_camera_does_not_know_stays_unknown():
    with FrameRing("front", SIZE) as ring:
        ring.write(frame(7))
        found = ring.latest()
    assert found is not None
    assert found.device_s is None
    assert found.received_s is None


def test_a_slow_reader_misses_old_frames_and_notices():
    with FrameRing("front", SIZE) as ring:
        for number in range(10):
            ring.write(frame(number))
        assert ring.head == 10
        assert ring.read(5) is None
        assert [ring.read(i).number for i in range(6, 10)] == [6, 7, 8, 9]
        assert ring.read(10) is None


def test_frames_of_another_size_are_refused():
    ring = FrameRing("front", RingSize(height_px=5, width_px=8))
    with ring, pytest.raises(ValueError, match="holds"):
        ring.write(frame(0))


def test_depth_that_is_no_reading_becomes_zero():
    depth = np.array([0.0, 0.0004, 0.0006, 1.2344, 65.6, -1.0], dtype=np.float32)
    np.testing.assert_array_equal(to_millimetres(depth), [0, 0, 1, 1234, 0, 0])


def _fill(ring: FrameRing, count: int) -> None:
    for number in range(count):
        ring.write(frame(number, stamp_s=0.1 * number))


def test_another_process_writes_what_this_one_reads():
    context = multiprocessing.get_context("spawn")
    with FrameRing("front", SIZE) as ring:
        process = context.Process(target=_fill, args=(ring, 3))
        process.start()
        process.join(60.0)
        assert process.exitcode == 0
        assert ring.head == 3
        assert [ring.read(i).number for i in range(3)] == [0, 1, 2]
