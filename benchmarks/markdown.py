"""Pieces of the pages of results."""

from collections.abc import Iterable, Sequence

from robot_skills.app.evaluate import wilson


def section(
    title: str, text: str, head: Sequence[str], rows: Iterable[Sequence[str]], command: str
) -> str:
    """A chapter: a heading, text, a table and the command that measures it."""
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {title}\n\n{text}\n\n{table}\n\n`{command}`\n"


def in_minutes(minutes: float) -> str:
    """As words."""
    return "one minute" if minutes == 1 else f"{minutes:g} minutes"


def percent(good: int, n: int) -> str:
    """Per cent of successes, with the 95 % Wilson interval."""
    low, high = wilson(good, n)
    return f"{100 * good / n:.0f} ({100 * low:.0f}-{100 * high:.0f})"


def number(value: float | None) -> str:
    """Three digits; a dash where there is none."""
    if value is None:
        return "-"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
