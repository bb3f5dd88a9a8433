"""Plots of the page about a calibration, as inline SVG in the page's colours."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from calibration.coverage import GRID
from calibration.hand_eye import HandEye
from calibration.intrinsics import Intrinsics
from calibration.rig import Rig
from robot_skills.app.drawing import COLOURS, DENSITY, INK, styled, svg

Figures = Mapping[str, str]
"""SVG by title."""


def lens_figures(found: Intrinsics) -> Figures:
    """Errors per view, where corners were seen, and how far the lens moves points."""
    return {
        "How far corners are off in each view": _bars(found.view_px, "px", "views"),
        "Corners seen in each part of the picture": _coverage(found),
        "How far the distortion moves points": _distortion(found),
    }


def mount_figures(found: HandEye) -> Figures:
    """How far each view is from where the others say."""
    off_mm = {name: 1e3 * float(off) for name, off in zip(found.views, found.off_m, strict=True)}
    return {"How far each view is from where the others say": _bars(off_mm, "mm", "off")}


def rig_figures(found: Rig) -> Figures:
    """How far corners are off in each camera."""
    return {"How far corners are off in each camera": _bars(found.rms_px, "px", "rig")}


def _bars(values: Mapping[str, float], unit: str, salt: str) -> str:
    with styled():
        figure = Figure(figsize=(10.8, 2.8), layout="constrained")
        axes = figure.add_subplot()
        names = list(values)
        axes.bar(range(len(names)), list(values.values()), color=COLOURS[0])
        axes.axhline(float(np.median(list(values.values()))), color=INK, linewidth=1.0)
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7)
        axes.set_ylabel(unit)
        axes.grid(visible=False, axis="x")
        return svg(figure, salt)


def _coverage(found: Intrinsics) -> str:
    width, height = found.lens.size_px
    with styled():
        figure = Figure(figsize=(5.2, 4.0), layout="constrained")
        axes = figure.add_subplot()
        axes.imshow(
            found.coverage.corners, cmap=DENSITY, extent=(0, width, height, 0), aspect="equal"
        )
        for row, column in np.ndindex(GRID[1], GRID[0]):
            axes.text(
                (column + 0.5) * width / GRID[0],
                (row + 0.5) * height / GRID[1],
                str(found.coverage.corners[row, column]),
                ha="center",
                va="center",
                fontsize=7,
            )
        axes.grid(visible=False)
        axes.set(xlabel="px", ylabel="px")
        return svg(figure, "coverage")


def _distortion(found: Intrinsics) -> str:
    width, height = found.lens.size_px
    x, y = np.meshgrid(np.linspace(0, width - 1, 13), np.linspace(0, height - 1, 10))
    seen = np.stack([x.ravel(), y.ravel()], axis=-1)
    moves = seen - found.lens.undistorted(seen)
    with styled():
        figure = Figure(figsize=(5.2, 4.0), layout="constrained")
        axes = figure.add_subplot()
        axes.quiver(*seen.T, *moves.T, color=COLOURS[0], angles="xy")
        axes.plot(*found.lens.lens_px[2:], "+", color=COLOURS[1], ms=10)
        largest = float(np.linalg.norm(moves, axis=-1).max())
        axes.set_title(f"up to {largest:.2f} px")
        axes.set(xlim=(0, width), ylim=(height, 0), xlabel="px", ylabel="px")
        axes.set_aspect("equal")
        return svg(figure, "distortion")
