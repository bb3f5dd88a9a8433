"""A robot that is told early what takes a while, and whose states say when they were measured.

Waypoints go out by the arm's latency before their time, the gripper's by its own, so that the arm
is where it was meant to be when it was meant to be there (UMI, Chi et al., 2024).
"""

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from robot_skills.core.errors import RobotFault
from robot_skills.core.latencies import ArmLatencies
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.types import ActionChunk, ArmChunk, Observation

_SOON = 0.5
"""Share of a control period within which a waypoint is due at once."""


class CompensatedRobot(RobotWrapper):
    """`robot_skills.core.robot.Robot` whose latencies are taken off; the outermost of wrappers.

    Args:
        robot: The robot, behind its gates.
        latencies: Of all its arms.
    """

    def __init__(self, robot: Robot, latencies: ArmLatencies) -> None:
        super().__init__(robot)
        self._latencies = latencies
        self._before: ActionChunk | None = None

    @property
    def lead_s(self) -> float:
        """Waypoints nearer than this cannot be changed any more."""
        return self._latencies.action_s

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        seen = self._robot.observe(cameras)
        arms = {
            name: replace(state, stamp_s=state.stamp_s - self._latencies.state_s)
            for name, state in seen.arms.items()
        }
        return replace(seen, arms=arms)

    def command(self, chunk: ActionChunk) -> ActionChunk:
        """Replace the waypoints that can still be reached in time.

        Returns:
            What was accepted, at the times for which it is meant.

        Raises:
            RobotFault: There is no such waypoint, or the robot does not take them.
            ActionRefused: The gate refused them.
        """
        action_s = self._latencies.action_s
        soonest_s = self.clock.now_s() + action_s
        # What is due at once cannot be gone to smoothly, where anything comes after it.
        rest = chunk.after(soonest_s + _SOON * self.control_period_s) or chunk.after(soonest_s)
        if rest is None:
            raise RobotFault(
                f"All {len(chunk)} waypoints come too late: what is told now is done "
                f"{action_s:.3f} s later."
            )
        sent = ActionChunk(
            stamp_s=rest.stamp_s - action_s,
            arms={
                name: ArmChunk(T_base_tool=arm.T_base_tool, opening=self._openings(name, rest))
                for name, arm in rest.arms.items()
            },
        )
        taken = self._robot.command(sent)
        # Whatever was left out is from the beginning.
        first = len(rest) - len(taken)
        arms = {
            name: ArmChunk(T_base_tool=arm.T_base_tool, opening=rest.arms[name].opening[first:])
            for name, arm in taken.arms.items()
        }
        accepted = ActionChunk(stamp_s=taken.stamp_s + action_s, arms=arms)
        self._before = accepted
        return accepted

    def stop(self) -> None:
        self._before = None
        super().stop()

    def _openings(self, arm: str, rest: ActionChunk) -> np.ndarray:
        """Openings that are sent with the poses, (H,)."""
        at_s = rest.stamp_s + self._latencies.gripper_s - self._latencies.action_s
        openings = _at(rest, arm, at_s)
        before = self._before
        if before is not None and arm in before.arms:
            # The gripper is quicker than the arm: it still does what was said before.
            earlier = at_s < rest.stamp_s[0] - 1e-9
            openings = np.where(earlier, _at(before, arm, at_s), openings)
        return openings


def compensated(robot: Robot, latencies: ArmLatencies) -> Robot:
    """The robot without its latencies; the same one where it has none."""
    return robot if latencies == ArmLatencies() else CompensatedRobot(robot, latencies)


def _at(chunk: ActionChunk, arm: str, stamp_s: np.ndarray) -> np.ndarray:
    return np.interp(stamp_s, chunk.stamp_s, chunk.arms[arm].opening)
