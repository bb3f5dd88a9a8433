"""Hands that are tracked elsewhere: a hand-held gripper (UMI, Chi et al., 2024), a phone, WebXR.

A hand is one JSON object on one line::

    {"t": 12.34, "p": [0.1, 0.0, 0.3], "wxyz": [1, 0, 0, 0], "width_m": 0.05, "held": true}

with the sender's own seconds, the hand's position [m] and rotation in the sender's frame (+z up, +x
away from the operator), the width of its gripper [m] or null, whether the dead-man switch is held,
and, if wanted, "wishes", a list of `Wish` values. Whatever is not exactly that is counted and
ignored: unknown or missing keys, numbers that are not finite, quaternions that are no rotations,
lines that are too long.
"""

import ipaddress
import json
import logging
import math
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from robot_skills.core.clock import Clock
from robot_skills.core.errors import MissingDependencyError, RefusedError
from robot_skills.core.se3 import SE3
from robot_skills.core.teleop import DeviceLost, HandPose, TeleopSample, Wish

_log = logging.getLogger(__name__)

LONGEST_LINE = 2048
"""Bytes of one hand."""
_LARGEST_FILE = 512 * 1024 * 1024
_REQUIRED = frozenset({"t", "p", "wxyz", "held"})
_KEYS = _REQUIRED | {"width_m", "wishes"}
_FARTHEST_M = 100.0
_UNIT_TOLERANCE = 0.01
_MOST_WISHES = 8
_MOST_PER_READ = 512
_SENDER_RESTARTED_S = 1.0
_DRIFT = 2e-4
"""By which a sender's clock may be slow, as a share; crystals keep 1e-4."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamConfig:
    """What a stream may say.

    Attributes:
        open_width_m: Width of the hand's gripper that counts as open.
    """

    open_width_m: float = 0.08

    def __post_init__(self) -> None:
        if not self.open_width_m > 0.0:
            raise ValueError("The width of an open gripper must be above zero.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HandMessage:
    """One line of a stream.

    Attributes:
        sent_s: On the sender's own clock.
        T_device_hand: Pose of the hand in the sender's frame.
        held: Whether the dead-man switch is held.
        opening: In [0, 1]; None where the hand has no gripper.
        wishes: Asked for with this line.
    """

    sent_s: float
    T_device_hand: SE3
    held: bool
    opening: float | None
    wishes: tuple[Wish, ...]

    def sample(self, stamp_s: float) -> TeleopSample:
        """As a sample, stamped on the project clock."""
        return TeleopSample(
            stamp_s=stamp_s,
            held=self.held,
            motion=HandPose(T_device_hand=self.T_device_hand),
            opening=self.opening,
            wishes=self.wishes,
        )


def parse_hand(line: bytes | str, config: StreamConfig | None = None) -> HandMessage:
    """Read one hand, strictly.

    Raises:
        RefusedError: It is not exactly what the top of this file says.
    """
    config = config or StreamConfig()
    if len(line) > LONGEST_LINE:
        raise RefusedError(f"A hand has at most {LONGEST_LINE} bytes, got {len(line)}.")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as reason:
        raise RefusedError(f"A hand is one JSON object: {reason}.") from reason
    if not isinstance(message, dict) or not _REQUIRED <= message.keys() <= _KEYS:
        raise RefusedError(f"A hand has the keys {', '.join(sorted(_KEYS))}.")
    if not isinstance(message["held"], bool):
        raise RefusedError("'held' is true or false.")
    (sent_s,) = _numbers("t", [message["t"]], 1)
    p = _numbers("p", message["p"], 3)
    wxyz = _numbers("wxyz", message["wxyz"], 4)
    if max(abs(value) for value in p) > _FARTHEST_M:
        raise RefusedError(f"A hand is within {_FARTHEST_M:.0f} m, got {p}.")
    if abs(math.hypot(*wxyz) - 1.0) > _UNIT_TOLERANCE:
        raise RefusedError(f"A rotation is a unit quaternion, got {wxyz}.")
    return HandMessage(
        sent_s=sent_s,
        T_device_hand=SE3.from_wxyz(wxyz, p),
        held=message["held"],
        opening=_opening(message.get("width_m"), config),
        wishes=_wishes(message.get("wishes", [])),
    )


def from_webxr(p_m: Sequence[float], wxyz: Sequence[float]) -> SE3:
    """Pose of a hand in WebXR's frame (x right, y up, z towards the viewer) in a device's frame."""
    R_device_xr = np.array([[0.0, 0.0, -1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    T_xr_hand = SE3.from_wxyz(wxyz, p_m)
    return SE3(R_device_xr @ T_xr_hand.R @ R_device_xr.T, R_device_xr @ T_xr_hand.p)


def _numbers(name: str, values: Any, count: int) -> list[float]:
    if not isinstance(values, list) or len(values) != count:
        raise RefusedError(f"{name!r} needs {count} numbers.")
    for value in values:
        # A bool is an int to Python, but not to whoever reads this file's format.
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RefusedError(f"{name!r} needs numbers, got {value!r}.")
        if not abs(value) < 1e15:
            raise RefusedError(f"{name!r} needs finite numbers, got {value}.")
    return [float(value) for value in values]


def _opening(width_m: Any, config: StreamConfig) -> float | None:
    if width_m is None:
        return None
    (value,) = _numbers("width_m", [width_m], 1)
    if not 0.0 <= value <= 1.0:
        raise RefusedError(f"'width_m' is in metres, got {value}.")
    return min(value / config.open_width_m, 1.0)


def _wishes(values: Any) -> tuple[Wish, ...]:
    if not isinstance(values, list) or len(values) > _MOST_WISHES:
        raise RefusedError(f"'wishes' is a list of at most {_MOST_WISHES}.")
    known = {wish.value: wish for wish in Wish}
    for value in values:
        if not isinstance(value, str) or value not in known:
            raise RefusedError(f"Unknown wish {value!r}. Available: {', '.join(sorted(known))}.")
    return tuple(known[value] for value in values)


class _Newest:
    """Takes lines, keeps the newest hand and all wishes, and counts what it ignored."""

    def __init__(self, config: StreamConfig) -> None:
        self._config = config
        self.ignored = 0
        self.restart()

    def restart(self) -> None:
        self._hand: HandMessage | None = None
        self._stamp_s = -math.inf
        self._arrived_s = -math.inf
        self._delay_s = math.inf
        self._wishes: list[Wish] = []

    def take(self, line: bytes, now_s: float) -> None:
        try:
            hand = parse_hand(line, self._config)
        except RefusedError as reason:
            self.ignore(str(reason))
            return
        before = self._hand
        rests_s = now_s - self._arrived_s
        if before is not None and hand.sent_s <= before.sent_s:
            if rests_s < _SENDER_RESTARTED_S:
                self.ignore("A hand that is older than the last.")
                return
            self._delay_s = math.inf
        # The smallest difference of the two clocks seen, with leave to grow as clocks drift: a
        # line that waited in a buffer keeps the age that it has.
        drift_s = _DRIFT * rests_s if math.isfinite(rests_s) else 0.0
        self._delay_s = min(self._delay_s + drift_s, now_s - hand.sent_s)
        self._stamp_s = max(self._stamp_s, min(now_s, hand.sent_s + self._delay_s))
        self._arrived_s = now_s
        self._hand = hand
        self._wishes.extend(hand.wishes)

    def ignore(self, reason: str) -> None:
        if self.ignored == 0:
            _log.warning("ignored in a stream of hands: %s", reason)
        self.ignored += 1

    def sample(self) -> TeleopSample | None:
        if self._hand is None:
            return None
        wishes, self._wishes = tuple(self._wishes), []
        return TeleopSample(
            stamp_s=self._stamp_s,
            held=self._hand.held,
            motion=HandPose(T_device_hand=self._hand.T_device_hand),
            opening=self._hand.opening,
            wishes=wishes,
        )


class FileHands:
    """`TeleopDevice` that replays a file of hands by time, from `connect` on.

    After its end nothing new comes, so the last sample grows old and the operator lets go.

    Args:
        path: JSON lines.
        clock: The project clock.
        config: What the stream may say.
    """

    name = "recorded hand"

    def __init__(self, path: Path, clock: Clock, config: StreamConfig | None = None) -> None:
        self._path = path
        self._clock = clock
        self._config = config or StreamConfig()
        self._hands: list[HandMessage] | None = None
        self.ignored = 0
        """Lines that were not hands, or not in order of time."""

    def connect(self) -> None:
        """Read the file.

        Raises:
            MissingDependencyError: The file cannot be read.
            RefusedError: There is no hand in it.
        """
        if self._hands is not None:
            return
        try:
            if os.path.getsize(self._path) > _LARGEST_FILE:
                raise RefusedError(f"{self._path} is larger than {_LARGEST_FILE} bytes.")
            hands = self._load()
        except OSError as reason:
            raise MissingDependencyError(f"{self._path} cannot be read: {reason}.") from reason
        if not hands:
            raise RefusedError(f"{self._path} holds no hand; {self.ignored} lines were ignored.")
        self._hands, self._next = hands, 0
        self._start_s = self._clock.now_s()

    def read(self) -> TeleopSample | None:
        if self._hands is None:
            raise DeviceLost("The recorded hand is not connected.")
        first_s = self._hands[0].sent_s
        elapsed_s = self._clock.now_s() - self._start_s
        wishes: list[Wish] = []
        while self._next < len(self._hands) and (
            self._hands[self._next].sent_s - first_s <= elapsed_s + 1e-9
        ):
            wishes.extend(self._hands[self._next].wishes)
            self._next += 1
        hand = self._hands[self._next - 1]
        return TeleopSample(
            stamp_s=self._start_s + hand.sent_s - first_s,
            held=hand.held,
            motion=HandPose(T_device_hand=hand.T_device_hand),
            opening=hand.opening,
            wishes=tuple(wishes),
        )

    @property
    def finished(self) -> bool:
        """Whether the whole file was replayed."""
        return self._hands is not None and self._next == len(self._hands)

    def close(self) -> None:
        self._hands = None

    def _load(self) -> list[HandMessage]:
        hands: list[HandMessage] = []
        self.ignored = 0
        with self._path.open("rb") as lines:
            while line := lines.readline(LONGEST_LINE + 1):
                try:
                    hand = parse_hand(line, self._config)
                except RefusedError:
                    self.ignored += 1
                    continue
                if hands and hand.sent_s <= hands[-1].sent_s:
                    self.ignored += 1
                    continue
                hands.append(hand)
        return hands


@dataclass(frozen=True, kw_only=True, slots=True)
class Udp:
    """Datagrams to a port of this machine; port 0 takes a free one."""

    port: int
    host: str = "127.0.0.1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Tcp:
    """One sender at a time on a port of this machine; port 0 takes a free one."""

    port: int
    host: str = "127.0.0.1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unix:
    """One sender at a time on a socket in the file system, which only this user may open."""

    path: Path


Address = Udp | Tcp | Unix


class SocketHands:
    """`TeleopDevice` that listens for hands on this machine.

    Samples are stamped with the time at which they were sent, as far as the smallest delay seen
    tells, so that lines which waited in a buffer are old and not new. With `Tcp` and `Unix` the
    device is lost when the sender hangs up; datagrams that stop coming only grow old.

    Args:
        address: Where to listen: only this machine can be heard.
        clock: The project clock.
        config: What the stream may say.
    """

    name = "hand stream"

    def __init__(self, address: Address, clock: Clock, config: StreamConfig | None = None) -> None:
        self._address = address
        self._clock = clock
        self._newest = _Newest(config or StreamConfig())
        self._listener: socket.socket | None = None
        self._sender: socket.socket | None = None
        self._buffer = b""
        self._skipping = False
        self._gone = ""

    @property
    def ignored(self) -> int:
        """Lines that were not hands."""
        return self._newest.ignored

    @property
    def port(self) -> int:
        """The port that is listened on; 0 before `connect` and for `Unix`."""
        if self._listener is None or isinstance(self._address, Unix):
            return 0
        return int(self._listener.getsockname()[1])

    def connect(self) -> None:
        """Begin to listen.

        Raises:
            RefusedError: The address is not on this machine.
            MissingDependencyError: It is in use, or may not be listened on.
        """
        if self._listener is not None:
            return
        self._newest.restart()
        self._buffer, self._skipping, self._gone = b"", False, ""
        try:
            self._listener = _listen(self._address)
        except OSError as reason:
            raise MissingDependencyError(
                f"Cannot listen for hands at {self._address}: {reason}."
            ) from reason

    def read(self) -> TeleopSample | None:
        if self._listener is None:
            raise DeviceLost("The hand stream is not connected.")
        now_s = self._clock.now_s()
        if isinstance(self._address, Udp):
            self._take_datagrams(self._listener, now_s)
            return self._newest.sample()
        if not self._gone:
            self._gone = self._take_lines(self._listener, now_s)
        sample = self._newest.sample()
        if not self._gone:
            return sample
        if sample is not None and sample.wishes:
            # What was asked last counts although whoever asked is gone.
            return replace(sample, held=False)
        self._hang_up()
        raise DeviceLost(f"The sender of the hand stream is gone: {self._gone}.")

    def close(self) -> None:
        self._hang_up()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            if isinstance(self._address, Unix):
                self._address.path.unlink(missing_ok=True)

    def _take_datagrams(self, listener: socket.socket, now_s: float) -> None:
        for _ in range(_MOST_PER_READ):
            try:
                line = listener.recv(LONGEST_LINE + 1)
            except BlockingIOError:
                return
            self._newest.take(line, now_s)

    def _take_lines(self, listener: socket.socket, now_s: float) -> str:
        """Returns why the sender is gone; empty while it is there."""
        if self._sender is None:
            self._sender = _accepted(listener)
        if self._sender is None:
            return ""
        for _ in range(_MOST_PER_READ):
            try:
                data = self._sender.recv(LONGEST_LINE)
            except BlockingIOError:
                return ""
            except OSError as reason:
                return str(reason)
            if not data:
                return "it hung up"
            self._split(data, now_s)
        return ""

    def _split(self, data: bytes, now_s: float) -> None:
        """Whole lines of what has come; the rest waits, and an endless line is skipped."""
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            elif line.strip():
                self._newest.take(line, now_s)
        if len(self._buffer) > LONGEST_LINE:
            if not self._skipping:
                self._newest.ignore(f"A line of more than {LONGEST_LINE} bytes.")
            self._buffer, self._skipping = b"", True

    def _hang_up(self) -> None:
        if self._sender is not None:
            self._sender.close()
            self._sender = None
        self._buffer, self._skipping = b"", False


def _listen(address: Address) -> socket.socket:
    match address:
        case Unix(path=path):
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            where: Any = os.fspath(path)
        case Udp(host=host, port=port) | Tcp(host=host, port=port):
            family = _loopback_family(host)
            kind = socket.SOCK_DGRAM if isinstance(address, Udp) else socket.SOCK_STREAM
            listener = socket.socket(family, kind)
            where = (host, port)
    try:
        if isinstance(address, Tcp):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        if isinstance(address, Unix):
            address.path.chmod(0o600)
        if not isinstance(address, Udp):
            listener.listen(1)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _loopback_family(host: str) -> socket.AddressFamily:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError as reason:
        raise RefusedError(f"{host!r} is not an IP address; use 127.0.0.1 or ::1.") from reason
    if not ip.is_loopback:
        raise RefusedError(f"Hands are heard on this machine only, not at {host}.")
    return socket.AF_INET if ip.version == 4 else socket.AF_INET6


def _accepted(listener: socket.socket) -> socket.socket | None:
    try:
        sender, _ = listener.accept()
    except BlockingIOError:
        return None
    sender.setblocking(False)
    return sender
