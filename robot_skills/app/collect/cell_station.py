"""A cell with a real arm, or one that runs already, from the operator's side: ``cell:NAME``."""

from collections.abc import Mapping

from hardware.cell.schema import Cell
from robot_skills.app.cell_robot import cell_robot
from robot_skills.app.cells import load_cell
from robot_skills.core.clock import Clock
from robot_skills.core.errors import RefusedError
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.core.types import Observation

PREFIX = "cell:"
"""Before a cell's file or name, where a robot is named."""


class CellStation:
    """`sim.stations.Station` of a cell: nobody sets its table, and nobody knows when it is done.

    Args:
        cell: Which.
        robot: Its robot; made from the cell where None.
    """

    task = ""
    number_names: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, cell: Cell, robot: Robot | None = None) -> None:
        self.kind = cell.robot.arm or cell.name
        self._robot = cell_robot(cell) if robot is None else robot

    @property
    def robot(self) -> Robot:
        return self._robot

    @property
    def clock(self) -> Clock:
        return self._robot.clock

    def begin(self, seed: int) -> None:
        """Connect. What stands where is for people."""
        self._robot.connect()

    def numbers(self, observation: Observation) -> Mapping[str, Array]:
        return {}

    def scene(self) -> Scene:
        return Scene(stamp_s=self._robot.clock.now_s(), entities={}, opening={})

    def succeeded(self) -> bool | None:
        return None

    def close(self) -> None:
        self._robot.close()


def open_cell_station(
    name: str, cameras: tuple[str, ...], camera_px: tuple[int, int]
) -> CellStation:
    """The station of ``cell:NAME``, not begun yet.

    Args:
        name: With the prefix.
        cameras: Of those that are wanted.
        camera_px: Width and height that are wanted; a real camera has its own.

    Raises:
        RefusedError: There is no such cell, or its pictures have another size.
    """
    cell = load_cell(name.removeprefix(PREFIX))
    for camera in cameras:
        if camera in cell.cameras and cell.cameras[camera].size_px != camera_px:
            width, height = cell.cameras[camera].size_px
            raise RefusedError(
                f"The camera {camera} of {cell.name} has pictures of {width} x {height}: give "
                f"--camera-px {width} {height}."
            )
    return CellStation(cell)
