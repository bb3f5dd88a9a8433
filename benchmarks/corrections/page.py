"""What has to be said a second time, as a chapter of docs/results.md."""

from typing import Any

from benchmarks.markdown import percent, section

Rows = list[dict[str, Any]]

_WISHES = {
    "side": "to one side",
    "edge": "away from the table's edge",
    "beside": "not next to a thing",
    "higher": "higher above a thing",
    "which": "which of several alike",
    "close": "close the drawer afterwards",
    "all": "**all**",
}
_FIRST = {"": "", "seen": ", seen wordings at first", "held_out": ", held-out ones at first"}


def chapter(rows: Rows) -> str:
    """Corrections per visit, what was remembered wrongly, and how fast words work.

    Args:
        rows: Of ``corrections.jsonl``.
    """
    (kept,) = _of(rows, "retrievals")
    read = _of(rows, "reading")
    misread = sum(row["misread"] for row in read)
    return section(
        "What has to be said again",
        f"""{kept["users"]} simulated users want something that the instruction does not say,
watch, and correct in words until they get it, {kept["most"]} times at most. Each comes three times
to four of these families: to other things, in other layouts, with other instructions. Only the
user's file of corrections is kept in between. Corrections are means, with 95 % bootstrap intervals;
whether a wish was met is judged on the simulator's state.

- Remembered by itself {kept["n"]} times, {kept["wrong"]} of them where it was not wanted
  ({percent(kept["wrong"], kept["n"])} %), in these visits and {kept["controls"]} tasks that no wish
  was about.
- From words to the first command that heeds them, computing and one control period included:
  {"; ".join(map(_reaction, _of(rows, "reaction")))}.
- Read as they were meant, of the wordings that were {" and ".join(map(_read, read))}. The others
  were refused, except {misread} that were taken for something else.""",
        ("wish", "n", "first visit", "second", "third", "met %"),
        [_visits(row) for row in _of(rows, "visits")],
        f"python -m benchmarks.corrections --users {kept['users']} --json",
    )


def _of(rows: Rows, kind: str) -> Rows:
    return [row for row in rows if row["row"] == kind]


def _visits(row: dict[str, Any]) -> tuple[str, ...]:
    counts = [
        f"{mean:.2f} ({low:.2f}-{high:.2f})"
        for mean, (low, high) in zip(row["corrections"], row["ci95"], strict=True)
    ]
    name = _WISHES[row["wish"]] + _FIRST[row["first_wordings"]]
    return name, str(row["n"]), *counts, percent(row["met"], row["met_n"])


def _reaction(row: dict[str, Any]) -> str:
    what = "how a call is done" if row["level"] == "call" else "what is to be done"
    times = f"median {row['median_s']:.2f} s, largest {row['largest_s']:.2f} s"
    return f"{what}, {times} (n = {row['n']})"


def _read(row: dict[str, Any]) -> str:
    known = "known while the reader was written" if row["wordings"] == "seen" else "held out"
    return f"{known} {row['understood']} of {row['n']}"
