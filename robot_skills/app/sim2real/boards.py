"""A board in front of a twin's cameras, and what is roughly known of both."""

from dataclasses import dataclass

import numpy as np

from calibration.board import Board
from calibration.lens import Lens
from calibration.next_poses import Setup
from calibration.prediction import Mount
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM
from sim.board_cell import lying_board
from sim.twin import Target, held_board

BOARD_PX = (640, 480)
"""Size of pictures of a board."""
_TEXTURE_SQUARE_PX = 48
_ROUGH_M, _ROUGH_RAD = 0.005, 0.03
"""How well a person says where the board is."""
_UNKNOWN_LENS = Lens(size_px=BOARD_PX, lens_px=(600.0, 600.0, 319.5, 239.5))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ShownBoard:
    """A board as a camera is calibrated with it.

    Attributes:
        board: What it shows.
        mount: What the camera is fixed to: on the tool, the board lies on the table; beside the
            arm, the gripper holds it.
        target: For the twin.
        T_other_board: Where it was put, in the base frame or in the tool's.
    """

    board: Board
    mount: Mount
    target: Target
    T_other_board: SE3


def shown_board(board: Board, mount: Mount) -> ShownBoard:
    """A board where a camera on a mount can be calibrated with it."""
    on_table = lying_board(board.picture(_TEXTURE_SQUARE_PX), board.size_m)
    if mount is Mount.TOOL:
        return ShownBoard(
            board=board, mount=mount, target=on_table, T_other_board=on_table.T_base_board
        )
    held = held_board(on_table)
    return ShownBoard(board=board, mount=mount, target=held, T_other_board=held.T_tool_board)


def rough_setup(robot: Robot, camera: str, shown: ShownBoard, rng: np.random.Generator) -> Setup:
    """What is known before a calibration: what drivers claim, and where a person put the board.

    Args:
        robot: Connected.
        camera: That is calibrated.
        shown: The board.
        rng: Of how wrong the person is.
    """
    seen = robot.observe([camera])
    T_mount_camera = seen.cameras[camera].T_base_camera
    if shown.mount is Mount.TOOL:
        T_mount_camera = seen.arms[DEFAULT_ARM].T_base_tool.inverse() @ T_mount_camera
    roughly = SE3.from_rotvec(
        _ROUGH_RAD * rng.standard_normal(3), _ROUGH_M * rng.standard_normal(3)
    )
    return Setup(
        lens=_UNKNOWN_LENS,
        board=shown.board,
        mount=shown.mount,
        T_mount_camera=T_mount_camera,
        T_other_board=shown.T_other_board @ roughly,
    )
