"""The central table as a picture."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.table.cells import Kind
from benchmarks.table.methods import SKILLS
from benchmarks.table.rows import Row
from robot_skills.app.paper import FAINT, INK, SERIES, on_paper, save_png
from robot_skills.app.success_figures import draw_drops

_NEW = {"I": "layouts", "II": "objects", "III": "scenes", "IV": "tasks", "V": "arms"}
"""What is new in each level."""
_GROUP_WIDTH = 0.8
_ABOVE_N = 9.0
"""Per cent that a label has to be above for the one with n to be legible."""
_LABEL = {"facecolor": "white", "alpha": 0.85, "linewidth": 0.0, "pad": 1.5}


def table_figure(rows: Sequence[Row], path: Path) -> None:
    """Draw levels, skills and factors, those of them that were measured.

    Args:
        rows: What was found.
        path: Picture to write (PNG).

    Raises:
        StorageError: The picture cannot be written.
    """
    levels, skills = (
        [row for row in rows if row.kind == kind.value] for kind in (Kind.LEVEL, Kind.SKILL)
    )
    drops = [row.drop for row in rows if row.drop is not None]
    with on_paper():
        figure = Figure(figsize=(10.8, 7.6), layout="constrained")
        axes = figure.subplot_mosaic(
            [["levels", "levels"], ["skills", "factors"]],
            height_ratios=(1.15, 1.0),
            width_ratios=(1.0, 1.0),
        )
        axes["levels"].set_title("Generalisation: what is new in each level")
        axes["skills"].set_title("Each skill on new layouts")
        axes["factors"].set_title("One factor varied at a time, level I")
        names = list(dict.fromkeys(row.of for row in levels))
        if levels:
            _bars(axes["levels"], levels, [f"{name}: new {_NEW[name]}" for name in names])
        if skills:
            _bars(axes["skills"], skills, [row.of for row in skills])
        if drops:
            draw_drops(axes["factors"], drops)
        legend = axes["levels" if levels else "skills"]
        if legend.get_legend_handles_labels()[0]:
            legend.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=8)
        figure.supxlabel(_caption(rows), fontsize=8, color=FAINT)
        save_png(figure, path)


def _bars(axes: Axes, rows: Sequence[Row], labels: Sequence[str]) -> None:
    """One group per skill or level, in it one bar per method.

    Each has its n, what is required, and how many points our skills are ahead of another method.
    """
    groups = list(dict.fromkeys(row.of for row in rows))
    methods = list(dict.fromkeys(row.method for row in rows))
    width = _GROUP_WIDTH / len(methods)
    for k, method in enumerate(methods):
        mine = [row for row in rows if row.method == method]
        left = -0.5 * _GROUP_WIDTH + (k + 0.5) * width
        at = np.array([groups.index(row.of) for row in mine]) + left
        rates = np.array([100.0 * row.rate for row in mine])
        ends = np.array([[100.0 * end for end in row.ci90] for row in mine])
        axes.bar(at, rates, width=0.9 * width, color=SERIES[k], label=method)
        axes.errorbar(at, rates, yerr=np.abs(ends.T - rates), fmt="none", ecolor=INK, capsize=3.0)
        for x, row in zip(at, mine, strict=True):
            axes.annotate(f"n = {row.n}", (x, 3.0), ha="center", fontsize=7, bbox=_LABEL)
            if row.lead is not None:
                lead = f"{100 * row.lead.mean:+.0f}"
                above = max(100.0 * row.ci90[1] + 2.0, _ABOVE_N)
                axes.annotate(lead, (x, above), ha="center", fontsize=8)
        required = np.array([np.nan if row.bar is None else 100.0 * row.bar for row in mine])
        if not np.isnan(required).all():
            low, high = at - 0.5 * width, at + 0.5 * width
            axes.hlines(required, low, high, color=SERIES[5], linewidth=2.5, label="required")
    axes.set_xticks(range(len(groups)), labels)
    axes.tick_params(axis="x", length=0)
    axes.set(ylim=(0.0, 112.0), yticks=range(0, 101, 20), ylabel="success [%]")
    axes.grid(visible=True, axis="y")


def _caption(rows: Sequence[Row]) -> str:
    ours = [row for row in rows if row.method == SKILLS.name]
    n = sum(row.n for row in ours)
    false = sum(row.false_reports for row in ours)
    seeds = max(row.training_seeds for row in rows)
    return (
        f"n trials per bar, {seeds} training seed{'s' if seeds > 1 else ''}, scenes seen by RGB-D "
        f"cameras; lines: 90 % bootstrap intervals; above bars: points by which our skills are\n"
        f"ahead in the same trials; {false} false success report{'' if false == 1 else 's'} in "
        f"{n:,} trials of our skills"
    )
