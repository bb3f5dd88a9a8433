"""The table's figures, counted from the trials."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.success import FIRST_EPISODE
from benchmarks.table.cells import Cell, Kind
from benchmarks.table.growing import Stream
from benchmarks.table.trial_log import TrialLog
from robot_skills.app.evaluate import wilson
from robot_skills.app.factors import Drop, drop_of
from robot_skills.app.intervals import (
    Interval,
    PairedDifference,
    bootstrap_interval,
    paired_difference,
)
from sim.tabletop.factors import TABLETOP_FACTORS


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """What was found in one cell.

    Attributes:
        cell: Name of the cell.
        kind: What it is about: a skill, a level, a factor.
        of: Name of the skill, level or factor.
        method: Who was measured.
        n: Trials.
        successes: Among them, in the simulator's truth.
        rate: Their share.
        ci90: Bootstrap interval of it.
        ci95: Wilson interval of it, which has a width even where nothing failed.
        false_reports: Trials that were believed to have succeeded and had not.
        bar: Success that is required, if any is.
        training_seeds: How many.
        seeds: Of the trials, as ``(seed, first..last number)``.
        command: Measures it again.
        drop: Of a factor, what it costs beside the usual.
        lead: Of a level and a method that is not ours, how far our skills are ahead in the same
            trials.
        lead_bar: How far they have to be ahead, if that is required.
    """

    cell: str
    kind: str
    of: str
    method: str
    n: int
    successes: int
    rate: float
    ci90: Interval
    ci95: Interval
    false_reports: int
    bar: float | None
    training_seeds: int
    seeds: str
    command: str
    drop: Drop | None
    lead: PairedDifference | None = None
    lead_bar: float | None = None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Row":
        """From a line of the results."""
        row = cls(**values)
        return replace(
            row,
            drop=row.drop and Drop(**values["drop"]),
            lead=row.lead and PairedDifference(**values["lead"]),
        )


def count(cell: Cell, streams: Sequence[Stream], log: TrialLog) -> Row | None:
    """Count what is finished of a cell; None where nothing is.

    Args:
        cell: Which one.
        streams: Its trials, with each training seed.
        log: What is finished.
    """
    ended = [found for found in (stream.finished(log) for stream in streams) if found]
    if not ended:
        return None
    trials = [[outcomes[0] for outcomes in found.values()] for found in ended]
    successes = [[trial.success for trial in group] for group in trials]
    n = sum(len(group) for group in trials)
    good = sum(sum(group) for group in successes)
    drop = lead = None
    if any(len(stream.jobs) > 1 for stream in streams):
        others = [[outcomes[1] for outcomes in found.values()] for found in ended]
        if cell.kind is Kind.FACTOR:
            drop = drop_of(TABLETOP_FACTORS[cell.of], others, trials)
        else:
            ours = [[trial.success for trial in group] for group in others]
            lead = paired_difference(ours, successes)
    return Row(
        cell=cell.name,
        kind=cell.kind.value,
        of=cell.of,
        method=cell.method,
        n=n,
        successes=good,
        rate=good / n,
        ci90=bootstrap_interval(successes),
        ci95=wilson(good, n),
        false_reports=sum(
            trial.believed and not trial.success for group in trials for trial in group
        ),
        bar=cell.bar,
        training_seeds=len(ended),
        seeds=f"({FIRST_EPISODE}, 0..{max(max(found) for found in ended)})",
        command=f'python -m benchmarks.table --only "{cell.name}"',
        drop=drop,
        lead=lead,
        lead_bar=cell.lead_bar,
    )


def read_rows(path: Path) -> list[Row]:
    """Rows that were written before."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Row.from_json(json.loads(line)) for line in lines]


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """One line of JSON per row."""
    text = "".join(json.dumps(asdict(row)) + "\n" for row in rows)
    partial = path.with_suffix(".tmp")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
