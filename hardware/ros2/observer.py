"""What an arm and its cameras show, for whoever wants to see without commanding."""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from hardware.ros2.arm_link import ArmLink, ArmTopics
from hardware.ros2.camera import RosCamera, RosCameraConfig
from hardware.ros2.runtime import RosNode
from hardware.ros2.state_history import StateHistory
from robot_skills.core.clock import Clock
from robot_skills.core.errors import PerceptionError, RobotFault, unknown_name
from robot_skills.core.robot import Kinematics
from robot_skills.core.types import DEFAULT_ARM, ArmState, Observation

_PATIENCE_S = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ObserverConfig:
    """What is observed.

    Attributes:
        topics: Where the arm is found.
        make_kinematics: Makes its kinematics.
        cameras: Where its cameras are.
        arm: Its name.
    """

    topics: ArmTopics
    make_kinematics: Callable[[], Kinematics]
    cameras: Sequence[RosCameraConfig] = ()
    arm: str = DEFAULT_ARM


class Ros2Observer:
    """States of an arm and pictures of its cameras, as they come. Commands nothing.

    Args:
        node: That subscribes; somebody else spins it, from another thread.
        config: What is observed.
        clock: The project clock.
        besides: Says what else is known where no states come.
    """

    def __init__(
        self,
        node: RosNode,
        config: ObserverConfig,
        clock: Clock,
        besides: Callable[[], str] = str,
    ) -> None:
        self._node, self._config, self._clock = node, config, clock
        self._besides = besides
        self._states = StateHistory()
        self._problem = ""
        ArmLink(node, config.topics, config.make_kinematics(), clock, self._heard)
        self._eyes = {
            camera.name: RosCamera(node, camera, clock, self._states.T_base_tool_at)
            for camera in config.cameras
        }

    @property
    def newest(self) -> ArmState | None:
        """The arm's newest state; None before the first."""
        return self._states.newest

    def wait_for_arm(self) -> None:
        """Wait for the first state.

        Raises:
            RobotFault: None comes, or it is not understood.
        """
        topic = self._config.topics.joint_states
        self._node.wait_for(
            lambda: self._states.newest is not None or bool(self._problem),
            _PATIENCE_S,
            f"states on {topic}",
        )
        if self._problem:
            raise RobotFault(self._problem)

    def wait_for_pictures(self) -> None:
        """Wait for every camera; they take longer to start than arms. Raises `RobotFault`."""
        until_s = time.monotonic() + _PATIENCE_S
        for camera in self._eyes.values():
            while self._node.alive:
                try:
                    camera.read()
                    break
                except PerceptionError as problem:
                    if time.monotonic() > until_s:
                        raise RobotFault(str(problem)) from None

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        """Present state, and the newest pictures of the named cameras.

        Raises:
            UnknownNameError: There is no such camera.
            RobotFault: The arm has not said where it is of late.
            PerceptionError: A camera gives no pictures.
        """
        for name in cameras:
            if name not in self._eyes:
                raise unknown_name("camera", name, self._eyes)
        frames = {name: self._eyes[name].read() for name in cameras}
        state = self._states.fresh(
            self._clock,
            self._config.topics.joint_states,
            lambda: f"{self._problem}{self._besides()}",
        )
        return Observation(
            stamp_s=self._clock.now_s(), arms={self._config.arm: state}, cameras=frames
        )

    def _heard(self, state: ArmState | None, problem: str) -> None:
        self._problem = problem
        if state is not None:
            self._states.add(state)
