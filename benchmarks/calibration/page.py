"""How accurate calibrations are, as a chapter of docs/results.md."""

from typing import Any

from benchmarks.markdown import section

_NAMES = {
    "corners": "corners of the board",
    "intrinsics": "lens with distortion, 30 views",
    "mount_exact": "camera on the tool, exact arm, 20 views",
    "mount_noisy": "camera on the tool, arm 0.5 mm and 0.1 degrees off, 20 views",
    "rig": "two cameras, 20 views",
    "check_exact": "moved by 5 mm, or turned by 0.5 degrees? One look, exact arm",
    "check_noisy": "the same, arm 0.5 mm and 0.1 degrees off",
    "check_noisy_twice": "the same, two looks from different poses",
}
_UNITS = {"px": "px", "mm": "mm", "deg": "degrees", "percent": "%"}


def chapter(rows: list[dict[str, Any]]) -> str:
    """One line per number that has a bar."""
    table = []
    for row in rows:
        for name, bar in row["bars"].items():
            what, unit = _words(name)
            worst = row["found"].get(f"worst_{name}")
            table.append(
                (
                    _NAMES[row["kind"]],
                    f"{what}{f' [{unit}]' if unit else ''}",
                    f"{row['found'][name]:.3g}",
                    "-" if worst is None else f"{worst:.3g}",
                    f"{bar:g}",
                    str(row["seeds"]),
                )
            )
    return section(
        "Calibration",
        """Boards drawn by MuJoCo in pictures of 640 x 480 pixels, with blur (0.7 px) and noise (3
of 255); the true poses and lenses are known. Medians over seeds, of corners over all of them; of
the looks, shares of all. The arm's errors are standard deviations per axis.""",
        ("what", "off", "found", "worst seed", "wanted at most", "seeds"),
        table,
        "python -m benchmarks.calibration --json",
    )


def _words(name: str) -> tuple[str, str]:
    """What a number is, and its unit."""
    stem, _, end = name.rpartition("_")
    if end in _UNITS:
        return stem, _UNITS[end]
    return name.replace("_", " "), ""
