"""Drawn views of a board: what cameras see, and what is true."""

import numpy as np

from calibration.board import Board
from calibration.detection import Detection, detect
from calibration.lens import Lens
from robot_skills.core.errors import RefusedError
from robot_skills.core.se3 import SE3
from sim.board_views import BoardStudio

BOARD = Board(columns=9, rows=7, square_m=0.03, marker_m=0.021)
SIZE_PX = (640, 480)
FOCAL_PX = 600.0
PINHOLE = Lens(size_px=SIZE_PX, lens_px=(FOCAL_PX, FOCAL_PX, 319.5, 239.5))
BENT = Lens(
    size_px=SIZE_PX,
    lens_px=PINHOLE.lens_px,
    distortion=(-0.12, 0.05, 5e-4, -5e-4, 0.0),
)
_SQUARE_PX = 56
_AWAY_M = (0.3, 0.6)
_TILT_RAD = np.deg2rad(45.0)
_ROLL_RAD = np.deg2rad(75.0)
CENTRE_M = 0.5 * np.array([*BOARD.size_m, 0.0])
"""Of the board, in its frame."""


def studio(lens: Lens) -> BoardStudio:
    """Draws the board as a lens sees it."""
    bend = lens.undistorted if any(lens.distortion) else None
    return BoardStudio(BOARD.picture(_SQUARE_PX), BOARD.size_m, SIZE_PX, FOCAL_PX, bend)


def any_view(rng: np.random.Generator) -> SE3:
    """`T_camera_board` with the board somewhere in the picture."""
    away_m = rng.uniform(*_AWAY_M)
    azimuth = rng.uniform(-np.pi, np.pi)
    lean = rng.uniform(0.0, _TILT_RAD) * np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    turn = SE3.from_rotvec((0.0, 0.0, rng.uniform(-_ROLL_RAD, _ROLL_RAD)))
    R = (SE3.from_rotvec(lean) @ turn).R
    at_px = rng.uniform(0.2, 0.8, 2) * SIZE_PX
    fx, fy, cx, cy = PINHOLE.lens_px
    centre = away_m * np.array([(at_px[0] - cx) / fx, (at_px[1] - cy) / fy, 1.0])
    return SE3(R, centre - R @ CENTRE_M)


def seen(drawn: BoardStudio, rng: np.random.Generator) -> tuple[SE3, Detection]:
    """A view in which the board is found, and where it truly is."""
    while True:
        T_camera_board = any_view(rng)
        try:
            return T_camera_board, detect(BOARD, drawn.draw(T_camera_board, rng))
        except RefusedError:
            continue


def disturbed(T: SE3, rng: np.random.Generator, sigma_m: float, sigma_rad: float) -> SE3:
    """A pose as an arm tells it that is not exact, with standard deviations per axis."""
    return T @ SE3.from_rotvec(sigma_rad * rng.standard_normal(3), sigma_m * rng.standard_normal(3))


def moved_by(rng: np.random.Generator, length_m: float, angle_rad: float) -> SE3:
    """A motion of one length and angle in any direction."""
    ways = rng.standard_normal((2, 3))
    way, axis = ways / np.linalg.norm(ways, axis=-1, keepdims=True)
    return SE3.from_rotvec(angle_rad * axis, length_m * way)
