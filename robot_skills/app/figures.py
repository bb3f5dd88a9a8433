"""Plots of the report as inline SVG.

They take their colours from the page (`robot_skills.app.drawing`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.axes3d import Axes3D

from robot_skills.app.drawing import COLOURS, FAINT, INK, SERIES, styled, svg
from robot_skills.app.latency import distribution
from robot_skills.app.story import Attempt
from robot_skills.core.se3 import Array
from robot_skills.core.types import ArmState
from robot_skills.data.episode_log import Latency

_LEAST_SIZE_M = 0.15
"""Axes of the path in space are at least this long, so that their labels stay apart."""


def skill_colours(attempts: Sequence[Attempt]) -> dict[str, int]:
    """Number of the page's colour for each skill, in order of appearance."""
    names = dict.fromkeys(attempt.skill for attempt in attempts)
    return {name: i % SERIES for i, name in enumerate(names)}


def tool_path(states: Sequence[ArmState], attempts: Sequence[Attempt]) -> str:
    """Path of the tool in space, coloured by skill."""
    with styled():
        figure = Figure(figsize=(5.2, 4.2))
        axes = figure.add_subplot(projection="3d")
        assert isinstance(axes, Axes3D)
        stamps_s, p = _positions(states)
        for colour, rows in _segments(stamps_s, attempts):
            axes.plot(*p[rows].T, color=colour)
        axes.plot(p[:, 0], p[:, 1], np.zeros(len(p)), color=FAINT, linewidth=0.8)
        _equal_axes(axes, p)
        return svg(figure, "path")


def tool_from_above(states: Sequence[ArmState], attempts: Sequence[Attempt]) -> str:
    """Path of the tool over the table, as seen from behind the robot."""
    with styled():
        figure = Figure(figsize=(5.2, 4.2), layout="constrained")
        axes = figure.add_subplot()
        stamps_s, p = _positions(states)
        for colour, rows in _segments(stamps_s, attempts):
            axes.plot(p[rows, 1], p[rows, 0], color=colour)
        axes.invert_xaxis()
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xlabel("y [m]")
        axes.set_ylabel("x [m]")
        return svg(figure, "above")


def over_time(states: Sequence[ArmState], attempts: Sequence[Attempt]) -> str:
    """Height of the tool, its speed and the gripper's opening over time."""
    stamps_s, p = _positions(states)
    speed_m_s = np.linalg.norm(np.gradient(p, stamps_s, axis=0), axis=-1)
    opening = np.array([state.opening for state in states])
    rows = (
        ("height [m]", p[:, 2]),
        ("speed [m/s]", speed_m_s),
        ("opening", opening),
    )
    with styled():
        figure = Figure(figsize=(10.8, 4.2), layout="constrained")
        for axes, (label, values) in zip(figure.subplots(3, 1, sharex=True), rows, strict=True):
            for colour, part in _segments(stamps_s, attempts):
                axes.plot(stamps_s[part], values[part], color=colour)
            axes.set_ylabel(label)
            axes.set_xlim(stamps_s[0], stamps_s[-1])
            axes.set_ylim(bottom=min(0.0, float(values.min())))
        figure.axes[-1].set_xlabel("simulated time [s]")
        figure.align_ylabels()
        return svg(figure, "time")


def latency_histogram(latencies: Sequence[Latency]) -> str:
    """How long planning, perception and the policy took, on a logarithmic axis."""
    by_stage = {stage: values for stage, values in latency_by_stage(latencies).items() if values}
    with styled():
        figure = Figure(figsize=(10.8, 1.1 + 0.85 * len(by_stage)), layout="constrained")
        everything = np.concatenate([np.asarray(values) for values in by_stage.values()])
        low, high = np.log10(max(everything.min() * 0.7, 1e-3)), np.log10(everything.max() * 1.4)
        bins = np.logspace(low, high, 60)
        all_axes = np.atleast_1d(figure.subplots(len(by_stage), 1, sharex=True))
        for i, (axes, (stage, values)) in enumerate(zip(all_axes, by_stage.items(), strict=True)):
            axes.hist(values, bins=bins, color=COLOURS[i])
            axes.set_xscale("log")
            axes.set_ylabel(stage)
            _mark_percentiles(axes, values)
        all_axes[-1].set_xlabel("wall time per call [ms]")
        figure.align_ylabels()
        return svg(figure, "latency")


def _mark_percentiles(axes: Axes, values: Sequence[float]) -> None:
    """Lines where half and where 99 of 100 calls were over."""
    at = distribution(values)
    for name, style in (("p50", "solid"), ("p99", "dashed")):
        axes.axvline(at[name], color=INK, linewidth=1.0, linestyle=style)
        axes.annotate(
            f" {name} {at[name]:.3g} ms",
            (at[name], 0.98),
            xycoords=("data", "axes fraction"),
            va="top",
            fontsize=8,
        )


def latency_by_stage(latencies: Sequence[Latency]) -> Mapping[str, list[float]]:
    """Wall times [ms] per stage, in order of appearance."""
    stages: dict[str, list[float]] = {}
    for latency in latencies:
        stages.setdefault(latency.stage, []).append(latency.wall_ms)
    return stages


def _positions(states: Sequence[ArmState]) -> tuple[Array, Array]:
    """Times (n,), strictly increasing, and tool positions (n, 3)."""
    stamps_s = np.array([state.stamp_s for state in states])
    keep = np.concatenate([[True], np.diff(stamps_s) > 0.0])
    p = np.array([state.T_base_tool.p for state in states])
    return stamps_s[keep], p[keep]


def _segments(stamps_s: Array, attempts: Sequence[Attempt]) -> list[tuple[str, Any]]:
    """Colour and rows of each attempt, over a first line in grey for all that is in between."""
    colours = skill_colours(attempts)
    segments: list[tuple[str, Any]] = [(FAINT, slice(None))]
    for attempt in attempts:
        first = int(np.searchsorted(stamps_s, attempt.start_s - 1e-9))
        last = int(np.searchsorted(stamps_s, attempt.end_s + 1e-9))
        segments.append((COLOURS[colours[attempt.skill]], slice(first, last)))
    return segments


def _equal_axes(axes: Axes3D, p: Array) -> None:
    lower, upper = p.min(axis=0), p.max(axis=0)
    lower[2] = min(lower[2], 0.0)
    size = np.maximum(upper - lower, _LEAST_SIZE_M)
    lower = np.minimum(lower, 0.5 * (lower + upper - size))
    axes.set_xlim(lower[0], lower[0] + size[0])
    axes.set_ylim(lower[1], lower[1] + size[1])
    axes.set_zlim(lower[2], lower[2] + size[2])
    axes.set_box_aspect(size)
    axes.view_init(elev=24.0, azim=-145.0)
    axes.set(xlabel="x [m]", ylabel="y [m]", zlabel="z [m]")
    axes.locator_params(nbins=5)
    panes: tuple[Any, ...] = (axes.xaxis, axes.yaxis, axes.zaxis)
    for axis in panes:
        axis.set_pane_color((1.0, 1.0, 1.0, 0.0))
