"""Boards as cameras would see them, without pictures: corners with noise."""

import numpy as np

from calibration.board import Board
from calibration.detection import Detection
from calibration.hand_eye import HandEyeView
from calibration.lens import Lens
from calibration.prediction import Mount
from robot_skills.core.se3 import SE3

BOARD = Board(columns=9, rows=7, square_m=0.03, marker_m=0.021)
SIZE_PX = (640, 480)
LENS = Lens(size_px=SIZE_PX, lens_px=(600.0, 598.0, 322.0, 236.0))
BENT = Lens(size_px=SIZE_PX, lens_px=LENS.lens_px, distortion=(-0.12, 0.05, 5e-4, -5e-4, 0.0))
CENTRE_M = 0.5 * np.array([*BOARD.size_m, 0.0])
X = {
    Mount.TOOL: SE3.from_rotvec((0.1, 0.2, -1.5), (0.05, -0.03, 0.06)),
    Mount.BASE: SE3.look_at((1.0, 0.1, 0.6), (0.4, 0.0, 0.2)),
}
Y = {
    Mount.TOOL: SE3.from_rotvec((np.pi, 0.0, 0.3), (0.5, 0.1, 0.0)),
    Mount.BASE: SE3.from_rotvec((0.3, 1.0, 0.2), (0.02, 0.01, 0.1)),
}


def view(rng, tilt_rad=0.8, roll_rad=1.2, away_m=(0.35, 0.6)):
    """`T_camera_board` with the board about the middle of the picture."""
    azimuth = rng.uniform(-np.pi, np.pi)
    lean = rng.uniform(0.0, tilt_rad) * np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    turn = SE3.from_rotvec((0.0, 0.0, rng.uniform(-roll_rad, roll_rad)))
    R = (SE3.from_rotvec(lean) @ turn).R
    away = rng.uniform(*away_m)
    at = away * np.array([*rng.uniform((-0.3, -0.22), (0.3, 0.22)), 1.0])
    return SE3(R, at - R @ CENTRE_M)


def seen(T_camera_board, rng, lens=LENS, sigma_px=0.04, board=BOARD):
    """The corners that are in the picture."""
    pixels = lens.project(T_camera_board @ board.corners_m())
    pixels = pixels + sigma_px * rng.standard_normal(pixels.shape)
    inside = ((pixels > 5) & (pixels < np.array(lens.size_px) - 6)).all(axis=-1)
    return Detection(
        board=board,
        size_px=lens.size_px,
        ids=np.flatnonzero(inside),
        pixels=pixels[inside],
        edge_px=2.5,
    )


def tool_pose(mount, T_camera_board, X_mount, Y_mount):
    """`T_base_tool` from which a view is had."""
    if mount is Mount.TOOL:
        return Y_mount @ (X_mount @ T_camera_board).inverse()
    return X_mount @ T_camera_board @ Y_mount.inverse()


def disturbed(T, rng, sigma_m, sigma_rad):
    return T @ SE3.from_rotvec(sigma_rad * rng.standard_normal(3), sigma_m * rng.standard_normal(3))


def hand_eye_views(rng, mount=Mount.TOOL, count=20, sigma_m=0.0, sigma_rad=0.0, **kind):
    """Views with the poses that an arm tells."""
    views = []
    for i in range(count):
        T = view(rng, **kind)
        T_base_tool = tool_pose(mount, T, X[mount], Y[mount])
        views.append(
            HandEyeView(
                name=f"{i:02d}",
                T_base_tool=disturbed(T_base_tool, rng, sigma_m, sigma_rad),
                detection=seen(T, rng),
            )
        )
    return views
