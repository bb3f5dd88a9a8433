"""Who is there: nodes, publishers and subscribers of a cell's topics, and controllers' joints."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from hardware.cell.checks import Endpoint
from hardware.cell.findings import CheckFinding, bad, good
from hardware.cell.schema import Cell
from hardware.ros2.arm_link import Controller
from hardware.ros2.runtime import RosNode
from hardware.ros2.transport import Reach
from robot_skills.core.errors import RobotFault

_ASK_S = 2.0
_THERE_S = 0.3
_STATES = "sensor_msgs/msg/JointState"


class CellGraph:
    """What a node sees of a cell.

    Args:
        node: That looks.
        cell: What is looked for.
    """

    def __init__(self, node: RosNode, cell: Cell) -> None:
        self._node, self._cell = node, cell

    def full_name(self, topic: str) -> str:
        """Of a topic, with the node's namespace where it is relative."""
        return self._node.node.resolve_topic_name(topic)

    def infos(self, side: str, topic: str) -> list[Any]:
        """What the middleware knows of a topic's ``publishers`` or ``subscriptions``."""
        ask = getattr(self._node.node, f"get_{side}_info_by_topic")
        return list(ask(self.full_name(topic)))

    def endpoints(self, side: str, topic: str) -> list[Endpoint]:
        """Nodes and types of a topic's ``publishers`` or ``subscriptions``."""
        return [
            Endpoint(
                node=f"{info.node_namespace.rstrip('/')}/{info.node_name}", kind=info.topic_type
            )
            for info in self.infos(side, topic)
        ]

    def taken(self) -> Mapping[str, Sequence[str]]:
        """Types by topic, of all topics that somebody subscribes to."""
        node = self._node.node
        return {
            name: kinds
            for name, kinds in node.get_topic_names_and_types()
            if node.get_subscriptions_info_by_topic(name)
        }

    def check_connection(self, heard: bool, waited_s: float) -> CheckFinding:
        """Whether states come; and where they do not, who is there instead."""
        cell, node = self._cell, self._node.node
        topic = self.full_name(cell.robot.topics.joint_states)
        domain = cell.network.domain
        number = os.environ.get("ROS_DOMAIN_ID", "0") if domain is None else str(domain)
        where = "this machine" if cell.network.reach is Reach.MACHINE else "the network"
        if heard:
            return good("connection", f"domain {number} on {where}: states come on {topic}")
        others = sorted(
            f"{space.rstrip('/')}/{name}"
            for name, space in node.get_node_names_and_namespaces()
            if name != node.get_name()
        )
        states = sorted(
            name
            for name, kinds in node.get_topic_names_and_types()
            if _STATES in kinds and name != topic
        )
        seen = f"visible there are the nodes {', '.join(others)}" if others else "nobody is there"
        if states:
            seen += f", with joint states on {', '.join(states)}"
        return bad(
            "connection",
            f"nothing came on {topic} in ROS domain {number} on {where} within "
            f"{waited_s:g} s; {seen}",
            "start the arm's driver; compare ROS_DOMAIN_ID there with network.domain here, and "
            f"network.reach where it runs on another machine: {cell.place_of('network')}",
        )

    def controlled(self) -> Sequence[str] | None:
        """The controller's joints, from its parameters; None where it does not say."""
        from rcl_interfaces.srv import GetParameters

        if self._cell.robot.topics.controller is Controller.SERVO:
            return None
        node = self._node.node
        topic = self.full_name(self._cell.robot.topics.command)
        name = f"{topic.rpartition('/')[0]}/get_parameters"
        client = node.create_client(GetParameters, name)
        try:
            # Who is there was heard of long ago; controllers without parameters are many.
            self._node.wait_for(client.service_is_ready, _THERE_S, name)
            answer = self._node.call(client, GetParameters.Request(names=["joints"]), _ASK_S)
        except RobotFault:
            return None
        finally:
            node.destroy_client(client)
        joints = list(answer.values[0].string_array_value) if answer.values else []
        return joints or None
