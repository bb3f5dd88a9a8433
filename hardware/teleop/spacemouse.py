"""A 3Dconnexion SpaceMouse over raw HID reports.

A report begins with its number. 1 holds the displacement of the cap and 2 its rotation, three
little-endian int16 each; newer models put all six into number 1. 3 holds the buttons, one bit each.
Deflections reach about 350. The device's x is to the right, y towards the operator, z down.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from hardware.teleop.sticks import StickConfig, stick_curve
from robot_skills.core.clock import Clock
from robot_skills.core.errors import MissingDependencyError
from robot_skills.core.se3 import Array
from robot_skills.core.teleop import DeviceLost, Rate, TeleopSample

PRODUCTS: dict[tuple[int, int], str] = {
    (0x046D, 0xC603): "SpaceMouse Plus",
    (0x046D, 0xC626): "SpaceNavigator",
    (0x046D, 0xC627): "SpaceExplorer",
    (0x046D, 0xC628): "SpaceNavigator for Notebooks",
    (0x046D, 0xC629): "SpacePilot Pro",
    (0x046D, 0xC62B): "SpaceMouse Pro",
    (0x256F, 0xC62E): "SpaceMouse Wireless, by cable",
    (0x256F, 0xC62F): "SpaceMouse Wireless",
    (0x256F, 0xC631): "SpaceMouse Pro Wireless, by cable",
    (0x256F, 0xC632): "SpaceMouse Pro Wireless",
    (0x256F, 0xC633): "SpaceMouse Enterprise",
    (0x256F, 0xC635): "SpaceMouse Compact",
    (0x256F, 0xC638): "SpaceMouse Pro Wireless, Bluetooth",
    (0x256F, 0xC63A): "SpaceMouse Wireless, Bluetooth",
    (0x256F, 0xC652): "Universal Receiver",
}
"""Names by vendor and product number."""

_FULL = 350.0
_REPORT_BYTES = 64
_MOST_REPORTS = 256
"""Per read: more than any device sends in a second."""
_MULTI_AXIS = (0x01, 0x08)
"""HID usage page and usage of the interface that sends motion, where a device has several."""
# Rows: forward is -y of the device, left is -x, up is -z.
_R_BASE_DEVICE = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, -1.0]])


class HidSource(Protocol):
    """An opened HID device whose `read` does not wait."""

    def read(self, size: int) -> Sequence[int]:
        """One report; empty when there is none. Raises OSError when the device is gone."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class SpaceMouseConfig:
    """How the cap and the buttons are read.

    Attributes:
        sticks: Dead zone and curve of every axis.
        dead_man: Number of the button that is the dead-man switch; None takes a deflected cap for
            it, which is for desks in simulation.
        gripper: Number of the button that opens and closes the gripper.
        silence_s: A deflected cap reports all the time; after this long without a report it counts
            as centred.
    """

    sticks: StickConfig = field(default_factory=lambda: StickConfig(dead_zone=0.05, expo=0.3))
    dead_man: int | None = 0
    gripper: int = 1
    silence_s: float = 0.25


class SpaceMouse:
    """`TeleopDevice` on a SpaceMouse.

    Args:
        clock: The project clock.
        config: How the cap and the buttons are read.
        open_source: Opens the device; another one than hidapi's for tests.
    """

    name = "spacemouse"

    def __init__(
        self,
        clock: Clock,
        config: SpaceMouseConfig | None = None,
        open_source: Callable[[], HidSource] | None = None,
    ) -> None:
        self._clock = clock
        self._config = config or SpaceMouseConfig()
        self._open = open_source or open_hidapi
        self._source: HidSource | None = None
        self._forget()

    def connect(self) -> None:
        """Open the device.

        Raises:
            MissingDependencyError: hidapi is not installed, or no SpaceMouse can be opened.
        """
        if self._source is None:
            self._forget()
            self._source = self._open()

    def read(self) -> TeleopSample:
        if self._source is None:
            raise DeviceLost("The SpaceMouse is not connected.")
        now_s = self._clock.now_s()
        try:
            for _ in range(_MOST_REPORTS):
                report = bytes(self._source.read(_REPORT_BYTES))
                if not report:
                    break
                self._take(report, now_s)
        except (OSError, ValueError) as reason:
            self.close()
            raise DeviceLost(f"The SpaceMouse is gone: {reason}.") from reason
        if not 0.0 <= now_s - self._moved_s <= self._config.silence_s:
            self._counts[:] = 0.0
        return self._sample(now_s)

    def forget_gripper(self) -> None:
        """The gripper is open again: the next press of its button closes it."""
        self._opening = None

    def close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None

    def _forget(self) -> None:
        self._counts = np.zeros(6)
        self._buttons = 0
        self._moved_s = -np.inf
        self._opening: float | None = None

    def _take(self, report: bytes, now_s: float) -> None:
        """One report; those of other kinds or lengths, such as battery levels, say nothing."""
        number, data = report[0], report[1:]
        if number == 1 and len(data) >= 12:
            self._counts[:] = struct.unpack_from("<6h", data)
            self._moved_s = now_s
        elif number in (1, 2) and len(data) >= 6:
            first = 3 * (number - 1)
            self._counts[first : first + 3] = struct.unpack_from("<3h", data)
            self._moved_s = now_s
        elif number == 3 and data:
            buttons = int.from_bytes(data[:4], "little")
            pressed = buttons & ~self._buttons
            self._buttons = buttons
            if pressed >> self._config.gripper & 1:
                closed = self._opening is not None and self._opening < 0.5
                self._opening = 1.0 if closed else 0.0

    def _sample(self, now_s: float) -> TeleopSample:
        linear, angular = self._shares(self._counts[:3]), self._shares(self._counts[3:])
        moves = bool(np.any(linear) or np.any(angular))
        dead_man = self._config.dead_man
        return TeleopSample(
            stamp_s=now_s,
            held=moves if dead_man is None else bool(self._buttons >> dead_man & 1),
            motion=Rate(linear=linear, angular=angular),
            opening=self._opening,
        )

    def _shares(self, counts: Array) -> Array:
        shares = [stick_curve(float(count) / _FULL, self._config.sticks) for count in counts]
        return _R_BASE_DEVICE @ np.array(shares)


def open_hidapi() -> HidSource:
    """The first SpaceMouse that hidapi finds.

    Raises:
        MissingDependencyError: hidapi is not installed, or no SpaceMouse can be opened.
    """
    try:
        import hid
    except ImportError as reason:
        raise MissingDependencyError(
            "A SpaceMouse needs hidapi, which is not installed: pip install 'robot-skills[teleop]'."
        ) from reason
    found = [
        entry for entry in hid.enumerate() if (entry["vendor_id"], entry["product_id"]) in PRODUCTS
    ]
    if not found:
        raise MissingDependencyError("No SpaceMouse was found. Plug one in.")
    found.sort(key=lambda entry: (entry["usage_page"], entry["usage"]) != _MULTI_AXIS)
    device: Any = hid.device()
    try:
        device.open_path(found[0]["path"])
    except OSError as reason:
        model = PRODUCTS[found[0]["vendor_id"], found[0]["product_id"]]
        raise MissingDependencyError(
            f"The {model} cannot be opened ({reason}). On Linux its /dev/hidraw needs a udev rule "
            "that lets you read it."
        ) from reason
    device.set_nonblocking(True)
    return device
