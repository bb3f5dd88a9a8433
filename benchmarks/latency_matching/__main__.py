"""``python -m benchmarks.latency_matching``: how well latencies are found, and what that brings."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.latency_matching.recovery import CASES, NAMES, recover
from benchmarks.latency_matching.skills import SIDES, SKILLS, attempt
from robot_skills.app.evaluate import wilson

FIRST_SEED = 100_000
BAR_MS = 2.0
PARTS = ("recovery", "skills")


class Runs:
    """Trials that were made, one line of JSON each; those of an earlier call are not made again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._made: dict[str, Any] = {}
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self._made[row["key"]] = row["value"]

    def get(self, key: str, make: Callable[[], Any]) -> Any:
        """The value of a trial."""
        if key not in self._made:
            self._made[key] = make()
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"key": key, "value": self._made[key]}) + "\n")
        return self._made[key]


def recovery_rows(runs: Runs, seeds: int) -> list[dict[str, Any]]:
    """One row per case and latency: how far found ones are from the truth."""
    rows = []
    for case in CASES:
        found = [
            runs.get(f"recovery/{case}/{seed}", lambda c=case, s=seed: recover(c, s))
            for seed in range(FIRST_SEED, FIRST_SEED + seeds)
        ]
        for name in NAMES:
            off_ms = np.abs([one[name]["off_ms"] for one in found if name in one])
            sigmas = [one[name]["sigma_ms"] for one in found if name in one]
            rows.append(
                {
                    "part": "recovery",
                    "case": case,
                    "latency": name,
                    "seeds": len(found),
                    "found": len(off_ms),
                    "median_ms": float(np.median(off_ms)) if len(off_ms) else None,
                    "worst_ms": float(off_ms.max()) if len(off_ms) else None,
                    "sigma_ms": float(np.median(sigmas)) if sigmas else None,
                    "bar_ms": BAR_MS,
                }
            )
    return rows


def skill_rows(runs: Runs, trials: int, skills: list[str]) -> list[dict[str, Any]]:
    """One row per skill and side: successes on the same starts."""
    rows = []
    for skill in skills:
        for name, side in SIDES.items():
            good: list[bool] = []
            index = 0
            while len(good) < trials:
                value = runs.get(
                    f"skills/{skill}/{name}/{index}",
                    lambda k=skill, s=side, i=index: attempt(k, s, i),
                )
                good += [] if value is None else [value]
                index += 1
            rows.append(
                {
                    "part": "skills",
                    "skill": skill,
                    "side": name,
                    "n": len(good),
                    "successes": sum(good),
                    "ci95": wilson(sum(good), len(good)),
                }
            )
    return rows


def main() -> None:
    """Try, sum up, print; trials that an earlier call has made are not made again."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.latency_matching", description=__doc__
    )
    parser.add_argument("--seeds", type=int, default=20, help="recordings of each case")
    parser.add_argument("--trials", type=int, default=100, help="of each skill and side")
    parser.add_argument("--only", nargs="+", default=list(PARTS), choices=PARTS)
    parser.add_argument("--skills", nargs="+", default=list(SKILLS), choices=SKILLS)
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("outputs/latency_matching/runs.jsonl"),
        help="file that gets a line of JSON per trial",
    )
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    args = parser.parse_args()
    runs = Runs(args.runs)
    rows: list[dict[str, Any]] = []
    if "recovery" in args.only:
        rows += recovery_rows(runs, args.seeds)
    if "skills" in args.only:
        rows += skill_rows(runs, args.trials, args.skills)
    for row in rows:
        print(json.dumps(row) if args.json else _words(row), flush=True)


def _words(row: dict[str, Any]) -> str:
    if row["part"] == "skills":
        low, high = row["ci95"]
        return (
            f"{row['skill']:<24} {row['side']:<18} {row['successes']:>3} / {row['n']}"
            f"  {low:.2f} - {high:.2f}"
        )
    worst = "-" if row["worst_ms"] is None else f"{row['worst_ms']:.2f}"
    return (
        f"{row['case']:<20} {row['latency']:<8} worst {worst} ms, "
        f"found {row['found']} of {row['seeds']}"
    )


if __name__ == "__main__":
    main()
