"""Reproduces a published result from nothing: data, training, evaluation; fails when it has moved.

Run with ``make reproduce-lift``. The band is in ``benchmarks/results/reproduce_lift.json``; it is
what the published successes allow for the same number of episodes (95 %, Wilson), and it is written
anew by ``python -m benchmarks.reproduce --publish``.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from benchmarks.success import FIRST_EPISODE

BAND = Path(__file__).parent / "results" / "reproduce_lift.json"
OUT = Path("outputs/reproduce_lift")
TASK = "robosuite:lift"
DEMONSTRATIONS, STEPS, EPISODES, SEED = 50, 6_000, 100, 0


def measure(out: Path) -> int:
    """Successes among `EPISODES` of a policy trained from nothing."""
    from policies.config import TrainConfig
    from policies.contract import ObserveConfig
    from policies.trainer import train
    from robot_skills.app.demonstrations import generate_dataset
    from robot_skills.app.suite_trials import open_policy, roll_out
    from sim.generate import GenerateConfig
    from sim.suites import Recording, find_task

    shutil.rmtree(out, ignore_errors=True)
    dataset, checkpoint = out / "dataset", out / "checkpoint"
    generate_dataset(GenerateConfig(task=TASK, episodes=DEMONSTRATIONS, seed=SEED), dataset)
    observe = ObserveConfig(allow_constant=True)
    train(dataset, checkpoint, TrainConfig(steps=STEPS, seed=SEED, observe=observe))
    spec = find_task(TASK)
    task, policy = spec.open(Recording()), open_policy(checkpoint, spec.state_names)
    return sum(roll_out(task, policy, FIRST_EPISODE + i, 8).success for i in range(EPISODES))


def main() -> int:
    """Measure, and compare with the band or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--publish", action="store_true", help="write the band anew")
    args = parser.parse_args()
    from robot_skills.app.evaluate import wilson

    successes = measure(OUT)
    rate = successes / EPISODES
    if args.publish:
        low, high = wilson(successes, EPISODES)
        record = {"task": TASK, "successes": successes, "episodes": EPISODES, "band": [low, high]}
        record |= {"demonstrations": DEMONSTRATIONS, "steps": STEPS, "seed": SEED}
        BAND.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        print(f"{TASK}: {successes}/{EPISODES}; band {low:.3f} to {high:.3f} published")
        return 0
    low, high = json.loads(BAND.read_text(encoding="utf-8"))["band"]
    held = low <= rate <= high
    verdict = "within" if held else "OUTSIDE"
    print(f"{TASK}: {successes}/{EPISODES} = {rate:.2f}, {verdict} {low:.3f} to {high:.3f}")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
