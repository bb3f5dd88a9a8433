"""The test of a cell before anything may move: what is there is what its file says.

It listens, asks controllers for their parameters, and moves nothing.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hardware.cell.camera_checks import HeardCamera, check_camera
from hardware.cell.checks import (
    HeardArm,
    check_commanders,
    check_controller,
    check_limits,
    check_names,
    check_order,
    check_protective,
    check_rate,
    check_start,
    check_units,
)
from hardware.cell.findings import CheckFinding, bad, unknown
from hardware.cell.graph import CellGraph
from hardware.cell.schema import CameraDriver, Cell, CellCamera
from hardware.cell.urdf import DescribedJoint, described_joints
from hardware.ros2.arm_link import Controller
from hardware.ros2.camera_lens import distortion_problem
from hardware.ros2.messages import intrinsics_of
from hardware.ros2.runtime import RosNode
from robot_skills.core.errors import (
    MissingDependencyError,
    PerceptionError,
    RefusedError,
    RobotFault,
)

_NODE = "cell_self_test"
_DESCRIPTION = "robot_description"
"""Beside the joint states, as drivers and robot_state_publisher have it."""
_ASK_S = 2.0
_LATE_S = 2.0
_SENT = {
    Controller.TRAJECTORY: "trajectory_msgs/msg/JointTrajectory",
    Controller.POSITION: "std_msgs/msg/Float64MultiArray",
    Controller.SERVO: "geometry_msgs/msg/TwistStamped",
}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SelfTestSetup:
    """What is tested.

    Attributes:
        cell: The cell.
        commanders: Full names of nodes that may command the arm: its gate, where it runs already.
        patience_s: How long to wait for what does not come.
        listen_s: How long to count states.
    """

    cell: Cell
    commanders: tuple[str, ...] = ()
    patience_s: float = 8.0
    listen_s: float = 1.0


def self_test(setup: SelfTestSetup) -> list[CheckFinding]:
    """Test a cell that has topics. Nothing moves, and every finding names what it is about."""
    cell = setup.cell
    try:
        node = RosNode(
            _NODE,
            namespace=cell.robot.namespace,
            reach=cell.network.reach,
            domain=cell.network.domain,
        )
    except MissingDependencyError as problem:
        return [
            bad(
                "ROS 2",
                str(problem),
                "source /opt/ros/DISTRO/setup.bash, or pip install 'robot-skills[ros]'",
            )
        ]
    try:
        return _SelfTest(setup, node).run()
    finally:
        node.close()


def refuse_unfit(setup: SelfTestSetup) -> list[CheckFinding]:
    """Test a cell, and refuse to go on when anything failed.

    Returns:
        What was found, when nothing failed.

    Raises:
        RobotFault: Something failed; says all that did.
    """
    found = self_test(setup)
    failed = [f"{one.what}: {one.detail}" for one in found if not one.ok]
    if failed:
        raise RobotFault(f"{setup.cell.name} is not fit to move. {'. '.join(failed)}.")
    return found


class _SelfTest:
    """One run of the test, on a node of its own."""

    def __init__(self, setup: SelfTestSetup, node: RosNode) -> None:
        self._setup, self._cell, self._node = setup, setup.cell, node
        self._graph = CellGraph(node, setup.cell)
        self._names: dict[str, None] = {}
        self._q: dict[str, float] = {}
        self._heard_s: list[float] = []
        self._protective: bool | None = None
        self._description: str | None = None
        self._cameras: dict[str, dict[str, Any]] = {}
        self._listening: set[str] = set()

    def run(self) -> list[CheckFinding]:
        from sensor_msgs.msg import JointState

        cell = self._cell
        topics = cell.robot.topics
        self._listen(JointState, topics.joint_states, self._state)
        self._listen_to_cameras()
        found = [
            self._graph.check_connection(
                self._wait(lambda: bool(self._heard_s)), self._setup.patience_s
            )
        ]
        if not found[0].ok:
            return found
        self._listen_to_latched()
        self._heard_s.clear()
        self._spin(self._setup.listen_s)
        heard = HeardArm(names=tuple(self._names), q_rad=self._q, rate_hz=self._rate_hz())
        described, trouble = self._described()
        found.append(check_names(cell, heard))
        if found[-1].ok:
            found.append(check_order(cell, described, self._graph.controlled()))
            found.append(check_units(cell, heard))
            if found[-1].ok:
                found.append(check_start(cell, heard))
        found.append(trouble or check_limits(cell, described))
        found.append(check_rate(cell, heard))
        found += self._command()
        self._wait(lambda: self._protective is not None, cell.robot.protective is not None)
        found.append(check_protective(cell, self._protective))
        found += [self._camera(camera) for camera in cell.cameras.values()]
        return found

    # Listening

    def _listen(
        self, kind: Any, topic: str, heard: Callable[[Any], None], *, latched: bool = False
    ) -> None:
        from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

        if topic in self._listening:
            return
        self._listening.add(topic)
        reliable, best = ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT
        kept, passing = DurabilityPolicy.TRANSIENT_LOCAL, DurabilityPolicy.VOLATILE
        qos = QoSProfile(
            depth=10,
            history=HistoryPolicy.KEEP_LAST,
            reliability=reliable if latched else best,
            durability=kept if latched else passing,
        )
        self._node.node.create_subscription(kind, topic, heard, qos)

    def _spin(self, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0.0 and self._node.alive:
            self._node.spin_once(min(left_s, 0.05))

    def _wait(self, ready: Callable[[], bool], wanted: bool = True) -> bool:
        until_s = time.monotonic() + self._setup.patience_s
        while wanted and not ready() and time.monotonic() < until_s and self._node.alive:
            self._node.spin_once(0.05)
        return ready()

    def _state(self, message: Any) -> None:
        self._names.update(dict.fromkeys(message.name))
        if len(message.position) == len(message.name):
            self._q.update(zip(message.name, message.position, strict=True))
        mine = set(self._cell.robot.topics.joints)
        # States of others alone still mean that somebody is there.
        if not mine.isdisjoint(message.name) or not self._heard_s:
            self._heard_s.append(time.monotonic())

    def _rate_hz(self) -> float:
        times = self._heard_s
        if len(times) < 2:
            return len(times) / self._setup.listen_s
        return (len(times) - 1) / max(times[-1] - times[0], 1e-3)

    def _listen_to_latched(self) -> None:
        """Topics whose last message waits for whoever comes late."""
        from std_msgs.msg import Bool, String

        beside = self._cell.robot.topics.joint_states.rpartition("/")
        self._listen(String, "".join(beside[:2]) + _DESCRIPTION, self._describe, latched=True)
        protective = self._cell.robot.protective
        if protective is None:
            return
        from rclpy.qos import DurabilityPolicy

        found: list[Any] = []
        until_s = time.monotonic() + _LATE_S
        while not found and time.monotonic() < until_s:
            self._node.spin_once(0.05)
            found = self._graph.infos("publishers", protective.name)
        kept = DurabilityPolicy.TRANSIENT_LOCAL
        latched = any(info.qos_profile.durability == kept for info in found)
        self._listen(Bool, protective.name, self._arm_says, latched=latched)

    def _describe(self, message: Any) -> None:
        self._description = message.data

    def _arm_says(self, message: Any) -> None:
        self._protective = bool(message.data)

    # What is there

    def _described(self) -> tuple[Mapping[str, DescribedJoint] | None, CheckFinding | None]:
        if self._description is None:
            return None, None
        try:
            return described_joints(self._description), None
        except RefusedError as problem:
            return None, unknown("limits", str(problem), "mend the robot description")

    def _command(self) -> list[CheckFinding]:
        topics = self._cell.robot.topics
        topic = self._graph.full_name(topics.command)
        kind = _SENT[topics.controller]
        self._wait(lambda: bool(self._graph.infos("subscriptions", topics.command)))
        taking = self._graph.taken()
        listeners = self._graph.endpoints("subscriptions", topics.command)
        publishers = self._graph.endpoints("publishers", topics.command)
        return [
            check_controller(self._cell, topic, kind, listeners, taking),
            check_commanders(topic, publishers, self._setup.commanders),
        ]

    # Cameras

    def _listen_to_cameras(self) -> None:
        from sensor_msgs.msg import CameraInfo, CompressedImage, Image

        for camera in self._cell.cameras.values():
            kept: dict[str, Any] = {}
            self._cameras[camera.name] = kept
            colour, depth, info = camera.topics()
            wanted = {"colour": colour, "info": info}
            if camera.has_depth:
                wanted["depth"] = depth
            for part, topic in wanted.items():
                kind = CompressedImage if "compressed" in topic else Image
                self._listen(CameraInfo if part == "info" else kind, topic, _keep(kept, part))

    def _camera(self, camera: CellCamera) -> CheckFinding:
        kept = self._cameras[camera.name]
        parts = 3 if camera.has_depth else 2
        self._wait(lambda: len(kept) == parts)
        info, K, problem = kept.get("info"), None, ""
        if info is not None:
            try:
                K = intrinsics_of(info, distorted=any(camera.distortion))
            except PerceptionError as error:
                problem = str(error)
            # A webcam's pictures come undistorted from our own node.
            if any(camera.distortion) and camera.driver is CameraDriver.ROS:
                problem = problem or distortion_problem(info, np.array(camera.distortion))
        heard = HeardCamera(
            pictures=_size_of(kept.get("colour")),
            depths=_size_of(kept.get("depth")),
            info_px=None if info is None else (info.width, info.height),
            K=K,
            problem=problem,
        )
        return check_camera(self._cell, camera, heard)


def _keep(kept: dict[str, Any], part: str) -> Callable[[Any], None]:
    def heard(message: Any) -> None:
        kept[part] = message

    return heard


def _size_of(message: Any) -> tuple[int, int] | None:
    if message is None:
        return None
    if hasattr(message, "width"):
        return message.width, message.height
    # A compressed picture is decoded only to be measured.
    import cv2

    data = np.frombuffer(message.data, np.uint8)
    start = 12 if "compressedDepth" in message.format else 0
    picture = cv2.imdecode(data[start:], cv2.IMREAD_UNCHANGED)
    return None if picture is None else (picture.shape[1], picture.shape[0])
