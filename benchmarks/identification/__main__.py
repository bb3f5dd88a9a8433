"""``python -m benchmarks.identification``: a line per kind of trial, over many seeds."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.identification.trials import TRIALS, Numbers
from robot_skills.app.tables import text_table

BARS: dict[str, dict[str, float]] = {
    "exploration": {
        "informative_mass_percent": 10.0,
        "informative_friction_percent": 10.0,
        "informative_damping_percent": 10.0,
        "informative_share_of_random": 0.5,
    },
    "payload": {"mass_g": 25.0, "com_mm": 15.0},
    "delta_action": {"kept_percent": 60.0},
}
"""What the medians over the seeds have to stay below."""
FIRST_SEED = 100_000


def main() -> None:
    """Try, sum up, print; trials that an earlier call has made are not made again."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.identification", description=__doc__
    )
    parser.add_argument("--seeds", type=int, default=20, help="trials of each kind")
    parser.add_argument("--only", nargs="+", default=list(TRIALS), choices=list(TRIALS))
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("outputs/identification/runs.jsonl"),
        help="file that gets a line of JSON per trial",
    )
    parser.add_argument("--json", action="store_true", help="print lines of JSON")
    args = parser.parse_args()
    done = _read(args.runs)
    rows = []
    for kind in args.only:
        numbers = []
        for seed in range(FIRST_SEED, FIRST_SEED + args.seeds):
            if (kind, seed) not in done:
                done[kind, seed] = TRIALS[kind](seed)
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


def summary(kind: str, trials: list[Numbers]) -> dict[str, Any]:
    """One line for all trials of a kind: medians over the seeds, and how bad the worst tenth is."""
    of = {name: np.array([trial[name] for trial in trials]) for name in trials[0]}
    found = {name: float(np.median(values)) for name, values in of.items()}
    found |= {f"tenth_{name}": float(np.quantile(values, 0.9)) for name, values in of.items()}
    if kind == "exploration":
        found["informative_share_of_random"] = (
            found["informative_worst_percent"] / found["random_worst_percent"]
        )
    return {"kind": kind, "seeds": len(trials), "found": found, "bars": BARS[kind]}


def _read(path: Path) -> dict[tuple[str, int], Numbers]:
    if not path.exists():
        return {}
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {(line["kind"], line["seed"]): line["numbers"] for line in lines}


def _keep(path: Path, kind: str, seed: int, numbers: Numbers) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"kind": kind, "seed": seed, "numbers": dict(numbers)}) + "\n")


if __name__ == "__main__":
    main()
