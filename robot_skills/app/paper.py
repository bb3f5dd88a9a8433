"""Plots on white, as PNG files: their colours and style, and how they are written."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from robot_skills.core.errors import StorageError

INK, FAINT, GRID = "#1f2430", "#6b7280", "#e3e7ee"
SERIES = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
"""Colours that the colour-blind tell apart (Okabe and Ito, *Color Universal Design*, 2008)."""
_DPI = 160
_STYLE: dict[Any, Any] = {
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


@contextmanager
def on_paper() -> Iterator[None]:
    """Inside, figures are drawn in this style."""
    with rc_context(_STYLE):
        yield


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure.

    Raises:
        StorageError: It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png", dpi=_DPI, facecolor="white")
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror or error}.") from error
