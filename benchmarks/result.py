"""What every benchmark reports."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class BenchResult:
    """One comparison, both sides measured in one run.

    Attributes:
        ours: Median of our side, in `unit`.
        peer: Median of the peer's side.
        limit: What this machine cannot beat, whoever writes the rest; None where it is not known.
        ratio: How many times better we are, whichever direction is better; above 1 is a win.
        unit: What the three figures count.
        repeats: How often each side was measured, taking turns.
        detail: What exactly was compared.
    """

    ours: float
    peer: float
    limit: float | None
    ratio: float
    unit: str
    repeats: int
    detail: str

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))


def table(results: Sequence[BenchResult]) -> str:
    """The results as text for a terminal."""
    head = ("ours", "peer", "limit", "ratio", "unit")
    rows = [head] + [
        (
            f"{r.ours:.4g}",
            f"{r.peer:.4g}",
            "-" if r.limit is None else f"{r.limit:.4g}",
            f"{r.ratio:.2f}x",
            r.unit,
        )
        for r in results
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row[:-1], widths, strict=False))
        + f"  {row[-1]}"
        for row in rows
    ]
    notes = [f"{r.unit} ({r.repeats} repeats): {r.detail}" for r in results]
    return "\n".join([*lines, "", *notes])
