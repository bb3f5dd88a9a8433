"""Eyes behind ROS 2: scenes come from the node that looks."""

from collections.abc import Callable
from typing import Any

from hardware.ros2.runtime import RosNode, never
from hardware.ros2.scene_messages import scene_of
from hardware.ros2.times import MachineClock, SenderClocks
from robot_skills.core.errors import PerceptionError, RobotFault
from robot_skills.core.scene import Scene
from robot_skills.core.types import Observation

PERCEPTION_NODE = "perception"
_ANSWER_S = 5.0
_PATIENCE_S = 20.0


class RosPerceiver:
    """`robot_skills.core.perceiver.Perceiver` that asks the perception node.

    Args:
        node: That asks; a thread of its own spins it (`RosNode.start`).
        patience_s: How long a perception node that is gone is waited for: it is started again.
        stop_requested: Asked meanwhile; it is waited for no longer when that says so.
    """

    def __init__(
        self,
        node: RosNode,
        patience_s: float = _PATIENCE_S,
        stop_requested: Callable[[], bool] = never,
    ) -> None:
        from robot_skills_interfaces.srv import Look
        from std_srvs.srv import Trigger

        self._node, self._patience_s = node, patience_s
        self._stop_requested = stop_requested
        self._clock, self._clocks = MachineClock(), SenderClocks()
        self._look = node.node.create_client(Look, f"{PERCEPTION_NODE}/look")
        self._reset = node.node.create_client(Trigger, f"{PERCEPTION_NODE}/reset")

    @property
    def cameras(self) -> tuple[str, ...]:
        """None: the perception node has its own."""
        return ()

    def reset(self) -> None:
        """Have it forget everything. Raises `PerceptionError` where it does not answer."""
        from std_srvs.srv import Trigger

        answer = self._ask(self._reset, Trigger.Request())
        if not answer.success:
            raise PerceptionError(f"The perception node forgets nothing: {answer.message}")

    def look(self, observation: Observation) -> Scene:
        """A scene that was seen after this call, whatever the observation holds."""
        return self.look_now()

    def look_now(self) -> Scene:
        """A scene that was seen after this call.

        Raises:
            PerceptionError: The node does not answer, or has seen nothing.
        """
        from robot_skills_interfaces.srv import Look

        answer = self._ask(self._look, Look.Request())
        if not answer.seen:
            raise PerceptionError(answer.reason)
        scene = answer.scene
        now_s = self._clock.now_s()
        return scene_of(scene, self._clocks.offset_s(scene.clock, scene.stamp_s, now_s))

    def _ask(self, client: Any, request: Any) -> Any:
        try:
            return self._node.ask(
                client,
                request,
                answer_s=_ANSWER_S,
                patience_s=self._patience_s,
                stop_requested=self._stop_requested,
            )
        except RobotFault as problem:
            raise PerceptionError(f"The perception node does not answer: {problem}") from None
