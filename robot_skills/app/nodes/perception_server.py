"""Looks at the table for all others: scenes on a topic, and a new look for whoever asks."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hardware.ros2.managed import ManagedNode
from hardware.ros2.observer import ObserverConfig, Ros2Observer
from hardware.ros2.runtime import RosNode
from hardware.ros2.scene_messages import scene_message
from hardware.ros2.times import MachineClock
from hardware.ros2.transport import Reach
from robot_skills.app.nodes.markers import marker_array
from robot_skills.core.errors import PerceptionError, RefusedError, RobotSkillsError
from robot_skills.core.perceiver import Perceiver
from robot_skills.core.scene import Scene
from robot_skills.core.types import Observation

_NEW_PICTURES_S = 3.0
_WAIT_S = 0.05
_AT_REST_RAD_S = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class PerceptionSetup:
    """What a perception node is told.

    Attributes:
        observer: Arm and cameras.
        make_perceiver: Makes the eyes behind the cameras.
        every_s: It looks so often by itself while the arm rests; 0 is only when it is asked.
        frame: Name of the arm's base frame.
        namespace: Of the node.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
    """

    observer: ObserverConfig
    make_perceiver: Callable[[], Perceiver]
    every_s: float = 2.0
    frame: str = "base_link"
    namespace: str = ""
    reach: Reach = Reach.MACHINE
    domain: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.every_s < math.inf:
            raise RefusedError(f"It looks every 0 s (when asked) or more, not {self.every_s:g} s.")


class PerceptionServer:
    """Publishes ``~/scene`` and ``~/markers``, serves ``~/look`` and ``~/reset``.

    Its own thread looks; the node's executor only carries messages.

    Args:
        node: That has them.
        setup: What it is told.
    """

    def __init__(self, node: ManagedNode, setup: PerceptionSetup) -> None:
        self._node, self._setup = node, setup
        self._clock = MachineClock()
        self._perceiver: Perceiver | None = None
        self._eyes: RosNode | None = None
        self._observer: Ros2Observer | None = None
        self._thread: threading.Thread | None = None
        self._end = threading.Event()
        self._asked = threading.Event()
        self._forget = threading.Event()
        self._lock = threading.Lock()
        self._waiting: list[tuple[Any, Any]] = []
        self._entities: list[tuple[Callable[[Any], Any], Any]] = []
        self._problem = ""

    # Stages

    def configure(self) -> None:
        self._perceiver = self._setup.make_perceiver()

    def activate(self) -> None:
        setup = self._setup
        self._eyes = RosNode(
            f"{self._node.node.get_name()}_eyes",
            namespace=setup.namespace,
            reach=setup.reach,
            domain=setup.domain,
        )
        try:
            self._observer = Ros2Observer(self._eyes, setup.observer, self._clock)
            self._eyes.start()
            self._observer.wait_for_arm()
            self._observer.wait_for_pictures()
            # The first look loads what looking needs; and shows whether there is anything to see.
            self._first_look()
        except RobotSkillsError:
            self._close_eyes()
            raise
        if not self._entities:
            self._serve()
        self._end.clear()
        self._thread = threading.Thread(target=self._run, name="looking")
        self._thread.start()

    def deactivate(self) -> None:
        self._end.set()
        self._asked.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._close_eyes()
        self._answer_all(None, "the perception node is not active")

    def cleanup(self) -> None:
        for destroy, entity in self._entities:
            destroy(entity)
        self._entities = []
        self._perceiver = None

    def _close_eyes(self) -> None:
        if self._eyes is not None:
            self._eyes.close()
        self._eyes = self._observer = None

    # What is served

    def _serve(self) -> None:
        from rclpy.callback_groups import ReentrantCallbackGroup
        from rclpy.qos import DurabilityPolicy, QoSProfile
        from robot_skills_interfaces.msg import SceneEntities
        from robot_skills_interfaces.srv import Look
        from std_srvs.srv import Trigger
        from visualization_msgs.msg import MarkerArray

        ros, group = self._node.node, ReentrantCallbackGroup()
        # Who comes late gets the latest.
        kept = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._scenes = ros.create_publisher(SceneEntities, "~/scene", kept)
        self._markers = ros.create_publisher(MarkerArray, "~/markers", kept)
        look = ros.create_service(Look, "~/look", self._look, callback_group=group)
        reset = ros.create_service(Trigger, "~/reset", self._reset)
        self._entities = [
            (ros.destroy_publisher, self._scenes),
            (ros.destroy_publisher, self._markers),
            (ros.destroy_service, look),
            (ros.destroy_service, reset),
        ]

    async def _look(self, request: Any, response: Any) -> Any:
        if self._thread is None:
            response.seen, response.reason = False, "the perception node is not active"
            return response
        seen = self._node.future()
        with self._lock:
            self._waiting.append((response, seen))
        self._asked.set()
        await seen
        return response

    def _reset(self, request: Any, response: Any) -> Any:
        response.success = self._thread is not None
        if response.success:
            self._forget.set()
        else:
            response.message = "the perception node is not active"
        return response

    # Looking

    def _run(self) -> None:
        looked_s = time.monotonic()
        every_s = self._setup.every_s
        while not self._end.is_set():
            asked = self._asked.wait(_WAIT_S)
            due = every_s > 0.0 and time.monotonic() - looked_s >= every_s
            if self._end.is_set() or not (asked or (due and self._arm_rests())):
                continue
            self._asked.clear()
            with self._lock:
                waiting, self._waiting = self._waiting, []
            self._look_for(waiting)
            looked_s = time.monotonic()

    def _look_for(self, waiting: list[tuple[Any, Any]]) -> None:
        try:
            scene = self._look_at(self._new_observation())
        except RobotSkillsError as problem:
            self._show_problem(str(problem))
            self._answer(waiting, None, str(problem))
            return
        self._show_problem("")
        message = scene_message(scene, self._setup.frame, self._wall_s(scene))
        self._scenes.publish(message)
        self._markers.publish(marker_array(scene, message.header))
        self._answer(waiting, message, "")

    def _first_look(self) -> None:
        """Raises `RobotSkillsError`, but for a table with nothing to see: that may change."""
        try:
            self._look_at(self._new_observation())
        except PerceptionError as problem:
            self._show_problem(str(problem))

    def _look_at(self, observation: Observation) -> Scene:
        perceiver = self._perceiver
        assert perceiver is not None
        if self._forget.is_set():
            self._forget.clear()
            perceiver.reset()
        return perceiver.look(observation)

    def _new_observation(self) -> Observation:
        """Pictures that were all taken from now on. Raises `PerceptionError`."""
        observer, perceiver = self._observer, self._perceiver
        assert observer is not None
        assert perceiver is not None
        asked_s = self._clock.now_s()
        while True:
            observation = observer.observe(perceiver.cameras)
            old = [name for name, frame in observation.cameras.items() if frame.stamp_s < asked_s]
            if not old:
                return observation
            if self._clock.now_s() - asked_s > _NEW_PICTURES_S:
                raise PerceptionError(
                    f"No picture came within {_NEW_PICTURES_S:g} s from {', '.join(old)}."
                )
            time.sleep(0.005)

    def _arm_rests(self) -> bool:
        """A moving arm blurs and hides what there is."""
        observer = self._observer
        assert observer is not None
        try:
            arms = observer.observe().arms.values()
        except RobotSkillsError as problem:
            self._show_problem(str(problem))
            return False
        return all(np.abs(arm.dq_rad_s).max(initial=0.0) < _AT_REST_RAD_S for arm in arms)

    def _show_problem(self, problem: str) -> None:
        if problem == self._problem:
            return
        self._problem = problem
        log = self._node.node.get_logger()
        if problem:
            log.warning(f"sees nothing: {problem}")
        else:
            log.info("sees again")

    def _wall_s(self, scene: Scene) -> float:
        return time.time() - (self._clock.now_s() - scene.stamp_s)

    def _answer_all(self, message: Any, reason: str) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        self._answer(waiting, message, reason)

    def _answer(self, waiting: list[tuple[Any, Any]], message: Any, reason: str) -> None:
        for response, seen in waiting:
            response.seen, response.reason = message is not None, reason
            if message is not None:
                response.scene = message
            self._node.finish(seen, True)
