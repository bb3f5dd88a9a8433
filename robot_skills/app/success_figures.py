"""What varying one factor at a time costs in success, as a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robot_skills.app.factors import Drop
from robot_skills.app.paper import FAINT, INK, SERIES, on_paper, save_png

_LEAST_SPAN_POINTS = 10.0
"""The axis shows at least so much, so that noise does not look like an effect."""


def draw_drops(axes: Axes, drops: Sequence[Drop]) -> None:
    """Draw one bar per factor, the largest drop on top, with its 90 % interval.

    Args:
        axes: Where.
        drops: In any order.
    """
    ordered = sorted(drops, key=lambda drop: drop.drop)
    at = np.arange(len(ordered))
    points = np.array([100.0 * drop.drop for drop in ordered])
    ends = np.array([[100.0 * end for end in drop.ci90] for drop in ordered])
    axes.barh(at, points, height=0.6, color=SERIES[0])
    axes.errorbar(
        points,
        at,
        xerr=np.abs(ends.T - points),
        fmt="o",
        markersize=3.0,
        color=INK,
        capsize=3.0,
        linewidth=1.2,
    )
    axes.axvline(0.0, color=INK, linewidth=0.8)
    for y, drop in zip(at, ordered, strict=True):
        axes.annotate(
            f"{100 * drop.usual / drop.n:.0f} → {100 * drop.varied / drop.n:.0f} %, n = {drop.n}",
            (1.02, y),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=FAINT,
        )
    axes.set_yticks(at, [drop.factor for drop in ordered])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(-0.7, len(ordered) - 0.3)
    axes.grid(visible=True, axis="x")
    low, high = min(0.0, float(ends.min())), max(0.0, float(ends.max()))
    room = 0.05 * max(high - low, _LEAST_SPAN_POINTS)
    axes.set_xlim(low - room, max(high, low + _LEAST_SPAN_POINTS) + room)
    axes.set_xlabel("drop in success [percentage points]")


def drops_figure(drops: Sequence[Drop], path: Path, training_seeds: int) -> None:
    """Draw the drops of several factors.

    Args:
        drops: What was found.
        path: Picture to write (PNG).
        training_seeds: How many policies of each skill were measured.

    Raises:
        StorageError: The picture cannot be written.
    """
    with on_paper():
        figure = Figure(figsize=(7.2, 1.5 + 0.36 * len(drops)), layout="constrained")
        axes = figure.add_subplot()
        draw_drops(axes, drops)
        axes.set_title("One factor varied at a time, level I")
        figure.supxlabel(
            f"Success as usual → varied, n pairs from the same seeds, {training_seeds} training "
            f"seed{'s' if training_seeds > 1 else ''}; lines: 90 % bootstrap intervals",
            fontsize=8,
            color=FAINT,
        )
        save_png(figure, path)
