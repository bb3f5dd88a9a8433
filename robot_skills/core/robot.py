"""Contracts of robots: simulated, real, replayed."""

from collections.abc import Collection, Mapping
from typing import Protocol, runtime_checkable

from robot_skills.core.clock import Clock
from robot_skills.core.limits import ArmLimits
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import ActionChunk, Observation


class Kinematics(Protocol):
    """Where the tool is for given joints, and which joints follow a path of tool poses."""

    def forward(self, q_rad: Array) -> SE3:
        """`T_base_tool` at joint positions (n,)."""
        ...

    def follow(self, q_rad: Array, T_base_tool: Array) -> tuple[Array, Array]:
        """Joint path that follows tool poses, starting near `q_rad`.

        Args:
            q_rad: Joint positions at the start, (n,).
            T_base_tool: Tool poses, (H, 4, 4).

        Returns:
            Joint positions (H, n), not clipped to limits, and the remaining position error [m] per
            waypoint, (H,).
        """
        ...


class Robot(Protocol):
    """One robot cell: arms, grippers and the cameras that belong to it.

    Nothing moves in a constructor; `connect` does the I/O. A robot follows the waypoints of the
    last accepted chunk by time, holds at its end, and drops waypoints that are already late.
    """

    @property
    def clock(self) -> Clock: ...

    @property
    def control_period_s(self) -> float:
        """Spacing at which the robot wants waypoints."""
        ...

    @property
    def arms(self) -> Mapping[str, ArmLimits]:
        """Limits per arm name."""
        ...

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras that `observe` can deliver."""
        ...

    def kinematics(self, arm: str) -> Kinematics: ...

    def home(self, arm: str) -> SE3:
        """`T_base_tool` of the rest pose, from which the cameras see the whole workspace."""
        ...

    def connect(self) -> None:
        """Open devices and check them. Raises `RobotFault` when they are not fit to move."""
        ...

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        """Present state of all arms, and the latest frames of the named cameras.

        Raises:
            UnknownNameError: A camera that this robot does not have.
            RobotFault: The robot is not connected.
        """
        ...

    def command(self, chunk: ActionChunk) -> ActionChunk:
        """Replace the waypoints to follow. Returns what was really accepted, which may be less.

        Raises:
            RobotFault: Not connected, or no waypoint can be accepted at all.
        """
        ...

    def stop(self) -> None:
        """Drop all waypoints and hold the present position. Safe to call at any time."""
        ...

    def close(self) -> None:
        """Release devices. Safe to call twice."""
        ...


@runtime_checkable
class LeadingRobot(Protocol):
    """A robot that is told early what takes a while, so that it is done in time."""

    @property
    def lead_s(self) -> float:
        """Waypoints nearer than this cannot be changed any more."""
        ...


class RobotWrapper(Robot):
    """A robot that is another robot in everything; what differs is overridden.

    Args:
        robot: The other robot.
    """

    def __init__(self, robot: Robot) -> None:
        self._robot = robot

    @property
    def clock(self) -> Clock:
        return self._robot.clock

    @property
    def control_period_s(self) -> float:
        return self._robot.control_period_s

    @property
    def arms(self) -> Mapping[str, ArmLimits]:
        return self._robot.arms

    @property
    def cameras(self) -> tuple[str, ...]:
        return self._robot.cameras

    def kinematics(self, arm: str) -> Kinematics:
        return self._robot.kinematics(arm)

    def home(self, arm: str) -> SE3:
        return self._robot.home(arm)

    def connect(self) -> None:
        self._robot.connect()

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        return self._robot.observe(cameras)

    def command(self, chunk: ActionChunk) -> ActionChunk:
        return self._robot.command(chunk)

    def stop(self) -> None:
        self._robot.stop()

    def close(self) -> None:
        self._robot.close()
