"""What the axes and buttons of a game controller mean, numbered as SDL numbers them.

Axes are SDL's (SDL_gamecontroller.h): right and towards the person are positive, a trigger that is
pulled is 1.
"""

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from hardware.teleop.keys import FINE_SHARE
from hardware.teleop.sticks import StickConfig, stick_curve
from robot_skills.core.teleop import Rate, Wish

_LEFT_X, _LEFT_Y, _RIGHT_X, _RIGHT_Y, _LEFT_TRIGGER, _RIGHT_TRIGGER = range(6)
AXES = 6
_A, _B, _X, _Y, _BACK, _GUIDE, START = range(7)
_LEFT_SHOULDER, _RIGHT_SHOULDER = 9, 10
_PAD_UP, _PAD_DOWN, _PAD_LEFT, _PAD_RIGHT = 11, 12, 13, 14
BUTTONS = 15
_PULLED = 0.5
WISHES: Mapping[int, Wish] = {
    _B: Wish.ESTOP,
    _A: Wish.RELEASE,
    _BACK: Wish.DISCARD,
    _Y: Wish.SUCCESS,
    _X: Wish.FAILURE,
}
"""Buttons that always ask for the same; `START` begins and saves an episode."""


def pad_held(buttons: Collection[int]) -> bool:
    """Whether the dead-man switch, the right shoulder, is among the buttons that are down."""
    return _RIGHT_SHOULDER in buttons


def pad_motion(axes: Sequence[float], buttons: Collection[int], sticks: StickConfig) -> Rate:
    """Motion of the sticks and the D-pad.

    Args:
        axes: The first `AXES`, each in [-1, 1].
        buttons: That are down.
        sticks: How sticks are read.
    """
    share = FINE_SHARE if _LEFT_SHOULDER in buttons else 1.0
    curve = [stick_curve(axes[axis], sticks) for axis in range(4)]
    # A stick pushed away reads negative; to the right is -y of the base.
    linear = np.array([-curve[_LEFT_Y], -curve[_LEFT_X], -curve[_RIGHT_Y]])
    roll = float(_PAD_RIGHT in buttons) - float(_PAD_LEFT in buttons)
    pitch = float(_PAD_DOWN in buttons) - float(_PAD_UP in buttons)
    return Rate(linear=share * linear, angular=share * np.array([roll, pitch, -curve[_RIGHT_X]]))


def pad_opening(axes: Sequence[float]) -> float | None:
    """What the triggers ask of the gripper; None where neither is pulled."""
    if axes[_RIGHT_TRIGGER] > _PULLED:
        return 0.0
    return 1.0 if axes[_LEFT_TRIGGER] > _PULLED else None
