"""What ending attempts early saves, as a chapter of docs/results.md."""

from typing import Any

from benchmarks.markdown import section

Rows = list[dict[str, Any]]


def chapter(rows: Rows) -> str:
    """Time to success with the rule and without it, per setting."""
    return section(
        "Giving up in time",
        """A skill is tried until it succeeds, at most eight times; what it has let go of, or left
crooked in the hand, is put back where it was and taken again. Tasks whose attempts run to their end
say by what rule attempts are broken off, if any ([closed form](closed_loop.md#giving-up-in-time));
as many others, the same for both sides, say what it is worth. Where the gripper sticks, it stays as
it is from a drawn moment of every other attempt until that is over: the hand does not let go, and
nothing but the timeout would end the attempt. A threshold of 1 is a plain limit of time. Things
seen off are so by a standard deviation of 18 mm along either side. `p` is of Wilcoxon's signed-rank
test of the paired times.""",
        ("setting", "attempts that succeed %", "rule", "s without", "s with", "shorter", "p", "n"),
        [_line(row) for row in rows],
        "python -m benchmarks.makespan --json",
    )


def _line(row: dict[str, Any]) -> tuple[str, ...]:
    rule = row["rule"]
    told = "off"
    if rule is not None:
        told = f"{rule['after']} below {rule['below']:g} from {rule['from_s']:g} s"
    return (
        row["setting"],
        f"{100 * row['attempt_success_rate']:.0f}",
        told,
        f"{row['off_s']:.1f}",
        "-" if rule is None else f"{row['on_s']:.1f}",
        "-" if rule is None else f"{100 * row['shorter']:.1f} %",
        "-" if rule is None else f"{row['p']:.2g}",
        str(row["n"]),
    )
