"""A real arm behind its safety gate, as everything above knows robots.

Whatever is commanded goes through the gate's process: this asks for the command of the arm, sends
chunks, and hears what became of them. Joint states and pictures come straight from their drivers.
"""

import bisect
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hardware.ros2.arm_link import ArmLink, ArmTopics
from hardware.ros2.camera import RosCamera, RosCameraConfig
from hardware.ros2.gate_node import GATE_NODE
from hardware.ros2.messages import chunk_of, fill_chunk
from hardware.ros2.runtime import RosNode
from hardware.ros2.times import MachineClock, clock_name
from hardware.ros2.transport import Reach
from robot_skills.core.clock import Clock
from robot_skills.core.errors import ActionRefused, PerceptionError, RobotFault, unknown_name
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import SE3, Array, interpolate
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, ArmState, Observation

_PATIENCE_S = 10.0
_ANSWER_S = 1.0
_STALE_S = 0.2
_HISTORY = 400


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
        self._states: deque[ArmState] = deque(maxlen=_HISTORY)
        self._lock = threading.Lock()
        self._problem = ""
        self._epoch = 0
        self._status: Any = None
        self._clients: dict[str, Any] = {}
        self._eyes: dict[str, RosCamera] = {}

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
        return self._status

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
        link_kinematics = config.make_kinematics()
        ArmLink(node, config.topics, link_kinematics, self._clock, self._heard)
        self._eyes = {
            camera.name: RosCamera(node, camera, self._clock, self._T_base_tool_at)
            for camera in config.cameras
        }
        node.node.create_subscription(GateStatus, f"{GATE_NODE}/status", self._heard_status, 10)
        for kind, name in (
            (AcquireCommand, "acquire"),
            (ReleaseCommand, "release"),
            (StopArm, "stop"),
            (SubmitChunk, "submit"),
        ):
            self._clients[name] = node.node.create_client(kind, f"{GATE_NODE}/{name}")
        node.start()
        topic = config.topics.joint_states
        node.wait_for(
            lambda: bool(self._states) or bool(self._problem), _PATIENCE_S, f"states on {topic}"
        )
        if self._problem:
            raise RobotFault(self._problem)
        for name, client in self._clients.items():
            node.wait_for(
                client.service_is_ready, _PATIENCE_S, f"the safety gate ({GATE_NODE}/{name})"
            )
        self._wait_for_gate(node)
        self._wait_for_pictures(node)
        answer = node.call(
            self._clients["acquire"], AcquireCommand.Request(owner=config.owner), _ANSWER_S
        )
        if not answer.granted:
            raise RobotFault(f"The gate does not give the command: {answer.reason}.")
        self._epoch = answer.epoch

    def _wait_for_gate(self, node: RosNode) -> None:
        """Until the gate hears the arm, and everything else that it waits for is there."""

        def ready() -> bool:
            status = self._status
            return (
                status is not None and 0.0 <= status.state_age_s < _STALE_S and not status.waits_for
            )

        try:
            node.wait_for(ready, _PATIENCE_S, "the safety gate")
        except RobotFault as problem:
            status = self._status
            if status is None:
                raise RobotFault("The safety gate says nothing.") from None
            missing = list(status.waits_for)
            if not 0.0 <= status.state_age_s < _STALE_S:
                missing.append(f"it hears nothing on {self._config.topics.joint_states}")
            raise RobotFault(f"{problem} {'; '.join(missing)}.") from None

    def _wait_for_pictures(self, node: RosNode) -> None:
        """Cameras take longer to start than arms."""
        until_s = time.monotonic() + _PATIENCE_S
        for camera in self._eyes.values():
            while node.alive:
                try:
                    camera.read()
                    break
                except PerceptionError as problem:
                    if time.monotonic() > until_s:
                        raise RobotFault(str(problem)) from None

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
        for name in cameras:
            if name not in self._eyes:
                raise unknown_name("camera", name, self._eyes)
        frames = {name: self._eyes[name].read() for name in cameras}
        state = self._newest()
        return Observation(
            stamp_s=self._clock.now_s(), arms={self._config.arm: state}, cameras=frames
        )

    def _newest(self) -> ArmState:
        with self._lock:
            state = self._states[-1] if self._states else None
        now_s = self._clock.now_s()
        if state is None or now_s - state.stamp_s > _STALE_S:
            age = "ever" if state is None else f"for {now_s - state.stamp_s:.2f} s"
            raise RobotFault(
                f"No states of the arm came on {self._config.topics.joint_states} {age}. "
                f"{self._problem}".strip()
            )
        return state

    def _heard(self, state: ArmState | None, problem: str) -> None:
        self._problem = problem
        if state is not None:
            with self._lock:
                self._states.append(state)

    def _heard_status(self, message: Any) -> None:
        self._status = message

    def _T_base_tool_at(self, stamp_s: float) -> SE3:
        """Where the tool was, between two states. Raises `PerceptionError`."""
        with self._lock:
            states = list(self._states)
        if not states:
            raise PerceptionError("Where the camera on the tool was is not known.")
        stamps = [state.stamp_s for state in states]
        later = min(max(bisect.bisect_left(stamps, stamp_s), 1), len(states) - 1)
        if len(states) == 1:
            return states[0].T_base_tool
        a, b = states[later - 1], states[later]
        fraction = (stamp_s - a.stamp_s) / max(b.stamp_s - a.stamp_s, 1e-9)
        fraction = min(max(fraction, 0.0), 1.0)
        return SE3.from_matrix(
            interpolate(a.T_base_tool.matrix(), b.T_base_tool.matrix(), fraction)
        )

    # Acting

    def command(self, chunk: ActionChunk) -> ActionChunk:
        """Have the gate follow a chunk.

        Returns:
            What is followed.

        Raises:
            ActionRefused: The gate refused it.
            UnknownNameError: It is for another arm.
            RobotFault: Not connected, or the gate does not answer.
        """
        from geometry_msgs.msg import Pose
        from robot_skills_interfaces.srv import SubmitChunk

        node = self._check_connected()
        for name in chunk.arms:
            self._check_arm(name)
        request = SubmitChunk.Request()
        message = request.chunk
        message.clock, message.epoch = clock_name(), self._epoch
        with self._lock:
            seen_s = self._states[-1].stamp_s if self._states else 0.0
        message.observed_s = seen_s
        fill_chunk(message, chunk, self._config.arm, Pose)
        answer = node.call(self._clients["submit"], request, _ANSWER_S)
        if not answer.accepted:
            raise ActionRefused(answer.code, answer.message)
        return chunk_of(answer.followed)

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
