"""What a camera's info says of its lens, and whether it is what was told."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.cameras.undistort import Undistortion, undistortion
from hardware.ros2.messages import intrinsics_of
from robot_skills.core.errors import PerceptionError
from robot_skills.core.se3 import Array

Coefficients = tuple[float, float, float, float, float]
NO_DISTORTION: Coefficients = (0.0, 0.0, 0.0, 0.0, 0.0)
SAME_COEFFICIENTS = 1e-3
_MODEL = "plumb_bob"


class CameraMisfit(PerceptionError):
    """Pictures come, but they or their info are not what they have to be: a person has to look."""


class HeardLens:
    """The newest info of a camera.

    Args:
        name: Of the camera.
        distortion: k1, k2, p1, p2, k3 that the info has to have; all zeros: pictures have to come
            without distortion.

    Attributes:
        K: Intrinsics [px], (3, 3); None before the first info that is understood.
        problem: Why the last info was refused; empty when it was not.
        misfit: The same, where waiting does not help: the lens is another one than was told.
    """

    def __init__(self, name: str, distortion: Coefficients = NO_DISTORTION) -> None:
        self._name, self._told = name, np.array(distortion)
        self._straight: Undistortion | None = None
        self._size_px = (0, 0)
        self.K: Array | None = None
        self.problem = self.misfit = ""

    def hear(self, message: Any) -> bool:
        """Take a `sensor_msgs/CameraInfo`; False when it was refused."""
        self.problem = self.misfit = ""
        try:
            K = intrinsics_of(message, distorted=bool(self._told.any()))
            self._check_distortion(message)
        except PerceptionError as problem:
            self.problem = str(problem)
            self.misfit = self.problem if isinstance(problem, CameraMisfit) else ""
            return False
        size_px = _size_of(message)
        if self.K is None or size_px != self._size_px or not np.array_equal(K, self.K):
            self._straight = undistortion(K, self._told, size_px)
            self.K, self._size_px = K, size_px
        return True

    def _check_distortion(self, message: Any) -> None:
        if not self._told.any():
            return
        problem = distortion_problem(message, self._told)
        if problem:
            raise CameraMisfit(f"The info of the camera {self._name} says {problem}")

    def check_sizes(self, rgb_px: tuple[int, ...], depth_px: tuple[int, ...]) -> None:
        """Raises `CameraMisfit` unless colours, depth and info are of one size."""
        if depth_px != rgb_px:
            raise CameraMisfit(
                f"The camera {self._name} has pictures of {rgb_px[0]} x {rgb_px[1]} and depth of "
                f"{depth_px[0]} x {depth_px[1]}: let its driver align them."
            )
        # Some drivers do not say the size.
        if self._size_px not in ((0, 0), rgb_px):
            raise CameraMisfit(
                f"The camera {self._name} has pictures of {rgb_px[0]} x {rgb_px[1]} and an info of "
                f"{self._size_px[0]} x {self._size_px[1]}: calibrate it at the size that it sends."
            )

    def straightened(
        self, rgb: NDArray[np.uint8], depth_m: NDArray[np.float32]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Colours and depth as a pinhole with the same intrinsics sees them."""
        if self._straight is None:
            return rgb, depth_m
        return self._straight.rgb(rgb), self._straight.depth(depth_m)


def distortion_problem(message: Any, told: Array) -> str:
    """How the distortion of a `sensor_msgs/CameraInfo` differs from what was told; empty if not.

    Args:
        message: The info.
        told: k1, k2, p1, p2, k3.
    """
    found = np.array(message.d, dtype=np.float64)
    padded = np.zeros(max(len(told), len(found)))
    padded[: len(found)] = found
    wanted = np.zeros(len(padded))
    wanted[: len(told)] = told
    same = np.abs(padded - wanted).max() <= SAME_COEFFICIENTS
    if same and (message.distortion_model == _MODEL or not told.any()):
        return ""
    return (
        f"{message.distortion_model or 'no model'} with {_numbers(found)}, the cell says "
        f"{_MODEL} with {_numbers(told)} (k1 k2 p1 p2 k3)"
    )


def _size_of(message: Any) -> tuple[int, int]:
    return message.width // max(message.binning_x, 1), message.height // max(message.binning_y, 1)


def _numbers(values: Array) -> str:
    return " ".join(f"{value:g}" for value in values) or "no coefficients"
