"""Contracts of teleoperation: what a device reports, and what becomes of it.

A `TeleopDevice` only says what a hand is doing; it knows nothing of robots. A `Teleoperator` turns
that into short chunks of waypoints, and holds the rules that are the same for every device:
dead-man switch, clutch, engaging without a jump, and limits of speed.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

import numpy as np

from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import ActionChunk, Observation


class DeviceLost(RobotSkillsError):
    """A device was unplugged or stopped answering; `connect` may bring it back."""


class Wish(Enum):
    """What an operator asks of the session, beside motion."""

    START = "start"
    """Begin an episode."""
    SAVE = "save"
    """End the episode and keep it."""
    DISCARD = "discard"
    """End the episode and forget it."""
    REDO = "redo"
    """Forget the episode, the last one when none is being recorded, and begin again."""
    SUCCESS = "success"
    """The task is done: end the episode as a success and keep it."""
    FAILURE = "failure"
    """The attempt has failed: end the episode as a failure and keep it."""
    ESTOP = "estop"
    """Stop now; latched until RELEASE."""
    RELEASE = "release"
    """Leave the emergency stop."""
    QUIT = "quit"
    """End the session."""


class Frame(Enum):
    """The axes in which a hand moves."""

    BASE = "base"
    TOOL = "tool"


def _vector(owner: object, name: str, size: int | None = 3) -> None:
    value = np.array(getattr(owner, name), dtype=np.float64)
    if value.ndim != 1 or (size is not None and len(value) != size):
        raise ValueError(f"{name} needs shape ({size},), got {value.shape}.")
    if not np.isfinite(value).all():
        raise ValueError(f"{name} must be finite, got {value}.")
    value.setflags(write=False)
    object.__setattr__(owner, name, value)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Rate:
    """A hand that pushes: keyboards, gamepads, SpaceMice.

    Attributes:
        linear: Share of the operator's top speed along x, y, z, each in [-1, 1], (3,).
        angular: Share of the top turn rate about x, y, z, each in [-1, 1], (3,).
        frame: Whose axes they are.
    """

    linear: Array
    angular: Array
    frame: Frame = Frame.BASE

    def __post_init__(self) -> None:
        for name in ("linear", "angular"):
            _vector(self, name)
            if np.abs(getattr(self, name)).max() > 1.0 + 1e-9:
                raise ValueError(f"{name} is a share in [-1, 1], got {getattr(self, name)}.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HandPose:
    """A hand that is tracked: phones, VR controllers, hand-held grippers.

    Only its motion since the clutch was closed counts, so where the device's frame lies does not
    matter, only which way is up.

    Attributes:
        T_device_hand: Pose of the hand in the device's own frame, +z up, +x away from the operator.
    """

    T_device_hand: SE3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LeaderJoints:
    """A leader arm, joint by joint as the follower has them.

    Attributes:
        q_rad: Joint positions, (n,).
    """

    q_rad: Array

    def __post_init__(self) -> None:
        _vector(self, "q_rad", None)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Nudge:
    """One bounded step that was asked for in words: "a little down".

    Attributes:
        p_m: Displacement, (3,).
        turn_rad: Rotation vector, (3,).
        frame: Whose axes they are.
        words: What was said.
        number: Counts up with every sentence, so that none is carried out twice.
    """

    p_m: Array
    turn_rad: Array
    frame: Frame = Frame.BASE
    words: str = ""
    number: int = 0

    def __post_init__(self) -> None:
        _vector(self, "p_m")
        _vector(self, "turn_rad")


Motion = Rate | HandPose | LeaderJoints | Nudge


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TeleopSample:
    """What a device reports at one moment.

    Attributes:
        stamp_s: When it was measured or arrived, on the project clock. A sample that grows old
            counts as a dead-man switch let go.
        held: Whether the dead-man switch is held.
        motion: What the hand does; None for nothing.
        opening: Where the gripper shall be, in [0, 1]; None leaves it.
        wishes: Buttons pressed since the last sample, in order.
    """

    stamp_s: float
    held: bool
    motion: Motion | None = None
    opening: float | None = None
    wishes: tuple[Wish, ...] = ()

    def __post_init__(self) -> None:
        if self.opening is not None and not 0.0 <= self.opening <= 1.0:
            raise ValueError(f"A gripper opening lies in [0, 1], got {self.opening}.")


class TeleopDevice(Protocol):
    """One input device. Nothing is opened in a constructor."""

    @property
    def name(self) -> str: ...

    def connect(self) -> None:
        """Open the device.

        Raises:
            MissingDependencyError: The library or the device is not there.
        """
        ...

    def read(self) -> TeleopSample | None:
        """The newest sample, without waiting; None before the first. Wishes are given once.

        Raises:
            DeviceLost: The device is gone.
        """
        ...

    def close(self) -> None:
        """Release the device. Safe to call twice."""
        ...


@runtime_checkable
class RemembersGripper(Protocol):
    """A device with a button that opens what is closed and closes what is open."""

    def forget_gripper(self) -> None:
        """The gripper was opened by somebody else: the next press closes it."""
        ...


class Teleoperator(Protocol):
    """A person's hand on the robot: turns device input into short chunks of waypoints."""

    def connect(self) -> None: ...

    def engaged(self) -> bool:
        """Whether the dead-man switch is held right now."""
        ...

    def action(self, observation: Observation) -> ActionChunk | None:
        """Waypoints that the operator asks for, or None while not engaged."""
        ...

    def close(self) -> None: ...
