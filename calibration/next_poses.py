"""From where to look next: reachable poses of an arm that say most about camera and board.

Of many drawn views that the arm can reach and that show the whole board, those are taken, one after
the other, that add most to the determinant of what is known (D-optimal design; Pukelsheim, *Optimal
design of experiments*, 1993).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.board import Board
from calibration.board_pose import point_derivatives
from calibration.errors import CalibrationRefused, Cause
from calibration.intrinsics import information
from calibration.lens import PARAMETERS, Lens
from calibration.prediction import Mount, predict
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import SE3, Array

_DRAWS = 400
_TILT_RAD = (np.deg2rad(5.0), np.deg2rad(40.0))
_ROLL_RAD = np.deg2rad(75.0)
_FILLED = (0.3, 0.85)
"""Share of the picture's shorter side that the board's longer side has."""
_MARGIN_PX = 12.0
_OFF_M, _OFF_RAD = 1e-3, np.deg2rad(0.5)
_SIGMA_PX, _SIGMA_M, _SIGMA_RAD = 0.05, 5e-4, np.deg2rad(0.1)
_KNOWN = np.diag(np.repeat([1e2, 1e1], 3) ** 2)
"""What is known before the first view: centimetres and a few degrees."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Setup:
    """What is roughly known before a calibration.

    Attributes:
        lens: Of the camera.
        board: What is looked at.
        mount: What the camera is fixed to.
        T_mount_camera: Camera on its mount.
        T_other_board: Board in the base frame, or in the tool's.
    """

    lens: Lens
    board: Board
    mount: Mount
    T_mount_camera: SE3
    T_other_board: SE3

    def tool_for(self, T_camera_board: SE3) -> SE3:
        """`T_base_tool` from which a view is had."""
        if self.mount is Mount.TOOL:
            return self.T_other_board @ (self.T_mount_camera @ T_camera_board).inverse()
        return self.T_mount_camera @ T_camera_board @ self.T_other_board.inverse()


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NextPose:
    """A pose to look from.

    Attributes:
        T_base_tool: Of the tool.
        q_rad: Joints that have it there, (n,).
        T_camera_board: What will be seen.
    """

    T_base_tool: SE3
    q_rad: Array
    T_camera_board: SE3


def next_poses(
    setup: Setup,
    kinematics: Kinematics,
    limits: ArmLimits,
    q_rad: Array,
    count: int,
    rng: np.random.Generator,
    taken: Sequence[SE3] = (),
) -> tuple[NextPose, ...]:
    """Choose poses to look from.

    Args:
        setup: What is roughly known.
        kinematics: Of the arm.
        limits: Of the arm; the tool stays in its workspace.
        q_rad: Joints to begin from, (n,).
        count: How many poses.
        rng: Draws the views to choose from.
        taken: `T_base_tool` of views that there are already.

    Raises:
        CalibrationRefused: The arm reaches too few views of the board.
    """
    candidates = [
        pose
        for _ in range(_DRAWS)
        if (pose := _reachable(setup, kinematics, limits, q_rad, _drawn(setup, rng))) is not None
    ]
    if len(candidates) < count:
        raise CalibrationRefused(
            Cause.FEW_VIEWS,
            f"The arm reaches {len(candidates)} of {_DRAWS} views that were tried, {count} are "
            "wanted: put the board where the camera sees it from several sides, and check the "
            "rough places of camera and board.",
        )
    mounts = [_mount_information(setup, pose.T_base_tool) for pose in candidates]
    lenses = [_lens_information(setup, pose.T_camera_board) for pose in candidates]
    known = np.kron(np.eye(2), _KNOWN) + sum(
        (_mount_information(setup, T) for T in taken), np.zeros((12, 12))
    )
    seen = 1e-3 * np.eye(len(PARAMETERS))
    chosen: list[int] = []
    for _ in range(count):
        gains = [
            -np.inf if i in chosen else _logdet(known + mounts[i]) + _logdet(seen + lenses[i])
            for i in range(len(candidates))
        ]
        best = int(np.argmax(gains))
        chosen.append(best)
        known, seen = known + mounts[best], seen + lenses[best]
    return tuple(candidates[i] for i in chosen)


def _drawn(setup: Setup, rng: np.random.Generator) -> SE3:
    """A view of the board, `T_camera_board`."""
    lens, board = setup.lens, setup.board
    longer_m = max(board.size_m)
    shorter_px = min(lens.size_px)
    away_m = lens.lens_px[0] * longer_m / (rng.uniform(*_FILLED) * shorter_px)
    lean, azimuth = rng.uniform(*_TILT_RAD), rng.uniform(-np.pi, np.pi)
    tilt = SE3.from_rotvec(lean * np.array([np.cos(azimuth), np.sin(azimuth), 0.0]))
    turn = SE3.from_rotvec((0.0, 0.0, rng.uniform(-_ROLL_RAD, _ROLL_RAD)))
    at_px = rng.uniform(0.2, 0.8, 2) * lens.size_px
    fx, fy, cx, cy = lens.lens_px
    centre = away_m * np.array([(at_px[0] - cx) / fx, (at_px[1] - cy) / fy, 1.0])
    R = (tilt @ turn).R
    return SE3(R, centre - R @ (0.5 * np.array([*board.size_m, 0.0])))


def _reachable(
    setup: Setup, kinematics: Kinematics, limits: ArmLimits, q_rad: Array, T_camera_board: SE3
) -> NextPose | None:
    """The pose for a view; None where the board would not be seen, or the arm cannot go."""
    outline = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]) * (*setup.board.size_m, 0.0)
    pixels = setup.lens.project(T_camera_board @ outline)
    last = np.array(setup.lens.size_px) - 1.0 - _MARGIN_PX
    if (pixels < _MARGIN_PX).any() or (pixels > last).any():
        return None
    T_base_tool = setup.tool_for(T_camera_board)
    box = limits.cartesian
    if (T_base_tool.p < box.workspace_lower_m).any() or (
        T_base_tool.p > box.workspace_upper_m
    ).any():
        return None
    q = kinematics.follow(q_rad, T_base_tool.matrix()[None])[0][0]
    if (q < limits.joint.lower_rad).any() or (q > limits.joint.upper_rad).any():
        return None
    off_m, off_rad = kinematics.forward(q).distance_to(T_base_tool)
    if off_m > _OFF_M or off_rad > _OFF_RAD:
        return None
    return NextPose(T_base_tool=T_base_tool, q_rad=q, T_camera_board=T_camera_board)


def _mount_information(setup: Setup, T_base_tool: SE3) -> Array:
    """What a view says of camera and board, (12, 12)."""
    view = predict(setup.mount, setup.T_mount_camera, setup.T_other_board, T_base_tool)
    points = setup.board.corners_m()
    _, by_point, _ = setup.lens.project_with_derivatives(view.T_camera_board @ points)
    J = (by_point @ point_derivatives(view.T_camera_board.R, points)).reshape(-1, 6)
    S = _SIGMA_PX**2 * np.linalg.pinv(J.T @ J) + view.covariance(_SIGMA_M, _SIGMA_RAD)
    return view.by_both.T @ np.linalg.solve(S, view.by_both)


def _lens_information(setup: Setup, T_camera_board: SE3) -> Array:
    """What a view says of the lens, (9, 9)."""
    found = information(setup.lens, T_camera_board, setup.board.corners_m())
    return found / _SIGMA_PX**2


def _logdet(matrix: Array) -> float:
    return float(np.linalg.slogdet(matrix)[1])
