"""The page about a run: what was found of the robot, what was learned, and what came of it."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from matplotlib.figure import Figure

from calibration.randomisation import Randomisation
from robot_skills.app.calibrate.files import write_bytes
from robot_skills.app.drawing import COLOURS, INK, styled, svg
from robot_skills.app.sim2real.artefact import Kept
from robot_skills.app.sim2real.found import Calibration
from robot_skills.app.sim2real.stages import Loop, Measured

REPORT = "report.html"
_SHOWN = 20
"""Trials that the page lists."""

Facts = Sequence[tuple[str, str]]


def write_report(loop: Loop, kept: Mapping[str, Kept], payload: Mapping[str, Any]) -> None:
    """Write the page. Raises `StorageError`."""
    calibration = kept["calibrate"].read(Calibration)
    randomisation = kept["randomise"].read(Randomisation)
    before, after = (kept[name].read(Measured) for name in ("before", "after"))
    page = _template().render(
        title=f"{loop.plan.skill} on {loop.bed.name}",
        payload=payload,
        facts=_facts(calibration),
        spreads=randomisation.parameters,
        figures={
            "Success": _success(payload),
            "Time of each stage": _seconds(payload["seconds"]),
            "How long attempts took": _durations(before, after),
        },
        trials=list(zip(before.trials, after.trials, strict=True))[:_SHOWN],
        stages=[(name, one.artefact.made, one.sha256) for name, one in kept.items()],
    )
    write_bytes(loop.folder / REPORT, page.encode())


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("robot_skills.app"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("sim2real_report.html.j2")


def _facts(found: Calibration) -> Facts:
    facts = []
    for name, camera in found.cameras.items():
        mount, lens = camera.hand_eye, camera.lens
        facts += [
            (
                f"{name}, place",
                f"known to {1e3 * mount.sigma_m:.2f} mm, {np.rad2deg(mount.sigma_rad):.3f}°, from "
                f"{len(mount.views)} views",
            ),
            (
                f"{name}, lens",
                ", ".join(f"{value:.1f}" for value in lens.lens_px)
                + f" px, distortion {', '.join(f'{k:.4f}' for k in lens.distortion)}"
                + ("" if camera.intrinsics else ", as its driver says"),
            ),
            (
                f"{name}, depth",
                f"times {camera.depth.scale:.4f} and {1e3 * camera.depth.offset_m:+.1f} mm",
            ),
        ]
    late = found.latency
    for name, one in (("arm", late.action), ("gripper", late.gripper), *late.cameras.items()):
        known = (
            f"{1e3 * one.latency_s:.0f} ± {1e3 * one.sigma_s:.1f} ms"
            if one is not None
            else f"unknown: {late.rejected.get(name, 'it does not tell')}"
        )
        facts.append((f"{name}, latency", known))
    return facts


def _success(payload: Mapping[str, Any]) -> str:
    names = ("before", "after")
    rates = [100 * payload[f"success_{name}"] for name in names]
    ends = [[100 * end for end in payload[f"ci95_{name}"]] for name in names]
    off = [
        [max(rate - low, 0.0) for rate, (low, _) in zip(rates, ends, strict=True)],
        [max(high - rate, 0.0) for rate, (_, high) in zip(rates, ends, strict=True)],
    ]
    with styled():
        figure = Figure(figsize=(10.8, 2.6), layout="constrained")
        axes = figure.add_subplot()
        axes.barh(names, rates, xerr=off, color=[COLOURS[1], COLOURS[0]], ecolor=INK)
        axes.set(xlim=(0, 100), xlabel="% of trials (95 %)")
        axes.invert_yaxis()
        return svg(figure, "success")


def _seconds(seconds: Mapping[str, float]) -> str:
    names = [name for name, value in seconds.items() if value > 0.0]
    with styled():
        figure = Figure(figsize=(10.8, 2.6), layout="constrained")
        axes = figure.add_subplot()
        axes.barh(names, [seconds[name] for name in names], color=COLOURS[0])
        axes.set_xlabel("s")
        axes.invert_yaxis()
        return svg(figure, "seconds")


def _durations(before: Measured, after: Measured) -> str:
    with styled():
        figure = Figure(figsize=(10.8, 2.6), layout="constrained")
        axes = figure.add_subplot()
        for colour, name, one in ((1, "before", before), (0, "after", after)):
            times = sorted(trial.sim_s for trial in one.trials)
            axes.step(times, np.arange(1, len(times) + 1), color=COLOURS[colour], label=name)
        axes.set(xlabel="s on the robot", ylabel="trials")
        axes.legend(frameon=False)
        return svg(figure, "durations")
