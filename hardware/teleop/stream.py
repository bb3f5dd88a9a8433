"""Hands that are tracked by another program of this machine, over a socket.

One hand is one line or one datagram, as `hand_message.py` says.
"""

import ipaddress
import logging
import math
import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hardware.teleop.hand_message import LONGEST_LINE, HandMessage, StreamConfig, parse_hand
from robot_skills.core.clock import Clock
from robot_skills.core.errors import MissingDependencyError, RefusedError
from robot_skills.core.teleop import DeviceLost, HandPose, TeleopSample, Wish

_log = logging.getLogger(__name__)

_MOST_PER_READ = 512
_SENDER_RESTARTED_S = 1.0
_DRIFT = 2e-4
"""By which a sender's clock may be slow, as a share; crystals keep 1e-4."""


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
        if now_s < self._arrived_s:
            # A simulated clock starts over with every episode.
            self._delay_s, self._stamp_s, self._arrived_s = math.inf, -math.inf, -math.inf
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
