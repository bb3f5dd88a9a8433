"""Whether trained policies know when they have finished: ``python -m benchmarks.reliability``.

Reads what training noted in the checkpoints of ``python -m benchmarks.success``: the termination
head's calibration error and Brier score, on episodes that it did not learn from.
"""

import argparse
import json
from pathlib import Path

from benchmarks.success import TASKS, Plan
from policies.checkpoint_files import CONFIG


def main() -> None:
    """Print one line of JSON per checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--seeds", nargs="+", type=int, default=Plan().seeds)
    parser.add_argument("--out", type=Path, default=Plan().out)
    args = parser.parse_args()
    for task in args.tasks:
        for seed in args.seeds:
            folder = args.out / f"{task.replace(':', '_')}_ours_{seed}"
            noted = json.loads((folder / CONFIG).read_bytes())["calibration"]
            kept = ("n", "ece_before", "ece", "brier_before", "brier")
            line = {"task": task, "seed": seed} | {key: noted[key] for key in kept}
            print(json.dumps(line))


if __name__ == "__main__":
    main()
