import os
import pty
import signal
import subprocess
import sys
import termios

import numpy as np
import pytest

from hardware.teleop import TerminalKeyboard, TerminalTiming
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.teleop import DeviceLost, Wish
from tests.hardware.teleop.fakes import type_into

ESC = b"\x1b"


class Terminal:
    """A terminal, its user, and the keyboard device on it."""

    def __init__(self) -> None:
        self.user, self.fd = pty.openpty()
        self.clock = ManualClock()
        self.keyboard = TerminalKeyboard(self.clock, self.fd)

    def type(self, data: bytes, at_s: float | None = None):
        if at_s is not None:
            self.clock.sleep_until(at_s)
        type_into(self.user, self.fd, data)
        return self.keyboard.read()

    def at(self, at_s: float):
        self.clock.sleep_until(at_s)
        return self.keyboard.read()

    def mode(self):
        return termios.tcgetattr(self.fd)


@pytest.fixture
def terminal():
    terminal = Terminal()
    terminal.keyboard.connect()
    yield terminal
    terminal.keyboard.close()
    for fd in (terminal.user, terminal.fd):
        try:
            os.close(fd)
        except OSError:
            continue


def test_a_tap_moves_a_little_and_holds_on_until_the_first_repeat_is_due(terminal):
    sample = terminal.type(b"w")
    assert sample.held
    assert np.allclose(sample.motion.linear, (1.0, 0.0, 0.0))
    assert terminal.at(0.10).motion is not None
    waiting = terminal.at(0.30)
    assert waiting.held
    assert waiting.motion is None
    assert not terminal.at(0.61).held


def test_repeats_keep_the_arm_moving_and_their_end_stops_it(terminal):
    terminal.type(b"a")
    for step in range(20):
        sample = terminal.type(b"a", 0.5 + 0.09 * step)
        assert sample.held
        assert sample.motion is not None
    end_s = 0.5 + 0.09 * 19
    assert terminal.at(end_s + 0.11).held
    assert not terminal.at(end_s + 0.13).held


def test_another_key_takes_over_and_is_a_tap_again(terminal):
    terminal.type(b"w")
    terminal.type(b"w", 0.5)
    sample = terminal.type(b"d", 0.55)
    assert np.allclose(sample.motion.linear, (0.0, -1.0, 0.0))
    assert terminal.at(0.8).motion is None
    assert terminal.at(0.8).held


def test_capitals_are_fine_and_digits_choose_the_speed(terminal):
    assert terminal.type(b"W").motion.linear[0] == pytest.approx(0.25)
    terminal.type(b"1")
    assert terminal.type(b"w", 0.1).motion.linear[0] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("data", "turn"),
    [
        (b"[A", (0.0, -1.0, 0.0)),
        (b"[B", (0.0, 1.0, 0.0)),
        (b"[C", (0.0, 0.0, -1.0)),
        (b"[D", (0.0, 0.0, 1.0)),
        (b"OA", (0.0, -1.0, 0.0)),
        (b"[1;2D", (0.0, 0.0, 0.25)),
    ],
)
def test_arrows_turn(terminal, data, turn):
    sample = terminal.type(ESC + data)
    assert np.allclose(sample.motion.angular, turn)
    assert sample.wishes == ()


def test_esc_alone_is_an_emergency_stop_at_once_and_every_time(terminal):
    assert terminal.type(ESC).wishes == (Wish.ESTOP,)
    assert terminal.type(ESC).wishes == (Wish.ESTOP,)
    assert terminal.type(ESC + b"w").wishes == (Wish.ESTOP,)


def test_the_rest_of_a_torn_arrow_moves_nothing(terminal):
    terminal.type(ESC)
    sample = terminal.type(b"[A")
    assert sample.motion is None
    assert sample.wishes == ()
    assert terminal.type(b"w").motion is not None


def test_other_keys_and_bytes_say_nothing(terminal):
    sample = terminal.type(b"\x00\x01m#\xff\xc3\xa4" + ESC + b"[15~" + ESC + b"[Z")
    assert not sample.held
    assert sample.wishes == ()


def test_holding_enter_or_space_counts_once(terminal):
    assert terminal.type(b"\r").wishes == (Wish.START,)
    for step in range(10):
        assert terminal.type(b"\r", 0.5 + 0.05 * step).wishes == ()
    assert terminal.type(b"\n", 2.0).wishes == (Wish.SAVE,)
    assert terminal.type(b" ", 3.0).opening == 0.0
    assert terminal.type(b" ", 3.5).opening == 0.0
    sample = terminal.type(b" ", 5.0)
    assert sample.opening == 1.0
    assert sample.held
    assert sample.motion is None


def test_the_other_wishes(terminal):
    wishes = terminal.type(b"\x7fzync\x04").wishes
    assert wishes == (
        Wish.DISCARD,
        Wish.REDO,
        Wish.SUCCESS,
        Wish.FAILURE,
        Wish.RELEASE,
        Wish.QUIT,
    )


def test_the_terminal_is_as_before_after_close_and_nothing_typed_is_left():
    terminal = Terminal()
    before = terminal.mode()
    terminal.keyboard.connect()
    assert not terminal.mode()[3] & (termios.ICANON | termios.ECHO)
    assert terminal.mode()[3] & termios.ISIG
    terminal.keyboard.close()
    terminal.keyboard.close()
    assert terminal.mode() == before


CHILD = """
import signal, sys
from hardware.teleop import TerminalKeyboard
from robot_skills.core.clock import MonotonicClock
# Whoever started the tests may have had this ignored, which is inherited.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
keyboard = TerminalKeyboard(MonotonicClock(), int(sys.argv[1]))
keyboard.connect()
print("connected", flush=True)
if sys.argv[2] == "raise":
    raise SystemExit(3)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["raise", "SIGTERM", "SIGHUP"])
def test_the_terminal_is_as_before_however_a_process_ends(end):
    user, fd = pty.openpty()
    before = termios.tcgetattr(fd)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(fd), end],
        pass_fds=(fd,),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline().strip() == "connected"
    if end != "raise":
        child.send_signal(getattr(signal, end))
    assert child.wait(30) == (3 if end == "raise" else -getattr(signal, end))
    assert termios.tcgetattr(fd) == before
    child.stdin.close()
    child.stdout.close()
    os.close(user)
    os.close(fd)


def test_a_terminal_that_is_closed_is_lost(terminal):
    os.close(terminal.user)
    with pytest.raises(DeviceLost, match="terminal is gone"):
        terminal.keyboard.read()


def test_without_a_terminal_it_says_what_to_use():
    reader, writer = os.pipe()
    with pytest.raises(MissingDependencyError, match="console in a browser"):
        TerminalKeyboard(ManualClock(), reader).connect()
    os.close(reader)
    os.close(writer)


def test_times_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError):
        TerminalTiming(gap_s=0.3)
