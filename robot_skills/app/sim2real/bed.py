"""What the loop is carried out on: a twin here, which is opened anew for every stage."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Protocol

import numpy as np

from calibration.board import Board
from calibration.latency import Latency
from calibration.prediction import Mount
from hardware.compensated_robot import compensated
from hardware.gated_robot import gate_robot
from robot_skills.app.calibrate.latency_collect import CollectConfig
from robot_skills.app.calibrate.latency_robot import find_latencies, insist
from robot_skills.app.sim2real.boards import BOARD_PX, rough_setup, shown_board
from robot_skills.app.sim2real.calibrated import CellFile
from robot_skills.app.sim2real.cameras import CameraFound, calibrate_camera
from robot_skills.app.sim2real.found import Calibration
from robot_skills.app.sim2real.physics import PhysicsFound, identify_physics
from robot_skills.app.sim2real.trial import Attempt, Equipment, RobotTrial, twin_trial
from robot_skills.app.trials import SetupFailed
from robot_skills.core.events import EventList
from sim.layout import default_layout
from sim.placements import Layout
from sim.twin import Target, TwinRobot, TwinTruth, make_twin
from sim.world import FRONT_CAMERA, WRIST_CAMERA

BOARD = Board(columns=9, rows=7, square_m=0.03, marker_m=0.021)
_LIVELY_S = 14.0
"""Of the first motion that latencies are found from."""
_log = logging.getLogger(__name__)
MOUNTS = {WRIST_CAMERA: Mount.TOOL, FRONT_CAMERA: Mount.BASE}


class Bed(Protocol):
    """A robot that a skill is carried over to."""

    @property
    def name(self) -> str:
        """By which artefacts know it."""
        ...

    @property
    def arm(self) -> str:
        """Key in `sim.arms.ARMS`."""
        ...

    def calibrate(self, rng: np.random.Generator) -> Calibration:
        """Find its cameras, and how late everything is.

        Raises:
            CalibrationRefused: Something was not found well enough.
        """
        ...

    def identify(self, found: CellFile, rng: np.random.Generator) -> PhysicsFound:
        """Find the physics of its arm, whose latencies are known."""
        ...

    def trials(
        self, attempt: Attempt, equipment: Equipment, wanted: int, first: int = 0
    ) -> Iterator[RobotTrial]:
        """So many trials that could be set up, of numbers from the first on."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TwinBed:
    """A twin by its seed, always the same.

    Attributes:
        seed: Decides all that it hides.
        arm: Key in `sim.arms.ARMS`.
    """

    seed: int
    arm: str = "panda"

    @property
    def name(self) -> str:
        """By which artefacts know it."""
        return f"twin:{self.seed} {self.arm}"

    @contextmanager
    def opened(
        self,
        target: Target | None = None,
        camera_size_px: tuple[int, int] = (256, 192),
        *,
        filters: bool = True,
    ) -> Iterator[tuple[TwinRobot, TwinTruth]]:
        """The robot, and who knows its truth; arguments are those of `make_twin`."""
        robot, truth = make_twin(
            self.seed, self.arm, target=target, camera_size_px=camera_size_px, filters=filters
        )
        with truth:
            yield robot, truth

    def calibrate(self, rng: np.random.Generator) -> Calibration:
        """Raises `CalibrationRefused`."""
        return Calibration(cameras=self._cameras(rng), latency=self._latencies(rng))

    def _cameras(self, rng: np.random.Generator) -> dict[str, CameraFound]:
        found = {}
        for camera, mount in MOUNTS.items():
            shown = shown_board(BOARD, mount)
            with self.opened(shown.target, BOARD_PX) as (robot, truth):
                truth.begin(Layout())
                setup = rough_setup(robot, camera, shown, rng)
                found[camera] = calibrate_camera(robot, camera, setup, rng)
        return found

    def _latencies(self, rng: np.random.Generator) -> Latency:
        """How late arm, gripper and cameras are; the age of states counts as none.

        What the arm needs is the sum of both, and what pictures need their difference, so that
        nothing is off by this.
        """
        config = CollectConfig(cameras=tuple(MOUNTS), seconds=_LIVELY_S)
        with self.opened() as (robot, truth):
            numbers = count()

            def measure(config: CollectConfig) -> Latency:
                # Things on the table are something for the cameras to see move.
                number = next(numbers)
                truth.begin(default_layout(number), number)
                return find_latencies(gate_robot(robot, EventList()), self.name, config, rng)

            return insist(
                measure, config, lambda why: _log.warning("Another motion, twice as long: %s", why)
            )

    def identify(self, found: CellFile, rng: np.random.Generator) -> PhysicsFound:
        """With nothing on the table."""
        with self.opened() as (robot, truth):
            truth.begin(Layout())
            return identify_physics(compensated(robot, found.latencies), self.arm, rng)

    def trials(
        self, attempt: Attempt, equipment: Equipment, wanted: int, first: int = 0
    ) -> Iterator[RobotTrial]:
        """Judged by the twin's truth."""
        index, made = first, 0
        with self.opened(filters=not equipment.stereo) as (robot, truth):
            while made < wanted:
                try:
                    trial = twin_trial(attempt, robot, truth, equipment, index)
                except SetupFailed:
                    continue
                finally:
                    index += 1
                made += 1
                yield trial
