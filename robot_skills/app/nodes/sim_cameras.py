"""Cameras of the simulated robot: a process that draws, and one that watches what comes of it.

Whoever draws a picture cannot know that it came, so how the cameras are is said by another process,
which hears them as everybody else does.
"""

import os
import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hardware.ros2.camera_topics import CameraTopics
from hardware.ros2.runtime import ProcessEnd, RosNode
from hardware.ros2.shared import SharedNumbers
from robot_skills.app.nodes.camera_watch import CameraWatchSetup, run_camera_watch
from robot_skills.app.nodes.sim_faults import INJECT, CameraFaults, read_faults
from robot_skills.core.types import RgbdFrame

if TYPE_CHECKING:
    from robot_skills.app.nodes.sim_robot import SimRobotSetup

_ASK_S = 0.05


def eyes_main(setup: "SimRobotSetup", shared: SharedNumbers) -> None:
    """Draws and publishes pictures until it, or its parent, is to end: the cameras' side."""
    eyes = setup.eyes()
    node = RosNode("sim_cameras", namespace=setup.namespace, reach=setup.reach, domain=setup.domain)
    publishers = {name: CameraTopics(node, name) for name in setup.cameras}
    faults = [CameraFaults(name) for name in setup.cameras]
    _hear_faults(node, faults)
    due_s, end = time.monotonic(), ProcessEnd()
    coming: deque[tuple[float, str, RgbdFrame]] = deque()
    os.nice(5)

    def publish() -> None:
        """Those that come now; when they come is all that a driver knows of them."""
        while coming and coming[0][0] <= time.monotonic():
            _, name, frame = coming.popleft()
            stamp_s = time.monotonic() if eyes.late_s > 0.0 else frame.stamp_s
            publishers[name].publish(replace(frame, stamp_s=stamp_s))

    try:
        with end.watched(with_parent=True):
            while node.alive and not end.asked:
                found = shared.read()
                if found is not None:
                    for camera in faults:
                        drawn = eyes.draw(found[1:], camera.name, float(found[0]))
                        for frame in camera.come(drawn, time.monotonic()):
                            coming.append((frame.stamp_s + eyes.late_s, camera.name, frame))
                        publish()
                due_s = max(due_s + 1.0 / setup.camera_hz, time.monotonic())
                # Who draws without a pause has to listen all the same.
                node.spin_all()
                while (left_s := due_s - time.monotonic()) > 0.0 and not end.asked:
                    if coming:
                        left_s = min(left_s, max(coming[0][0] - time.monotonic(), 0.0))
                    node.spin_once(min(left_s, _ASK_S))
                    publish()
    finally:
        node.close()
        eyes.close()


def _hear_faults(node: RosNode, faults: list[CameraFaults]) -> None:
    from std_msgs.msg import String

    def inject(message: Any) -> None:
        try:
            told = read_faults(message.data)
        except (TypeError, ValueError) as error:
            node.node.get_logger().error(f"No such fault: {message.data} ({error})")
            return
        for camera in faults:
            camera.inject(told, time.monotonic())

    node.node.create_subscription(String, f"sim_robot/{INJECT}", inject, 1)


def watch_main(setup: CameraWatchSetup) -> None:
    """Says how the cameras are until it, or its parent, is to end."""
    run_camera_watch(setup, with_parent=True)


def simulated_watch(setup: "SimRobotSetup") -> CameraWatchSetup:
    """What the cameras of a simulated robot have to be like."""
    from hardware.cameras.watch import WatchConfig
    from hardware.ros2.camera import RosCameraConfig
    from hardware.ros2.camera_watch import WatchedCamera
    from robot_skills.core.camera import pinhole
    from robot_skills.core.se3 import SE3
    from sim.world import FOVY_DEG

    return CameraWatchSetup(
        cameras=tuple(
            WatchedCamera(
                camera=RosCameraConfig(name=name, T_mount_camera=SE3.identity()),
                size_px=setup.camera_px,
                stale_s=setup.stale_s,
                watch=WatchConfig(K=pinhole(*setup.camera_px, np.deg2rad(FOVY_DEG[name]))),
            )
            for name in setup.cameras
        ),
        namespace=setup.namespace,
        reach=setup.reach,
        domain=setup.domain,
    )
