"""A real arm behind its safety gate, as everything above knows robots.

Whatever is commanded goes through the gate's process: this asks for the command of the arm, sends
chunks, and hears what became of them. Joint states and pictures come straight from their drivers.
The gate may be on another machine: where nothing is heard of it, nothing is sent any more until
somebody decides to go on (`Ros2Robot.resume`).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from hardware.ros2.arm_link import ArmTopics
from hardware.ros2.camera import RosCameraConfig
from hardware.ros2.gate_link import GateLink
from hardware.ros2.gate_setup import GATE_NODE
from hardware.ros2.messages import chunk_of, fill_chunk
from hardware.ros2.observer import ObserverConfig, Ros2Observer
from hardware.ros2.runtime import RosNode
from hardware.ros2.times import MachineClock
from hardware.ros2.transport import Reach
from robot_skills.core.clock import Clock
from robot_skills.core.errors import ActionRefused, RobotFault, unknown_name
from robot_skills.core.latencies import ArmLatencies
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, Observation

_PATIENCE_S = 10.0
_ANSWER_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ros2RobotConfig:
    """An arm and its cameras.

    Attributes:
        limits: Of the arm.
        make_kinematics: Makes its kinematics.
        home_q_rad: Joints of the rest pose.
        topics: Where the arm is found.
        cameras: Where its cameras are.
        arm: Its name.
        owner: Who asks for the command.
        control_period_s: Spacing of waypoints.
        namespace: Of the gate, and of this node.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
        latencies: Of the arm, for whoever takes them off.
    """

    limits: ArmLimits
    make_kinematics: Callable[[], Kinematics]
    home_q_rad: Array
    topics: ArmTopics
    cameras: Sequence[RosCameraConfig] = field(default_factory=tuple)
    arm: str = DEFAULT_ARM
    owner: str = "robot-skills"
    control_period_s: float = 0.05
    namespace: str = ""
    reach: Reach = Reach.MACHINE
    domain: int | None = None
    latencies: ArmLatencies = field(default_factory=ArmLatencies)


class Ros2Robot:
    """`robot_skills.core.robot.Robot` over ROS 2, behind a running safety gate.

    Args:
        config: Which arm.
        name: Of the node.
    """

    def __init__(self, config: Ros2RobotConfig, name: str = "robot_skills") -> None:
        self._config, self._name = config, name
        self._clock = MachineClock()
        self._node: RosNode | None = None
        self._seen: Ros2Observer | None = None
        self._epoch = 0
        self._gate = GateLink(self._clock)
        self._clients: dict[str, Any] = {}

    # What it is

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def control_period_s(self) -> float:
        return self._config.control_period_s

    @property
    def arms(self) -> Mapping[str, ArmLimits]:
        return {self._config.arm: self._config.limits}

    @property
    def cameras(self) -> tuple[str, ...]:
        return tuple(camera.name for camera in self._config.cameras)

    @property
    def status(self) -> Any:
        """The gate's newest `GateStatus`; None before the first."""
        return self._gate.status

    @property
    def lost(self) -> str:
        """Why `command` refuses until `resume` is called; empty while the gate is heard."""
        return self._gate.lost if self._node is not None else ""

    def kinematics(self, arm: str) -> Kinematics:
        """A solver of its own for every caller. Raises `UnknownNameError`."""
        self._check_arm(arm)
        return self._config.make_kinematics()

    def home(self, arm: str) -> SE3:
        """`T_base_tool` of the rest pose. Raises `UnknownNameError`."""
        self._check_arm(arm)
        return self._config.make_kinematics().forward(np.array(self._config.home_q_rad))

    # Life

    def connect(self) -> None:
        """Find the arm, its gate and its cameras, and take the command. Nothing moves.

        Raises:
            RobotFault: One of them is not there, or somebody else has the command.
            MissingDependencyError: ROS 2 is not installed, or does not work.
        """
        if self._node is not None:
            return
        config = self._config
        self._gate = GateLink(self._clock)
        node = RosNode(
            self._name, namespace=config.namespace, reach=config.reach, domain=config.domain
        )
        try:
            self._open(node)
        except BaseException:
            node.close()
            raise
        self._node = node

    def _open(self, node: RosNode) -> None:
        from robot_skills_interfaces.msg import GateStatus
        from robot_skills_interfaces.srv import (
            AcquireCommand,
            ReleaseCommand,
            StopArm,
            SubmitChunk,
        )

        config = self._config
        observed = ObserverConfig(
            topics=config.topics,
            make_kinematics=config.make_kinematics,
            cameras=config.cameras,
            arm=config.arm,
        )
        # States from before say nothing of where the arm is now, nor that anybody hears it.
        self._seen = seen = Ros2Observer(node, observed, self._clock, self._gate.silence)
        node.node.create_subscription(GateStatus, f"{GATE_NODE}/status", self._gate.heard, 10)
        for kind, name in (
            (AcquireCommand, "acquire"),
            (ReleaseCommand, "release"),
            (StopArm, "stop"),
            (SubmitChunk, "submit"),
        ):
            self._clients[name] = node.node.create_client(kind, f"{GATE_NODE}/{name}")
        node.start()
        seen.wait_for_arm()
        for name, client in self._clients.items():
            node.wait_for(
                client.service_is_ready, _PATIENCE_S, f"the safety gate ({GATE_NODE}/{name})"
            )
        node.meet(tuple(self._clients.values()), _PATIENCE_S)
        self._wait_for_gate(node)
        seen.wait_for_pictures()
        self._acquire(node)

    def _acquire(self, node: RosNode) -> None:
        from robot_skills_interfaces.srv import AcquireCommand, SubmitChunk

        request = AcquireCommand.Request(owner=self._config.owner)
        answer = node.call(self._clients["acquire"], request, _ANSWER_S)
        if not answer.granted:
            raise RobotFault(f"The gate does not give the command: {answer.reason}.")
        self._epoch = answer.epoch
        # The judge of a gate that was killed stays visible for a while, and answers nobody. A
        # chunk without waypoints is refused by whoever is there.
        node.ask(
            self._clients["submit"],
            SubmitChunk.Request(),
            answer_s=_ANSWER_S,
            patience_s=_PATIENCE_S,
        )

    def resume(self) -> None:
        """Somebody has decided to go on after the gate was lost: take the command anew.

        What was sent before is not followed any more, should it still arrive.

        Raises:
            RobotFault: Not connected, the gate is still not heard, or somebody else commands.
        """
        node = self._check_connected()
        # A gate that was started again is there before its judge is.
        node.meet(tuple(self._clients.values()), _PATIENCE_S)
        self._wait_for_gate(node)
        self._acquire(node)
        self._gate.restored()

    def _wait_for_gate(self, node: RosNode) -> None:
        """Until the gate hears the arm, and everything else that it waits for is there."""

        waits = partial(self._gate.waits_for, self._config.topics.joint_states)
        try:
            node.wait_for(lambda: not waits(), _PATIENCE_S, "the safety gate")
        except RobotFault as problem:
            raise RobotFault(f"{problem} {'; '.join(waits())}.") from None

    def close(self) -> None:
        """Give the command back. Safe to call twice."""
        if self._node is None:
            return
        from robot_skills_interfaces.srv import ReleaseCommand

        node, self._node = self._node, None
        try:
            request = ReleaseCommand.Request(epoch=self._epoch)
            node.call(self._clients["release"], request, _ANSWER_S)
        except RobotFault:
            # A gate that is gone has stopped by itself.
            pass
        finally:
            node.close()

    # Sensing

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        """Present state, and the newest pictures of the named cameras.

        Raises:
            UnknownNameError: There is no such camera.
            RobotFault: Not connected, or the arm has not said where it is of late.
            PerceptionError: A camera gives no pictures.
        """
        self._check_connected()
        assert self._seen is not None
        return self._seen.observe(cameras)

    # Acting

    def command(self, chunk: ActionChunk) -> ActionChunk:
        """Have the gate follow a chunk.

        Returns:
            What is followed.

        Raises:
            ActionRefused: The gate refused it.
            UnknownNameError: It is for another arm.
            RobotFault: Not connected, the gate does not answer, or it was lost before (`resume`).
        """
        from geometry_msgs.msg import Pose
        from robot_skills_interfaces.srv import SubmitChunk

        node = self._check_connected()
        for name in chunk.arms:
            self._check_arm(name)
        self._gate.check()
        request = SubmitChunk.Request()
        message = request.chunk
        # On the gate's clock: what a network holds back is late there, and not executed.
        offset_s = self._gate.offset_s
        message.clock, message.epoch = self._gate.status.clock, self._epoch
        seen = None if self._seen is None else self._seen.newest
        message.observed_s = 0.0 if seen is None else seen.stamp_s - offset_s
        timed = replace(chunk, stamp_s=chunk.stamp_s - offset_s)
        fill_chunk(message, timed, self._config.arm, Pose)
        try:
            answer = node.call(self._clients["submit"], request, _ANSWER_S)
        except RobotFault as problem:
            why = f"{problem} {self._gate.silence()}".strip()
            self._gate.unanswered(why)
            raise RobotFault(why) from None
        if not answer.accepted:
            raise ActionRefused(answer.code, answer.message)
        return chunk_of(answer.followed, offset_s)

    def stop(self) -> None:
        """Brake and hold. Safe to call at any time."""
        if self._node is None:
            return
        from robot_skills_interfaces.srv import StopArm

        self._node.call(self._clients["stop"], StopArm.Request(why="asked by its user"), _ANSWER_S)

    # Checks

    def _check_arm(self, arm: str) -> None:
        if arm != self._config.arm:
            raise unknown_name("arm", arm, (self._config.arm,))

    def _check_connected(self) -> RosNode:
        if self._node is None:
            raise RobotFault("The robot is not connected: call connect() first.")
        return self._node
