"""The central table as chapters of docs/results.md."""

from collections.abc import Sequence
from typing import Any

from benchmarks.markdown import section
from benchmarks.table.cells import FALSE_REPORTS_BAR, Kind
from benchmarks.table.methods import SKILLS
from benchmarks.table.rows import Row
from robot_skills.app.intervals import Interval, PairedDifference
from sim.tabletop.levels import LEVELS

_HEAD = ("success %, 90 %", "95 %, Wilson", "required %", "false reports", "n")


def chapter(lines: list[dict[str, Any]]) -> str:
    """Levels, skills and factors, those of them that were measured.

    Args:
        lines: Of ``table.jsonl``.
    """
    rows = [Row.from_json(line) for line in lines]
    by_kind = {kind: [row for row in rows if row.kind == kind.value] for kind in Kind}
    ours = [row for row in rows if row.method == SKILLS.name]
    parts = [
        (_levels, by_kind[Kind.LEVEL]),
        (_skills, by_kind[Kind.SKILL]),
        (_factors, by_kind[Kind.FACTOR]),
    ]
    sections = [write(mine) for write, mine in parts if mine]
    return "\n".join([*sections, *([_false_reports(ours)] if ours else [])])


def _levels(rows: Sequence[Row]) -> str:
    table = [
        (
            row.of if first else "",
            LEVELS[row.of].says if first else "",
            row.method,
            *_figures(row),
            "-" if row.lead is None else _points(row.lead),
            "-" if row.lead_bar is None else f"{100 * row.lead_bar:.0f}",
        )
        for row, first in _with_first(rows)
    ]
    return section(
        "How far skills carry",
        f"""![Success per level, skill and factor](table.png)

Instructions through the whole stack, scenes seen by RGB-D cameras, {_seeds(rows)}. A false report
is a trial that the stack believes to have succeeded and that has not. The first interval is a
bootstrap over training seeds and then trials, which has no width where nothing failed; the second
treats all trials alike. Trials of the same number are drawn from the same seed, whoever makes
them: how far the skills are ahead of another method is the mean difference of such pairs. Level II
leaves out insertion and what only handles fixtures: peg, drawer, cupboard, button and switch come
in one shape.""",
        ("level", "new", "method", *_HEAD, "skills ahead, points (90 %)", "required"),
        table,
        "make table",
    )


def _skills(rows: Sequence[Row]) -> str:
    return section(
        "Each skill on new layouts",
        f"""One call of a skill from a start that it was not trained on, Panda, RGB-D,
{_seeds(rows)}.""",
        ("skill", *_HEAD),
        [(f"`{row.of}`", *_figures(row)) for row in rows],
        'python -m benchmarks.table --only "skill:*"',
    )


def _factors(rows: Sequence[Row]) -> str:
    drops = sorted((row.drop for row in rows if row.drop is not None), key=lambda drop: -drop.drop)
    text = """Level I with one factor varied beyond what demonstrations show, beside the same tasks
as usual, trial by trial from the same seeds; the drop has the 90 % bootstrap interval of the paired
difference."""
    left_out = [
        f"- {drop.factor}: without {', '.join(drop.left_out)}" for drop in drops if drop.left_out
    ]
    if left_out:
        text += " Tasks that a factor cannot act on are left out on both sides:\n\n"
        text += "\n".join(left_out)
    return section(
        "One factor at a time",
        text,
        ("factor", "usual %", "varied %", "drop, points (90 %)", "false reports", "n"),
        [
            (
                drop.factor,
                f"{100 * drop.usual / drop.n:.0f}",
                f"{100 * drop.varied / drop.n:.0f}",
                f"{100 * drop.drop:.1f} ({100 * drop.ci90[0]:.1f} to {100 * drop.ci90[1]:.1f})",
                str(drop.false_reports),
                str(drop.n),
            )
            for drop in drops
        ],
        'python -m benchmarks.table --only "factor:*"',
    )


def _false_reports(ours: Sequence[Row]) -> str:
    n, false = sum(row.n for row in ours), sum(row.false_reports for row in ours)
    found = "there is 1 false report" if false == 1 else f"there are {false} false reports"
    return (
        f"In all {n:,} trials of our skills {found} "
        f"({100 * false / n:.2f} %); {100 * FALSE_REPORTS_BAR:.0f} % are allowed.\n"
    )


def _figures(row: Row) -> tuple[str, ...]:
    return (
        f"{100 * row.rate:.0f} {_percent(row.ci90)}",
        _percent(row.ci95),
        "-" if row.bar is None else f"{100 * row.bar:.0f}",
        f"{row.false_reports} ({100 * row.false_reports / row.n:.1f} %)",
        str(row.n),
    )


def _points(lead: PairedDifference) -> str:
    low, high = lead.ci90
    return f"{100 * lead.mean:+.0f} ({100 * low:+.0f} to {100 * high:+.0f})"


def _percent(interval: Interval) -> str:
    low, high = interval
    return f"({100 * low:.0f}-{100 * high:.0f})"


def _seeds(rows: Sequence[Row]) -> str:
    seeds = max(row.training_seeds for row in rows)
    return "one training seed" if seeds == 1 else f"{seeds} training seeds"


def _with_first(rows: Sequence[Row]) -> list[tuple[Row, bool]]:
    """Rows by level, each with whether it is the first of its level."""
    ordered = sorted(rows, key=lambda row: list(LEVELS).index(row.of))
    return [(row, i == 0 or ordered[i - 1].of != row.of) for i, row in enumerate(ordered)]
