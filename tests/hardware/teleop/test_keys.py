import numpy as np
import pytest

from hardware.teleop import BROWSER_CODES, KEY_HELP, KeyState, motion_of, opening_of, wish_of
from hardware.teleop.keys import GRIPPER_KEYS, MOTION_KEYS, SPEED_KEYS, WISH_KEYS, speed_of
from robot_skills.core.teleop import Wish


def test_forward_left_and_up_are_the_bases_axes():
    assert np.allclose(motion_of({"w", "a", "r"}).linear, 1.0)
    assert np.allclose(motion_of({"s", "d", "f"}).linear, -1.0)
    assert np.allclose(motion_of({"j"}).angular, (0.0, 0.0, 1.0))


def test_opposite_keys_cancel_and_others_move_nothing():
    rate = motion_of({"w", "s", "enter", "space"})
    assert not rate.linear.any()
    assert not rate.angular.any()


def test_two_keys_for_one_axis_are_no_faster_than_one():
    assert np.allclose(motion_of({"r", "q"}).linear, (0.0, 0.0, 1.0))
    assert np.allclose(motion_of({"up", "i"}).angular, motion_of({"up"}).angular)


def test_speed_and_shift_scale_the_motion():
    assert motion_of({"w"}, 0.3).linear[0] == pytest.approx(0.3)
    assert motion_of({"w", "shift"}).linear[0] == pytest.approx(0.25)
    assert speed_of("1", 1.0) < speed_of("2", 0.1) == 1.0
    assert speed_of("w", 0.4) == 0.4


def test_space_closes_first_and_then_toggles():
    assert opening_of("space", None) == 0.0
    assert opening_of("space", 0.0) == 1.0
    assert opening_of("space", 1.0) == 0.0
    assert opening_of("g", None) == 0.0
    assert opening_of("h", 0.0) == 1.0
    assert opening_of("w", 0.3) == 0.3


def test_enter_starts_and_saves():
    assert wish_of("enter", recording=False) is Wish.START
    assert wish_of("enter", recording=True) is Wish.SAVE
    assert wish_of("escape", recording=True) is Wish.ESTOP
    assert wish_of("w", recording=True) is None
    state = KeyState()
    for key in ("enter", "enter", "enter", "backspace", "enter"):
        state.press(key)
    assert state.take_wishes() == (Wish.START, Wish.SAVE, Wish.START, Wish.DISCARD, Wish.START)
    assert state.take_wishes() == ()


def test_every_key_has_one_meaning_and_the_browser_can_send_most():
    groups = [set(MOTION_KEYS), set(SPEED_KEYS), set(GRIPPER_KEYS), set(WISH_KEYS), {"enter"}]
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert set().union(*groups) - {"ctrl+d"} <= set(BROWSER_CODES.values())
    assert len(KEY_HELP.splitlines()) >= 5
