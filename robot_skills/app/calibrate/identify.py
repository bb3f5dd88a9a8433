"""`robot-skills calibrate identify`: friction, masses and joints from a few motions."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from calibration.codec import encode
from calibration.errors import CalibrationRefused, Cause
from calibration.identification.exploration import informative_motions
from calibration.identification.fitting import Identification, identify
from calibration.identification.motions import Library
from calibration.identification.parameters import Parameter, Prior
from calibration.identification.record import make_robot_record, save_robot_record
from calibration.identification.recording import Recording, read_recording, write_recording
from robot_skills.app.calibrate.identify_cell import (
    THING,
    cell_of,
    hidden_values,
    library_of,
    new_recording,
)
from robot_skills.app.calibrate.options import CalibrateIdentify
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.excitation import Motion, SensorNoise
from sim.arms import ARMS
from sim.identification import IdentificationCell, dynamics_of, record_rollout, simulator_of

_SIMULATED = "sim:"
_CANDIDATES = 25
_REAL_SIGMA_RAD = 1e-3
"""Of joint positions in time: a real arm's states are a little older than their stamps."""


def prior_of(things: Sequence[str]) -> Prior:
    """What is looked for: joints' friction, and mass and friction of things, or else the gains."""
    parameters = []
    for name in things:
        parameters.append(Parameter(name=f"mass {name}", low=0.4, high=2.5))
        parameters.append(Parameter(name=f"friction {name}", low=0.3, high=1.8))
    parameters.append(Parameter(name="damping", low=0.1, high=3.0))
    parameters.append(Parameter(name="dry friction", low=0.1, high=3.0))
    if not things:
        # How a real arm follows its setpoints, its maker alone knows.
        parameters.append(Parameter(name="position gain", low=0.3, high=3.0))
        parameters.append(Parameter(name="velocity gain", low=0.3, high=3.0))
    return Prior(parameters=tuple(parameters))


def main(options: CalibrateIdentify) -> CommandResult:
    """Record, or read a recording; find the parameters, save and report them."""
    recording = _recorded(options)
    _check_moved(recording)
    prior = prior_of(tuple(recording.things))
    simulator = simulator_of(cell_of(recording))
    rng = np.random.default_rng(options.seed)
    found = identify(simulator, recording.rollouts, prior, recording.noise, rng)
    print(told(found))
    if len(found.undetermined) == len(found.estimates):
        raise CalibrationRefused(
            Cause.NOT_DETERMINED,
            f"The rollouts determine none of {', '.join(found.estimates)}: nothing is saved. "
            "Record more motions, or livelier ones.",
        )
    record = make_robot_record(found, recording.robot, recording.serial)
    digest = save_robot_record(options.out, record, replace=options.replace)
    if options.report is not None:
        from robot_skills.app.calibrate.identify_report import write_identification_report

        write_identification_report(options.report, record, digest, recording, simulator)
    accuracy, unit = record.accuracy
    return CommandResult(
        payload={
            "identification": str(options.out),
            "sha256": digest,
            "accuracy": accuracy,
            "unit": unit,
            "undetermined": list(found.undetermined),
            "result": encode(found),
        }
    )


def _check_moved(recording: Recording) -> None:
    for name in recording.resting_things():
        raise CalibrationRefused(
            Cause.NOT_MOVED,
            f"{name} was moved in none of {len(recording.rollouts)} rollouts: its mass and "
            "friction cannot be found. Record motions that push, slide or lift it.",
        )


def told(found: Identification) -> str:
    """The estimates, a line each."""
    lines = [
        f"{len(found.rollouts)} rollouts ({'; '.join(found.rollouts)}), residuals {found.rms:.2f} "
        f"times the noise, {found.simulations} simulated rollouts"
    ]
    for name, one in found.estimates.items():
        lines.append(f"{name}: {one.told()}")
    return "\n".join(lines)


def _recorded(options: CalibrateIdentify) -> Recording:
    if options.from_recording is not None:
        return read_recording(options.from_recording)
    if options.rollouts < 1:
        raise RefusedError("--rollouts has to be at least 1.")
    simulated = options.robot.startswith(_SIMULATED)
    recording = _simulated(options) if simulated else _real(options)
    if options.recording is not None:
        write_recording(options.recording, recording)
    return recording


def _simulated(options: CalibrateIdentify) -> Recording:
    arm = options.robot.removeprefix(_SIMULATED)
    if arm not in ARMS:
        raise unknown_name("arm", arm, ARMS)
    rng = np.random.default_rng(options.seed)
    empty = new_recording(arm, options.serial)
    cell = cell_of(empty)
    motions = _motions(options, cell, library_of(cell), empty.noise, rng)
    prior = prior_of((THING,))
    truth = dynamics_of(hidden_values(prior, options.hidden), cell.arm)
    rollouts = tuple(record_rollout(cell, truth, one, empty.noise, rng) for one in motions)
    return new_recording(arm, options.serial, rollouts)


def _real(options: CalibrateIdentify) -> Recording:
    """What the arm of a cell senses in motions that touch nothing."""
    from robot_skills.app.calibrate.identify_robot import library_on, record_on
    from robot_skills.app.cell_robot import cell_robot
    from robot_skills.app.cells import load_cell

    cell = load_cell(options.robot)
    empty = Recording(
        robot=cell.robot.arm,
        serial=options.serial,
        things={},
        noise=SensorNoise(q_rad=_REAL_SIGMA_RAD),
        rollouts=(),
    )
    simulated = cell_of(empty)
    rng = np.random.default_rng(options.seed)
    robot = cell_robot(cell)
    robot.connect()
    try:
        motions = _motions(options, simulated, library_on(robot), empty.noise, rng)
        rollouts = tuple(record_on(robot, one, options.speed_m_s) for one in motions)
    finally:
        robot.stop()
        robot.close()
    return replace(empty, rollouts=rollouts)


def _motions(
    options: CalibrateIdentify,
    cell: IdentificationCell,
    library: Library,
    noise: SensorNoise,
    rng: np.random.Generator,
) -> Sequence[Motion]:
    if options.explore == "random":
        return [library.draw(rng) for _ in range(options.rollouts)]
    candidates = library.draw_each(max(_CANDIDATES, options.rollouts), rng)
    things = {item.name: item.T_base_object for item in cell.things}
    prior = prior_of(tuple(things))
    return informative_motions(
        simulator_of(cell), candidates, things, prior, noise, rng, options.rollouts
    ).motions
