"""What is counted and what is passed on."""

from dataclasses import replace

import numpy as np
import pytest

from hardware.cameras.watch import FrameCounters, FrameWatch, WatchConfig, why_stale
from robot_skills.core.camera import pinhole
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame

SHAPE = (6, 8)
K = pinhole(8, 6, 1.0)


def frame_at(i, value=None, **changes):
    parts = {
        "stamp_s": 5.0 + 0.03 * i,
        "rgb": np.full((*SHAPE, 3), i if value is None else value, np.uint8),
        "depth_m": np.ones(SHAPE, np.float32),
        "K": K,
        "T_base_camera": SE3.identity(),
        "number": i,
        "device_s": 0.03 * i,
    }
    return RgbdFrame(**parts | changes)


def judged(frames, delay_s=0.01, **config):
    watch = FrameWatch(SHAPE, WatchConfig(**config))
    passed = [watch.passes(frame, frame.stamp_s + delay_s) for frame in frames]
    return watch, passed


def test_good_frames_are_passed_on():
    watch, passed = judged([frame_at(i) for i in range(20)])
    assert all(passed)
    assert watch.counters == FrameCounters(frames=20)
    assert watch.problem == ""


def test_gaps_in_the_numbers_are_drops():
    watch, passed = judged([frame_at(i) for i in (0, 1, 4, 5, 9)])
    assert all(passed)
    assert watch.counters.dropped == 2 + 3


def test_a_device_that_began_anew_has_dropped_nothing():
    later = [frame_at(i, stamp_s=9.0 + 0.03 * i) for i in range(3)]
    watch, passed = judged([frame_at(i) for i in range(100, 103)] + later)
    assert all(passed)
    assert watch.counters.dropped == 0
    assert watch.counters.out_of_order == 0


def test_a_device_that_was_opened_again_may_count_anew_at_once():
    watch, _ = judged([frame_at(i, device_s=None) for i in range(1, 6)])
    assert not watch.passes(frame_at(2, stamp_s=9.0, device_s=None), 9.0)
    watch.begin_anew()
    assert watch.passes(frame_at(1, stamp_s=9.1, device_s=None), 9.1)
    assert watch.counters.dropped == 0


@pytest.mark.parametrize("device", [True, False])
def test_frames_from_before_are_left_out(device):
    order = (1, 2, 4, 3, 5)
    frames = [
        frame_at(i, stamp_s=5.0 + 0.03 * at, device_s=0.03 * i if device else None)
        for at, i in enumerate(order)
    ]
    watch, passed = judged(frames)
    assert passed == [True, True, True, False, True]
    assert watch.counters.out_of_order == 1


def test_a_stamp_that_does_not_increase_is_left_out():
    frame = frame_at(1)
    watch, passed = judged([frame, replace(frame, number=2, device_s=0.06)])
    assert passed == [True, False]
    assert watch.counters.out_of_order == 1


def test_the_tenth_picture_that_is_the_same_is_none():
    watch, passed = judged([frame_at(i, value=7) for i in range(12)])
    assert passed == [True] * 9 + [False] * 3
    assert watch.counters.frozen == 3
    assert "frozen" in watch.problem
    assert watch.frozen
    assert watch.passes(frame_at(12, value=8), 6.0)
    assert watch.problem == ""


def test_pictures_that_differ_in_depth_alone_are_not_frozen():
    frames = [
        frame_at(i, value=7, depth_m=np.full(SHAPE, 1.0 + 0.001 * i, np.float32)) for i in range(30)
    ]
    assert all(judged(frames)[1])


def test_cameras_without_noise_are_not_taken_for_frozen():
    assert all(judged([frame_at(i, value=7) for i in range(30)], frozen_frames=None)[1])


def test_late_frames_are_counted_and_passed_on():
    watch, passed = judged([frame_at(i) for i in range(3)], delay_s=0.15)
    assert all(passed)
    assert watch.counters.late == 3


def test_another_size_is_refused():
    wide = frame_at(1, rgb=np.zeros((6, 10, 3), np.uint8), depth_m=np.ones((6, 10), np.float32))
    watch, passed = judged([frame_at(0), wide])
    assert passed == [True, False]
    assert watch.counters.refused == 1
    assert "10 x 6, not 8 x 6" in watch.problem


@pytest.mark.parametrize("wrong", [2.0 * K, np.full((3, 3), np.nan)])
def test_changed_intrinsics_are_refused(wrong):
    watch, passed = judged([frame_at(0), frame_at(1, K=wrong), frame_at(2, K=K + 0.1)])
    assert passed == [True, False, True]
    assert watch.counters.refused == 1
    assert judged([frame_at(0)], K=wrong)[1] == [False]


def test_the_first_frame_has_to_have_the_lens_that_was_told_as_far_as_calibrations_agree():
    watch, passed = judged([frame_at(0), frame_at(1)], K=K * [[1.005], [1.005], [1.0]])
    assert passed == [True, True]
    watch, passed = judged([frame_at(0)], K=K * [[1.03], [1.03], [1.0]])
    assert passed == [False]
    assert "another camera" in watch.problem
    assert not watch.frozen


def test_why_a_picture_is_old():
    assert why_stale(0.1, 0.1, 0.2) == ""
    assert "no pictures come" in why_stale(0.3, 0.25, 0.2)
    assert "late" in why_stale(0.3, 0.05, 0.2)


def test_stamps_that_are_no_times_are_refused():
    watch, passed = judged([frame_at(0), frame_at(1, stamp_s=float("nan")), frame_at(2)])
    assert passed == [True, False, True]
    assert watch.counters.refused == 1


def test_the_same_frame_again_is_not_new():
    watch, _ = judged([frame_at(3)])
    assert not watch.is_new(frame_at(3))
    assert watch.is_new(frame_at(4))


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="two frames"):
        WatchConfig(frozen_frames=1)
    with pytest.raises(ValueError, match="above 0"):
        WatchConfig(late_s=0.0)
