"""Plots of the report about a dataset."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from robot_skills.app.dataset.survey import EpisodeSummary
from robot_skills.app.drawing import COLOURS, DENSITY, FAINT, INK, SERIES, styled, svg

_CELL_M = 0.01
_LEAST_SPAN_M = 0.1
_BINS = 24

Groups = Mapping[str, Sequence[EpisodeSummary]]
"""Episodes by subset, in the order of the page's colours."""


def coverage(episodes: Sequence[EpisodeSummary]) -> str:
    """Where the tools were, from above and from the side, with starts and ends."""
    p = np.concatenate([e.tool.p for e in episodes if e.tool is not None])
    starts = np.array([e.tool.p[0] for e in episodes if e.tool is not None])
    ends = np.array([e.tool.p[-1] for e in episodes if e.tool is not None])
    with styled():
        figure = Figure(figsize=(10.8, 4.4), layout="constrained")
        above, side = figure.subplots(1, 2)
        for axes, across, up in ((above, 1, 0), (side, 0, 2)):
            _density(axes, p[:, across], p[:, up])
            axes.plot(
                starts[:, across], starts[:, up], "o", ms=4, mfc="none", mec=COLOURS[2], mew=1.1
            )
            axes.plot(ends[:, across], ends[:, up], "x", ms=4, mec=COLOURS[1], mew=1.1)
            axes.set_xlabel(f"{'xyz'[across]} [m]")
            axes.set_ylabel(f"{'xyz'[up]} [m]")
            axes.set_aspect("equal", adjustable="datalim")
        above.invert_xaxis()
        above.set_title("from above, robot at the bottom")
        side.set_title("from the side")
        return svg(figure, "coverage")


def places(groups: Groups) -> str:
    """Where things stood at first, and where grippers first closed; empty without either."""
    with styled():
        figure = Figure(figsize=(10.8, 4.0), layout="constrained")
        above, in_x, in_y = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
        grasps = [_grasps(episodes) for episodes in groups.values()]
        things = [
            _stacked([p for e in one for p in e.entities.values()]) for one in groups.values()
        ]
        everything = np.concatenate(grasps)
        if not len(everything) and not any(map(len, things)):
            return ""
        for i, (mine, stood) in enumerate(zip(grasps, things, strict=True)):
            above.plot(stood[:, 1], stood[:, 0], "s", ms=4, mfc="none", mec=FAINT, zorder=1)
            above.plot(mine[:, 1], mine[:, 0], ".", ms=6, color=COLOURS[i % SERIES], zorder=2)
        for axes, axis in ((in_x, 0), (in_y, 1)):
            _step_histograms(axes, [mine[:, axis] for mine in grasps])
        above.invert_xaxis()
        above.set(xlabel="y [m]", ylabel="x [m]", title="things (squares), first grasps (dots)")
        above.set_aspect("equal", adjustable="datalim")
        for axes in (in_x, in_y):
            axes.yaxis.get_major_locator().set_params(integer=True)
        in_x.set(xlabel="x of first grasp [m]", ylabel="episodes")
        in_y.set(xlabel="y of first grasp [m]")
        return svg(figure, "places")


def strips(groups: Groups, columns: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    """One dot per episode for several measures, a row for each subset, its median as a line.

    Args:
        groups: The subsets.
        columns: Values by subset, by what is measured.
    """
    rng = np.random.default_rng(0)
    with styled():
        height = 1.0 + 0.42 * len(groups)
        figure = Figure(figsize=(10.8, height), layout="constrained")
        many = np.atleast_1d(
            figure.subplots(1, len(columns), sharey=True, gridspec_kw={"wspace": 0.12})
        )
        for axes, (title, by_subset) in zip(many, columns.items(), strict=True):
            for row, name in enumerate(groups):
                values = np.asarray(by_subset[name], dtype=np.float64)
                jitter = row + rng.uniform(-0.22, 0.22, len(values))
                axes.plot(values, jitter, ".", ms=4, alpha=0.7, color=COLOURS[row % SERIES])
                if len(values):
                    middle = float(np.median(values))
                    axes.plot([middle] * 2, [row - 0.36, row + 0.36], color=INK, linewidth=1.4)
            axes.set_xlabel(title)
            axes.set_yticks([])
            axes.set_ylim(len(groups) - 0.5, -0.5)
        return svg(figure, "strips")


def _density(axes: Axes, across: NDArray, up: NDArray) -> None:
    """How often positions lie where, on a logarithmic scale."""
    x, y = _edges(across), _edges(up)
    counts, *_ = np.histogram2d(across, up, bins=(x, y))
    axes.imshow(
        np.log1p(counts.T),
        origin="lower",
        extent=(x[0], x[-1], y[0], y[-1]),
        cmap=DENSITY,
        interpolation="nearest",
        aspect="auto",
    )


def _edges(values: NDArray) -> NDArray[np.float64]:
    low, high = float(values.min()), float(values.max())
    pad = max(0.5 * (_LEAST_SPAN_M - (high - low)), 2 * _CELL_M)
    cell_m = max(_CELL_M, (high - low + 2 * pad) / 200)
    return np.arange(low - pad, high + pad + cell_m, cell_m, dtype=np.float64)


def _stacked(points: Sequence[NDArray | None]) -> NDArray[np.float64]:
    known = [p for p in points if p is not None]
    return np.array(known) if known else np.zeros((0, 3))


def _grasps(episodes: Sequence[EpisodeSummary]) -> NDArray[np.float64]:
    return _stacked([e.tool.grasp for e in episodes if e.tool is not None])


def _things(episodes: Sequence[EpisodeSummary]) -> NDArray[np.float64]:
    return _stacked([p for episode in episodes for p in episode.entities.values()])


def _step_histograms(axes: Axes, by_subset: Sequence[NDArray]) -> None:
    """Histograms of all subsets over each other, with the same bins."""
    everything = np.concatenate(by_subset)
    if not len(everything):
        return
    low, high = float(everything.min()), float(everything.max())
    pad = max(0.005, 0.5 * (_LEAST_SPAN_M - (high - low)))
    bins = np.linspace(low - pad, high + pad, _BINS + 1).tolist()
    for i, values in enumerate(by_subset):
        colour = COLOURS[i % SERIES]
        axes.hist(values, bins=bins, histtype="stepfilled", color=colour, alpha=0.25)
        axes.hist(values, bins=bins, histtype="step", color=colour, linewidth=1.3)
