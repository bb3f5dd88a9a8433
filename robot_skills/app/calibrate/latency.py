"""`robot-skills calibrate latency`: how late cameras, states, arm and gripper are."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from calibration.latency import Latency, calibrate_latency
from calibration.latency_series import LatencyRecording
from calibration.record import Device
from hardware.cell.schema import Cell
from robot_skills.app.calibrate.cell_lines import arm_latency_fields, camera_latency_fields
from robot_skills.app.calibrate.finishing import check_cell_options, finish
from robot_skills.app.calibrate.latency_collect import CollectConfig, collect_series
from robot_skills.app.calibrate.latency_files import read_recording, write_recording
from robot_skills.app.calibrate.latency_report import apart, latency_facts
from robot_skills.app.calibrate.options import CalibrateLatency
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.latencies import ArmLatencies
from robot_skills.core.robot import Robot

_SIMULATED = "sim:"
_CLOCK_S = 4.0
_MOST_SPEED_M_S = 0.5
_LATEST_S = 0.2
_SIM_CAMERA = "wrist"
_SIM_PX = (320, 240)
_SQUARE_PX, _FACE_PX = 24, 96


def main(options: CalibrateLatency) -> CommandResult:
    """Move, record, find, save, and say what to write into the cell file."""
    check_cell_options(options)
    if not 0.0 < options.speed_m_s <= _MOST_SPEED_M_S:
        raise RefusedError(f"--speed-m-s must be in (0, {_MOST_SPEED_M_S}].")
    if options.from_recording is not None:
        recording = read_recording(options.from_recording, options.episode, options.camera)
        name = options.robot
    else:
        recording, name = _recorded(options)
    if options.recording is not None:
        write_recording(options.recording, recording)
    robot = f"{name} ({options.serial})" if options.serial else name
    found = calibrate_latency(recording, robot, 1e-3 * options.state_ms)
    print(_told(found))
    return CommandResult(
        payload=finish(
            options,
            found,
            _devices(recording),
            None,
            camera_latency_fields(found),
            {},
            arm_latency_fields(found),
        )
    )


def _devices(recording: LatencyRecording) -> Mapping[str, Device]:
    return {
        name: Device(serial="", size_px=(seen.grey.shape[2], seen.grey.shape[1]))
        for name, seen in recording.cameras.items()
    }


def _told(found: Latency) -> str:
    lines = [f"{what}: {value}" for what, value in latency_facts(found)]
    lines += [f"{name} was not found: {why}" for name, why in found.rejected.items()]
    if "no:" in apart(found):
        lines.append("Have a camera see a clock (--clock) to tell states and arm apart.")
    return "\n".join(lines)


def _recorded(options: CalibrateLatency) -> tuple[LatencyRecording, str]:
    from sim.screen_clock import SCREEN_PERIOD_S

    make = _simulated if options.robot.startswith(_SIMULATED) else _real
    robot, name, cameras = make(options)
    config = CollectConfig(
        cameras=cameras,
        speed_m_s=options.speed_m_s,
        seconds=options.seconds,
        clock_s=_CLOCK_S if options.clock else 0.0,
        clock_period_s=SCREEN_PERIOD_S,
    )
    robot.connect()
    try:
        return collect_series(robot, config, np.random.default_rng(options.seed)), name
    finally:
        robot.stop()
        robot.close()


def _real(options: CalibrateLatency) -> tuple[Robot, str, tuple[str, ...]]:
    """The robot of a cell, with nothing taken off that may be known of its latencies."""
    from robot_skills.app.cell_robot import cell_robot
    from robot_skills.app.cells import load_cell

    if options.clock:
        raise RefusedError(
            "A clock is shown to simulated cameras only, so far: leave --clock out and give "
            "--state-ms, or calibrate from a recording that has one."
        )
    cell = load_cell(options.robot)
    for name in options.camera:
        if name not in cell.cameras:
            raise unknown_name("camera", name, cell.cameras)
    robot = cell_robot(unknown_latencies(cell))
    return robot, cell.name, options.camera or tuple(cell.cameras)


def unknown_latencies(cell: Cell) -> Cell:
    """The cell as if nothing was known of its latencies."""
    return replace(
        cell,
        robot=replace(cell.robot, latencies=ArmLatencies()),
        cameras={name: replace(one, latency_s=0.0) for name, one in cell.cameras.items()},
    )


def _simulated(options: CalibrateLatency) -> tuple[Robot, str, tuple[str, ...]]:
    """A simulated arm that is late in everything, as its seed says."""
    from calibration.board import Board
    from calibration.latency_clock import draw_clock
    from robot_skills.app.gating import gate_here
    from robot_skills.core.events import EventList
    from sim.board_cell import BoardRobot, lying_board
    from sim.latency import Delays, delayed
    from sim.screen_clock import SCREEN_PERIOD_S, ScreenInView

    arm = options.robot.removeprefix(_SIMULATED)
    rng = np.random.default_rng(options.hidden)
    camera_s, state_s, action_s, gripper_s = rng.uniform(0.0, _LATEST_S, 4)
    board = Board(columns=9, rows=7, square_m=0.024, marker_m=0.0175)
    on_table = lying_board(board.picture(_SQUARE_PX), board.size_m)
    cell = BoardRobot(arm, on_table, camera_size_px=_SIM_PX, physics_per_control=5)
    robot: Robot = gate_here(cell, EventList())
    if options.clock:
        draw = partial(draw_clock, height_px=_FACE_PX)
        robot = ScreenInView(robot, draw, SCREEN_PERIOD_S, _CLOCK_S - 2 * _LATEST_S)
    delays = Delays(camera_s=camera_s, state_s=state_s, action_s=action_s, gripper_s=gripper_s)
    for name in options.camera:
        if name not in cell.cameras:
            raise unknown_name("camera", name, cell.cameras)
    return delayed(robot, delays, rng), f"sim:{arm}", options.camera or (_SIM_CAMERA,)
