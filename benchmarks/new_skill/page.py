"""Chapter on the skill that was added, in docs/results.md."""

from typing import Any

from benchmarks.markdown import percent, section


def chapter(rows: list[dict[str, Any]]) -> str:
    """What the added skill reaches alone and composed, and what it took."""
    (row,) = rows
    alone, composed = row["alone"], row["composed"]
    table = [(f"`{row['skill']}` alone", *_cells(alone))]
    table += [
        (name if name != "all" else "**composed, all**", *_cells(rate))
        for name, rate in composed.items()
    ]
    changed = ", ".join(row["others_changed"]) or "none"
    return section(
        "A skill that nobody had",
        f"""{row["demonstrations"]} demonstrations by a script that tips a milk carton over become
a skill of the library with one command, in {row["cpu_minutes"]:.1f} CPU minutes: repeating them in
{row["multiplied"]["episodes"]} new scenes, training and measuring. Then it is planned with, for
things that no demonstration tips over and in compositions that nobody demonstrated; seen through
the cameras, success in the simulator's truth. Files of other skills that changed: {changed}.""",
        ("", "success %", "n"),
        table,
        "python -m benchmarks.new_skill",
    )


def _cells(rate: dict[str, Any]) -> tuple[str, str]:
    return percent(rate["successes"], rate["n"]), str(rate["n"])
