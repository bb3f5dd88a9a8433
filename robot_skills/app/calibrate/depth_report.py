"""What the page about a depth calibration tells and draws."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from calibration.depth_box import Brightness
from calibration.depth_noise import DepthNoise
from robot_skills.app.drawing import COLOURS, INK, styled, svg

_SHOWN_PX = 40


def depth_facts(found: DepthNoise) -> Sequence[tuple[str, str]]:
    """Names and values, with standard deviations."""
    flat, box = found.flat, found.box
    frames = sum(view.frames for view in flat.views.values())
    told = any(view.told_m is not None for view in flat.views.values())
    return [
        ("frames of the flat target", f"{frames} at {len(flat.views)} distances"),
        ("a reading at 1 m is off by", _with_error(flat.sigma_w, 1e3, "mm")),
        ("noise grows with the distance to the power of", _with_error(flat.exponent)),
        ("of the variance stays from frame to frame", _with_error(flat.fixed_share, 100.0, "%")),
        ("noise is smooth over", _with_error(flat.correlation_px, 1.0, "px")),
        (
            "steps at 1 m",
            _with_error(flat.step_w, 1e3, "mm") if flat.step_w[0] else "finer than can be told",
        ),
        ("scale", _with_error(flat.scale) if told else "not told"),
        ("offset", _with_error(flat.offset_m, 1e3, "mm") if told else "not told"),
        ("holes anywhere", _with_error(flat.dropout, 100.0, "%")),
        ("of their variance is new in every frame", _with_error(flat.flicker, 100.0, "%")),
        ("frames of the box", f"{box.frames}, {box.rows} rows of its edges"),
        ("distance of the imagers", _with_error(box.baseline_m, 1e3, "mm")),
        ("holes in the shadow", _with_error(box.shadow_share, 100.0, "%")),
        ("edges reach", f"{box.edge_width_px} px"),
        ("holes at edges", _with_error(box.edge_hole_share, 100.0, "%")),
        ("readings between surfaces at edges", _with_error(box.flying_share, 100.0, "%")),
        ("dark things", _brightness(box.dark)),
        ("shiny things", _brightness(box.shiny)),
    ]


def depth_figures(found: DepthNoise) -> Mapping[str, str]:
    """The law of the noise, and holes beside the box; SVG by title."""
    return {
        "Noise by distance": _law(found),
        "Holes beside the box": _holes(found),
    }


def _law(found: DepthNoise) -> str:
    views = found.flat.views.values()
    z_m = np.array([view.distance_m for view in views])
    z = np.linspace(z_m.min(), z_m.max(), 100)
    step_w = found.flat.step_w[0]
    with styled():
        figure = Figure(figsize=(7.2, 4.0), layout="constrained")
        axes: Axes = figure.add_subplot()
        axes.plot(z_m, [1e3 * view.std_m for view in views], "o", color=COLOURS[0], label="found")
        model_w = np.hypot(found.flat.sigma_w[0], step_w / np.sqrt(12.0))
        axes.plot(z, 1e3 * model_w * z**2, color=INK, label="model: square of the distance")
        if step_w:
            axes.plot(z, 1e3 * step_w * z**2, "--", color=COLOURS[1], label="one step")
        axes.set(xlabel="distance [m]", ylabel="standard deviation of a reading [mm]")
        axes.legend()
        return svg(figure, "law")


def _holes(found: DepthNoise) -> str:
    with styled():
        figure = Figure(figsize=(7.2, 4.0), layout="constrained")
        axes: Axes = figure.add_subplot()
        profiles = {
            "side of the shadow": found.box.shadow_profile,
            "other side": found.box.edge_profile,
        }
        for (name, profile), colour in zip(profiles.items(), COLOURS, strict=False):
            shown = profile[:_SHOWN_PX]
            axes.step(np.arange(1, len(shown) + 1), 100.0 * shown, color=colour, label=name)
        axes.set(xlabel="pixels from the box", ylabel="holes [%]")
        axes.legend()
        return svg(figure, "holes")


def _with_error(value: tuple[float, float], factor: float = 1.0, unit: str = "") -> str:
    return f"{factor * value[0]:.4g} ± {factor * value[1]:.2g} {unit}".rstrip()


def _brightness(found: Brightness | None) -> str:
    if found is None:
        return "none were seen"
    if found.hole_share == 0.0:
        return "no more holes than others"
    return f"{100 * found.hole_share:.0f} % holes from luminance {found.level:.2f} on"
