import math

import numpy as np
import pytest

from robot_skills.console.hand import Freshness, sample_of
from robot_skills.core.errors import RefusedError
from robot_skills.core.teleop import Frame, HandPose, Rate


def test_rates_are_clipped_to_full_speed():
    message = {"held": True, "linear": [3, 0, -0.5], "angular": [0, 0, -2], "frame": "tool"}
    sample = sample_of(message, 7.0)
    assert sample.stamp_s == 7.0
    assert sample.held
    assert isinstance(sample.motion, Rate)
    assert sample.motion.frame is Frame.TOOL
    np.testing.assert_allclose(sample.motion.linear, [1.0, 0.0, -0.5])
    np.testing.assert_allclose(sample.motion.angular, [0.0, 0.0, -1.0])


def test_pose_is_that_of_the_hand():
    pose = {"p": [0.1, 0.2, 0.3], "wxyz": [2.0, 0.0, 0.0, 0.0]}
    sample = sample_of({"held": True, "pose": pose, "opening": 1.4}, 0.0)
    assert isinstance(sample.motion, HandPose)
    np.testing.assert_allclose(sample.motion.T_device_hand.p, [0.1, 0.2, 0.3])
    np.testing.assert_allclose(sample.motion.T_device_hand.R, np.eye(3))
    assert sample.opening == 1.0


def test_hand_that_only_lets_go_has_no_motion():
    sample = sample_of({"held": False}, 0.0)
    assert not sample.held
    assert sample.motion is None


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"held": 1},
        {"held": True, "linear": [0, 0, 0]},
        {"held": True, "linear": [0, 0], "angular": [0, 0, 0]},
        {"held": True, "linear": [0, 0, math.nan], "angular": [0, 0, 0]},
        {"held": True, "linear": [0, 0, True], "angular": [0, 0, 0]},
        {"held": True, "linear": [0, 0, 0], "angular": [0, 0, 0], "frame": "moon"},
        {"held": True, "pose": [1, 2, 3]},
        {"held": True, "pose": {"p": [0, 0, 0], "wxyz": [0, 0, 0, 0]}},
        {"held": True, "opening": "wide"},
    ],
)
def test_what_is_not_a_hand_is_refused(message):
    with pytest.raises(RefusedError):
        sample_of(message, 0.0)


def test_messages_that_were_held_up_are_late():
    freshness = Freshness()
    assert not freshness.late(100.0, 5.0)
    assert not freshness.late(100.02, 5.021)
    assert freshness.late(100.04, 5.5)
    assert not freshness.late(100.5, 5.501)
