"""Cameras and robots whose depth is cleaned on the way."""

from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.camera import Camera
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.types import Observation, RgbdFrame

Clean = Callable[[NDArray[np.uint8], NDArray[np.float32]], NDArray[np.float32]]
"""Picture (H, W, 3) and raw depth (H, W) to clean depth (H, W) [m], 0 = hole."""


class CleanCamera(Camera):
    """A camera that is another camera in everything but its depth.

    Stamps and frame counters stay: a frozen or late picture is as frozen and late as before.

    Args:
        camera: The other camera.
        clean: What is done with its depth.
    """

    def __init__(self, camera: Camera, clean: Clean) -> None:
        self._camera, self._clean = camera, clean

    @property
    def name(self) -> str:
        return self._camera.name

    def connect(self) -> None:
        self._camera.connect()

    def read(self) -> RgbdFrame:
        return cleaned(self._camera.read(), self._clean)

    def close(self) -> None:
        self._camera.close()


class CleanDepthRobot(RobotWrapper):
    """A robot that is another robot in everything but its cameras' depth.

    Args:
        robot: The other robot.
        clean: What is done with their depth.
    """

    def __init__(self, robot: Robot, clean: Clean) -> None:
        super().__init__(robot)
        self._clean = clean

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        seen = self._robot.observe(cameras)
        frames = {name: cleaned(frame, self._clean) for name, frame in seen.cameras.items()}
        return replace(seen, cameras=frames)


def cleaned(frame: RgbdFrame, clean: Clean) -> RgbdFrame:
    """The frame with clean depth; all else is as it was."""
    return replace(frame, depth_m=clean(frame.rgb, frame.depth_m))
