"""Cameras in processes of their own: what they give, and what becomes of them when they do not."""

import os
import signal
import time
from functools import partial

import numpy as np
import pytest

from hardware.cameras.process import CameraProcess, CameraProcessConfig
from hardware.cameras.status import CameraState, ProcessReport, SharedReport
from hardware.cameras.watch import FrameCounters
from hardware.ros2.times import MachineClock
from robot_skills.core.clock import MonotonicClock
from robot_skills.core.errors import PerceptionError
from robot_skills.core.se3 import SE3
from tests.hardware.cameras.told_camera import (
    T_BASE_CAMERA,
    K,
    PolledCamera,
    broken,
    halved,
    picture,
    told,
)


class Cameras:
    """Makes cameras whose processes end with the test."""

    def __init__(self, folder):
        self.file = folder / "told"
        self.tell("ok")
        self.made = []

    def tell(self, word):
        # In one step: the camera's process may read it meanwhile.
        written = self.file.with_suffix(".new")
        written.write_text(word)
        written.replace(self.file)

    def make(self, make_camera=None, clock=None, denoise=None, T_base_camera=None, **config):
        settings = {"name": "front", "width_px": 32, "height_px": 24, "stale_s": 2.0}
        settings |= {"pause_s": 0.05, "longest_pause_s": 0.1, "start_s": 60.0}
        camera = CameraProcess(
            clock or MachineClock(),
            CameraProcessConfig(**settings | config),
            make_camera or partial(told, file=self.file),
            denoise=denoise,
            T_base_camera=T_base_camera,
        )
        self.made.append(camera)
        return camera

    def connected(self, *args, **kwargs):
        camera = self.make(*args, **kwargs)
        camera.connect()
        return camera


@pytest.fixture
def cameras(tmp_path):
    made = Cameras(tmp_path)
    try:
        yield made
    finally:
        for camera in made.made:
            camera.close()
            camera.ring.close()


def wait_until(so, timeout_s=60.0):
    until_s = time.monotonic() + timeout_s
    while not so():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def can_read(camera):
    try:
        camera.read()
    except PerceptionError:
        return False
    return True


def test_frames_of_another_process_are_what_it_saw(cameras):
    camera = cameras.connected()
    seen = {}
    wait_until(lambda: seen.setdefault((f := camera.read()).number, f) and len(seen) >= 5)
    for number, frame in seen.items():
        rgb, depth_m = picture(number)
        np.testing.assert_array_equal(frame.rgb, rgb)
        np.testing.assert_allclose(frame.depth_m, depth_m, atol=0.5e-3)
        np.testing.assert_array_equal(frame.K, K)
        assert frame.T_base_camera.allclose(T_BASE_CAMERA)
        assert frame.stamp_s < frame.received_s <= time.monotonic()
    health = camera.health()
    assert health.state is CameraState.RUNNING
    assert health.reason == ""
    assert health.counters.frames >= 5
    assert health.counters.dropped == health.counters.refused == 0


def test_frames_come_on_the_clock_of_their_owner(cameras):
    clock = MonotonicClock()
    frame = cameras.connected(clock=clock).read()
    assert 0.0 < frame.stamp_s < frame.received_s <= clock.now_s()


def test_the_owner_knows_where_a_wrist_is(cameras):
    frame = cameras.connected(
        T_base_camera=lambda stamp_s: SE3.from_translation((stamp_s, 0.0, 0.0))
    ).read()
    assert frame.T_base_camera.p[0] == frame.stamp_s


def test_a_camera_that_can_only_be_read_gives_each_frame_once(cameras):
    camera = cameras.connected(PolledCamera)
    wait_until(lambda: camera.health().counters.frames >= 10)
    counters = camera.health().counters
    assert counters.out_of_order == counters.frozen == counters.refused == 0


def test_a_denoiser_works_on_depth_in_the_camera_s_process(cameras):
    frame = cameras.connected(denoise=halved).read()
    np.testing.assert_allclose(frame.depth_m, 0.5 * picture(frame.number)[1], atol=0.6e-3)


def test_a_denoiser_that_breaks_depth_is_named(cameras):
    camera = cameras.make(denoise=broken)
    with pytest.raises(PerceptionError, match="denoiser"):
        camera.connect()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_process_is_named_and_comes_back(cameras, how):
    camera = cameras.connected(pause_s=1.0, longest_pause_s=1.0)
    killed = camera.pid
    os.kill(killed, how)
    wait_until(lambda: camera.health().state is CameraState.ENDED, 5.0)
    with pytest.raises(PerceptionError, match=f"front gives no pictures.*ended by {how.name}"):
        camera.read()
    wait_until(lambda: can_read(camera))
    assert camera.pid != killed
    assert camera.health().restarts == 1


def test_a_process_that_hangs_is_named_killed_and_started_again(cameras):
    camera = cameras.connected(stale_s=0.3, hang_s=5.0)
    stopped = camera.pid
    os.kill(stopped, signal.SIGSTOP)
    wait_until(lambda: not can_read(camera), 20.0)
    with pytest.raises(PerceptionError, match=r"has not answered|last one is"):
        camera.read()
    wait_until(lambda: can_read(camera))
    assert camera.pid != stopped


@pytest.mark.parametrize(
    ("word", "reason"),
    [("crash", "ZeroDivisionError: a bug of the driver"), ("abort", "ended by SIGABRT")],
)
def test_a_driver_that_crashes_is_named_and_comes_back(cameras, word, reason):
    camera = cameras.connected(pause_s=1.0, longest_pause_s=1.0)
    cameras.tell(word)
    wait_until(lambda: camera.health().state is CameraState.ENDED)
    assert reason in camera.health().reason
    wait_until(lambda: camera.health().restarts >= 1)
    cameras.tell("ok")
    wait_until(lambda: can_read(camera))


def test_an_unplugged_camera_is_named_and_comes_back_in_the_same_process(cameras):
    camera = cameras.connected()
    before = camera.pid
    cameras.tell("unplugged")
    wait_until(lambda: camera.health().state is CameraState.LOST)
    with pytest.raises(PerceptionError, match=r"unplugged|no told camera"):
        camera.read()
    wait_until(lambda: "no told camera" in camera.health().reason)
    cameras.tell("ok")
    wait_until(lambda: can_read(camera))
    assert camera.pid == before
    counters = camera.health().counters
    assert counters.reconnects == 1
    # Its numbers began anew: none of them is taken for an old one.
    assert counters.out_of_order == counters.dropped == 0
    assert camera.health().restarts == 0


def test_a_camera_that_is_not_there_refuses_to_connect_but_can_be_waited_for(cameras):
    cameras.tell("unplugged")
    camera = cameras.make()
    with pytest.raises(PerceptionError, match="there is no told camera"):
        camera.connect()
    assert camera.health().state is CameraState.CLOSED
    camera.start()
    wait_until(lambda: camera.health().state is CameraState.LOST)
    cameras.tell("ok")
    wait_until(lambda: can_read(camera))


def test_a_silent_camera_gives_no_old_pictures(cameras):
    camera = cameras.connected(stale_s=0.2)
    cameras.tell("silent")
    wait_until(lambda: not can_read(camera))
    health = camera.health()
    assert health.state is CameraState.LOST
    assert health.reason
    cameras.tell("ok")
    wait_until(lambda: can_read(camera))


@pytest.mark.parametrize(
    ("word", "counter", "state", "reason"),
    [
        ("frozen", "frozen", CameraState.FROZEN, "frozen"),
        ("wide", "refused", CameraState.UNUSABLE, "40 x 24, not 32 x 24"),
        ("zoom", "refused", CameraState.UNUSABLE, "intrinsics changed"),
    ],
)
def test_pictures_that_are_of_no_use_are_counted_and_named(cameras, word, counter, state, reason):
    camera = cameras.connected()
    cameras.tell(word)
    wait_until(lambda: getattr(camera.health().counters, counter) > 0)
    wait_until(lambda: camera.health().state is state)
    with pytest.raises(PerceptionError, match=reason):
        camera.read()
    cameras.tell("ok")
    wait_until(lambda: can_read(camera))


@pytest.mark.parametrize(("word", "counter"), [("gap", "dropped"), ("late", "late")])
def test_gaps_and_late_pictures_are_counted(cameras, word, counter):
    camera = cameras.connected()
    assert getattr(camera.health().counters, counter) == 0
    cameras.tell(word)
    wait_until(lambda: getattr(camera.health().counters, counter) > 3)
    assert can_read(camera)


def test_a_closed_camera_has_no_process_and_can_be_connected_again(cameras):
    camera = cameras.connected()
    pid = camera.pid
    camera.close()
    camera.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(PerceptionError, match="not connected"):
        camera.read()
    camera.connect()
    assert can_read(camera)


def test_others_read_the_ring(cameras):
    camera = cameras.connected()
    wait_until(lambda: camera.ring.head >= 3)
    numbers = [camera.ring.read(i).number for i in range(camera.ring.head - 3, camera.ring.head)]
    np.testing.assert_array_equal(np.diff(numbers), 1)


def test_a_report_half_written_by_a_process_that_was_killed_is_written_over():
    shared = SharedReport()
    shared.write(ProcessReport(state=CameraState.LOST, reason="x" * 5000))
    assert shared.read().reason == "x" * 1023
    shared._numbers[0] += 1.0
    assert shared.read().state is CameraState.LOST
    shared.write(ProcessReport(reason="fine", beat_s=3.0, counters=FrameCounters(frames=4)))
    found = shared.read()
    assert (found.reason, found.beat_s, found.counters.frames) == ("fine", 3.0, 4)
    assert found.state is CameraState.OPENING


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="above 0"):
        CameraProcessConfig(name="front", stale_s=0.0)
    with pytest.raises(ValueError, match="longest"):
        CameraProcessConfig(name="front", pause_s=9.0)
