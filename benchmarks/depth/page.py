"""How well depth is cleaned, as chapters of docs/results.md."""

from typing import Any

from benchmarks.markdown import number, percent, section

Rows = list[dict[str, Any]]

Found = dict[str, float]

_NAMES = ("raw", "median", "clean")
_HEADLINE = ("read raw", "within 1.5 m")
_DEPTHS = {
    "exact": "exact depth",
    "raw": "raw",
    "median": "holes filled, median of 5 x 5",
    "clean": "denoiser",
    "eyes": "denoiser, and things told apart by what has learned from such depth",
}


def chapter(rows: Rows) -> str:
    """Errors, and what they are worth to a skill."""
    of: dict[str, Rows] = {}
    for row in rows:
        of.setdefault(row["part"], []).append(row)
    parts = [_errors(of["errors"], of["timing"][0]), _pixels(of["errors"]), _skills(of["skill"])]
    if "twins" in of:
        parts.append(_twins(of["twins"]))
    return "\n".join(parts)


def _errors(rows: Rows, timing: dict[str, float]) -> str:
    table = []
    for row in rows:
        read, reach = ({name: row[name][pixels] for name in _NAMES} for pixels in _HEADLINE)
        table.append(
            (
                row["camera"],
                *_before_after(read["raw"], read["clean"], "filled_rmse_mm"),
                *_before_after(read["raw"], read["clean"], "read_rmse_mm"),
                f"{100 * read['clean']['holes']:.1f}",
                *_before_after(reach["raw"], reach["clean"], "filled_rmse_mm"),
            )
        )
    return section(
        "Depth of stereo cameras",
        f"""Rendered scenes of {rows[0]["layouts"]} layouts that nothing was learned from, eight
frames each from both cameras and random poses, made noisy as the named camera would (`drawn`: a
random one). The simulator is the only judge; no recording of a real camera was used. Root mean
square errors, raw and through the denoiser, of pixels within 1.5 m. *Readings*: of all pixels that
have a raw reading, whatever the denoiser thinks of them. *Known*: the denoiser's of those of them
that it calls known, beside that of all raw ones; it leaves out so many. *All*: of all pixels, holes
of the raw depth taken from the nearest reading, those of the denoiser from its best guess. In
training, what is further than 1.5 m counted for less. The denoiser takes
{timing["ms"]:.0f} ms for a picture of 320 x 240 on one core and {timing["two_cores_ms"]:.0f} ms on
two, {1e3 / timing["ms"]:.0f} and {1e3 / timing["two_cores_ms"]:.0f} a second.""",
        (
            "camera",
            "readings, mm",
            "less",
            "known, mm",
            "less",
            "left out %",
            "all, mm",
            "less",
        ),
        table,
        "python -m benchmarks.depth --only errors timing --json",
    )


def _before_after(raw: Found, clean: Found, name: str) -> tuple[str, str]:
    """Both figures, and by how much the second is smaller."""
    less = 1.0 - clean[name] / raw[name]
    return f"{number(raw[name])} / {number(clean[name])}", f"{100 * less:.0f} %"


def _pixels(rows: Rows) -> str:
    table = []
    for row in rows:
        for pixels in row["raw"]:
            raw, median, clean = (row[name][pixels] for name in _NAMES)
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
        "Depth of stereo cameras, pixel by pixel",
        """The same scenes. In every cell: raw / holes filled and a median of 5 x 5 / denoiser. The
pixels: *in range* of the camera; of these, those *within 1.5 m*; of these, those that were *read
raw*, and those *off edges*, more than two pixels from a jump of 5 cm. A hole is a pixel without a
reading, for the denoiser one that is not known. *With a reading*: root mean square without each
side's own holes. *All*: with them, filled as above. A few pixels at the table's edge, with the
floor behind it, make most of the root mean squares.""",
        ("camera", "pixels", "holes %", "median mm", "with a reading, rms mm", "all, rms mm"),
        table,
        "python -m benchmarks.depth --only errors --json",
    )


def _side_by_side(raw: Found, median: Found, clean: Found, name: str) -> str:
    return " / ".join(number(found[name]) for found in (raw, median, clean))


def _skills(rows: Rows) -> str:
    seeds = max((row["noise_seeds"] for row in rows), default=0)
    return section(
        "What depth is worth to a skill",
        f"""The shipped skills on the simulated Panda, which sees through its two cameras alone. The
same starts for all depths, {seeds} seeds of noise in turn. Lost: percentage points less than with
exact depth. Columns of the command that are not here were not measured to their end. How sure the
denoiser has to be of a pixel was chosen on other starts.""",
        ("skill", "camera", "depth", "success %", "lost", "n"),
        _lost(rows),
        "python -m benchmarks.depth --only skill --json",
    )


def _twins(rows: Rows) -> str:
    twins = max(row["noise_seeds"] for row in rows)
    return section(
        "What depth is worth to a skill on twins",
        f"""The same on {twins} twins, whose fixed cameras have the baseline of a D435 and whose
others are drawn, with the drivers' filters off. Lenses, places and delays are known exactly, so
that nothing but depth makes a difference.""",
        ("skill", "camera", "depth", "success %", "lost", "n"),
        _lost(rows),
        "python -m benchmarks.depth --only twins --json",
    )


def _lost(rows: Rows) -> list[tuple[str, ...]]:
    exact = {row["skill"]: row["success"] / row["n"] for row in rows if row["depth"] == "exact"}
    return [
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
