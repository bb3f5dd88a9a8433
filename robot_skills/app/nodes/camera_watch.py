"""Says how cameras are that others publish, on ``<name>/health``, and nothing else."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hardware.ros2.camera_topics import HealthLevel
    from hardware.ros2.camera_watch import WatchedCamera
    from hardware.ros2.transport import Reach

_HEALTH_S = 0.05
_LOOK_S = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraWatchSetup:
    """What is watched.

    Attributes:
        cameras: Each of them.
        name: Of the node.
        namespace: Of the node.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
    """

    cameras: "Sequence[WatchedCamera]"
    name: str = "camera_watch"
    namespace: str = ""
    reach: "Reach | None" = None
    domain: int | None = None


class CameraWatchNode:
    """Watches cameras, whatever becomes of them.

    Args:
        setup: Which.
    """

    def __init__(self, setup: CameraWatchSetup) -> None:
        from hardware.ros2.camera_topics import HealthTopic
        from hardware.ros2.camera_watch import CameraWatch
        from hardware.ros2.runtime import RosNode
        from hardware.ros2.times import MachineClock
        from hardware.ros2.transport import Reach

        self._node = RosNode(
            setup.name,
            namespace=setup.namespace,
            reach=setup.reach or Reach.MACHINE,
            domain=setup.domain,
        )
        clock = MachineClock()
        self._watches = [CameraWatch(self._node, camera, clock) for camera in setup.cameras]
        self._topics = [HealthTopic(self._node, watch.name) for watch in self._watches]
        self._levels: list[HealthLevel | None] = [None] * len(self._watches)
        self._told_s = 0.0

    @property
    def alive(self) -> bool:
        """Whether nobody has asked ROS to end."""
        return self._node.alive

    def step(self) -> None:
        """Judge what has come; say how the cameras are when that is due, or has changed."""
        self._node.spin_once(_LOOK_S)
        for watch in self._watches:
            watch.look()
        now_s = time.monotonic()
        due = now_s - self._told_s >= _HEALTH_S
        if due:
            self._told_s = now_s
        for index, watch in enumerate(self._watches):
            level, problem = watch.health()
            if due or level is not self._levels[index]:
                self._tell(index, level, problem)

    def _tell(self, index: int, level: "HealthLevel", problem: str) -> None:
        if level is not self._levels[index]:
            self._levels[index] = level
            name = self._watches[index].name
            self._node.node.get_logger().info(f"{name}: {problem or 'pictures come'}")
        self._topics[index].tell(level, problem, self._watches[index].known())

    def close(self) -> None:
        self._node.close()


def run_camera_watch(setup: CameraWatchSetup, *, with_parent: bool = False) -> None:
    """Watch cameras until the process is asked to end.

    Args:
        setup: Which.
        with_parent: The end of the parent process asks as well.
    """
    from hardware.ros2.runtime import ProcessEnd

    node, end = CameraWatchNode(setup), ProcessEnd()
    try:
        with end.watched(with_parent=with_parent):
            while node.alive and not end.asked:
                node.step()
    finally:
        node.close()
