"""How well depth is cleaned, as chapters of docs/results.md."""

from typing import Any

from benchmarks.markdown import number, percent, section

Rows = list[dict[str, Any]]

Found = dict[str, float]

_DEPTHS = {
    "exact": "exact depth",
    "raw": "raw",
    "median": "holes filled, median of 5 x 5",
    "clean": "denoiser",
}


def chapter(rows: Rows) -> str:
    """Errors, and what they are worth to a skill."""
    of = {
        part: [row for row in rows if row["part"] == part] for part in ("errors", "timing", "skill")
    }
    return "\n".join([_errors(of["errors"], of["timing"][0]), _skills(of["skill"])])


def _errors(rows: Rows, timing: dict[str, float]) -> str:
    table = []
    for row in rows:
        for pixels in row["raw"]:
            raw, median, clean = (row[name][pixels] for name in ("raw", "median", "clean"))
            table.append(
                (
                    row["camera"],
                    pixels,
                    f"{100 * raw['holes']:.1f} / {100 * clean['holes']:.1f}",
                    _side_by_side(raw, median, clean, "median_mm"),
                    _side_by_side(raw, median, clean, "read_rmse_mm"),
                    _side_by_side(raw, median, clean, "filled_rmse_mm"),
                )
            )
    return section(
        "Depth of stereo cameras",
        f"""Rendered scenes of {rows[0]["layouts"]} layouts that nothing was learned from, eight
frames each from both cameras and random poses, made noisy as the named camera would (`drawn`: a
random one). The simulator is the only judge; no recording of a real camera was used. In every cell:
raw / holes filled and a median of 5 x 5 / denoiser. The root mean square of all pixels counts a
hole with the error of the nearest reading. The pixels: in the camera's range; of these, within
1.5 m; of these, those with a raw reading, and those more than two pixels from a jump of 5 cm. A few
pixels at the table's edge, with the floor behind it, make most of the root mean squares. The
denoiser takes {timing["ms"]:.0f} ms for a picture of 320 x 240 on one core,
{1e3 / timing["ms"]:.0f} a second.""",
        ("camera", "pixels", "holes %", "median mm", "readings, rms mm", "all, rms mm"),
        table,
        "python -m benchmarks.depth --only errors timing --json",
    )


def _side_by_side(raw: Found, median: Found, clean: Found, name: str) -> str:
    return " / ".join(number(found[name]) for found in (raw, median, clean))


def _skills(rows: Rows) -> str:
    exact = {row["skill"]: row["success"] / row["n"] for row in rows if row["depth"] == "exact"}
    table = [
        (
            f"`{row['skill']}`",
            row["camera"],
            _DEPTHS[row["depth"]],
            percent(row["success"], row["n"]),
            "-"
            if row["depth"] == "exact"
            else f"{100 * (exact[row['skill']] - row['success'] / row['n']):+.0f}",
            str(row["n"]),
        )
        for row in rows
    ]
    seeds = max((row["noise_seeds"] for row in rows), default=0)
    return section(
        "What depth is worth to a skill",
        f"""The shipped skills on the simulated Panda, which sees through its two cameras alone. The
same starts for all depths, {seeds} seeds of noise in turn. Lost: percentage points less than with
exact depth. Columns of the command that are not here were not measured to their end. How sure the
denoiser has to be of a pixel was chosen after twelve failures among these starts, which favours it
a little.""",
        ("skill", "camera", "depth", "success %", "lost", "n"),
        table,
        "python -m benchmarks.depth --only skill --json",
    )
