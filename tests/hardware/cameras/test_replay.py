"""Playing frames that were seen before."""

from functools import partial

import numpy as np
import pytest

from hardware.cameras.replay import ReplayCamera, ReplayConfig, read_frames, write_frames
from robot_skills.core.camera import pinhole
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import PerceptionError, RefusedError
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame


def frame_at(stamp_s, value=1, number=None, shape=(6, 8)):
    return RgbdFrame(
        stamp_s=stamp_s,
        rgb=np.full((*shape, 3), value, np.uint8),
        depth_m=np.full(shape, 0.1 * value, np.float32),
        K=pinhole(shape[1], shape[0], 1.0),
        T_base_camera=SE3.from_yaw(0.3, (0.1, 0.2, value)),
        number=number,
    )


FRAMES = [frame_at(100.0 + 0.1 * i + 0.03 * (i % 2), value=i, number=7 * i) for i in range(5)]


def made(source, clock=None, **changes):
    clock = clock or ManualClock(5.0)
    return ReplayCamera(clock, ReplayConfig(name="old", **changes), source), clock


def test_frames_come_at_the_pace_at_which_they_were_seen():
    camera, clock = made(lambda: FRAMES)
    camera.connect()
    for seen in FRAMES:
        frame = camera.next_frame(1.0)
        offset_s = seen.stamp_s - 100.0
        assert frame.stamp_s == pytest.approx(5.0 + offset_s)
        assert clock.now_s() == pytest.approx(5.0 + offset_s)
        assert frame.number == seen.number
        np.testing.assert_array_equal(frame.rgb, seen.rgb)
        assert frame.T_base_camera.allclose(seen.T_base_camera)
    assert camera.next_frame(0.001) is None
    assert camera.problem == "the recording is over"


def test_nothing_comes_before_its_time():
    camera, clock = made(lambda: FRAMES)
    camera.connect()
    assert camera.next_frame(0.0) is not None
    assert camera.next_frame(0.05) is None
    assert clock.now_s() == pytest.approx(5.05)


def test_a_slow_reader_gets_the_newest():
    camera, clock = made(lambda: FRAMES)
    camera.connect()
    clock.sleep_until(5.35)
    assert camera.read().rgb[0, 0, 0] == 3


def test_a_faster_rate_shortens_the_pauses():
    camera, _ = made(lambda: FRAMES, rate=2.0)
    camera.connect()
    stamps = [camera.next_frame(1.0).stamp_s for _ in FRAMES]
    np.testing.assert_allclose(np.diff(stamps), 0.5 * np.diff([f.stamp_s for f in FRAMES]))


def test_a_recording_that_repeats_goes_on_in_time():
    camera, _ = made(lambda: FRAMES, repeat=True)
    camera.connect()
    frames = [camera.next_frame(1.0) for _ in range(12)]
    assert [int(frame.rgb[0, 0, 0]) for frame in frames] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]
    assert np.all(np.diff([frame.stamp_s for frame in frames]) > 0.05)


def test_a_file_gives_back_what_was_put_into_it(tmp_path):
    file = tmp_path / "table.npz"
    write_frames(file, [*FRAMES[:2], frame_at(101.0)])
    camera, _ = made(partial(read_frames, file))
    camera.connect()
    for seen in FRAMES[:2]:
        frame = camera.next_frame(1.0)
        assert frame.number == seen.number
        np.testing.assert_array_equal(frame.rgb, seen.rgb)
        np.testing.assert_array_equal(frame.depth_m, seen.depth_m)
        np.testing.assert_array_equal(frame.K, seen.K)
        assert frame.T_base_camera.allclose(seen.T_base_camera)
    assert [frame.number for frame in read_frames(file)] == [0, 7, None]


def test_what_cannot_be_played_is_refused(tmp_path):
    with pytest.raises(RefusedError, match="nothing to play"):
        made(lambda: [])[0].connect()
    with pytest.raises(RefusedError, match="holds no frames"):
        made(partial(read_frames, tmp_path / "none.npz"))[0].connect()
    other = tmp_path / "other.npz"
    np.savez(other, a=np.zeros(3))
    with pytest.raises(RefusedError, match="holds no frames"):
        list(read_frames(other))
    other.write_bytes(b"PK\x03\x04 broken")
    with pytest.raises(RefusedError, match="holds no frames"):
        list(read_frames(other))
    objects = tmp_path / "objects.npz"
    np.savez(objects, **{name: np.array([{}]) for name in ("stamp_s", "rgb", "depth_m", "K")})
    with pytest.raises(RefusedError, match="holds no frames"):
        list(read_frames(objects))
    camera, _ = made(lambda: [FRAMES[0], FRAMES[2], FRAMES[1]])
    camera.connect()
    camera.next_frame(1.0)
    with pytest.raises(RefusedError, match="back in time"):
        camera.next_frame(1.0)
    with pytest.raises(RefusedError, match="one size"):
        write_frames(tmp_path / "a.npz", [frame_at(0.0), frame_at(1.0, shape=(4, 4))])
    with pytest.raises(RefusedError, match=r"\.npz"):
        write_frames(tmp_path / "a.pkl", FRAMES)
    with pytest.raises(ValueError, match="rate"):
        ReplayConfig(name="old", rate=0.0)


def test_a_camera_that_is_not_connected_says_so():
    camera, _ = made(lambda: FRAMES)
    with pytest.raises(PerceptionError, match="not connected"):
        camera.next_frame(0.1)
