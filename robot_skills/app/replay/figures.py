"""Plots of a replay: where the tool was to be, where it was, and how far off."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from robot_skills.app.drawing import COLOURS, FAINT, styled, svg
from robot_skills.app.replay.tracking import ArmTracking, ToolTrack
from robot_skills.core.se3 import Array, rotation_angle

_DPI = 130


@dataclass(frozen=True, kw_only=True, slots=True)
class Palette:
    """Colours of the three tracks."""

    measured: str
    commanded: str
    recorded: str


PAGE = Palette(measured=COLOURS[0], commanded=FAINT, recorded=COLOURS[1])
"""Stand-ins for the colours of a page, see `drawing`."""
PAPER = Palette(measured="#2f6fd6", commanded="#9aa3b0", recorded="#d9622b")


def tracking_svg(arm: ArmTracking, name: str) -> str:
    """The plot of one arm, for a page."""
    with styled():
        return svg(_draw(arm, PAGE), f"replay-{name}")


def tracking_png(arm: ArmTracking) -> bytes:
    """The plot of one arm, on white."""
    buffer = BytesIO()
    _draw(arm, PAPER).savefig(buffer, format="png", dpi=_DPI, facecolor="white")
    return buffer.getvalue()


def _draw(arm: ArmTracking, palette: Palette) -> Figure:
    figure = Figure(figsize=(10.8, 8.2), layout="constrained")
    many = figure.subplots(6, 1, sharex=True, height_ratios=(1, 1, 1, 0.8, 1.1, 1.1))
    for axis, axes in enumerate(many[:3]):
        _lines(axes, arm, palette, lambda track, axis=axis: track.T_base_tool[:, axis, 3])
        axes.set_ylabel(f"{'xyz'[axis]} [m]")
    _lines(many[3], arm, palette, lambda track: track.opening)
    many[3].set_ylabel("opening")
    for axes, rotation in ((many[4], False), (many[5], True)):
        _errors(axes, arm, palette, rotation=rotation)
    many[4].set_ylabel("off by [mm]")
    many[5].set_ylabel("off by [°]")
    many[5].set_xlabel("time of the replay [s]")
    for axes in many:
        axes.grid(visible=True, linewidth=0.5, alpha=0.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=0)
    handles, labels = many[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=3, frameon=False)
    figure.align_ylabels()
    return figure


def _lines(
    axes: Axes, arm: ArmTracking, palette: Palette, value: Callable[[ToolTrack], Array]
) -> None:
    end_s = arm.measured.time_s[-1]
    tracks: list[tuple[str, ToolTrack, str, float, Any]] = [
        ("commanded", arm.commanded, palette.commanded, 3.0, "-"),
        ("measured", arm.measured, palette.measured, 1.4, "-"),
    ]
    if arm.recorded is not None:
        tracks.append(("recorded", arm.recorded, palette.recorded, 1.4, (0, (3, 3))))
    for label, track, colour, width, style in tracks:
        shown = track.time_s <= end_s + 1e-9
        axes.plot(
            track.time_s[shown],
            value(track)[shown],
            color=colour,
            linewidth=width,
            linestyle=style,
            label=label,
        )
    axes.margins(x=0.01)


def _errors(axes: Axes, arm: ArmTracking, palette: Palette, *, rotation: bool) -> None:
    """Distances to the commanded and to the recorded track, once the lag is taken out."""
    pairs = [(arm.commanded, arm.to_commanded, palette.commanded)]
    if arm.recorded is not None and arm.to_recorded is not None:
        pairs.append((arm.recorded, arm.to_recorded, palette.recorded))
    for reference, found, colour in pairs:
        other = reference.at(arm.measured.time_s - found.lag_s)
        axes.plot(
            arm.measured.time_s, _apart(arm.measured, other, rotation), color=colour, linewidth=1.5
        )
    axes.set_ylim(bottom=0.0)


def _apart(one: ToolTrack, other: ToolTrack, rotation: bool) -> Array:
    if rotation:
        R = np.swapaxes(one.T_base_tool[:, :3, :3], -1, -2) @ other.T_base_tool[:, :3, :3]
        return np.rad2deg(rotation_angle(R))
    off_m = np.linalg.norm(one.T_base_tool[:, :3, 3] - other.T_base_tool[:, :3, 3], axis=-1)
    return 1e3 * off_m
