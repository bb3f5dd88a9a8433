"""What the loop from simulation to robot is worth, as a chapter of docs/results.md."""

from typing import Any

from benchmarks.markdown import percent, section

_NAMES = {
    "nominal": "trained in the nominal simulation, nothing calibrated",
    "randomised": "randomised widely, nothing calibrated",
    "not cleaned": "calibrated, depth as the drivers of cameras smooth it, not trained on",
    "calibrated": "calibrated and depth cleaned, not trained on",
    "identified": "the same, trained on with the physics identified, nothing randomised",
    "loop": "**the whole loop**",
    "on twin": "trained with the twin's own physics, cameras known exactly",
}


def chapter(rows: list[dict[str, Any]]) -> str:
    """One line per skill and way to it."""
    table = []
    for row in rows:
        for side, one in row["sides"].items():
            table.append(
                (
                    row["skill"],
                    _NAMES[side],
                    percent(one["successes"], one["n"]),
                    str(one["twins"]),
                    str(one["n"]),
                )
            )
    told = ". ".join(_told(row) for row in rows)
    skills = " ".join(row["skill"] for row in rows)
    return section(
        "From the simulation to a robot",
        f"""Twins stand in for real robots: the tabletop with physics, cameras, lenses, colours,
depth and delays that are drawn and hidden, in a process of their own. Frames claim the nominal
lens and place unless they are calibrated, and depth is that of stereo cameras; success is judged by
the twin's truth. {told}.""",
        ("skill", "way", "success %", "twins", "n"),
        table,
        f"python -m benchmarks.sim2real --skills {skills} --json",
    )


def _told(row: dict[str, Any]) -> str:
    parts = []
    if "gain" in row:
        low, high = (100 * end for end in row["gain_ci90"])
        parts.append(
            f"gains {100 * row['gain']:.0f} points ({low:.0f} to {high:.0f}, 90 % bootstrap over "
            f"twins; {100 * row['gain_bar']:.0f} wanted)"
        )
    if row.get("share") is not None:
        parts.append(
            f"reaches {100 * row['share']:.0f} % of the upper bound "
            f"({100 * row['share_bar']:.0f} wanted)"
        )
    return f"With {row['skill']}, the loop " + " and ".join(parts)
