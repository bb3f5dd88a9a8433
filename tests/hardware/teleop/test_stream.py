import json
import math
import socket

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.teleop import (
    FileHands,
    SocketHands,
    StreamConfig,
    Tcp,
    Udp,
    Unix,
    from_webxr,
    parse_hand,
)
from hardware.teleop.hand_message import LONGEST_LINE
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import MissingDependencyError, RefusedError
from robot_skills.core.se3 import SE3
from robot_skills.core.teleop import DeviceLost, HandPose, Wish


def line(t=1.0, **changes) -> bytes:
    hand = {"t": t, "p": [0.1, 0.2, 0.3], "wxyz": [1, 0, 0, 0], "width_m": 0.04, "held": True}
    return json.dumps(hand | changes).encode() + b"\n"


def test_a_hand_is_read():
    hand = parse_hand(line(wishes=["start", "estop"]))
    assert np.allclose(hand.T_device_hand.p, (0.1, 0.2, 0.3))
    assert hand.opening == pytest.approx(0.5)
    assert hand.held
    assert hand.wishes == (Wish.START, Wish.ESTOP)
    assert parse_hand(line(width_m=None)).opening is None
    assert parse_hand(line(width_m=0.2), StreamConfig(open_width_m=0.1)).opening == 1.0
    sample = hand.sample(4.0)
    assert sample.stamp_s == 4.0
    assert isinstance(sample.motion, HandPose)


@pytest.mark.parametrize(
    "changes",
    [
        {"p": [0.0, 0.0]},
        {"p": [0.0, 0.0, math.nan]},
        {"p": [0.0, 0.0, math.inf]},
        {"p": [0.0, 0.0, 1e6]},
        {"p": [0.0, 0.0, "1"]},
        {"p": [True, 0.0, 0.0]},
        {"p": "abc"},
        {"wxyz": [2, 0, 0, 0]},
        {"wxyz": [0, 0, 0, 0]},
        {"wxyz": [1, 0, 0]},
        {"t": None},
        {"t": 10**400},
        {"held": 1},
        {"width_m": -0.01},
        {"width_m": 5.0},
        {"wishes": ["dance"]},
        {"wishes": "start"},
        {"wishes": [["start"]]},
        {"wishes": ["start"] * 9},
        {"extra": 1},
    ],
)
def test_what_is_not_exactly_a_hand_is_refused(changes):
    with pytest.raises(RefusedError):
        parse_hand(line(**changes))


@pytest.mark.parametrize(
    "text",
    [b"", b"null", b"[]", b"{", b"\xff\xfe", b"[" * 2000, b'{"t": 1}', b" " * (LONGEST_LINE + 1)],
)
def test_garbage_is_refused(text):
    with pytest.raises(RefusedError):
        parse_hand(text)


@given(st.binary(max_size=200))
def test_no_bytes_do_more_than_be_refused(data):
    with pytest.raises(RefusedError):
        parse_hand(data)


def test_webxr_axes_become_those_of_a_device():
    assert np.allclose(from_webxr((0.0, 0.0, -1.0), (1, 0, 0, 0)).p, (1.0, 0.0, 0.0))
    assert np.allclose(from_webxr((1.0, 0.0, 0.0), (1, 0, 0, 0)).p, (0.0, -1.0, 0.0))
    assert np.allclose(from_webxr((0.0, 1.0, 0.0), (1, 0, 0, 0)).p, (0.0, 0.0, 1.0))
    about_up = SE3.from_rotvec((0.0, 0.3, 0.0)).wxyz()
    turned = from_webxr((0.0, 0.0, 0.0), about_up.tolist())
    assert turned.allclose(SE3.from_yaw(0.3))


# Files.


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "hands.jsonl"
    rows = [line(50.0 + 0.05 * i, p=[0.01 * i, 0.0, 0.0]) for i in range(20)]
    rows.insert(5, b"garbage\n")
    rows.insert(9, line(50.0))
    rows[12:12] = [b"x" * (3 * LONGEST_LINE) + b"\n"]
    rows[3] = rows[3].replace(b"}", b', "wishes": ["start"]}')
    path.write_bytes(b"".join(rows))
    return path


def test_a_file_is_replayed_by_time(recording):
    clock = ManualClock(7.0)
    hands = FileHands(recording, clock)
    hands.connect()
    assert hands.ignored >= 3
    first = hands.read()
    assert first.stamp_s == 7.0
    assert first.motion.T_device_hand.p[0] == 0.0
    clock.sleep_until(7.52)
    later = hands.read()
    assert later.motion.T_device_hand.p[0] == pytest.approx(0.10)
    assert later.stamp_s == pytest.approx(7.5)
    assert later.wishes == (Wish.START,)
    assert hands.read().wishes == ()
    assert not hands.finished
    clock.sleep_until(20.0)
    assert hands.read().stamp_s == pytest.approx(7.95)
    assert hands.finished


def test_a_file_that_is_missing_or_holds_no_hand_is_refused(tmp_path):
    with pytest.raises(MissingDependencyError):
        FileHands(tmp_path / "none.jsonl", ManualClock()).connect()
    (tmp_path / "empty.jsonl").write_text("nothing\nhere\n")
    with pytest.raises(RefusedError, match="2 lines were ignored"):
        FileHands(tmp_path / "empty.jsonl", ManualClock()).connect()


# Sockets.


@pytest.fixture(params=["udp", "tcp", "unix"])
def listening(request, tmp_path):
    clock = ManualClock(5.0)
    address = {"udp": Udp(port=0), "tcp": Tcp(port=0), "unix": Unix(path=tmp_path / "hand.sock")}
    hands = SocketHands(address[request.param], clock)
    hands.connect()
    sender = _sender(hands, address[request.param])
    yield hands, sender, clock
    sender.close()
    hands.close()


def _sender(hands, address) -> socket.socket:
    if isinstance(address, Unix):
        sender = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sender.connect(str(address.path))
    else:
        kind = socket.SOCK_DGRAM if isinstance(address, Udp) else socket.SOCK_STREAM
        sender = socket.socket(socket.AF_INET, kind)
        sender.connect(("127.0.0.1", hands.port))
    return sender


def test_the_newest_hand_counts_and_no_wish_is_lost(listening):
    hands, sender, _ = listening
    assert hands.read() is None
    sender.sendall(line(1.0, wishes=["start"]))
    sender.sendall(line(2.0, p=[1.0, 0.0, 0.0], wishes=["save"]))
    sample = hands.read()
    assert sample.motion.T_device_hand.p[0] == 1.0
    assert sample.stamp_s == 5.0
    assert sample.wishes == (Wish.START, Wish.SAVE)
    assert hands.read().wishes == ()


def test_garbage_is_counted_and_ignored(listening):
    hands, sender, _ = listening
    sender.sendall(line(1.0))
    for garbage in (b"hello\n", b'{"t": 2}\n', b"\x00\xff\n"):
        sender.sendall(garbage)
    sender.sendall(b"y" * (LONGEST_LINE * 2) + b"\n")
    sender.sendall(line(0.5))
    sender.sendall(line(2.0, held=False))
    sample = hands.read()
    assert not sample.held
    assert hands.ignored == 5


def test_a_hand_that_waited_in_a_buffer_is_as_old_as_it_is(listening):
    hands, sender, clock = listening
    sender.sendall(line(100.0))
    assert hands.read().stamp_s == 5.0
    sender.sendall(line(100.05))
    clock.sleep_until(6.0)
    assert hands.read().stamp_s == pytest.approx(5.05, abs=1e-3)
    clock.sleep_until(6.1)
    sender.sendall(line(101.1))
    assert hands.read().stamp_s == pytest.approx(6.1, abs=1e-3)


def test_a_sender_that_starts_over_is_heard_after_a_pause(listening):
    hands, sender, clock = listening
    sender.sendall(line(100.0))
    hands.read()
    sender.sendall(line(1.0))
    assert hands.read().stamp_s == 5.0
    assert hands.ignored == 1
    clock.sleep_until(7.0)
    sender.sendall(line(1.1))
    assert hands.read().stamp_s == 7.0


def test_a_line_may_come_in_pieces(tmp_path):
    hands = SocketHands(Tcp(port=0), ManualClock())
    hands.connect()
    sender = _sender(hands, Tcp(port=0))
    whole = line(1.0)
    sender.sendall(whole[:20])
    assert hands.read() is None
    sender.sendall(whole[20:])
    assert hands.read().held
    sender.close()
    hands.close()


def test_a_sender_that_hangs_up_is_lost_but_its_last_wish_counts(tmp_path):
    address = Unix(path=tmp_path / "hand.sock")
    hands = SocketHands(address, ManualClock())
    hands.connect()
    assert address.path.stat().st_mode & 0o077 == 0
    sender = _sender(hands, address)
    sender.sendall(line(1.0, wishes=["estop"]))
    sender.close()
    last = hands.read()
    assert last.wishes == (Wish.ESTOP,)
    assert not last.held
    with pytest.raises(DeviceLost, match="hung up"):
        hands.read()
    hands.close()
    assert not address.path.exists()
    hands.connect()
    assert hands.read() is None
    hands.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.org"])
def test_only_this_machine_is_heard(host):
    for address in (Udp(port=0, host=host), Tcp(port=0, host=host)):
        with pytest.raises(RefusedError):
            SocketHands(address, ManualClock()).connect()


def test_a_port_that_is_taken_is_said():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(MissingDependencyError, match="Cannot listen"):
            SocketHands(Tcp(port=taken.getsockname()[1]), ManualClock()).connect()
