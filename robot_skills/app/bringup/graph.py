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

    def present(self, ready: Ready) -> list[str]:
        """What is there already, in words; empty when nothing is."""
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
        network: Whether to see what is on other machines as well.
    """

    def __init__(self, domain: int | None, *, network: bool = False) -> None:
        from hardware.ros2.runtime import RosNode
        from hardware.ros2.transport import Reach

        reach = Reach.NETWORK if network else Reach.MACHINE
        self._node = RosNode("bringup", domain=domain, reach=reach)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._node.close()

    def missing(self, ready: Ready) -> list[str]:
        return [what for what, there in self._look(ready) if not there]

    def present(self, ready: Ready) -> list[str]:
        return [what for what, there in self._look(ready) if there]

    def _look(self, ready: Ready) -> list[tuple[str, bool]]:
        node = self._node.node
        return [
            *((f"the topic {name}", node.count_publishers(name) > 0) for name in ready.topics),
            *((f"the service {name}", node.count_services(name) > 0) for name in ready.services),
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
