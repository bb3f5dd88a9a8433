"""Whether others see what a process does not: then its own discovery has failed.

Of some hundred nodes that were started right after their predecessor had been killed, one heard the
arm's states and never learned that the arm's controller listens, which every other process saw.
With Fast DDS that comes of asking others for descriptions of their types, which nodes with the
profiles here do not do; what others are set to is not known. DDS does not mend it by itself; a
process that is started anew does. So a node that goes on missing somebody asks a second
participant, made for the purpose, and gives its place up when that one sees who is missed.
"""

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from hardware.ros2.runtime import RosNode
from hardware.ros2.transport import Reach

_LOOKING_S = 1.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Missed:
    """Who is not seen.

    Attributes:
        topic: Its name.
        speaks: Whether it should publish there, or listen.
    """

    topic: str
    speaks: bool

    @property
    def words(self) -> str:
        return f"who {'publishes' if self.speaks else 'listens on'} {self.topic}"


class SecondLook:
    """Watches for how long somebody is missed, and looks again.

    Args:
        name: Of the node that misses somebody.
        namespace: Of its topics.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
        patience_s: Before it looks for the first time; drivers take their time.
        again_s: Between two looks.
    """

    def __init__(
        self,
        name: str,
        *,
        namespace: str = "",
        reach: Reach = Reach.MACHINE,
        domain: int | None = None,
        patience_s: float = 3.0,
        again_s: float = 10.0,
    ) -> None:
        self._name, self._namespace = f"{name}_second_look", namespace
        self._reach, self._domain = reach, domain
        self._patience_s, self._again_s = patience_s, again_s
        self._since_s: float | None = None
        self._next_s = 0.0
        self._thread: threading.Thread | None = None
        self._seen: frozenset[Missed] = frozenset()

    def watch(self, missed: Sequence[Missed], now_s: float) -> str:
        """To be called now and then.

        Args:
            missed: Who is not seen now.
            now_s: Present time.

        Returns:
            Whom others see and this process does not, in words; empty while all is well.
        """
        if not missed:
            self._since_s, self._seen = None, frozenset()
            return ""
        if self._since_s is None:
            self._since_s, self._next_s = now_s, now_s + self._patience_s
        if now_s >= self._next_s and (self._thread is None or not self._thread.is_alive()):
            self._next_s = now_s + self._again_s
            self._thread = threading.Thread(
                target=self._look, args=(tuple(missed),), name=self._name, daemon=True
            )
            self._thread.start()
        return " and ".join(one.words for one in missed if one in self._seen)

    def close(self) -> None:
        """Wait for a look that is under way."""
        if self._thread is not None:
            self._thread.join()

    def _look(self, missed: Sequence[Missed]) -> None:
        # Whoever looks has time, also where the process that misses somebody has none to lose.
        with suppress(OSError, AttributeError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        with RosNode(
            self._name,
            namespace=self._namespace,
            reach=self._reach,
            domain=self._domain,
            pictures=False,
        ) as other:
            time.sleep(_LOOKING_S)
            self._seen = frozenset(one for one in missed if _count(other, one))


def _count(node: RosNode, missed: Missed) -> int:
    if missed.speaks:
        return node.node.count_publishers(missed.topic)
    return node.node.count_subscribers(missed.topic)
