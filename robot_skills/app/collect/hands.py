"""Hands by the names that they have on command lines."""

from pathlib import Path

from hardware.teleop import (
    FileHands,
    Gamepad,
    SocketHands,
    SpaceMouse,
    Tcp,
    TerminalKeyboard,
    Udp,
    Unix,
)
from robot_skills.core.clock import Clock
from robot_skills.core.errors import RefusedError
from robot_skills.core.teleop import TeleopDevice

ALONE = ("keyboard", "gamepad", "spacemouse", "stream")
"""Hands that need nothing else of this project."""


def hand_device(name: str, stream: str, clock: Clock) -> TeleopDevice:
    """One of `ALONE`, not connected.

    Args:
        name: Of the device.
        stream: Where the device ``stream`` listens.
        clock: Of the hands.

    Raises:
        RefusedError: There is no such address.
    """
    match name:
        case "keyboard":
            return TerminalKeyboard(clock)
        case "gamepad":
            return Gamepad(clock)
        case "spacemouse":
            return SpaceMouse(clock)
        case _:
            return _stream(stream, clock)


def _stream(address: str, clock: Clock) -> TeleopDevice:
    kind, _, rest = address.partition(":")
    host, _, port = rest.rpartition(":")
    match kind:
        case "file":
            return FileHands(Path(rest), clock)
        case "unix":
            return SocketHands(Unix(path=Path(rest)), clock)
        case "udp" | "tcp" if port.isdigit() and host:
            make = Udp if kind == "udp" else Tcp
            return SocketHands(make(host=host, port=int(port)), clock)
        case _:
            raise RefusedError(
                f"--stream {address!r} is none of udp:HOST:PORT, tcp:HOST:PORT, unix:PATH, "
                "file:PATH."
            )
