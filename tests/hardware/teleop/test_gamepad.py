import numpy as np
import pytest

from hardware.teleop import Gamepad, StickConfig
from hardware.teleop.sticks import stick_curve
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.teleop import DeviceLost, Wish

LEFT_X, LEFT_Y, RIGHT_X, RIGHT_Y, LEFT_TRIGGER, RIGHT_TRIGGER = range(6)
A, B, X, Y, BACK, GUIDE, START = range(7)
LEFT_SHOULDER, RIGHT_SHOULDER = 9, 10
PAD_UP, PAD_DOWN, PAD_LEFT, PAD_RIGHT = 11, 12, 13, 14


@pytest.fixture
def gamepad(pad):
    device = Gamepad(ManualClock(3.0), StickConfig(dead_zone=0.1, expo=0.0))
    device.connect()
    yield device
    device.close()


def test_the_right_shoulder_is_the_dead_man_switch(pad, gamepad):
    assert not gamepad.read().held
    pad.button(RIGHT_SHOULDER)
    sample = gamepad.read()
    assert sample.held
    assert sample.stamp_s == 3.0
    pad.button(RIGHT_SHOULDER, down=False)
    assert not gamepad.read().held


def test_sticks_move_along_the_bases_axes(pad, gamepad):
    pad.axis(LEFT_Y, -1.0)
    pad.axis(LEFT_X, -1.0)
    pad.axis(RIGHT_Y, 1.0)
    pad.axis(RIGHT_X, 0.55)
    motion = gamepad.read().motion
    assert np.allclose(motion.linear, (1.0, 1.0, -1.0))
    assert np.allclose(motion.angular, (0.0, 0.0, -0.5), atol=1e-3)


def test_the_pad_tilts_and_rolls_and_the_left_shoulder_is_fine(pad, gamepad):
    pad.button(PAD_UP)
    pad.button(PAD_RIGHT)
    assert np.allclose(gamepad.read().motion.angular, (1.0, -1.0, 0.0))
    pad.button(LEFT_SHOULDER)
    assert np.allclose(gamepad.read().motion.angular, (0.25, -0.25, 0.0))


def test_triggers_close_and_open_the_gripper(pad, gamepad):
    assert gamepad.read().opening is None
    pad.axis(RIGHT_TRIGGER, 1.0)
    assert gamepad.read().opening == 0.0
    pad.axis(RIGHT_TRIGGER, 0.0)
    assert gamepad.read().opening == 0.0
    pad.axis(LEFT_TRIGGER, 1.0)
    assert gamepad.read().opening == 1.0


def test_buttons_are_wishes_also_when_pressed_between_two_reads(pad, gamepad):
    for button in (START, START, B, A, Y, X, BACK):
        pad.button(button)
        pad.button(button, down=False)
    assert gamepad.read().wishes == (
        Wish.START,
        Wish.SAVE,
        Wish.ESTOP,
        Wish.RELEASE,
        Wish.SUCCESS,
        Wish.FAILURE,
        Wish.DISCARD,
    )
    assert gamepad.read().wishes == ()


def test_a_pad_that_is_unplugged_is_lost_and_can_come_back(pad, gamepad):
    pad.button(RIGHT_SHOULDER)
    assert gamepad.read().held
    pad.unplug()
    with pytest.raises(DeviceLost, match="unplugged"):
        gamepad.read()
    with pytest.raises(MissingDependencyError, match="Plug one in"):
        gamepad.connect()
    pad.plug_in()
    gamepad.connect()
    assert not gamepad.read().held
    pad.button(RIGHT_SHOULDER)
    assert gamepad.read().held


def test_a_stick_is_dead_in_the_middle_and_full_at_the_end():
    config = StickConfig(dead_zone=0.2, expo=0.5)
    assert stick_curve(0.19, config) == 0.0
    assert stick_curve(1.0, config) == pytest.approx(1.0)
    assert stick_curve(-1.0, config) == pytest.approx(-1.0)
    shares = [stick_curve(x, config) for x in np.linspace(-1.0, 1.0, 201)]
    assert np.all(np.diff(shares) >= 0.0)
    assert np.allclose(shares, -np.array(shares)[::-1])
    assert stick_curve(0.6, config) < 0.5
    with pytest.raises(ValueError):
        StickConfig(dead_zone=1.0)
