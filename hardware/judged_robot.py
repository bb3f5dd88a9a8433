"""A robot whose safety gate is in another process, with the events of a robot gated in this one."""

from collections.abc import Collection

from hardware.safety_gate import GateCode, leads_to
from hardware.watched_robot import WatchedRobot
from robot_skills.core.errors import ActionRefused
from robot_skills.core.events import EventSink
from robot_skills.core.robot import Robot
from robot_skills.core.types import ActionChunk, ArmState, Observation


class JudgedRobot(WatchedRobot):
    """Tells what a robot's own gate says of its chunks: every verdict is one GATE event.

    Of the numbers behind a verdict only where a refused chunk would have led is known here.

    Args:
        robot: Refuses what its gate refuses.
        events: Who gets verdicts, and what does not follow.
    """

    def __init__(self, robot: Robot, events: EventSink) -> None:
        super().__init__(robot, events)
        self._kinematics = {name: robot.kinematics(name) for name in robot.arms}
        self._seen: dict[str, ArmState] = {}

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        observation = super().observe(cameras)
        self._seen.update(observation.arms)
        return observation

    def command(self, chunk: ActionChunk) -> ActionChunk:
        """Pass a chunk on.

        Raises:
            ActionRefused: The robot's gate refused it.
            UnknownNameError: The chunk is for an arm that this robot does not have.
            RobotFault: The robot does not take it.
        """
        try:
            accepted = self._robot.command(chunk)
        except ActionRefused as refusal:
            self._expect_nothing()
            for name, arm in chunk.arms.items():
                self._report(name, refusal.code, str(refusal), leads_to(arm), accepted=False)
            raise
        for name, arm in accepted.arms.items():
            self._report(name, GateCode.OK.value, "", {}, accepted=True)
            if name in self._seen:
                q_rad, _ = self._kinematics[name].follow(self._seen[name].q_rad, arm.T_base_tool)
                self._expect(name, accepted.stamp_s, q_rad, arm.opening)
        return accepted
