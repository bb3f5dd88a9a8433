"""A leader arm that another program publishes: `sensor_msgs/JointState` on a topic."""

import math
import threading
from dataclasses import dataclass
from typing import Any

from hardware.ros2.messages import JointOrder
from hardware.ros2.runtime import RosNode
from hardware.ros2.transport import Reach
from hardware.teleop.leader import LeaderReading
from hardware.teleop.ros_hand import GripperJoint
from robot_skills.core.errors import RobotFault

_SILENT_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class RosLeaderConfig:
    """Where a leader is heard.

    Attributes:
        joints: Its joints, in the order of the follower's, which they have to match.
        topic: Of its joint states.
        gripper: Its gripper; None where it has none.
        namespace: Of the topic.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
    """

    joints: tuple[str, ...]
    topic: str = "leader/joint_states"
    gripper: GripperJoint | None = None
    namespace: str = ""
    reach: Reach = Reach.MACHINE
    domain: int | None = None


class RosLeaderSource:
    """`LeaderSource` over a topic.

    Args:
        config: Where it is.
    """

    name = "leader over ROS 2"

    def __init__(self, config: RosLeaderConfig) -> None:
        self._config, self._order = config, JointOrder(config.joints)
        self._node: RosNode | None = None
        self._new = threading.Condition()
        self._heard: LeaderReading | None = None
        self._problem = ""

    def connect(self) -> None:
        """Begin to listen.

        Raises:
            MissingDependencyError: ROS 2 is not installed, or does not work.
        """
        from sensor_msgs.msg import JointState

        config = self._config
        node = RosNode(
            "leader", namespace=config.namespace, reach=config.reach, domain=config.domain
        )
        node.node.create_subscription(JointState, config.topic, self._take, 1)
        node.start()
        self._heard, self._node = None, node

    def read(self) -> LeaderReading:
        """The next reading.

        Raises:
            RobotFault: It is not connected, says nothing, or says what is not understood.
        """
        with self._new:
            heard, self._heard = self._heard, None
            if heard is None and self._new.wait_for(lambda: self._heard is not None, _SILENT_S):
                heard, self._heard = self._heard, None
        if self._node is None or heard is None:
            why = self._problem or f"nothing came on {self._config.topic} for {_SILENT_S:g} s"
            raise RobotFault(f"{self.name}: {why}")
        return heard

    def close(self) -> None:
        node, self._node = self._node, None
        if node is not None:
            node.close()

    def _take(self, message: Any) -> None:
        try:
            q_rad, _, _ = self._order.pick(message)
        except RobotFault as problem:
            self._problem = str(problem)
            return
        if not all(math.isfinite(q) for q in q_rad):
            self._problem = "its joints are not finite"
            return
        opening, gripper = None, self._config.gripper
        if gripper is not None and gripper.name in message.name:
            place = list(message.name).index(gripper.name)
            opening = gripper.opening(float(message.position[place]))
        with self._new:
            self._problem, self._heard = "", LeaderReading(q_rad=q_rad, opening=opening)
            self._new.notify_all()
