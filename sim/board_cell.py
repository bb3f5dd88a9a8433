"""A simulated arm with a calibration board on its table, to calibrate its wrist camera."""

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import SE3
from sim.arms import ARMS
from sim.board_views import BOARD_BODY, add_board
from sim.parts import DRAWN_GROUP
from sim.placements import Layout
from sim.render import camera_pose
from sim.robot import PHYSICS_PER_CONTROL, Cell, CellRobot
from sim.world import CAMERAS, TabletopWorld

T_BASE_BOARD = SE3.from_rotvec((np.pi, 0.0, 0.0)) @ SE3.from_yaw(0.5 * np.pi)
"""Turn of a board that lies on the table with its picture up."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class BoardOnTable:
    """What lies on the table.

    Attributes:
        texture: Picture of the board, (H, W) uint8.
        size_m: Its width and height.
        T_base_board: Where it is, +z down.
    """

    texture: NDArray[np.uint8]
    size_m: tuple[float, float]
    T_base_board: SE3


class BoardWorld(TabletopWorld):
    """An empty table with a board on it.

    Args:
        arm: Key in `sim.arms.ARMS`.
        board: What lies there.
    """

    def __init__(self, arm: str, board: BoardOnTable) -> None:
        self._board = board
        super().__init__(arm, Layout())

    def _spec(self) -> mujoco.MjSpec:
        spec, board = super()._spec(), self._board
        T = board.T_base_board
        body = spec.worldbody.add_body(name=BOARD_BODY, pos=T.p.tolist(), quat=T.wxyz().tolist())
        add_board(spec, body, board.texture, board.size_m, group=DRAWN_GROUP)
        return spec

    def T_tool_camera(self, camera: str) -> SE3:
        """The truth that a calibration looks for."""
        self.refresh()
        return self.T_base_tool().inverse() @ camera_pose(self.data, self.model.camera(camera).id)


class BoardRobot(CellRobot[BoardWorld, BoardOnTable]):
    """The simulated robot of that table.

    Args:
        arm: Key in `sim.arms.ARMS`.
        board: What lies on the table.
        camera_size_px: Width and height of pictures.
        physics_per_control: Steps of physics in a control step.
    """

    def __init__(
        self,
        arm: str,
        board: BoardOnTable,
        camera_size_px: tuple[int, int] = (640, 480),
        physics_per_control: int = PHYSICS_PER_CONTROL,
    ) -> None:
        cell = Cell(arms=ARMS, build=BoardWorld, layout=board, cameras=CAMERAS)
        super().__init__(
            cell,
            arm,
            layout=board,
            camera_size_px=camera_size_px,
            physics_per_control=physics_per_control,
        )


def lying_board(
    texture: NDArray[np.uint8], size_m: tuple[float, float], x_m: float = 0.45, y_m: float = 0.0
) -> BoardOnTable:
    """A board that lies on the table around a place, its picture up."""
    centre = T_BASE_BOARD.R @ (0.5 * np.array([*size_m, 0.0]))
    p = np.array([x_m, y_m, 0.002]) - centre
    return BoardOnTable(texture=texture, size_m=size_m, T_base_board=SE3(T_BASE_BOARD.R, p))
