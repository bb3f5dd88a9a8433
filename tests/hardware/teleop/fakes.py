"""What hangs on the other end of a device's cable."""

import os
import select
import struct
import time
from collections import deque
from collections.abc import Callable

import pytest

from hardware.teleop import SO101_MAP


class FakeHid:
    """HID reports as a SpaceMouse sends them."""

    def __init__(self) -> None:
        self.reports: deque[list[int]] = deque()
        self.gone = False
        self.closed = 0

    def read(self, size: int) -> list[int]:
        if self.gone:
            raise OSError("read error")
        return self.reports.popleft()[:size] if self.reports else []

    def close(self) -> None:
        self.closed += 1

    def send(self, number: int, *values: int) -> None:
        self.reports.append(list(bytes([number]) + struct.pack(f"<{len(values)}h", *values)))

    def buttons(self, bits: int, size: int = 2) -> None:
        self.reports.append([3, *bits.to_bytes(size, "little")])


class FakeLeRobotArm:
    """A teleoperator as LeRobot's are, without LeRobot."""

    def __init__(self) -> None:
        self.action = {f"{joint.key}": 0.0 for joint in SO101_MAP.joints} | {"gripper.pos": 50.0}
        self.is_calibrated = True
        self.connected = False
        self.gone = False

    def connect(self, calibrate: bool = True) -> None:
        assert not calibrate
        if self.gone:
            raise ConnectionError("no motor answers")
        self.connected = True

    def get_action(self) -> dict[str, float]:
        if self.gone:
            raise ConnectionError("no status packet")
        return dict(self.action)

    def disconnect(self) -> None:
        if self.gone:
            raise ConnectionError("the port is gone")
        self.connected = False


def type_into(user: int, fd: int, data: bytes) -> None:
    """Type into a pseudo terminal; the kernel hands the bytes over a little later."""
    os.write(user, data)
    assert select.select([fd], [], [], 10.0)[0]


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    for _ in range(5000):
        if condition():
            return
        time.sleep(0.001)
    pytest.fail("It did not happen.")
