"""What is there on the ROS network: publishers, servers, and states of managed nodes."""

import time
from collections.abc import Callable
from typing import Any, Protocol, Self

from robot_skills.app.bringup.plan import Ready
from robot_skills.core.errors import RobotFault

_ANSWER_S = 10.0
_HEARD_S = 1.5
"""What was asked of a server that has only just come may be lost; it is asked again."""

type Ends = frozenset[bytes]
"""Ids of publishers and servers; a process that is started again has other ones."""
NOTHING: Ends = frozenset()


class Graph(Protocol):
    """What a supervisor asks."""

    def missing(self, ready: Ready, gone: Ends = NOTHING) -> list[str]:
        """What is not there yet, in words; empty when all is.

        Args:
            ready: What is to be there.
            gone: What does not count: a process that was killed is still heard of for seconds.
        """
        ...

    def ends(self, ready: Ready) -> Ends:
        """What publishes and serves all that is to be there, at this moment."""
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

    def missing(self, ready: Ready, gone: Ends = NOTHING) -> list[str]:
        return [what for what, ends in self._look(ready) if not ends - gone]

    def ends(self, ready: Ready) -> Ends:
        return NOTHING.union(*(ends for _, ends in self._look(ready)))

    def present(self, ready: Ready) -> list[str]:
        return [what for what, ends in self._look(ready) if ends]

    def _look(self, ready: Ready) -> list[tuple[str, Ends]]:
        # The answers of a service are a topic, whose name ROS hides; it tells who serves.
        return [
            *((f"the topic {name}", self._publishers(name)) for name in ready.topics),
            *(
                (f"the service {name}", self._publishers(f"rr{name}Reply", no_mangle=True))
                for name in ready.services
            ),
        ]

    def _publishers(self, topic: str, *, no_mangle: bool = False) -> Ends:
        found = self._node.node.get_publishers_info_by_topic(topic, no_mangle=no_mangle)
        return frozenset(bytes(one.endpoint_gid) for one in found)

    def activate(self, node: str, going_on: Callable[[], bool]) -> None:
        from lifecycle_msgs.msg import State, Transition
        from lifecycle_msgs.srv import ChangeState

        for transition, before in (
            (Transition.TRANSITION_CONFIGURE, State.PRIMARY_STATE_UNCONFIGURED),
            (Transition.TRANSITION_ACTIVATE, State.PRIMARY_STATE_INACTIVE),
        ):
            if self._state(node, going_on) != before:
                continue
            request = ChangeState.Request()
            request.transition.id = transition
            answer = self._ask(ChangeState, f"{node}/change_state", request, going_on)
            if not answer.success:
                step = "configured" if before == State.PRIMARY_STATE_UNCONFIGURED else "activated"
                raise RobotFault(f"{node} could not be {step}; its log says why.")

    def _state(self, node: str, going_on: Callable[[], bool]) -> int:
        """Of a managed node. Asking changes nothing, so that it can be done again."""
        from lifecycle_msgs.srv import GetState

        until_s = time.monotonic() + _ANSWER_S
        while True:
            try:
                name, request = f"{node}/get_state", GetState.Request()
                return int(self._ask(GetState, name, request, going_on, _HEARD_S).current_state.id)
            except RobotFault:
                if not going_on() or time.monotonic() > until_s:
                    raise

    def _ask(
        self,
        kind: Any,
        name: str,
        request: Any,
        going_on: Callable[[], bool],
        answer_s: float = _ANSWER_S,
    ) -> Any:
        node = self._node.node
        client = node.create_client(kind, name)
        try:
            until_s = time.monotonic() + _ANSWER_S
            while not client.service_is_ready():
                if not going_on() or time.monotonic() > until_s:
                    raise RobotFault(f"There is no service {name}.")
                self._node.spin_once(0.05)
            return self._node.call(client, request, answer_s)
        finally:
            node.destroy_client(client)
