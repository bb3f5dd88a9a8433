"""What executives make of skills that fail, as a chapter of docs/results.md."""

from typing import Any

from benchmarks.markdown import percent, section

Rows = list[dict[str, Any]]

_NAMES = {"fixed": "fixed order", "sequencer": "sequencer", "closed-loop": "closed loop"}
_LEVELS = {"I": "I, tasks it was trained on", "IV": "IV, compositions it never met"}


def executives(rows: Rows) -> str:
    """Success of every executive on every level, and what it is beside a fixed order."""
    table = []
    for row in rows:
        low, high = row["gain_ci95"]
        gain = "-"
        if row["executive"] != "fixed":
            gain = f"{100 * row['gain']:+.0f} ({100 * low:+.0f} to {100 * high:+.0f})"
        table.append(
            (
                _LEVELS[row["level"]],
                _NAMES[row["executive"]],
                percent(row["successes"], row["n"]),
                gain,
                f"{row['attempts']:.1f}",
                f"{row['sim_s']:.0f}",
            )
        )
    first = rows[0]
    return section(
        "What comes after a skill that failed",
        f"""Every skill capped at {100 * first["cap"]:.0f} %: in the other attempts, drawn from a
seed, its policy gives up after one to three chunks, and in half of these lets go of what the hand
holds. {first["n"]} instructions per level, of its tasks in turn, seen through the
{"cameras" if first["scene"] == "rgbd" else "simulator's state"}; all executives met the same
instructions in the same scenes, and the same attempts were doomed. The fixed order makes every call
of the first plan once; the sequencer was learned from imagined runs of the tasks of level I and of
others with a single wish; the closed loop tries again and plans again. The gain over the fixed
order is in points, with the 95 % bootstrap interval of the paired difference.""",
        ("level", "executive", "success %", "gain", "attempts", "s"),
        table,
        f"python -m benchmarks.sequencer --episodes {first['n']} --json",
    )
