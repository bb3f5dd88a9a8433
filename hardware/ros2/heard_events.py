"""Decisions of another node, kept until somebody takes them."""

from collections import deque
from typing import Any

from hardware.ros2.event_messages import event_of
from hardware.ros2.runtime import RosNode
from hardware.ros2.times import MachineClock, SenderClocks
from robot_skills.core.events import Event

_KEPT = 500


def event_qos() -> Any:
    """Quality of service of topics of events: all come, in order, and late ones hear the last."""
    from rclpy.qos import DurabilityPolicy, QoSProfile

    return QoSProfile(depth=_KEPT, durability=DurabilityPolicy.TRANSIENT_LOCAL)


class HeardEvents:
    """What is said on a topic of ``EpisodeEvent``, in order and on this machine's clock.

    Args:
        node: That listens; a thread of its own spins it (`RosNode.start`).
        topic: Of the events.
    """

    def __init__(self, node: RosNode, topic: str) -> None:
        from robot_skills_interfaces.msg import EpisodeEvent

        self._clock, self._senders = MachineClock(), SenderClocks()
        self._events: deque[Event] = deque(maxlen=_KEPT)
        node.node.create_subscription(EpisodeEvent, topic, self._hear, event_qos())

    def take(self) -> list[Event]:
        """What has come since the last call."""
        taken: list[Event] = []
        while self._events:
            taken.append(self._events.popleft())
        return taken

    def _hear(self, message: Any) -> None:
        now_s = self._clock.now_s()
        offset_s = self._senders.offset_s(message.clock, message.stamp_s, now_s)
        try:
            self._events.append(event_of(message, offset_s))
        except ValueError:
            # Of another version of ours, or of somebody else's.
            return
