"""What looking is worth when somebody meddles, as a chapter of docs/results.md."""

from typing import Any

from benchmarks.markdown import percent, section

Rows = list[dict[str, Any]]

_KINDS = {"none": "nothing", "moved": "a thing is moved", "removed": "a thing is taken away"}


def chapter(rows: Rows) -> str:
    """The closed loop beside the open one, per task and kind of change, and all together."""
    table = [_line(row) for row in rows if len(row["tasks"]) == 1 and len(row["kinds"]) == 1]
    table += [_line(row) for row in rows if len(row["tasks"]) > 1]
    quiet = next(row for row in rows if row["kinds"] == ["none"] and len(row["tasks"]) > 1)
    single = next(row for row in rows if len(row["tasks"]) == 1)
    return section(
        "While somebody moves things",
        f"""Instructions that take five or six calls of three and four skills, seen through the
{"cameras" if quiet["scene"] == "rgbd" else "simulator's state"}. At a drawn time somebody puts one
of the things that the task is about elsewhere on the table, from wherever it is, or takes it away
for good. The open loop makes the same calls of the same first plan, once and in order, bound to the
first look but for what its own calls were about, and looks again at the end. Both get the same
scenes, seeds and changes, {single["n"]} of each kind per task. Right is a run whose goal holds in
the simulator's state; where the thing is gone for good and the words leave no choice, one that ends
within a minute with that reason. What is taken out of a drawer that is shut already, nobody can
see. How far the closed loop is ahead is in points, with the 95 % bootstrap interval of the paired
difference. Undisturbed, it planned anew in {quiet["replanned"]} of {quiet["n"]} runs, in
{quiet["false_replans"]} of them although all that the call before had promised was true
([closed loop](closed_loop.md)).""",
        ("task", "what happens", "closed loop right %", "open loop right %", "ahead", "n", "s"),
        table,
        f"python -m benchmarks.closed_loop --episodes {single['n']} --json",
    )


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    low, high = row["ahead_ci95"]
    together = len(row["tasks"]) > 1
    kinds = "a change" if len(row["kinds"]) > 1 else _KINDS[row["kinds"][0]]
    return (
        "**all**" if together else row["tasks"][0],
        kinds,
        percent(row["closed_right"], row["n"]),
        percent(row["open_right"], row["n"]),
        f"{100 * row['ahead']:+.0f} ({100 * low:+.0f} to {100 * high:+.0f})",
        str(row["n"]),
        f"{row['closed_sim_s']:.0f} / {row['open_sim_s']:.0f}",
    )
