"""Writes what was measured into README.md: ``python -m benchmarks.readme_table``.

Success rates come from the skill cards in ``zoo/``; suites, perception and benchmarks from the JSON
lines that ``robot-skills eval --suite``, ``python -m benchmarks.perception --json`` and
``robot-skills bench`` printed, one file each in ``benchmarks/results/``. Nothing is measured here,
and nothing is typed in by hand.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from robot_skills.core.errors import RefusedError, RobotSkillsError
from robot_skills.skills.card import SuiteResult
from robot_skills.skills.library import SkillLibrary

ROOT = Path(__file__).resolve().parents[1]
BEGIN = "<!-- results: `make readme` writes what stands between these marks -->"
END = "<!-- end of results -->"


_PERCEPTION_HEAD = (
    "perceived",
    "frames",
    "n",
    "missed",
    "false",
    "misnamed",
    "centre off, mm: median / p95 / max",
)


def results_text(library: SkillLibrary, measured: Iterable[dict[str, Any]]) -> str:
    """Markdown tables of everything that was measured.

    Args:
        library: The cards.
        measured: The saved JSON lines.
    """
    skills = [
        (f"`{card.name}`", result.arm, result.scene, _rate(result), f"{result.n}")
        for card in library
        for result in card.results
    ]
    suites, seen, benches = [], [], []
    for line in measured:
        if "per_task" in line:
            suites += _suite_rows(line)
        elif "frames" in line:
            seen += _perception_rows(line)
        elif "band" not in line:
            # (A band to reproduce stands in docs/results.md.)
            benches += [_bench_row(item) for item in line.get("results", [line])]
    parts = [
        _table(("skill", "arm", "scene", "success %", "n"), skills),
        _table(("instruction", "on", "success %", "believed", "disagree", "n"), suites),
        _table(_PERCEPTION_HEAD, seen),
        _table(("benchmark", "ours", "peer", "limit", "times better"), benches),
    ]
    return "\n\n".join(part for part in parts if part) or "Not measured yet."


def with_results(readme: str, results: str) -> str:
    """The README with its block of results replaced.

    Raises:
        RefusedError: The marks around the block are missing.
    """
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise RefusedError(f"README.md lacks the marks {BEGIN!r} and {END!r}.")
    return f"{before}{BEGIN}\n{results}\n{END}{after}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _rate(result: SuiteResult) -> str:
    return _percent(result.rate, result.ci95)


def _percent(rate: float, ci95: Sequence[float]) -> str:
    low, high = (round(100 * bound) for bound in ci95)
    return f"{100 * rate:.0f} ({low}-{high})"


def _suite_rows(line: dict[str, Any]) -> list[tuple[str, ...]]:
    where = f"{line['arm']}, {line['scene']}"
    tasks = {**line["per_task"], "**all**": line}
    return [
        (
            task,
            where,
            _percent(item["rate"], item["ci95"]),
            str(item["believed"]),
            str(item["disagree"]),
            str(item["n"]),
        )
        for task, item in tasks.items()
    ]


def _perception_rows(line: dict[str, Any]) -> list[tuple[str, ...]]:
    """Every kind of thing in the frames that runs use, then all kinds in each sort of frames."""
    used = next(iter(line["frames"]))
    rows = [(kind, used, item) for kind, item in line["frames"][used]["per_kind"].items()]
    rows += [
        (f"**all**, {line['arm']}", name, item["all"]) for name, item in line["frames"].items()
    ]
    counts = ("things", "missed", "false_positives", "wrong_names")
    return [
        (kind, frames, *(str(item[count]) for count in counts), _spread(item["centre_mm"]))
        for kind, frames, item in rows
    ]


def _spread(item: dict[str, float] | None) -> str:
    return "-" if item is None else " / ".join(f"{item[key]:.2f}" for key in item)


def _bench_row(item: dict[str, Any]) -> tuple[str, ...]:
    numbers = [_number(item.get(key)) for key in ("ours", "peer", "limit")]
    return (str(item["unit"]), *numbers, _number(item["ratio"]))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def main() -> int:
    try:
        library = SkillLibrary.load(ROOT / "zoo")
        files = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
        measured = [json.loads(file.read_text(encoding="utf-8")) for file in files]
        readme = ROOT / "README.md"
        text = with_results(readme.read_text(encoding="utf-8"), results_text(library, measured))
        readme.write_text(text, encoding="utf-8")
    except RobotSkillsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
