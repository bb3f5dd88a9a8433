"""How success grows with training time: ours, LeRobot's DiffusionPolicy and its ACT, on one task.

Run with ``python -m benchmarks.curve``. Every point is a training of its own, because learning
rates end with the time that is given. Interrupted runs go on where they stopped; what a point is
made with is in `benchmarks.success`.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from benchmarks.success import Plan, run

TASK = "robosuite:lift"
MINUTES: Mapping[str, tuple[float, ...]] = {
    "ours": (0.1, 0.25, 0.5, 1.0),
    "peer": (1.0, 4.0, 8.0),
    "act": (1.0, 4.0),
}


def main() -> None:
    """Print one line of JSON per point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default=TASK)
    parser.add_argument("--out", type=Path, default=Plan().out)
    args = parser.parse_args()
    for side, budgets in MINUTES.items():
        for minutes in budgets:
            plan = Plan(
                tasks=(args.task,),
                sides=(side,),
                seeds=(0,),
                minutes=minutes,
                # Datasets are shared, checkpoints of different times are not.
                out=args.out / "curve" / f"{minutes:g}",
                data=args.out,
            )
            score = next(s for s in run(plan) if (s.task, s.side) == (args.task, side))
            print(json.dumps(asdict(score)), flush=True)


if __name__ == "__main__":
    main()
