"""A leader arm of Dynamixel servos, after GELLO (Wu et al., 2023), without LeRobot.

Addresses are those of the X series' control table, protocol 2.0: 64 torque enable (1 byte), 132
present position (4 bytes, signed, 4096 per turn).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from hardware.teleop.leader import LeaderReading
from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.teleop import DeviceLost

_PROTOCOL = 2.0
_TORQUE_ENABLE = 64
_PRESENT_POSITION, _POSITION_BYTES = 132, 4
_RAD_PER_COUNT = 2.0 * math.pi / 4096.0
_MOST_FAILURES = 5
"""In a row: a packet now and then is lost on any bus."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ServoMap:
    """One servo and what it means for the follower: ``sign * (position - offset_rad)``.

    Attributes:
        id: On the bus.
        sign: 1 or -1.
        offset_rad: The servo's position where the follower's joint is zero.
    """

    id: int
    sign: int = 1
    offset_rad: float = 0.0

    def __post_init__(self) -> None:
        if self.sign not in (1, -1):
            raise ValueError(f"The sign of servo {self.id} is 1 or -1, not {self.sign}.")
        if not 0 <= self.id <= 252:
            raise ValueError(f"The id of a Dynamixel is in [0, 252], not {self.id}.")


@dataclass(frozen=True, kw_only=True, slots=True)
class TriggerMap:
    """The servo of the gripper.

    Attributes:
        id: On the bus.
        closed_rad: Its position when closed.
        open_rad: Its position when open.
    """

    id: int
    closed_rad: float
    open_rad: float

    def __post_init__(self) -> None:
        if self.closed_rad == self.open_rad:
            raise ValueError("A gripper needs different positions for open and closed.")


@dataclass(frozen=True, kw_only=True, slots=True)
class DynamixelConfig:
    """Servos of a leader arm.

    Attributes:
        port: Serial port.
        joints: The follower's joints in their order.
        gripper: The gripper's servo, if there is one.
        baud: Rate of the bus [1/s].
    """

    port: str
    joints: tuple[ServoMap, ...]
    gripper: TriggerMap | None = None
    baud: int = 57600

    def __post_init__(self) -> None:
        ids = self.ids
        if not self.joints or len(set(ids)) != len(ids):
            raise ValueError(f"Servos need different ids, got {ids}.")

    @property
    def ids(self) -> tuple[int, ...]:
        gripper = () if self.gripper is None else (self.gripper.id,)
        return (*(joint.id for joint in self.joints), *gripper)


class DynamixelSource:
    """`LeaderSource` on a bus of Dynamixels. Their torque is turned off, nothing else is written.

    Args:
        config: Which servos.
    """

    name = "dynamixel leader"

    def __init__(self, config: DynamixelConfig) -> None:
        self._config = config
        self._sdk: Any = None
        self._port: Any = None
        self._group: Any = None

    def connect(self) -> None:
        """Open the port, look for every servo and let it go limp.

        Raises:
            MissingDependencyError: The SDK, the port or a servo is not there.
        """
        try:
            import dynamixel_sdk as sdk
        except ImportError as reason:
            raise MissingDependencyError(
                "Dynamixel servos need dynamixel-sdk: pip install 'robot-skills[teleop]'."
            ) from reason
        config = self._config
        port = sdk.PortHandler(config.port)
        try:
            opened = port.setBaudRate(config.baud)
        except OSError as reason:
            raise MissingDependencyError(
                f"The serial port {config.port} cannot be opened: {reason}."
            ) from reason
        if not opened:
            raise MissingDependencyError(f"{config.port} cannot run at {config.baud} baud.")
        packets = sdk.PacketHandler(_PROTOCOL)
        group = sdk.GroupSyncRead(port, packets, _PRESENT_POSITION, _POSITION_BYTES)
        for servo in config.ids:
            result = _let_go_limp(packets, port, servo, sdk.COMM_SUCCESS)
            if result != sdk.COMM_SUCCESS:
                port.closePort()
                raise MissingDependencyError(
                    f"Servo {servo} on {config.port} does not answer at {config.baud} baud "
                    f"({packets.getTxRxResult(result)}). Is the power on?"
                )
            group.addParam(servo)
        self._sdk, self._port, self._group = sdk, port, group

    def read(self) -> LeaderReading:
        if self._port is None:
            raise DeviceLost("The dynamixel leader is not connected.")
        for _ in range(_MOST_FAILURES):
            result = self._group.txRxPacket()
            if result == self._sdk.COMM_SUCCESS:
                return self._reading()
        raise DeviceLost(f"the servos did not answer {_MOST_FAILURES} times in a row")

    def close(self) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.closePort()

    def _reading(self) -> LeaderReading:
        joints, gripper = self._config.joints, self._config.gripper
        q_rad = [joint.sign * (self._rad(joint.id) - joint.offset_rad) for joint in joints]
        opening = None
        if gripper is not None:
            way = self._rad(gripper.id) - gripper.closed_rad
            share = way / (gripper.open_rad - gripper.closed_rad)
            opening = min(max(share, 0.0), 1.0)
        return LeaderReading(q_rad=np.array(q_rad), opening=opening)

    def _rad(self, servo: int) -> float:
        counts = self._group.getData(servo, _PRESENT_POSITION, _POSITION_BYTES)
        signed = counts - (1 << 32) if counts & (1 << 31) else counts
        return signed * _RAD_PER_COUNT


def _let_go_limp(packets: Any, port: Any, servo: int, success: int) -> int:
    """Turn a servo's torque off; the SDK's answer to the first attempt that works, or the last."""
    result = success
    for _ in range(_MOST_FAILURES):
        result, _ = packets.write1ByteTxRx(port, servo, _TORQUE_ENABLE, 0)
        if result == success:
            break
    return result
