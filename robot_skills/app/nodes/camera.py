"""A camera behind ROS 2 topics, as an executable: ``camera``.

The device is read by a process of its own, which is started again when it ends; this one publishes
what comes, and how the camera is, twenty times a second whether pictures come or not.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from robot_skills.app.nodes.arguments import (
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
    from hardware.cameras.uvc import UvcConfig
    from hardware.cell.schema import Cell, CellCamera
    from hardware.ros2.transport import Reach
    from robot_skills.core.camera import Camera
    from robot_skills.core.clock import Clock

_NAME = "camera"
_HEALTH_S = 0.05
_LOOK_S = 0.004
_STALE_S = 0.2
_STALE_PERIODS = 3.0


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
        from hardware.ros2.camera_topics import CameraTopics
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
        now_s = time.monotonic()
        if now_s - self._told_s < _HEALTH_S:
            return
        self._told_s = now_s
        health = self.camera.health()
        problem = "" if health.state.name == "RUNNING" else health.reason or "it is being opened"
        age_s = "" if health.age_s is None else f"{health.age_s:.3f}"
        known = {"state": health.state.name.lower(), "age_s": age_s, "restarts": health.restarts}
        self._topics.tell(problem, known | asdict(health.counters))

    def close(self) -> None:
        self.camera.close()
        self._node.close()
        self.camera.ring.close()


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
    from hardware.cameras.process import CameraProcessConfig
    from hardware.cameras.watch import WatchConfig
    from hardware.cell.schema import CameraDriver

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
            stale_s=min(camera.stale_s, max(_STALE_S, _STALE_PERIODS / camera.rate_hz)),
            watch=WatchConfig(K=None if camera.lens_px is None else _lens(camera.lens_px)),
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
        K=_lens(camera.lens_px),
        latency_s=camera.latency_s,
    )


def _lens(lens_px: tuple[float, float, float, float]) -> np.ndarray:
    fx, fy, cx, cy = lens_px
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


# The executable


def main(argv: Sequence[str] | None = None) -> int:
    """Publish a camera until the process is asked to end."""
    return run_node(_NAME, _run, argv)


def _run(argv: Sequence[str]) -> None:
    parser = node_parser(_NAME, "A camera of a cell, behind ROS 2 topics.")
    parser.add_argument("--camera", required=True, metavar="NAME", help="which of the cell's")
    arguments, told = parse_cell(parser, argv)
    no_ros_arguments(_NAME, arguments)
    obey(arguments.keeper)
    from robot_skills.app.cells import load_cell

    run_camera(settled(camera_setup(load_cell(arguments.cell), told.camera), arguments))


if __name__ == "__main__":
    raise SystemExit(main())
