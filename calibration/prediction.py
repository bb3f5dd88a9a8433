"""Where a board should be seen, and how that depends on what is not known exactly."""

from dataclasses import dataclass
from enum import Enum

import numpy as np

from robot_skills.core.se3 import SE3, Array, skew


class Mount(Enum):
    """What a camera is fixed to. The values are the words in cell files."""

    TOOL = "tool"
    """On the arm, looking at a board that stands still."""
    BASE = "base"
    """Beside the arm, looking at a board that the arm holds."""


def adjoint(T: SE3) -> Array:
    """What a twist (v, w) in b is in a, for `T_a_b`, (6, 6)."""
    out = np.zeros((6, 6))
    out[:3, :3] = out[3:, 3:] = T.R
    out[:3, 3:] = skew(T.p) @ T.R
    return out


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prediction:
    """A view as it should be.

    Attributes:
        T_camera_board: Where the board should be.
        by_both: Its twist (v, w), in the board's frame, by those of camera and board, (6, 12).
        by_arm: By the twist of the tool, (6, 6).
    """

    T_camera_board: SE3
    by_both: Array
    by_arm: Array

    def covariance(self, robot_sigma_m: float, robot_sigma_rad: float) -> Array:
        """Of the twist, as far as it comes from the arm, (6, 6)."""
        variances = np.repeat([robot_sigma_m, robot_sigma_rad], 3) ** 2
        return self.by_arm @ np.diag(variances) @ self.by_arm.T


def predict(mount: Mount, X: SE3, Y: SE3, T_base_tool: SE3) -> Prediction:
    """The view from one pose of the arm.

    Args:
        mount: What the camera is fixed to.
        X: The camera in its mount's frame.
        Y: The board in the other frame.
        T_base_tool: Of the arm.
    """
    arm = T_base_tool.inverse() if mount is Mount.TOOL else T_base_tool
    T_camera_board = X.inverse() @ arm @ Y
    tool_to_board = (arm @ Y).inverse() if mount is Mount.TOOL else Y.inverse()
    sign = -1.0 if mount is Mount.TOOL else 1.0
    return Prediction(
        T_camera_board=T_camera_board,
        by_both=np.concatenate([-adjoint(T_camera_board.inverse()), np.eye(6)], axis=1),
        by_arm=sign * adjoint(tool_to_board),
    )
