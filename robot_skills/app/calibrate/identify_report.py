"""The page about an identification: what was found, and predicted against observed."""

from functools import cache
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calibration.identification.fitting import Estimate, Identification
from calibration.identification.record import RobotRecord
from calibration.identification.recording import Recording
from calibration.identification.sensitivity import Simulator
from robot_skills.app.calibrate.files import write_bytes
from robot_skills.app.drawing import COLOURS, INK, styled, svg
from robot_skills.core.excitation import Rollout, Streams
from robot_skills.core.se3 import Array


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
        title = f"Rollout {i + 1}: {rollout.motion.name}; sensed (dots) and predicted (lines)"
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
        *((name, _told(one)) for name, one in found.estimates.items()),
        ("residuals", f"{found.rms:.2f} times the noise"),
        ("condition number", f"{found.condition:.0f}"),
        ("least known", weakest),
        ("simulated rollouts", str(found.simulations)),
    ]


def _told(one: Estimate) -> str:
    if not one.determined:
        return f"not determined (known to {100 * one.sigma:.0f} %)"
    return f"{one.value:.3g} ± {100 * one.sigma:.1f} %"


def _known(found: Identification) -> str:
    names = list(found.estimates)
    with styled():
        figure = Figure(figsize=(10.8, 2.6), layout="constrained")
        axes = figure.add_subplot()
        for i, one in enumerate(found.estimates.values()):
            axes.plot(
                [i, i],
                one.value * np.exp([-2 * one.sigma, 2 * one.sigma]),
                color=COLOURS[0 if one.determined else 1],
                linewidth=6.0,
            )
            axes.plot(i, one.value, "o", color=INK, ms=4)
        axes.set_xticks(range(len(names)), names)
        axes.set_ylabel("value, ± 2 sigma")
        axes.grid(visible=False, axis="x")
        return svg(figure, "known")


def _compared(rollout: Rollout, predicted: Streams, salt: str) -> str:
    """Torque of the joint that has most to do, and how far things are from their start."""
    streams = rollout.streams
    motion = rollout.motion
    periods = np.arange(1, len(motion.q_rad) + 1)
    times: Array = np.asarray(motion.period_s * periods, dtype=np.float64)
    with styled():
        figure = Figure(figsize=(10.8, 2.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        if streams.tau_nm is not None and predicted.tau_nm is not None:
            joint = int(np.argmax(np.ptp(predicted.tau_nm, axis=0)))
            _both(left, times, streams.tau_nm[:, joint], predicted.tau_nm[:, joint])
            left.set(xlabel="s", ylabel=f"N m, joint {joint + 1}")
        for name, seen in streams.T_base_things.items():
            start = rollout.things[name].p
            ours = predicted.T_base_things[name]
            _both(
                right,
                times,
                _away_mm(seen, start),
                _away_mm(ours, start),
            )
            right.set(xlabel="s", ylabel=f"mm, {name} from its start")
        return svg(figure, salt)


def _away_mm(poses: Array, start: Array) -> Array:
    """How far poses (T, 4, 4) are from a place, (T,)."""
    return np.asarray(1e3 * np.linalg.norm(poses[:, :3, 3] - start, axis=1), dtype=np.float64)


def _both(axes: Axes, times: Array, sensed: Array, predicted: Array) -> None:
    axes.plot(times, sensed, "o", color=COLOURS[1], ms=3)
    axes.plot(times, predicted, color=COLOURS[0])
