"""What an injected fault does to the pictures of a simulated camera."""

import json
from dataclasses import replace

import numpy as np
import pytest

from robot_skills.app.nodes.sim_faults import CameraFaults, Faults, numbered, read_faults
from robot_skills.core.camera import pinhole
from robot_skills.core.se3 import SE3
from robot_skills.core.types import RgbdFrame

SCENE = RgbdFrame(
    stamp_s=0.0,
    rgb=np.full((6, 8, 3), 100, np.uint8),
    depth_m=np.ones((6, 8), np.float32),
    K=pinhole(8, 6, 1.0),
    T_base_camera=SE3.identity(),
)


def taken(camera, count=8, begin_s=0.0):
    """Pictures of a scene at rest, ten a second, as they come."""
    times = begin_s + 0.1 * np.arange(count)
    return [frame for now_s in times for frame in camera.come(replace(SCENE, stamp_s=now_s), now_s)]


def contents(frames):
    return {frame.rgb.tobytes() for frame in frames}


def injected(now_s=0.0, **faults):
    camera = CameraFaults("front")
    camera.inject(read_faults(json.dumps(faults)), now_s)
    return camera


def test_pictures_of_a_scene_at_rest_differ_in_their_numbers_alone():
    frames = taken(CameraFaults("front"))
    assert len(contents(frames)) == len(frames) == 8
    assert all(np.abs(frame.rgb.astype(int) - SCENE.rgb).max() <= 1 for frame in frames)
    np.testing.assert_array_equal(numbered(SCENE, 2**31).rgb, numbered(SCENE, 2**31).rgb)


def test_frozen_pictures_are_the_same_with_new_stamps():
    frames = taken(injected(camera_frozen=True))
    assert len(contents(frames)) == 1
    assert len({frame.stamp_s for frame in frames}) == 8


def test_silence_lasts_as_long_as_it_was_told():
    assert [frame.stamp_s for frame in taken(injected(camera_silent_s=0.35))] == pytest.approx(
        [0.4, 0.5, 0.6, 0.7]
    )


def test_late_and_shuffled_pictures_keep_their_stamps():
    late = taken(injected(camera_late_s=0.25))
    assert [frame.stamp_s for frame in late] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])
    shuffled = taken(injected(camera_shuffled=True))
    assert [frame.stamp_s for frame in shuffled] == pytest.approx(
        [0.1, 0.0, 0.3, 0.2, 0.5, 0.4, 0.7, 0.6]
    )


def test_another_size_and_lens():
    frame = taken(injected(camera_px=[11, 5], camera_zoom=1.5))[0]
    assert frame.rgb.shape == (5, 11, 3)
    assert frame.depth_m.shape == (5, 11)
    np.testing.assert_allclose(frame.K[0, 0], 1.5 * SCENE.K[0, 0])
    np.testing.assert_allclose(frame.K[:2, 2], SCENE.K[:2, 2])


def test_faults_of_another_camera_and_those_that_are_over_change_nothing():
    camera = injected(cameras=["wrist"], camera_silent_s=9.0, camera_frozen=True)
    assert len(contents(taken(camera))) == 8
    camera.inject(Faults(camera_late_s=0.3), 1.0)
    assert len(taken(camera, 3, 1.0)) == 0
    camera.inject(Faults(), 2.0)
    assert [frame.stamp_s for frame in taken(camera, 2, 2.0)] == pytest.approx([2.0, 2.1])


@pytest.mark.parametrize("text", ["{", "[]", '{"camera_gone": 1}', "3"])
def test_what_is_no_fault_is_refused(text):
    with pytest.raises(ValueError, match=r"Expecting|known are"):
        read_faults(text)
