"""Trials of several kinds over seeds: kept line by line, not made again, summed up at the end."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from robot_skills.app.tables import text_table

Numbers = Mapping[str, float]
Trial = Callable[[int], Numbers]


def run_seeded(
    program: str,
    about: str | None,
    trials: Mapping[str, Trial],
    summary: Callable[[str, list[Numbers]], dict[str, Any]],
    first_seed: int,
) -> None:
    """The whole of a benchmark's command: try, sum up, print.

    Args:
        program: Name of its module in `benchmarks`, and of its folder in outputs/.
        about: What it does.
        trials: One trial of each kind, from a seed.
        summary: A line for all trials of a kind, with its `kind`, number of `seeds`, what was
            `found` and the `bars`, both by name.
        first_seed: The others follow.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{program}", description=about)
    parser.add_argument("--seeds", type=int, default=20, help="trials of each kind")
    parser.add_argument("--only", nargs="+", default=list(trials), choices=list(trials))
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path(f"outputs/{program}/runs.jsonl"),
        help="file that gets a line of JSON per trial",
    )
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    args = parser.parse_args()
    done = _read(args.runs)
    rows = []
    for kind in args.only:
        numbers = []
        for seed in range(first_seed, first_seed + args.seeds):
            if (kind, seed) not in done:
                done[kind, seed] = trials[kind](seed)
                _keep(args.runs, kind, seed, done[kind, seed])
            numbers.append(done[kind, seed])
        rows.append(summary(kind, numbers))
        if args.json:
            print(json.dumps(rows[-1]), flush=True)
    if not args.json:
        table = [
            (row["kind"], str(row["seeds"]), name, f"{value:.4g}", f"{row['bars'].get(name, '-')}")
            for row in rows
            for name, value in row["found"].items()
        ]
        print(text_table(("kind", "seeds", "what", "found", "bar"), table))


def _read(path: Path) -> dict[tuple[str, int], Numbers]:
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(line["kind"], line["seed"]): line["numbers"] for line in lines}


def _keep(path: Path, kind: str, seed: int, numbers: Numbers) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"kind": kind, "seed": seed, "numbers": dict(numbers)}) + "\n")
