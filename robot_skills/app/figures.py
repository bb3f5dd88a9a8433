"""Plots of the report as inline SVG.

matplotlib draws with stand-in colours, which are then replaced by the page's own CSS variables, so
one drawing suits light and dark.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d.axes3d import Axes3D

from robot_skills.app.latency import distribution
from robot_skills.app.story import Attempt
from robot_skills.core.se3 import Array
from robot_skills.core.types import ArmState
from robot_skills.data.episode_log import Latency

SERIES = 8
"""Number of colours that the page has for skills."""
_LEAST_SIZE_M = 0.15
"""Axes of the path in space are at least this long, so that their labels stay apart."""
_INK, _GRID, _IDLE = "#010101", "#020202", "#030303"
_SERIES_COLOURS = tuple(f"#0404{i:02x}" for i in range(SERIES))
_VARIABLES = {
    _INK: "var(--muted)",
    _GRID: "var(--line)",
    _IDLE: "var(--faint)",
    **{colour: f"var(--s{i})" for i, colour in enumerate(_SERIES_COLOURS)},
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": _GRID,
    "grid.linewidth": 0.6,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
}


def skill_colours(attempts: Sequence[Attempt]) -> dict[str, int]:
    """Number of the page's colour for each skill, in order of appearance."""
    names = dict.fromkeys(attempt.skill for attempt in attempts)
    return {name: i % SERIES for i, name in enumerate(names)}


def tool_path(states: Sequence[ArmState], attempts: Sequence[Attempt]) -> str:
    """Path of the tool in space, coloured by skill."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 4.2))
        axes = figure.add_subplot(projection="3d")
        assert isinstance(axes, Axes3D)
        stamps_s, p = _positions(states)
        for colour, rows in _segments(stamps_s, attempts):
            axes.plot(*p[rows].T, color=colour)
        axes.plot(p[:, 0], p[:, 1], np.zeros(len(p)), color=_IDLE, linewidth=0.8)
        _equal_axes(axes, p)
        return _svg(figure, "path")


def tool_from_above(states: Sequence[ArmState], attempts: Sequence[Attempt]) -> str:
    """Path of the tool over the table, as seen from behind the robot."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(5.2, 4.2), layout="constrained")
        axes = figure.add_subplot()
        stamps_s, p = _positions(states)
        for colour, rows in _segments(stamps_s, attempts):
            axes.plot(p[rows, 1], p[rows, 0], color=colour)
        axes.invert_xaxis()
        axes.set_aspect("equal", adjustable="datalim")
        axes.set_xlabel("y [m]")
        axes.set_ylabel("x [m]")
        return _svg(figure, "above")


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
    with rc_context(_STYLE):
        figure = Figure(figsize=(10.8, 4.2), layout="constrained")
        for axes, (label, values) in zip(figure.subplots(3, 1, sharex=True), rows, strict=True):
            for colour, part in _segments(stamps_s, attempts):
                axes.plot(stamps_s[part], values[part], color=colour)
            axes.set_ylabel(label)
            axes.set_xlim(stamps_s[0], stamps_s[-1])
            axes.set_ylim(bottom=min(0.0, float(values.min())))
        figure.axes[-1].set_xlabel("simulated time [s]")
        figure.align_ylabels()
        return _svg(figure, "time")


def latency_histogram(latencies: Sequence[Latency]) -> str:
    """How long planning, perception and the policy took, on a logarithmic axis."""
    by_stage = {stage: values for stage, values in latency_by_stage(latencies).items() if values}
    with rc_context(_STYLE):
        figure = Figure(figsize=(10.8, 1.1 + 0.85 * len(by_stage)), layout="constrained")
        everything = np.concatenate([np.asarray(values) for values in by_stage.values()])
        low, high = np.log10(max(everything.min() * 0.7, 1e-3)), np.log10(everything.max() * 1.4)
        bins = np.logspace(low, high, 60)
        all_axes = np.atleast_1d(figure.subplots(len(by_stage), 1, sharex=True))
        for i, (axes, (stage, values)) in enumerate(zip(all_axes, by_stage.items(), strict=True)):
            axes.hist(values, bins=bins, color=_SERIES_COLOURS[i])
            axes.set_xscale("log")
            axes.set_ylabel(stage)
            _mark_percentiles(axes, values)
        all_axes[-1].set_xlabel("wall time per call [ms]")
        figure.align_ylabels()
        return _svg(figure, "latency")


def _mark_percentiles(axes: Axes, values: Sequence[float]) -> None:
    """Lines where half and where 99 of 100 calls were over."""
    at = distribution(values)
    for name, style in (("p50", "solid"), ("p99", "dashed")):
        axes.axvline(at[name], color=_INK, linewidth=1.0, linestyle=style)
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
    segments: list[tuple[str, Any]] = [(_IDLE, slice(None))]
    for attempt in attempts:
        first = int(np.searchsorted(stamps_s, attempt.start_s - 1e-9))
        last = int(np.searchsorted(stamps_s, attempt.end_s + 1e-9))
        segments.append((_SERIES_COLOURS[colours[attempt.skill]], slice(first, last)))
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


def _svg(figure: Figure, salt: str) -> str:
    """The figure as one `<svg>` element that takes its colours from the page.

    Args:
        figure: What was drawn.
        salt: Keeps the element ids of several figures on one page apart.
    """
    figure.patch.set_alpha(0.0)
    for axes in figure.axes:
        axes.patch.set_alpha(0.0)
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = re.sub(r"font: ?[^;\"]*?(\d+(?:\.\d+)?)px [^;\"]*", r"font-size: \1px", text)
    # Group names such as "axes_1" repeat in every figure; nothing refers to them.
    text = re.sub(
        r'<g id="(?:figure|axes|axis|matplotlib|text|line2d|patch|xtick|ytick)[^"]*"', "<g", text
    )
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return text
