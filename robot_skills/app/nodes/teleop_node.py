"""Hands on an arm over ROS 2: the collecting session, with a real cell and its recorder.

Names, below the node's own: ``status`` says what the hands do; on ``words`` (`std_msgs/String`)
sentences are heard that move the arm a little, where the device ``words`` is among the hands.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from hardware.gate.states import LATCHED
from hardware.ros2.gate_setup import GATE_NODE
from hardware.ros2.robot import Ros2Robot, Ros2RobotConfig
from hardware.ros2.runtime import ProcessEnd, RosNode
from hardware.ros2.times import MachineClock, clock_name
from hardware.safety_gate import GateCode
from hardware.teleop import HandOperator, OperatorConfig, WordsDevice
from robot_skills.app.collect.session import CollectSession, Motion, Phase, SessionConfig
from robot_skills.app.nodes.teleop_records import RecorderClient
from robot_skills.core.annotation import Outcome
from robot_skills.core.clock import Clock
from robot_skills.core.errors import ActionRefused, RefusedError, RobotFault
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.core.teleop import TeleopDevice, Wish
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, Observation

TELEOP_NODE = "teleop"
_STATUS_S = 0.1
_PATIENCE_S = 5.0
_ANSWER_S = 2.0
_LATCHED = frozenset(state.value for state in LATCHED)


class RosStation:
    """A cell over ROS 2 as a session's `Station`: nobody puts things back or knows where they are.

    Args:
        robot: Connected.
        kind: Of the arm.
    """

    task = ""
    number_names: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, robot: Robot, kind: str) -> None:
        self._robot, self.kind = robot, kind

    @property
    def robot(self) -> Robot:
        return self._robot

    @property
    def clock(self) -> Clock:
        return self._robot.clock

    def begin(self, seed: int) -> None:
        """Nothing: a person puts things where they belong."""

    def numbers(self, observation: Observation) -> Mapping[str, Array]:
        return {}

    def scene(self) -> Scene:
        return Scene(stamp_s=self._robot.clock.now_s(), entities={}, opening={})

    def succeeded(self) -> bool | None:
        return None

    def close(self) -> None:
        self._robot.close()


class HandedRobot(RobotWrapper):
    """An arm behind its gate that a hand may lose and take again.

    Args:
        robot: Connected.
    """

    def __init__(self, robot: Ros2Robot) -> None:
        super().__init__(robot)
        self._ros = robot
        self._anew = False

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        """As the robot does, with patience: the gate holds the arm meanwhile.

        Raises:
            RobotFault: The arm says nothing any more.
        """
        until_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return self._robot.observe(cameras)
            except RobotFault:
                if time.monotonic() > until_s:
                    raise
            time.sleep(self.control_period_s)

    def command(self, chunk: ActionChunk) -> ActionChunk:
        if self._anew:
            # Whoever has let go, and holds again, wants to move: nobody else does at present.
            self._ros.resume()
            self._anew = False
            raise ActionRefused(
                GateCode.LEASE.value, "The command of the arm was taken anew: let go, hold again."
            )
        try:
            return self._robot.command(chunk)
        except ActionRefused as refusal:
            self._anew = refusal.code == GateCode.LEASE.value
            raise
        except RobotFault:
            self._anew = True
            raise

    def stop(self) -> None:
        """Brake and hold. A gate that is gone has stopped by itself."""
        try:
            self._robot.stop()
        except RobotFault:
            self._anew = True


class HandSession(CollectSession):
    """A session whose recorder others use as well, and which may outlive it.

    A hand also ends the episode of somebody else: of a service call, or of a `teleop` that ended
    before its episode did.
    """

    def __init__(
        self,
        station: RosStation,
        operator: HandOperator,
        records: RecorderClient | None,
        config: SessionConfig,
    ) -> None:
        super().__init__(station, station.robot, operator, records, config=config)
        self._records = records

    def wish(self, wish: Wish) -> None:
        records = self._records
        if records is not None and self.phase is Phase.IDLE:
            if wish is Wish.REDO and self.saved:
                records.reject()
                self.tell("info", f"Episode {self.saved[-1].number} is marked as discarded.")
            elif records.others_record and wish in _ENDS:
                outcome = _ENDS[wish]
                if outcome is None:
                    records.discard()
                else:
                    records.commit(outcome)
                self.phase = Phase.SAVING
                return
        super().wish(wish)


_ENDS: Mapping[Wish, Outcome | None] = {
    Wish.SAVE: Outcome.UNKNOWN,
    Wish.SUCCESS: Outcome.SUCCESS,
    Wish.FAILURE: Outcome.FAILURE,
    Wish.DISCARD: None,
}
"""How wishes end an episode; None forgets it."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TeleopSetup:
    """Who moves what.

    Attributes:
        robot: Arm; its cameras are not looked at.
        kind: Of the arm.
        device: The hand, not connected.
        words: Among the hands; None where nobody speaks.
        speed: Top speed of a hand, as a share of the arm's limits.
        records: Whether the hand begins and ends episodes.
        session: How to collect.
    """

    robot: Ros2RobotConfig
    kind: str
    device: TeleopDevice
    words: WordsDevice | None = None
    speed: float = OperatorConfig().speed_fraction
    records: bool = True
    session: SessionConfig = field(default_factory=SessionConfig)


class TeleopNode:
    """A session, and what others hear of it.

    Args:
        setup: Who moves what.
        node: Started.
        robot: Connected.
    """

    def __init__(self, setup: TeleopSetup, node: RosNode, robot: Ros2Robot) -> None:
        from robot_skills_interfaces.msg import TeleopStatus
        from std_msgs.msg import String
        from std_srvs.srv import Trigger

        self._setup, self._node, self._arm = setup, node, robot
        handed = HandedRobot(robot)
        self._operator = HandOperator(
            setup.device,
            handed.arms[DEFAULT_ARM],
            handed.kinematics(DEFAULT_ARM),
            handed.clock,
            handed.control_period_s,
            OperatorConfig(speed_fraction=setup.speed, turn_fraction=setup.speed),
        )
        self._records = RecorderClient(node) if setup.records else None
        self.session = HandSession(
            RosStation(handed, setup.kind), self._operator, self._records, setup.session
        )
        self._kind = TeleopStatus
        self._status = node.node.create_publisher(TeleopStatus, "~/status", 10)
        node.node.create_subscription(String, "~/words", self._heard_words, 10)
        self._spoken: list[str] = []
        self._gate = {
            name: node.node.create_client(Trigger, f"{GATE_NODE}/{name}")
            for name in ("estop", "acknowledge", "enable")
        }
        self._motion = self.session.motion
        self._told_s = 0.0
        self._said = 0

    def run(self, end: ProcessEnd) -> None:
        """Until the process is asked to end, or the hand wants to leave."""
        session = self.session
        session.connect()
        try:
            while not session.finished and not end.asked and self._node.alive:
                session.step()
                self.after_step()
        finally:
            session.close()

    def after_step(self) -> None:
        """Once in a control period."""
        self._watch_stop()
        self._speak()
        now_s = time.monotonic()
        for notice in self.session.notices:
            if notice.number > self._said:
                self._said = notice.number
                self._node.node.get_logger().info(notice.text)
        if now_s - self._told_s > _STATUS_S:
            self._told_s = now_s
            self._tell()

    def _watch_stop(self) -> None:
        """An emergency stop of the hand is one of the gate, and stays until it is released."""
        before, now = self._motion, self.session.motion
        self._motion = now
        if now is Motion.ESTOP and before is not Motion.ESTOP:
            self._ask_gate("estop")
        elif before is Motion.ESTOP and now is not Motion.ESTOP:
            for name in ("acknowledge", "enable"):
                self._ask_gate(name)

    def _ask_gate(self, name: str) -> None:
        from std_srvs.srv import Trigger

        try:
            answer = self._node.call(self._gate[name], Trigger.Request(), _ANSWER_S)
        except RobotFault as problem:
            self.session.tell("error", str(problem))
            return
        if not answer.success:
            self.session.tell("warning", f"The gate does not {name}: {answer.message}")

    def _heard_words(self, message: Any) -> None:
        self._spoken.append(message.data)

    def _speak(self) -> None:
        words, self._spoken = self._spoken, []
        for sentence in words:
            if self._setup.words is None:
                self.session.tell("warning", "Nobody listens to words: add --device words.")
                return
            try:
                self._setup.words.say(sentence)
            except RefusedError as refusal:
                self.session.tell("warning", str(refusal))
            else:
                self.session.said(sentence)

    def _tell(self) -> None:
        session, gate = self.session, self._arm.status
        why = session.why or self._operator.refused or ""
        if not why and gate is not None and gate.state in _LATCHED:
            why = f"the gate is in {gate.state}: {gate.why}"
        self._status.publish(
            self._kind(
                clock=clock_name(),
                stamp_s=MachineClock().now_s(),
                motion=session.motion.value,
                why=why,
                device=self._setup.device.name,
                lost=self._operator.lost,
                episode=session.phase.value,
                notice=session.notices[-1].text if session.notices else "",
            )
        )


def run_teleop(setup: TeleopSetup) -> None:
    """Let hands move an arm until the process is asked to end.

    Raises:
        RobotFault: The arm or its gate is not there, or is gone.
        MissingDependencyError: The device, or what it needs, is not there.
    """
    end, config = ProcessEnd(), setup.robot
    robot = Ros2Robot(config, name=f"{TELEOP_NODE}_robot")
    with (
        end.watched(),
        RosNode(
            TELEOP_NODE, namespace=config.namespace, reach=config.reach, domain=config.domain
        ) as node,
    ):
        try:
            robot.connect()
            node.start()
            TeleopNode(setup, node, robot).run(end)
        finally:
            robot.close()
