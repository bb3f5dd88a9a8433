"""The device that a configuration asks for. Nothing is opened here, but a terminal by its name."""

import logging
import os
import sys
from pathlib import Path

from hardware.teleop import (
    FileHands,
    Gamepad,
    SocketHands,
    SpaceMouse,
    StreamConfig,
    Tcp,
    TerminalKeyboard,
    Udp,
    Unix,
)
from lerobot_teleoperator_robot_skills.config_robot_skills import (
    Device,
    RobotSkillsTeleoperatorConfig,
    Socket,
)
from robot_skills.core.clock import Clock
from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.teleop import TeleopDevice, TeleopSample

_log = logging.getLogger(__name__)


def make_device(config: RobotSkillsTeleoperatorConfig, clock: Clock) -> TeleopDevice:
    """The device, stamping its samples on the robot's clock."""
    hands = StreamConfig(open_width_m=config.open_width_m)
    match Device(config.device):
        case Device.KEYBOARD:
            _warn_of_a_shared_terminal(config)
            return _Terminal(config.terminal, clock) if config.terminal else TerminalKeyboard(clock)
        case Device.GAMEPAD:
            return Gamepad(clock)
        case Device.SPACEMOUSE:
            return SpaceMouse(clock)
        case Device.STREAM:
            return SocketHands(_address(config), clock, hands)
        case Device.FILE:
            return FileHands(Path(config.path), clock, hands)


def _address(config: RobotSkillsTeleoperatorConfig) -> Udp | Tcp | Unix:
    match Socket(config.socket):
        case Socket.UDP:
            return Udp(port=config.port)
        case Socket.TCP:
            return Tcp(port=config.port)
        case Socket.UNIX:
            return Unix(path=Path(config.path))


def _warn_of_a_shared_terminal(config: RobotSkillsTeleoperatorConfig) -> None:
    from lerobot.utils.keyboard_input import pynput_can_capture

    if not config.terminal and sys.stdin.isatty() and not pynput_can_capture():
        _log.warning(
            "lerobot-record and lerobot-rollout read this terminal too, and keys go to one or the "
            "other: give --teleop.terminal=$(tty) of another terminal that runs `sleep infinity`."
        )


class _Terminal:
    """`TerminalKeyboard` on a terminal by its name."""

    name = "keyboard"

    def __init__(self, path: str, clock: Clock) -> None:
        self._path, self._clock = path, clock
        self._fd: int | None = None
        self._keyboard: TerminalKeyboard | None = None

    def connect(self) -> None:
        """Open the terminal. Raises `MissingDependencyError` when it is none."""
        self.close()
        try:
            self._fd = os.open(self._path, os.O_RDWR | os.O_NOCTTY)
        except OSError as reason:
            raise MissingDependencyError(f"{self._path} cannot be opened: {reason}.") from reason
        self._keyboard = TerminalKeyboard(self._clock, fd=self._fd)
        self._keyboard.connect()

    def read(self) -> TeleopSample | None:
        return None if self._keyboard is None else self._keyboard.read()

    def close(self) -> None:
        keyboard, self._keyboard = self._keyboard, None
        if keyboard is not None:
            keyboard.close()
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)
