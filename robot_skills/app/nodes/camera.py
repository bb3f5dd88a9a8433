"""A camera of a cell as an executable: ``camera``.

The device is read by a process of its own, which is started again when it ends; this one publishes
what comes, and how the camera is, twenty times a second whether pictures come or not. Of a camera
that another driver publishes, it says how it is, and no more.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

from robot_skills.app.nodes.arguments import (
    await_turn,
    no_ros_arguments,
    node_parser,
    obey,
    parse_cell,
    run_node,
    settled,
)
from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.se3 import SE3

if TYPE_CHECKING:
    from hardware.cameras.process import CameraProcessConfig
    from hardware.cameras.realsense_device import RealSenseConfig
    from hardware.cameras.serve import Denoise, MakeCamera
    from hardware.cameras.status import CameraState
    from hardware.cameras.uvc import UvcConfig
    from hardware.cell.schema import Cell, CellCamera
    from hardware.ros2.camera_topics import HealthLevel
    from hardware.ros2.transport import Reach
    from robot_skills.core.camera import Camera
    from robot_skills.core.clock import Clock

_NAME = "camera"
_HEALTH_S = 0.05
_LOOK_S = 0.004


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraNodeSetup:
    """What a camera's node is told.

    Attributes:
        process: How the camera's process is run; its name is that of the topics.
        make_camera: Makes the camera in that process.
        denoise: Applied to its depth there.
        has_depth: Whether there is depth to publish.
        namespace: Of the node.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
    """

    process: "CameraProcessConfig"
    make_camera: "MakeCamera"
    denoise: "Denoise | None" = None
    has_depth: bool = True
    namespace: str = ""
    reach: "Reach | None" = None
    domain: int | None = None


class CameraNode:
    """Publishes one camera, whatever becomes of it.

    Args:
        setup: What it is told.

    Attributes:
        camera: Read in its own process.
    """

    def __init__(self, setup: CameraNodeSetup) -> None:
        from hardware.cameras.process import CameraProcess
        from hardware.ros2.camera_topics import CameraTopics, HealthTopic
        from hardware.ros2.runtime import RosNode
        from hardware.ros2.times import MachineClock
        from hardware.ros2.transport import Reach

        name = setup.process.name
        self.camera = CameraProcess(
            MachineClock(), setup.process, setup.make_camera, denoise=setup.denoise
        )
        self._node = RosNode(
            f"camera_{name}",
            namespace=setup.namespace,
            reach=setup.reach or Reach.MACHINE,
            domain=setup.domain,
        )
        self._topics = CameraTopics(self._node, name, has_depth=setup.has_depth)
        self._health = HealthTopic(self._node, name)
        self._level: HealthLevel | None = None
        self._told_s = 0.0
        self._next = 0

    def run(self) -> None:
        """Until the process is asked to end."""
        from hardware.ros2.runtime import ProcessEnd

        end = ProcessEnd()
        with end.watched():
            self.camera.start()
            while self._node.alive and not end.asked:
                self.step()

    def step(self) -> None:
        """Publish what has come since the last time, and how the camera is when that is due."""
        self._node.spin_once(_LOOK_S)
        ring = self.camera.ring
        # What is about to be overwritten is left: a picture late is worth less than the next.
        self._next = max(self._next, ring.head - ring.size.slots // 2)
        while self._next < ring.head:
            frame = ring.read(self._next)
            self._next += 1
            if frame is not None:
                self._topics.publish(frame)
            self._tell_if_due()
        self._tell_if_due()

    def _tell_if_due(self) -> None:
        now_s, health = time.monotonic(), self.camera.health()
        level = level_of(health.state)
        if now_s - self._told_s < _HEALTH_S and level is self._level:
            return
        self._told_s, self._level = now_s, level
        problem = "" if level.name == "WELL" else health.reason or "it is being opened"
        age_s = "" if health.age_s is None else f"{health.age_s:.3f}"
        known = {"state": health.state.name.lower(), "age_s": age_s, "restarts": health.restarts}
        self._health.tell(level, problem, known | asdict(health.counters))

    def close(self) -> None:
        self.camera.close()
        self._node.close()
        self.camera.ring.close()


def level_of(state: "CameraState") -> "HealthLevel":
    """What a state of a camera's process means to those who depend on its pictures."""
    from hardware.cameras.status import CameraState
    from hardware.ros2.camera_topics import HealthLevel

    match state:
        case CameraState.RUNNING:
            return HealthLevel.WELL
        case CameraState.UNUSABLE:
            return HealthLevel.MISFIT
    return HealthLevel.LOST


def run_camera(setup: CameraNodeSetup) -> None:
    """Publish a camera until the process is asked to end."""
    node = CameraNode(setup)
    try:
        node.run()
    finally:
        node.close()


# Cameras of cells


def camera_setup(cell: "Cell", name: str) -> CameraNodeSetup:
    """Of the node of a cell's camera.

    Raises:
        UnknownNameError: The cell has no such camera.
        RefusedError: Somebody else publishes it, or what its lens is like is not known.
    """
    from hardware.cameras.lens import lens_matrix
    from hardware.cameras.process import CameraProcessConfig
    from hardware.cameras.watch import WatchConfig
    from hardware.cell.schema import CameraDriver
    from robot_skills.app.cells import stale_s

    if name not in cell.cameras:
        raise unknown_name("camera", name, cell.cameras)
    camera = cell.cameras[name]
    match camera.driver:
        case CameraDriver.REALSENSE:
            make_camera = partial(make_realsense, _realsense(camera))
        case CameraDriver.UVC:
            make_camera = partial(make_uvc, _uvc(cell, camera))
        case driver:
            raise RefusedError(
                f"{cell.place_of(f'cameras.{name}')}: the camera {name} is published by its driver "
                f"({driver.value}), not by a node of ours."
            )
    width_px, height_px = camera.size_px
    return CameraNodeSetup(
        process=CameraProcessConfig(
            name=name,
            width_px=width_px,
            height_px=height_px,
            stale_s=stale_s(camera),
            watch=WatchConfig(K=None if camera.lens_px is None else lens_matrix(camera.lens_px)),
        ),
        make_camera=make_camera,
        has_depth=camera.has_depth,
        namespace=cell.robot.namespace,
        reach=cell.network.reach,
        domain=cell.network.domain,
    )


def make_realsense(config: "RealSenseConfig", clock: "Clock") -> "Camera":
    """A RealSense; where it is, those know who hear of it."""
    from hardware.cameras.realsense import RealSenseCamera

    return RealSenseCamera(clock, config, SE3.identity())


def make_uvc(config: "UvcConfig", clock: "Clock") -> "Camera":
    """A webcam; where it is, those know who hear of it."""
    from hardware.cameras.uvc import UvcCamera

    return UvcCamera(clock, config, SE3.identity())


def _realsense(camera: "CellCamera") -> "RealSenseConfig":
    from hardware.cameras.realsense_device import RealSenseConfig

    return RealSenseConfig(
        name=camera.name,
        serial=camera.serial,
        width_px=camera.size_px[0],
        height_px=camera.size_px[1],
        rate_hz=round(camera.rate_hz),
        latency_s=camera.latency_s,
    )


def _uvc(cell: "Cell", camera: "CellCamera") -> "UvcConfig":
    from hardware.cameras.lens import lens_matrix
    from hardware.cameras.uvc import UvcConfig

    if camera.lens_px is None:
        raise RefusedError(
            f"{cell.place_of(f'cameras.{camera.name}')}: a webcam does not say what its lens is "
            "like: give `lens_px`, from `robot-skills calibrate intrinsics`."
        )
    device = camera.device or "/dev/video0"
    return UvcConfig(
        name=camera.name,
        device=int(device) if device.isdigit() else device,
        width_px=camera.size_px[0],
        height_px=camera.size_px[1],
        rate_hz=round(camera.rate_hz),
        K=lens_matrix(camera.lens_px),
        distortion=camera.distortion,
        latency_s=camera.latency_s,
    )


# The executable


def main(argv: Sequence[str] | None = None) -> int:
    """Publish a camera until the process is asked to end."""
    return run_node(_NAME, _run, argv)


def _run(argv: Sequence[str]) -> None:
    parser = node_parser(_NAME, "A camera of a cell: publishes it, or watches its driver.")
    parser.add_argument("--camera", required=True, metavar="NAME", help="which of the cell's")
    arguments, told = parse_cell(parser, argv)
    no_ros_arguments(_NAME, arguments)
    obey(arguments.keeper)
    from hardware.cell.schema import CameraDriver
    from robot_skills.app.cells import load_cell, watch_setup
    from robot_skills.app.nodes.camera_watch import run_camera_watch

    cell = load_cell(arguments.cell)
    await_turn(arguments)
    camera = cell.cameras.get(told.camera)
    if camera is not None and camera.driver is CameraDriver.ROS:
        run_camera_watch(settled(watch_setup(cell, told.camera), arguments))
    else:
        run_camera(settled(camera_setup(cell, told.camera), arguments))


if __name__ == "__main__":
    raise SystemExit(main())
