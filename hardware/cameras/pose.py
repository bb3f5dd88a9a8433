"""Where a camera is: fixed to the base, or on something that moves."""

from collections.abc import Callable
from dataclasses import dataclass

from robot_skills.core.se3 import SE3

CameraPose = SE3 | Callable[[float], SE3]
"""`T_base_camera`: fixed, or as it was at a time [s] of the project clock."""


def pose_at(T_base_camera: CameraPose, stamp_s: float) -> SE3:
    """`T_base_camera` at a time."""
    return T_base_camera if isinstance(T_base_camera, SE3) else T_base_camera(stamp_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class OnTool:
    """Pose of a camera on the wrist, as a `CameraPose`.

    Attributes:
        T_tool_camera: Optical frame in the tool's, from calibration.
        T_base_tool_at: Where the tool was at a time.
    """

    T_tool_camera: SE3
    T_base_tool_at: Callable[[float], SE3]

    def __call__(self, stamp_s: float) -> SE3:
        return self.T_base_tool_at(stamp_s) @ self.T_tool_camera
