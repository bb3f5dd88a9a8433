"""A picture of how far a predicted probability can be believed."""

from pathlib import Path

from policies.reliability import Calibration
from robot_skills.core.errors import RefusedError

_INK, _LINE, _FAINT = "#1f2430", "#2b6cb0", "#b8c4d6"


def reliability_figure(calibration: Calibration, path: Path, title: str = "") -> None:
    """Draw a reliability diagram: what came true against what was predicted.

    Args:
        calibration: Measured on data not learned from.
        path: Picture to write (PNG).
        title: What predicts.

    Raises:
        RefusedError: Nothing was measured.
        StorageError: The picture cannot be written.
    """
    if not calibration.fitted:
        raise RefusedError(
            f"There is nothing to draw: {calibration.n} held-out samples were too few to calibrate."
        )
    from matplotlib.figure import Figure

    from robot_skills.app.paper import save_png

    figure = Figure(figsize=(4.2, 4.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color=_FAINT, linewidth=1.0, label="as predicted")
    upper.plot(calibration.predicted, calibration.observed, "o-", color=_LINE, label="found")
    upper.set(xlim=(0, 1), ylim=(-0.02, 1.02), ylabel="came true")
    upper.set_title(title, loc="left", fontsize=10, color=_INK)
    upper.text(
        0.03,
        0.82,
        f"n = {calibration.n} in {calibration.groups} episodes\n"
        f"calibration error {calibration.ece:.3f} (before {calibration.ece_before:.3f})\n"
        f"Brier score {calibration.brier:.3f} (before {calibration.brier_before:.3f})",
        fontsize=8,
        color=_INK,
    )
    upper.legend(loc="lower right", fontsize=8, frameon=False)
    lower.bar(calibration.predicted, calibration.count, width=0.06, color=_LINE)
    lower.set(xlabel="predicted probability", ylabel="samples", yscale="log")
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    save_png(figure, path)
