"""The twin that the loop is carried out on: opened anew for every stage, always the same."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np

from calibration.board import Board
from calibration.errors import CalibrationRefused
from calibration.latency import Latency
from calibration.prediction import Mount
from hardware.gated_robot import gate_robot
from robot_skills.app.calibrate.latency_collect import CollectConfig
from robot_skills.app.calibrate.latency_robot import find_latencies
from robot_skills.app.sim2real.boards import BOARD_PX, rough_setup, shown_board
from robot_skills.app.sim2real.cameras import CameraFound, calibrate_camera
from robot_skills.core.events import EventList
from sim.layout import default_layout
from sim.placements import Layout
from sim.twin import Target, TwinRobot, TwinTruth, make_twin
from sim.world import FRONT_CAMERA, WRIST_CAMERA

BOARD = Board(columns=9, rows=7, square_m=0.03, marker_m=0.021)
_LIVELY_S, _MOTIONS = 14.0, 3
"""Of the first motion, and how many are tried."""
_log = logging.getLogger(__name__)
MOUNTS = {WRIST_CAMERA: Mount.TOOL, FRONT_CAMERA: Mount.BASE}


@dataclass(frozen=True, kw_only=True, slots=True)
class TwinBed:
    """A twin by its seed.

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

    def calibrate_cameras(self, rng: np.random.Generator) -> dict[str, CameraFound]:
        """Find all cameras.

        Raises:
            CalibrationRefused: A camera was not found well enough.
        """
        found = {}
        for camera, mount in MOUNTS.items():
            shown = shown_board(BOARD, mount)
            with self.opened(shown.target, BOARD_PX) as (robot, truth):
                truth.begin(Layout())
                setup = rough_setup(robot, camera, shown, rng)
                found[camera] = calibrate_camera(robot, camera, setup, rng)
        return found

    def find_latencies(self, rng: np.random.Generator) -> Latency:
        """Find how late arm, gripper and cameras are; the age of states counts as none.

        What the arm needs is the sum of both, and what pictures need their difference, so that
        nothing is off by this.

        Raises:
            CalibrationRefused: They were not found.
        """
        config = CollectConfig(cameras=tuple(MOUNTS), seconds=_LIVELY_S)
        with self.opened() as (robot, truth):
            for attempt in range(_MOTIONS):
                # Things on the table are something for the cameras to see move.
                truth.begin(default_layout(attempt), attempt)
                try:
                    return find_latencies(gate_robot(robot, EventList()), self.name, config, rng)
                except CalibrationRefused as refused:
                    if attempt == _MOTIONS - 1:
                        raise
                    _log.warning("Another motion, twice as long: %s", refused)
                    config = replace(config, seconds=2.0 * config.seconds)
        raise AssertionError("There is at least one motion.")
