"""How far found latencies are from the injected ones, on a simulated arm."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from calibration.board import Board
from calibration.errors import CalibrationRefused
from calibration.latency import Found, calibrate_latency
from calibration.latency_clock import draw_clock
from calibration.latency_series import LatencyRecording, ToolSeries
from robot_skills.app.calibrate.latency_collect import CollectConfig, collect_series
from robot_skills.app.gating import gate_here
from robot_skills.core.events import EventList
from sim.board_cell import BoardRobot, lying_board
from sim.latency import Delays, delayed
from sim.screen_clock import SCREEN_PERIOD_S, ScreenInView
from sim.world import PHYSICS_STEP_S

NAMES = ("camera", "state", "action", "gripper")
_BOARD = Board(columns=9, rows=7, square_m=0.024, marker_m=0.0175)
_SQUARE_PX = 24
_PICTURE_PX = (320, 240)
_FACE_PX = 96
_CLOCK_S = 3.0
_LONGEST_S = 0.2
_CAMERA = "wrist"
_PHYSICS_PER_CONTROL = 2
_EARLY_S = 0.5 * (_PHYSICS_PER_CONTROL + 1) * PHYSICS_STEP_S
"""The simulated gripper hears at the beginning of a control step what is for its end, and every
step of physics goes by what it has heard: on average it is early by this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """What disturbs.

    Attributes:
        jitter_s: Mean of what is added to all delays at random.
        noise_m: Of the measured places, standard deviation per axis.
        noise_grey: Of pictures, standard deviation.
    """

    jitter_s: float = 0.0
    noise_m: float = 0.0
    noise_grey: float = 0.0


CASES: Mapping[str, Case] = {
    "quiet": Case(),
    "jitter": Case(jitter_s=0.005),
    "noise": Case(noise_m=1e-4, noise_grey=3.0),
}


def recover(case: str, seed: int) -> dict[str, dict[str, float]]:
    """Find the delays of one simulated arm; by name of the latency, how far off and how sure.

    Args:
        case: Key in `CASES`.
        seed: Of delays, motion and noise.
    """
    rng, how = np.random.default_rng(seed), CASES[case]
    camera_s, state_s, action_s, gripper_s = rng.uniform(0.0, _LONGEST_S, 4)
    delays = Delays(
        camera_s=camera_s,
        state_s=state_s,
        action_s=action_s,
        gripper_s=gripper_s,
        jitter_s=how.jitter_s,
    )
    recording = _noisy(_recorded(delays, rng), how, rng)
    try:
        found = calibrate_latency(recording, "panda")
    except CalibrationRefused:
        return {}
    # States and commands are late by the jitter, too; pictures are stamped by a clock without it.
    late_s = how.jitter_s
    truth: dict[str, tuple[Found | None, float]] = {
        "camera": (found.cameras.get(_CAMERA), camera_s),
        "state": (found.state, state_s + late_s),
        "action": (found.action, action_s + late_s),
        "gripper": (found.gripper, gripper_s + late_s - _EARLY_S),
    }
    return {
        name: {
            "off_ms": float(1e3 * (one.latency_s - true_s)),
            "sigma_ms": float(1e3 * one.sigma_s),
            "true_ms": float(1e3 * true_s),
        }
        for name, (one, true_s) in truth.items()
        if one is not None
    }


def _recorded(delays: Delays, rng: np.random.Generator) -> LatencyRecording:
    board = lying_board(_BOARD.picture(_SQUARE_PX), _BOARD.size_m)
    cell = BoardRobot(
        "panda", board, camera_size_px=_PICTURE_PX, physics_per_control=_PHYSICS_PER_CONTROL
    )
    config = CollectConfig(cameras=(_CAMERA,), clock_s=_CLOCK_S, clock_period_s=SCREEN_PERIOD_S)
    draw = partial(draw_clock, height_px=_FACE_PX)
    screen = ScreenInView(
        gate_here(cell, EventList()), draw, SCREEN_PERIOD_S, _CLOCK_S - 2.0 * _LONGEST_S
    )
    robot = delayed(screen, delays, rng)
    robot.connect()
    try:
        return collect_series(robot, config, rng)
    finally:
        robot.close()


def _noisy(recording: LatencyRecording, how: Case, rng: np.random.Generator) -> LatencyRecording:
    T = recording.measured.T_base_tool.copy()
    T[:, :3, 3] += how.noise_m * rng.standard_normal((len(T), 3))
    measured = ToolSeries(
        stamp_s=recording.measured.stamp_s, T_base_tool=T, opening=recording.measured.opening
    )
    cameras = {
        name: replace(
            seen,
            grey=np.clip(
                np.rint(seen.grey + how.noise_grey * rng.standard_normal(seen.grey.shape)), 0, 255
            ).astype(np.uint8),
        )
        for name, seen in recording.cameras.items()
    }
    return replace(recording, measured=measured, cameras=cameras)
