"""``python -m benchmarks.calibration``: a line per kind of calibration, over many seeds."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.calibration.trials import TRIALS, Numbers
from robot_skills.app.tables import text_table

_CHECKS = ("check_exact", "check_noisy", "check_noisy_twice")
_CHECK_BARS = {"false_alarms": 0.02, "missed_moved": 0.05, "missed_turned": 0.05}
BARS: dict[str, dict[str, float]] = {
    "corners": {"bias_px": 0.02, "rms_px": 0.08},
    "intrinsics": {"reprojection_px": 0.15, "focal_percent": 0.1, "centre_px": 0.5},
    "mount_exact": {"off_mm": 0.2, "off_deg": 0.03},
    "mount_noisy": {"off_mm": 0.7, "off_deg": 0.1},
    "rig": {"off_mm": 0.5, "off_deg": 0.05},
    **{name: _CHECK_BARS for name in _CHECKS},
}
"""What the medians over the seeds have to stay below; of checks, the shares of all looks."""
FIRST_SEED = 100_000


def main() -> None:
    """Try, sum up, print; trials that an earlier call has made are not made again."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="trials of each kind")
    parser.add_argument("--only", nargs="+", default=list(TRIALS), choices=list(TRIALS))
    parser.add_argument(
        "--runs",
        type=Path,
        default=Path("outputs/calibration/runs.jsonl"),
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
    """One line for all trials of a kind."""
    of = {name: np.array([trial[name] for trial in trials]) for name in trials[0]}
    match kind:
        case check if check in _CHECKS:
            looks = float(of["looks"].sum())
            found = {
                "false_alarms": float(of["false_alarms"].sum()) / looks,
                "missed_moved": 1.0 - float(of["found_moved"].sum()) / looks,
                "missed_turned": 1.0 - float(of["found_turned"].sum()) / looks,
                "looks": looks,
            }
        case "corners":
            bias = [float(np.average(of[f"bias_{axis}_px"], weights=of["n"])) for axis in "xy"]
            rms = float(np.sqrt(np.average(of["rms_px"] ** 2, weights=of["n"])))
            found = {"bias_px": max(map(abs, bias)), "rms_px": rms}
        case _:
            found = {name: float(np.median(values)) for name, values in of.items()}
            found |= {f"worst_{name}": float(of[name].max()) for name in BARS[kind]}
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
