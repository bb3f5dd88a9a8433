"""What is there on the ROS network: publishers, servers, and states of managed nodes."""

import time
from collections.abc import Callable
from typing import Any, Protocol, Self

from robot_skills.app.bringup.plan import Ready
from robot_skills.core.errors import RobotFault

_ANSWER_S = 10.0


class Graph(Protocol):
    """What a supervisor asks."""

    def missing(self, ready: Ready) -> list[str]:
        """What is not there yet, in words; empty when all is."""
        ...

    def activate(self, node: str, going_on: Callable[[], bool]) -> None:
        """Configure and activate a managed node, where it is not active already.

        Args:
            node: Full name.
            going_on: Whether it still makes sense.

        Raises:
            RobotFault: It does not get there.
        """
        ...


class RosGraph:
    """The real network, through a node of its own.

    Args:
        domain: Of ROS; None is what the environment says.
    """

    def __init__(self, domain: int | None) -> None:
        from hardware.ros2.runtime import RosNode

        self._node = RosNode("bringup", domain=domain)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._node.close()

    def missing(self, ready: Ready) -> list[str]:
        node = self._node.node
        topics = [name for name in ready.topics if not node.count_publishers(name)]
        services = [name for name in ready.services if not node.count_services(name)]
        return [
            *(f"the topic {name}" for name in topics),
            *(f"the service {name}" for name in services),
        ]

    def activate(self, node: str, going_on: Callable[[], bool]) -> None:
        from lifecycle_msgs.msg import State, Transition
        from lifecycle_msgs.srv import ChangeState, GetState

        for transition, before in (
            (Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_UNCONFIGURED),
            (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_INACTIVE),
        ):
            found = self._ask(GetState, f"{node}/get_state", GetState.Request(), going_on)
            if found.current_state.id != before:
                continue
            request = ChangeState.Request()
            request.transition.id = transition
            answer = self._ask(ChangeState, f"{node}/change_state", request, going_on)
            if not answer.success:
                step = "configured" if before == State.PRIMARY_STATE_UNCONFIGURED else "activated"
                raise RobotFault(f"{node} could not be {step}; its log says why.")

    def _ask(self, kind: Any, name: str, request: Any, going_on: Callable[[], bool]) -> Any:
        node = self._node.node
        client = node.create_client(kind, name)
        try:
            until_s = time.monotonic() + _ANSWER_S
            while not client.service_is_ready():
                if not going_on() or time.monotonic() > until_s:
                    raise RobotFault(f"There is no service {name}.")
                self._node.spin_once(0.05)
            return self._node.call(client, request, _ANSWER_S)
        finally:
            node.destroy_client(client)
