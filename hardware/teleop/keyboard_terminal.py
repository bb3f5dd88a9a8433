"""The keyboard of a terminal, over ssh as well.

A terminal says that a key was pressed and, while it stays down, repeats it: first after 0.25 to
0.6 s, then every 30 to 100 ms. It never says that a key was let go, and repeats the last key only.
So the first press moves for `tap_s`, one small step; the hand counts as holding on until the first
repeat is due, without motion; and from then on the arm moves until no repeat came for `gap_s`. Two
keys at once are not possible; the console in a browser can do that.
"""

import atexit
import os
import re
import select
import signal
import sys
import termios
import threading
from dataclasses import dataclass
from types import FrameType

from hardware.teleop.keys import GRIPPER_KEYS, MOTION_KEYS, KeyState, motion_of
from robot_skills.core.clock import Clock
from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.teleop import DeviceLost, TeleopSample

_ESCAPE = re.compile(rb"(?:\[([0-9;]*)([A-Za-z~])|O([A-Za-z]))")
_ARROWS = {b"A": "up", b"B": "down", b"C": "right", b"D": "left"}
_NAMES = {0x04: "ctrl+d", 0x08: "backspace", 0x0A: "enter", 0x0D: "enter", 0x20: "space"}
_SHIFTED_ARROW = b"1;2"
_LARGEST_READ = 4096


@dataclass(frozen=True, kw_only=True, slots=True)
class TerminalTiming:
    """How key repeats are read.

    Attributes:
        tap_s: A key that was pressed once moves the arm for this long.
        first_repeat_s: Latest time at which the first repeat of a key that stays down comes.
        gap_s: Longest time between two repeats.
        press_again_s: A key that does something once, as Enter, has to rest for this long before
            it counts again, or holding it down would do it many times. Esc always counts.
    """

    tap_s: float = 0.15
    first_repeat_s: float = 0.6
    gap_s: float = 0.12
    press_again_s: float = 0.7

    def __post_init__(self) -> None:
        if not 0.0 < self.gap_s <= self.tap_s <= self.first_repeat_s <= self.press_again_s:
            raise ValueError("Times of a keyboard need gap <= tap <= first repeat <= press again.")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Down:
    """A key as far as a terminal can tell."""

    keys: frozenset[str]
    since_s: float
    last_s: float

    @property
    def repeats(self) -> bool:
        return self.last_s > self.since_s


class TerminalKeyboard:
    """`TeleopDevice` on a terminal; holding any key that moves something is the dead-man switch.

    Args:
        clock: The project clock.
        fd: File descriptor of the terminal; None takes that of the standard input.
        timing: How key repeats are read.
    """

    name = "keyboard"

    def __init__(
        self, clock: Clock, fd: int | None = None, timing: TerminalTiming | None = None
    ) -> None:
        self._clock = clock
        self._wanted_fd = fd
        self._timing = timing or TerminalTiming()
        self._fd: int | None = None
        self._restore: _Restore | None = None
        self.keys = KeyState()
        self._down: _Down | None = None
        self._pressed_s: dict[str, float] = {}
        self._seen_s = 0.0
        self._after_escape = False

    def connect(self) -> None:
        """Take the terminal's keys one by one, unechoed. Ctrl-C still interrupts.

        Raises:
            MissingDependencyError: There is no terminal.
        """
        if self._fd is not None:
            return
        fd = sys.stdin.fileno() if self._wanted_fd is None else self._wanted_fd
        if not os.isatty(fd):
            raise MissingDependencyError(
                f"The keyboard needs a terminal, but file descriptor {fd} is none; use the "
                "console in a browser instead."
            )
        self._restore = _Restore(fd)
        self._fd = fd
        self._down = None

    def read(self) -> TeleopSample:
        if self._fd is None:
            raise DeviceLost("The keyboard is not connected.")
        now_s = self._clock.now_s()
        if now_s < self._seen_s:
            # A simulated clock starts over with every episode.
            self._down, self._pressed_s = None, {}
        self._seen_s = now_s
        for keys in self._parse(_available(self._fd)):
            self._press(keys, now_s)
        held, moving = self._still_down(now_s)
        keys = self._down.keys if moving and self._down is not None else frozenset()
        moves = bool(keys & MOTION_KEYS.keys())
        return TeleopSample(
            stamp_s=now_s,
            held=held,
            motion=motion_of(keys, self.keys.speed) if moves else None,
            opening=self.keys.opening,
            wishes=self.keys.take_wishes(),
        )

    def forget_gripper(self) -> None:
        """The gripper is open again: the next press of its key closes it."""
        self.keys.opening = None

    def close(self) -> None:
        self._fd = None
        self._down = None
        if self._restore is not None:
            self._restore()
            self._restore = None

    def _press(self, keys: frozenset[str], now_s: float) -> None:
        down, timing = self._down, self._timing
        key = next(iter(keys - {"shift"}))
        last_s = self._pressed_s.get(key)
        self._pressed_s[key] = now_s
        if key == "escape" or last_s is None or now_s - last_s > timing.press_again_s:
            self.keys.press(key)
        if key not in MOTION_KEYS and key not in GRIPPER_KEYS:
            return
        due_s = timing.first_repeat_s
        if down is not None and down.repeats:
            due_s = timing.gap_s
        again = down is not None and down.keys == keys and now_s - down.last_s <= due_s
        since_s = down.since_s if again and down is not None else now_s
        self._down = _Down(keys=keys, since_s=since_s, last_s=now_s)

    def _still_down(self, now_s: float) -> tuple[bool, bool]:
        """Whether a key counts as held, and whether it moves anything."""
        down, timing = self._down, self._timing
        if down is None:
            return False, False
        age_s = now_s - down.last_s
        if down.repeats:
            return age_s <= timing.gap_s, age_s <= timing.gap_s
        return age_s <= timing.first_repeat_s, age_s <= timing.tap_s

    def _parse(self, data: bytes) -> list[frozenset[str]]:
        """Keys in the order in which they were pressed; an arrow is several bytes.

        An escape with nothing behind it is the Esc key at once: an emergency stop waits for
        nothing. Should it have been a torn arrow, its rest is skipped.
        """
        pressed, at = [], 0
        if self._after_escape and (rest := _ESCAPE.match(data)):
            at = rest.end()
        self._after_escape = self._after_escape and not data
        while at < len(data):
            code, at = data[at], at + 1
            if code != 0x1B:
                pressed.append(_keys_of(code))
                continue
            sequence = _ESCAPE.match(data, at)
            if sequence is None:
                pressed.append(frozenset({"escape"}))
                self._after_escape = at == len(data)
                continue
            at = sequence.end()
            arrow = _ARROWS.get(sequence[2] or sequence[3])
            if arrow is not None:
                shift = {"shift"} if sequence[1] == _SHIFTED_ARROW else set()
                pressed.append(frozenset({arrow} | shift))
        return [keys for keys in pressed if keys - {"shift"}]


def _keys_of(code: int) -> frozenset[str]:
    if code == 0x7F:
        return frozenset({"backspace"})
    if code in _NAMES:
        return frozenset({_NAMES[code]})
    if not 0x20 < code < 0x7F:
        return frozenset()
    letter = chr(code)
    return frozenset({letter.lower(), "shift"} if letter.isupper() else {letter})


def _available(fd: int) -> bytes:
    """What has been typed, without waiting.

    Raises:
        DeviceLost: The terminal was closed.
    """
    try:
        if not select.select([fd], [], [], 0.0)[0]:
            return b""
        data = os.read(fd, _LARGEST_READ)
    except (OSError, ValueError) as reason:
        raise DeviceLost(f"The terminal is gone: {reason}.") from reason
    if not data:
        raise DeviceLost("The terminal is gone: it was closed.")
    return data


class _Restore:
    """Puts a terminal into key-by-key mode, and back when called, however the process ends.

    Ends that can be seen are `close`, the interpreter's exit, and SIGTERM and SIGHUP where nobody
    else handles them. After SIGKILL, `stty sane` helps.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before = termios.tcgetattr(fd)
        mode = termios.tcgetattr(fd)
        mode[3] &= ~(termios.ICANON | termios.ECHO)
        mode[6][termios.VMIN], mode[6][termios.VTIME] = 1, 0
        termios.tcsetattr(fd, termios.TCSANOW, mode)
        atexit.register(self)
        self._handled = self._handle_signals()

    def __call__(self) -> None:
        atexit.unregister(self)
        for number in self._handled:
            if signal.getsignal(number) == self._on_signal:
                signal.signal(number, signal.SIG_DFL)
        self._handled = []
        try:
            # What was typed for the arm is not meant for the shell that comes next.
            termios.tcflush(self._fd, termios.TCIFLUSH)
            termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
        except (OSError, termios.error):
            return  # The terminal is gone, and its mode with it.

    def _handle_signals(self) -> list[signal.Signals]:
        if threading.current_thread() is not threading.main_thread():
            return []
        free = [
            number
            for number in (signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(number) is signal.SIG_DFL
        ]
        for number in free:
            signal.signal(number, self._on_signal)
        return free

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self()
        os.kill(os.getpid(), number)
