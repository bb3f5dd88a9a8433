"""Which key does what: shared by the terminal and by the console in a browser. Pure data.

Keys have one name each: the lower-case letter or digit, or one of `up down left right space enter
backspace escape shift ctrl+d`. Directions are those of the base frame as an operator sees them who
stands behind the arm: +x forward, +y left, +z up.
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from robot_skills.core.teleop import Rate, Wish


class Axis(Enum):
    """One of the six ways to move; the value is its place in a twist (v, w)."""

    X = 0
    Y = 1
    Z = 2
    ROLL = 3
    PITCH = 4
    YAW = 5


MOTION_KEYS: Mapping[str, tuple[Axis, float]] = {
    "w": (Axis.X, 1.0),
    "s": (Axis.X, -1.0),
    "a": (Axis.Y, 1.0),
    "d": (Axis.Y, -1.0),
    "r": (Axis.Z, 1.0),
    "f": (Axis.Z, -1.0),
    "q": (Axis.Z, 1.0),
    "e": (Axis.Z, -1.0),
    "u": (Axis.ROLL, -1.0),
    "o": (Axis.ROLL, 1.0),
    "i": (Axis.PITCH, -1.0),
    "k": (Axis.PITCH, 1.0),
    "up": (Axis.PITCH, -1.0),
    "down": (Axis.PITCH, 1.0),
    "j": (Axis.YAW, 1.0),
    "l": (Axis.YAW, -1.0),
    "left": (Axis.YAW, 1.0),
    "right": (Axis.YAW, -1.0),
}
"""Axis and direction of every key that moves the arm while it is down."""

SPEED_KEYS: Mapping[str, float] = {"1": 0.3, "2": 1.0}
"""Share of the top speed that a key chooses until the other is pressed."""
FINE_KEY = "shift"
FINE_SHARE = 0.25

GRIPPER_KEYS: frozenset[str] = frozenset({"space", "g", "h"})
"""Toggle, close, open."""

WISH_KEYS: Mapping[str, Wish] = {
    "backspace": Wish.DISCARD,
    "z": Wish.REDO,
    "y": Wish.SUCCESS,
    "n": Wish.FAILURE,
    "escape": Wish.ESTOP,
    "c": Wish.RELEASE,
    "ctrl+d": Wish.QUIT,
}
"""Keys that ask for something of the session. Enter depends on whether an episode is recorded."""

KEY_HELP = """\
  W S   forward, back          I K or up, down       tilt up, down
  A D   left, right            J L or left, right    turn left, right
  R F   up, down (or Q E)      U O                   roll left, right
  Space gripper (G close, H open)    1 slow, 2 fast, Shift fine
  Enter start, save    Backspace discard    Z again    Y success    N failure
  Esc   emergency stop, C releases it       Ctrl-D     quit
"""

BROWSER_CODES: Mapping[str, str] = {
    **{f"Key{letter.upper()}": letter for letter in "abcdefghijklmnopqrstuvwxyz"},
    **{f"Digit{digit}": digit for digit in "12"},
    **{f"Arrow{name.capitalize()}": name for name in ("up", "down", "left", "right")},
    "Space": "space",
    "Enter": "enter",
    "NumpadEnter": "enter",
    "Backspace": "backspace",
    "Escape": "escape",
    "ShiftLeft": "shift",
    "ShiftRight": "shift",
}
"""Names of keys by `KeyboardEvent.code`, which tells places, whatever the layout."""


def motion_of(keys: Set[str], speed: float = 1.0) -> Rate:
    """The motion that the keys ask for which are down.

    Args:
        keys: Names of keys; those that move nothing are ignored. Opposite ones cancel.
        speed: Share of the top speed, in [0, 1].
    """
    twist = np.zeros(6)
    for key in keys & MOTION_KEYS.keys():
        axis, sign = MOTION_KEYS[key]
        twist[axis.value] += sign
    twist = np.clip(twist, -1.0, 1.0) * speed * (FINE_SHARE if FINE_KEY in keys else 1.0)
    return Rate(linear=twist[:3], angular=twist[3:])


def speed_of(key: str, speed: float) -> float:
    """The share of the top speed after a key was pressed."""
    return SPEED_KEYS.get(key, speed)


def opening_of(key: str, opening: float | None) -> float | None:
    """The opening that is wanted after a key was pressed; the first toggle closes."""
    match key:
        case "space":
            return 1.0 if opening is not None and opening < 0.5 else 0.0
        case "g":
            return 0.0
        case "h":
            return 1.0
        case _:
            return opening


def wish_of(key: str, *, recording: bool) -> Wish | None:
    """What a key that was pressed asks of the session.

    Args:
        key: Name of the key.
        recording: Whether an episode is being recorded: Enter then saves it.
    """
    if key == "enter":
        return Wish.SAVE if recording else Wish.START
    return WISH_KEYS.get(key)


@dataclass(slots=True)
class KeyState:
    """What pressed keys have chosen: speed, gripper, and the wishes that are still to be told.

    Attributes:
        recording: Whether Enter saves; follows the wishes, and a session may put it right.
    """

    speed: float = 1.0
    opening: float | None = None
    recording: bool = False
    _wishes: list[Wish] = field(default_factory=list)

    def press(self, key: str) -> None:
        """A key went down; not for its repeats."""
        self.speed = speed_of(key, self.speed)
        self.opening = opening_of(key, self.opening)
        wish = wish_of(key, recording=self.recording)
        if wish is None:
            return
        self._wishes.append(wish)
        if wish in (Wish.START, Wish.REDO):
            self.recording = True
        elif wish in (Wish.SAVE, Wish.DISCARD, Wish.SUCCESS, Wish.FAILURE):
            self.recording = False

    def take_wishes(self) -> tuple[Wish, ...]:
        wishes, self._wishes = tuple(self._wishes), []
        return wishes
