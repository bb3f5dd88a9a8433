"""A robot that cannot be commanded past its safety gates."""

import logging
from collections.abc import Mapping

from hardware.safety_gate import GateConfig, SafetyGate, Verdict
from hardware.watched_robot import WatchedRobot
from robot_skills.core.collision import CollisionModel
from robot_skills.core.errors import ActionRefused, RefusedError, unknown_name
from robot_skills.core.events import EventSink
from robot_skills.core.robot import Robot
from robot_skills.core.types import ActionChunk

_log = logging.getLogger(__name__)


class GatedRobot(WatchedRobot):
    """`robot_skills.core.robot.Robot` with one gate per arm in front of `command`.

    Every verdict is one GATE event. When a chunk is refused the robot stops and holds, and
    `command` raises `ActionRefused` with the reason code.
    """

    def __init__(self, robot: Robot, gates: Mapping[str, SafetyGate], events: EventSink) -> None:
        missing = [name for name in robot.arms if name not in gates]
        if missing:
            raise RefusedError(f"No safety gate for {', '.join(missing)}: every arm needs one.")
        super().__init__(robot, events)
        self._gates = dict(gates)

    def command(self, chunk: ActionChunk) -> ActionChunk:
        """Pass a chunk on when the gates of all its arms accept it.

        Raises:
            ActionRefused: A gate refused it; the robot holds.
            UnknownNameError: The chunk is for an arm that this robot does not have.
            RobotFault: The robot itself does not take it.
        """
        for name in chunk.arms:
            if name not in self._gates:
                raise unknown_name("arm", name, self._gates)
        observation = self._robot.observe()
        now_s = self._robot.clock.now_s()
        judged: dict[str, Verdict] = {}
        for name in chunk.arms:
            verdict = judged[name] = self._gates[name].check(chunk, observation, now_s)
            code, message = verdict.code.value, verdict.message
            self._report(name, code, message, verdict.details, accepted=verdict.ok)
            if verdict.accepted is None:
                self.stop()
                raise ActionRefused(code, message)
            chunk = verdict.accepted
        accepted = self._robot.command(chunk)
        for name, verdict in judged.items():
            if verdict.q_rad is not None:
                self._expect(name, chunk.stamp_s, verdict.q_rad, chunk.arms[name].opening)
        return accepted


def gate_robot(
    robot: Robot,
    events: EventSink,
    config: GateConfig | None = None,
    collisions: Mapping[str, CollisionModel] | None = None,
) -> GatedRobot:
    """A robot behind gates that use its own limits and kinematics.

    A robot's kinematics may keep state between calls, so the gates and the robot share it; both
    run in the thread that commands.

    Args:
        robot: The robot.
        events: Who gets every verdict.
        config: How much is forgiven.
        collisions: How near arms come to themselves and to what is around them, by arm; of the
            others that is not checked. What is not checked is logged.
    """
    shapes = collisions or {}
    gates = {
        name: SafetyGate(
            limits, robot.kinematics(name), config, arm=name, collisions=shapes.get(name)
        )
        for name, limits in robot.arms.items()
    }
    for name, gate in gates.items():
        if gate.unchecked:
            off = ", ".join(code.value for code in gate.unchecked)
            _log.info("The safety gate of the arm %s does not check: %s.", name, off)
    return GatedRobot(robot, gates, events)
