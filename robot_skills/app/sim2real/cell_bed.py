"""The robot of a cell that the loop is carried out on, and the person beside it who judges."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace

import numpy as np

from calibration.errors import CalibrationRefused
from calibration.latency import Latency
from hardware.cell.schema import CameraDriver, Cell
from robot_skills.app.calibrate.collect import move_to
from robot_skills.app.calibrate.latency import unknown_latencies
from robot_skills.app.calibrate.latency_collect import CollectConfig
from robot_skills.app.calibrate.latency_robot import find_latencies, insist
from robot_skills.app.cell_robot import cell_robot
from robot_skills.app.cells import perceiver_maker
from robot_skills.app.sim2real.calibrated import CellFile
from robot_skills.app.sim2real.cell_trial import Workplace, cell_trial
from robot_skills.app.sim2real.found import Calibration
from robot_skills.app.sim2real.person import Person, sentence
from robot_skills.app.sim2real.physics import PhysicsFound, identify_physics
from robot_skills.app.sim2real.trial import Attempt, Equipment, RobotTrial, library_of
from robot_skills.app.trials import looker
from robot_skills.core.errors import (
    ActionRefused,
    RefusedError,
    RobotFault,
    RobotSkillsError,
)
from robot_skills.core.robot import Robot
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.perception.library import open3d
from sim.arms import ARMS

_OWNER = "sim2real"
_SPEED_M_S = 0.1
_MOVES = (
    "The arm moves by itself, some centimetres to all sides of its rest pose, and opens and closes "
    "its gripper: empty it, leave something with texture before the cameras, make room, and keep a "
    "hand on the emergency stop."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CellBed:
    """A cell, which has been brought up where its arm is driven over ROS 2.

    Attributes:
        cell: Its file, with lenses and places of all cameras.
        person: Beside it.

    Raises:
        RefusedError: The simulation does not know its arm, or nobody has told where a camera is.
    """

    cell: Cell
    person: Person

    def __post_init__(self) -> None:
        cell = self.cell
        if cell.robot.arm not in ARMS:
            raise RefusedError(
                f"{cell.place_of('robot.arm')}: the simulation has no arm "
                f"{cell.robot.arm or 'of this cell'!r}, so nothing can be learned there for it. "
                f"Available: {', '.join(sorted(ARMS))}."
            )
        for name, camera in cell.cameras.items():
            if camera.T_mount_camera is None and camera.driver is not CameraDriver.SIM:
                raise RefusedError(
                    f"{cell.place_of(f'cameras.{name}')}: nobody has told where it is. Calibrate "
                    "it first: robot-skills calibrate hand-eye --help"
                )

    @property
    def name(self) -> str:
        """By which artefacts know it."""
        return f"cell:{self.cell.name} {self.arm}"

    @property
    def arm(self) -> str:
        """Key in `sim.arms.ARMS`."""
        return self.cell.robot.arm

    def calibrate(self, rng: np.random.Generator) -> Calibration:
        """How late everything is. Where its cameras are has been found with a board before."""
        self.person.ready(_MOVES)
        config = CollectConfig(cameras=tuple(self.cell.cameras))
        with _connected(unknown_latencies(self.cell)) as robot:

            def measure(config: CollectConfig) -> Latency:
                move_to(robot, robot.home(DEFAULT_ARM), _SPEED_M_S)
                return find_latencies(robot, self.name, config, rng)

            def again(why: CalibrationRefused) -> None:
                self.person.ready(f"{why} The arm moves once more, for twice as long.")

            return Calibration(cameras={}, latency=insist(measure, config, again))

    def identify(self, found: CellFile, rng: np.random.Generator) -> PhysicsFound:
        """From a lively motion with nothing in the hand."""
        self.person.ready(_MOVES)
        with _connected(_as_found(self.cell, found)) as robot:
            return identify_physics(robot, self.arm, rng)

    def trials(
        self, attempt: Attempt, equipment: Equipment, wanted: int, first: int = 0
    ) -> Iterator[RobotTrial]:
        """Judged by the person, who also says when to go on after the robot or its link failed.

        Raises:
            RefusedError: Nobody is there.
            RobotFault: The robot cannot even be looked through at the beginning.
        """
        # Before anything is connected: what takes seconds to load would let the gate wait.
        open3d()
        library_of(attempt)
        perceiver = perceiver_maker(self.cell)()
        cell = _as_found(self.cell, equipment.found)
        with _connected(cell) as robot, suppress(RobotSkillsError):
            # The first look loads what it needs; on this link nothing will move.
            looker(robot, perceiver)()
        index, last = first, first + wanted
        while index < last:
            try:
                with _connected(cell) as robot:
                    place = Workplace(
                        robot=robot, look=looker(robot, perceiver), person=self.person
                    )
                    while index < last:
                        trial = cell_trial(attempt, place, index, f"{index + 1} of {last}")
                        index += 1
                        yield trial
            except (RobotFault, ActionRefused) as problem:
                # Nothing moves again before somebody has seen to it.
                self.person.ready(
                    f"{sentence(str(problem))} The arm holds: see to it. Trials so far are kept; "
                    f"trial {index + 1} of {last} begins anew."
                )


@contextmanager
def _connected(cell: Cell) -> Iterator[Robot]:
    robot = cell_robot(cell, _OWNER)
    robot.connect()
    try:
        yield robot
    finally:
        # A gate that does not answer any more has stopped the arm by itself.
        with suppress(RobotFault):
            robot.stop()
        robot.close()


def _as_found(cell: Cell, found: CellFile) -> Cell:
    """The cell with latencies as they were found; as its file says where none were."""
    if not found.pictures_s:
        return cell
    return replace(
        cell,
        robot=replace(cell.robot, latencies=found.latencies),
        cameras={
            name: replace(camera, latency_s=max(found.pictures_s.get(name, 0.0), 0.0))
            for name, camera in cell.cameras.items()
        },
    )
