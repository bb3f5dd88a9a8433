"""What a gate looks at before it lets its arm move for the first time.

It listens to the arm by itself, and not through what sorts and filters its states: names that are
missing, units and rates are seen only in what was really sent. What is to be thought of it says the
cell; that is worked out in a thread, because a robot description takes longer than a control
period to read, and nothing moves meanwhile.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hardware.ros2.runtime import RosNode

_LISTEN_S = 1.0
_DESCRIPTION = "/robot_description"
_FEWEST_S = 1e-3
WAITING = "the arm's joint states have not been checked yet"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class HeardStates:
    """What came from an arm in a while.

    Attributes:
        names: Of all joints that were named, as they came.
        q: Their newest positions, by name.
        rate_hz: Messages per second that name joints of the arm.
        description: The robot's description, URDF; None where nobody publishes one.
    """

    names: tuple[str, ...]
    q: Mapping[str, float]
    rate_hz: float
    description: str | None


Check = Callable[[HeardStates], Sequence[str]]
"""What is wrong with what was heard, in words; nothing when all is well."""


class StartCheck:
    """Listens for a while, has that judged, and begins anew until nothing is wrong with it.

    Args:
        node: That subscribes.
        topic: Of the arm's joint states.
        joints: Names of the arm's joints.
        check: Says what is wrong.
        listen_s: How long to listen before judging.
    """

    def __init__(
        self,
        node: RosNode,
        topic: str,
        joints: Sequence[str],
        check: Check,
        listen_s: float = _LISTEN_S,
    ) -> None:
        from rclpy.qos import DurabilityPolicy, QoSProfile, qos_profile_sensor_data
        from sensor_msgs.msg import JointState
        from std_msgs.msg import String

        self._node, self._mine = node, frozenset(joints)
        self._check, self._listen_s = check, listen_s
        self._description: str | None = None
        self._problems: Sequence[str] = (WAITING,)
        self._thread: threading.Thread | None = None
        self._answer: Sequence[str] | None = None
        self._begin()
        kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        make = node.node.create_subscription
        self._subscriptions = [
            make(JointState, topic, self._heard, qos_profile_sensor_data),
            make(String, _DESCRIPTION, self._described, kept),
        ]

    def _begin(self) -> None:
        self._names: dict[str, None] = {}
        self._q: dict[str, float] = {}
        self._first_s = self._last_s = -1.0
        self._count = 0
        self._now_s = -1.0
        self._since_s = -1.0

    def _heard(self, message: Any) -> None:
        self._names.update(dict.fromkeys(message.name))
        if len(message.position) == len(message.name):
            self._q.update(zip(message.name, message.position, strict=True))
        if self._since_s < 0.0:
            self._since_s = self._now_s
        if not self._mine.isdisjoint(message.name):
            self._count += 1
            self._last_s = self._now_s
            if self._first_s < 0.0:
                self._first_s = self._now_s

    def _described(self, message: Any) -> None:
        self._description = message.data

    def problems(self, now_s: float) -> Sequence[str]:
        """What is wrong; empty once nothing is, and from then on for good.

        Args:
            now_s: Present time. To be called in every control period.
        """
        self._now_s = now_s
        if self._subscriptions and self._thread is None:
            self._judge_in_time(now_s)
        elif self._thread is not None and not self._thread.is_alive():
            self._take_answer()
        return self._problems

    def _judge_in_time(self, now_s: float) -> None:
        if self._since_s < 0.0 or now_s - self._since_s < self._listen_s:
            return
        span_s = max(self._last_s - self._first_s, _FEWEST_S)
        rate_hz = (self._count - 1) / span_s if self._count > 1 else self._count / self._listen_s
        heard = HeardStates(
            names=tuple(self._names),
            q=dict(self._q),
            rate_hz=rate_hz,
            description=self._description,
        )
        self._thread = threading.Thread(target=self._judge, args=(heard,), daemon=True)
        self._thread.start()

    def _judge(self, heard: HeardStates) -> None:
        try:
            self._answer = tuple(self._check(heard))
        except Exception as error:  # noqa: BLE001
            # Whatever went wrong at the top of this thread, it is no leave to move.
            self._answer = (f"the check of the arm's joint states failed: {error}",)

    def _take_answer(self) -> None:
        self._thread = None
        self._problems = (WAITING,) if self._answer is None else self._answer
        self._begin()
        if not self._problems:
            for subscription in self._subscriptions:
                self._node.node.destroy_subscription(subscription)
            self._subscriptions = []
