"""Plots as inline SVG that take their colours from the page, so that they suit light and dark."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from matplotlib import rc_context
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

SERIES = 8
"""Number of colours that the page has for subsets."""
INK, GRID, FAINT = "#010101", "#020202", "#030303"
"""Stand-ins for the page's colours of text, lines, and what is in the background."""
COLOURS = tuple(f"#0404{i:02x}" for i in range(SERIES))
"""Stand-ins for the page's colours of subsets."""
# Densities are pictures, which cannot follow the page: one hue that is seen on both.
DENSITY = LinearSegmentedColormap.from_list(
    "density", [(0.24, 0.49, 0.87, a) for a in (0.0, 0.45, 0.75, 0.95)]
)
_VARIABLES = {
    INK: "var(--muted)",
    GRID: "var(--line)",
    FAINT: "var(--faint)",
    **{colour: f"var(--s{i})" for i, colour in enumerate(COLOURS)},
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 9,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
}


@contextmanager
def styled() -> Iterator[None]:
    """Inside, figures are drawn in stand-in colours."""
    with rc_context(_STYLE):
        yield


def svg(figure: Figure, salt: str) -> str:
    """The figure as one `<svg>` element.

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
    # Names of groups repeat in every figure, and nothing refers to them.
    text = re.sub(r'<g id="[a-z0-9]+_[^"]*"', "<g", text)
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, variable)
    return text
