"""The page about an identification: what was found, and predicted against observed."""

from functools import cache
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calibration.identification.fitting import Identification
from calibration.identification.record import RobotRecord
from calibration.identification.recording import Recording
from calibration.identification.sensitivity import Simulator
from robot_skills.app.calibrate.files import write_bytes
from robot_skills.app.drawing import COLOURS, FAINT, INK, styled, svg
from robot_skills.core.excitation import Rollout, Streams
from robot_skills.core.se3 import Array

_SHARES = (0.3, 0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0)
_LEAST_MM = 20.0
"""Of the axis of how far things went, so that noise is not seen as motion."""


def write_identification_report(
    path: Path, record: RobotRecord, digest: str, recording: Recording, simulator: Simulator
) -> None:
    """Write the page.

    Args:
        path: Of the page.
        record: The identification.
        digest: Its hash.
        recording: What it was found in.
        simulator: Predicts what should have been sensed.

    Raises:
        StorageError: It cannot be written.
    """
    found = record.result
    assert isinstance(found, Identification)
    values = {name: one.value for name, one in found.estimates.items()}
    figures = {"How well parameters are known": _known(found)}
    for i, rollout in enumerate(recording.rollouts):
        predicted = simulator(values, rollout.motion, rollout.things)
        title = f"Rollout {i + 1}, sensed (dots) and predicted (lines): {rollout.motion.name}"
        figures[title] = _compared(rollout, predicted, f"rollout{i}")
    page = _template().render(
        title="Identification",
        record=record,
        digest=digest,
        facts=_facts(found),
        figures=figures,
        left_out={},
    )
    write_bytes(path, page.encode())


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("robot_skills.app"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("identification_report.html.j2")


def _facts(found: Identification) -> list[tuple[str, str]]:
    weakest = " ".join(f"{weight:+.2f} log({name})" for name, weight in found.weakest.items())
    return [
        *((name, one.told()) for name, one in found.estimates.items()),
        ("residuals", f"{found.rms:.2f} times the noise"),
        ("condition number", f"{found.condition:.0f}"),
        ("least known", weakest),
        ("simulated rollouts", str(found.simulations)),
    ]


def _known(found: Identification) -> str:
    """How far parameters may be off their values, two standard deviations each way, and how far
    they might have been before."""
    estimates = list(found.estimates.items())
    with styled():
        figure = Figure(figsize=(10.8, 0.9 + 0.42 * len(estimates)), layout="constrained")
        axes = figure.add_subplot()
        for row, (_, one) in enumerate(estimates):
            colour = COLOURS[0 if one.determined else 1]
            for sigma, width, shade in ((one.prior_sigma, 12.0, FAINT), (one.sigma, 6.0, colour)):
                axes.plot(_ends(sigma), [row, row], color=shade, linewidth=width)
            axes.plot(1.0, row, "o", color=INK, ms=4)
        axes.set_yticks(range(len(estimates)), [f"{name}: {one.told()}" for name, one in estimates])
        axes.set_ylim(len(estimates) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.set_xticks(_SHARES, [f"{share:g}" for share in _SHARES])
        axes.minorticks_off()
        axes.set_xlabel("true value as a share of that found, ± 2 sigma; in the background: before")
        axes.grid(visible=False, axis="y")
        return svg(figure, "known")


def _ends(sigma: float) -> Array:
    return np.asarray(np.exp([-2.0 * sigma, 2.0 * sigma]), dtype=np.float64)


def _compared(rollout: Rollout, predicted: Streams, salt: str) -> str:
    """The joint that has most to do, and how far things are from their start."""
    streams, motion = rollout.streams, rollout.motion
    times = np.asarray(motion.period_s * np.arange(1, len(motion.q_rad) + 1), dtype=np.float64)
    with styled():
        figure = Figure(figsize=(10.8, 2.8), layout="constrained")
        axes = figure.subplots(1, 1 + bool(streams.T_base_things), squeeze=False)[0]
        if streams.tau_nm is not None and predicted.tau_nm is not None:
            joint = int(np.argmax(np.ptp(predicted.tau_nm, axis=0)))
            _both(axes[0], times, streams.tau_nm[:, joint], predicted.tau_nm[:, joint])
            axes[0].set(xlabel="time [s]", ylabel=f"torque of joint {joint + 1} [N m]")
        else:
            joint = int(np.argmax(np.ptp(predicted.q_rad, axis=0)))
            _both(axes[0], times, streams.q_rad[:, joint], predicted.q_rad[:, joint])
            axes[0].set(xlabel="time [s]", ylabel=f"joint {joint + 1} [rad]")
        for name, seen in streams.T_base_things.items():
            start, ours = rollout.things[name].p, predicted.T_base_things[name]
            _both(axes[1], times, _away_mm(seen, start), _away_mm(ours, start))
            axes[1].set(xlabel="time [s]", ylabel=f"{name} from its start [mm]")
            axes[1].set_ylim(0.0, max(_LEAST_MM, 1.1 * _away_mm(seen, start).max()))
        return svg(figure, salt)


def _away_mm(poses: Array, start: Array) -> Array:
    """How far poses (T, 4, 4) are from a place, (T,)."""
    return np.asarray(1e3 * np.linalg.norm(poses[:, :3, 3] - start, axis=1), dtype=np.float64)


def _both(axes: Axes, times: Array, sensed: Array, predicted: Array) -> None:
    axes.plot(times, sensed, "o", color=COLOURS[1], ms=3)
    axes.plot(times, predicted, color=COLOURS[0])
