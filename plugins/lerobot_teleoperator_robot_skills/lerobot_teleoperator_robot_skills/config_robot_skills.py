"""What ``--teleop.type=robot_skills`` takes."""

from dataclasses import dataclass
from enum import Enum

from lerobot.teleoperators import TeleoperatorConfig

from hardware.teleop import OperatorConfig


class Device(Enum):
    """What the hand holds. The values are what LeRobot's command line takes."""

    KEYBOARD = "keyboard"
    """A terminal. LeRobot's own keys must not come from the same one; see `terminal`."""
    GAMEPAD = "gamepad"
    SPACEMOUSE = "spacemouse"
    STREAM = "stream"
    """A tracked hand, over a socket of this machine: one JSON object per line or datagram."""
    FILE = "file"
    """A tracked hand that was recorded, replayed by time."""


class Socket(Enum):
    """How a stream comes."""

    UDP = "udp"
    TCP = "tcp"
    UNIX = "unix"


@dataclass(kw_only=True)
@TeleoperatorConfig.register_subclass("robot_skills")
class RobotSkillsTeleoperatorConfig(TeleoperatorConfig):
    """One hand on one robot of robot-skills.

    Attributes:
        device: ``keyboard``, ``gamepad``, ``spacemouse``, ``stream`` or ``file``.
        robot: The ``--robot.id`` of the robot that it moves; None is the only one.
        terminal: Another terminal for a keyboard, such as /dev/pts/3; empty is this one.
        socket: ``udp``, ``tcp`` or ``unix``, for a stream.
        port: Of this machine, for a stream over UDP or TCP.
        path: File of a recorded hand, or the socket of a stream over Unix.
        open_width_m: Width of a tracked hand's gripper that counts as open.
        speed_fraction: Top speed of the tool, as a share of the arm's.
        turn_fraction: The same of its turn rate.
    """

    device: str = "keyboard"
    robot: str | None = None
    terminal: str = ""
    socket: str = "udp"
    port: int = 9870
    path: str = ""
    open_width_m: float = 0.08
    speed_fraction: float = OperatorConfig().speed_fraction
    turn_fraction: float = OperatorConfig().turn_fraction

    def __post_init__(self) -> None:
        """Refuse contradictions with a `ValueError`, as LeRobot expects it."""
        for name, kind in (("device", Device), ("socket", Socket)):
            known = [choice.value for choice in kind]
            if getattr(self, name) not in known:
                raise ValueError(
                    f"teleop.{name} is one of {', '.join(known)}, not {getattr(self, name)!r}."
                )
        stream = Device(self.device) is Device.STREAM
        unix = stream and Socket(self.socket) is Socket.UNIX
        if (unix or Device(self.device) is Device.FILE) and not self.path:
            raise ValueError(f"A {self.device} needs teleop.path.")
        if stream and not unix and not 0 < self.port < 65536:
            raise ValueError(f"teleop.port lies in [1, 65535], got {self.port}.")
        self.operator()

    def operator(self) -> OperatorConfig:
        """Limits of teleoperation. Raises `ValueError` on impossible ones."""
        return OperatorConfig(speed_fraction=self.speed_fraction, turn_fraction=self.turn_fraction)
