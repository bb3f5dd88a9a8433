"""Leader arms: a second arm that a person moves, joint by joint as the follower.

A leader has no dead-man switch of its own, so it comes with a companion that has: a keyboard, a
pedal, a gamepad. `LeaderDevice` is the device; where its joints come from is a `LeaderSource`: any
LeRobot teleoperator in `lerobot_leader.py`, servos without LeRobot in `dynamixel.py`.
"""

import struct
import termios
from dataclasses import dataclass
from typing import Protocol

from hardware.teleop.reader import Reader
from robot_skills.core.clock import Clock
from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.se3 import Array
from robot_skills.core.teleop import DeviceLost, LeaderJoints, TeleopDevice, TeleopSample

GONE = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    struct.error,
    termios.error,
    RobotSkillsError,
)
"""What serial ports and the libraries on them raise when a cable is pulled."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LeaderReading:
    """Joints (n,) as the follower has them [rad], and the gripper's opening in [0, 1]."""

    q_rad: Array
    opening: float | None = None


class LeaderSource(Protocol):
    """Where a leader's joints come from. `read` may wait; it is called in a thread of its own."""

    @property
    def name(self) -> str: ...

    def connect(self) -> None: ...

    def read(self) -> LeaderReading: ...

    def close(self) -> None: ...


class LeaderDevice:
    """`TeleopDevice` of a leader arm and the companion that holds its dead-man switch.

    The sample is as old as the older of the two. Wishes are the companion's.

    Args:
        source: The leader's joints.
        companion: Its `held` counts.
        clock: The project clock.
    """

    def __init__(self, source: LeaderSource, companion: TeleopDevice, clock: Clock) -> None:
        self._source = source
        self._companion = companion
        self._clock = clock
        self._reader: Reader[LeaderReading] | None = None

    @property
    def name(self) -> str:
        return self._source.name

    def connect(self) -> None:
        """Open leader and companion, and begin to read.

        Raises:
            MissingDependencyError: A library or a device is not there.
        """
        if self._reader is not None:
            return
        self._companion.connect()
        try:
            self._source.connect()
        except (RobotSkillsError, OSError):
            self._companion.close()
            raise
        self._reader = Reader(self.name, self._source.read, self._clock, GONE)

    def read(self) -> TeleopSample | None:
        if self._reader is None:
            raise DeviceLost(f"The {self.name} is not connected.")
        # The leader first: were it gone, what the companion asks would be read and lost.
        newest = self._reader.newest()
        hand = self._companion.read()
        if hand is None:
            return None
        if newest is None:
            # Nothing is known of the arm yet, but what the companion asks must not be lost.
            return TeleopSample(stamp_s=hand.stamp_s, held=False, wishes=hand.wishes)
        stamp_s, reading = newest
        return TeleopSample(
            stamp_s=min(stamp_s, hand.stamp_s),
            held=hand.held,
            motion=LeaderJoints(q_rad=reading.q_rad),
            opening=reading.opening,
            wishes=hand.wishes,
        )

    def close(self) -> None:
        if self._reader is None:
            return
        self._reader.stop()
        self._reader = None
        self._source.close()
        self._companion.close()
