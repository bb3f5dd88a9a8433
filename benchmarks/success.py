"""Success at equal training time: our policy beside LeRobot's DiffusionPolicy, on the same data.

Run with ``python -m benchmarks.success``. For every task and training seed both sides train on the
same demonstrations for the same time on the same processor threads, one after the other, and act in
the same unseen episodes. Interrupted runs go on where they stopped.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from robot_skills.app.threads import sleep_while_waiting

TASKS = ("robosuite:lift", "robosuite:stack", "robosuite:can", "robosuite:square")
SIDES = ("ours", "peer", "act")
"""Our policy, LeRobot's DiffusionPolicy, LeRobot's ACT."""
FIRST_EPISODE = 1_000_000
"""Episodes from here on were never used to choose anything."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to compare.

    Attributes:
        tasks: ``suite:task`` names.
        sides: Who takes part.
        seeds: Training seeds.
        minutes: Training time of each side.
        demonstrations: In each dataset.
        episodes: Per trained policy.
        threads: Processor threads in training.
        out: Folder for checkpoints and results.
        data: Folder for datasets; `out` when left out.
    """

    tasks: tuple[str, ...] = TASKS
    sides: tuple[str, ...] = SIDES[:2]
    seeds: tuple[int, ...] = (0, 1, 2)
    minutes: float = 2.0
    demonstrations: int = 50
    episodes: int = 50
    threads: int = 2
    out: Path = Path("outputs/success")
    data: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """One trained policy.

    Attributes:
        task: ``suite:task``.
        side: One of `SIDES`.
        seed: Training seed.
        successes: Among `episodes`.
        episodes: Episodes acted in.
        said_done: Successful episodes that the policy knew to be finished.
        train_s: Training time.
        train_steps: Optimiser steps in it.
        chunk_ms: Median latency of a chunk.
    """

    task: str
    side: str
    seed: int
    successes: int
    episodes: int
    said_done: int
    train_s: float
    train_steps: int
    chunk_ms: float


def run(plan: Plan) -> list[Score]:
    """Everything that is not in the results yet."""
    results = plan.out / "scores.jsonl"
    results.parent.mkdir(parents=True, exist_ok=True)
    scores = read_scores(results)
    for task in plan.tasks:
        dataset = (plan.data or plan.out) / f"{_slug(task)}_{plan.demonstrations}"
        if not dataset.exists():
            _generate(task, plan.demonstrations, dataset)
        for seed in plan.seeds:
            for side in plan.sides:
                if any((s.task, s.side, s.seed) == (task, side, seed) for s in scores):
                    continue
                score = _in_its_own_process(partial(_score, plan, task, side, seed, dataset))
                scores.append(score)
                with results.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(score)) + "\n")
                print(
                    f"{task} {side} seed {seed}: {score.successes}/{score.episodes} "
                    f"after {score.train_s:.0f} s, {score.train_steps} steps",
                    file=sys.stderr,
                )
    return scores


def read_scores(path: Path) -> list[Score]:
    """Scores of earlier calls."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Score(**json.loads(line)) for line in lines]


def _slug(task: str) -> str:
    return task.replace(":", "_")


def _in_its_own_process(job: Callable[[], Score]) -> Score:
    """Fresh threads and memory for every training, and nothing left behind."""
    # As `robot-skills train` does, for both sides.
    sleep_while_waiting()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(job)


def _generate(task: str, count: int, out: Path) -> None:
    from robot_skills.app.demonstrations import generate_dataset
    from sim.generate import GenerateConfig

    generate_dataset(GenerateConfig(task=task, episodes=count, seed=0), out)


def _score(plan: Plan, task: str, side: str, seed: int, dataset: Path) -> Score:
    import numpy as np

    from robot_skills.app.suite_trials import roll_out
    from sim.suites import Recording, find_task

    checkpoint = plan.out / f"{_slug(task)}_{side}_{seed}"
    train = {"ours": _train_ours, "peer": _train_peer, "act": partial(_train_peer, kind="act")}[
        side
    ]
    steps, seconds = train(plan, dataset, checkpoint, seed)
    policy = (_open_ours if side == "ours" else _open_peer)(checkpoint, task)
    stage = find_task(task).open(Recording())
    rollouts = [roll_out(stage, policy, FIRST_EPISODE + i, 8) for i in range(plan.episodes)]
    stage.close()
    return Score(
        task=task,
        side=side,
        seed=seed,
        successes=sum(rollout.success for rollout in rollouts),
        episodes=plan.episodes,
        said_done=sum(rollout.said_done and rollout.success for rollout in rollouts),
        train_s=seconds,
        train_steps=steps,
        chunk_ms=float(np.median([ms for rollout in rollouts for ms in rollout.chunk_ms])),
    )


def _train_ours(plan: Plan, dataset: Path, out: Path, seed: int) -> tuple[int, float]:
    from policies.config import TrainConfig
    from policies.contract import ObserveConfig
    from policies.trainer import train

    config = TrainConfig(
        seed=seed,
        steps=200_000,
        max_minutes=plan.minutes,
        threads=plan.threads,
        save_every=10**9,
        observe=ObserveConfig(allow_constant=True),
    )
    result = train(dataset, out, config, progress=False)
    return result.steps, result.seconds


def _train_peer(
    plan: Plan, dataset: Path, out: Path, seed: int, kind: Literal["diffusion", "act"] = "diffusion"
) -> tuple[int, float]:
    from benchmarks.peer import PeerConfig, train_peer

    config = PeerConfig(kind=kind, minutes=plan.minutes, seed=seed, threads=plan.threads)
    result = train_peer(dataset, out, config)
    return result.steps, result.seconds


def _open_ours(checkpoint: Path, task: str) -> Any:
    from robot_skills.app.suite_trials import open_policy
    from sim.suites import find_task

    return open_policy(checkpoint, find_task(task).state_names)


def _open_peer(checkpoint: Path, task: str) -> Any:
    from benchmarks.peer import SplitState
    from policies.lerobot_policy import LeRobotPolicy

    return SplitState(LeRobotPolicy.load(checkpoint))


def table(scores: Sequence[Score]) -> str:
    """Successes per task and side, all seeds together, with the 95 % interval."""
    from robot_skills.app.evaluate import wilson

    lines = ["task                     side   seeds    n   rate   95 % interval  chunk ms"]
    tasks = sorted({score.task for score in scores})
    for side in SIDES:
        rates = []
        for task in tasks:
            rows = [s for s in scores if (s.task, s.side) == (task, side)]
            if not rows:
                continue
            good, n = sum(s.successes for s in rows), sum(s.episodes for s in rows)
            low, high = wilson(good, n)
            rates.append(good / n)
            chunk_ms = sorted(s.chunk_ms for s in rows)[len(rows) // 2]
            lines.append(
                f"{task:<24} {side:<6} {len(rows):>5} {n:>4}  {good / n:.3f}"
                f"   {low:.3f} - {high:.3f}  {chunk_ms:>8.2f}"
            )
        if rates:
            lines.append(f"{'mean':<24} {side:<6} {'':>5} {'':>4}  {sum(rates) / len(rates):.3f}")
    return "\n".join(lines)


def main() -> None:
    """Run what the arguments ask for and print the table."""
    plan = Plan()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=plan.tasks)
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=plan.sides)
    parser.add_argument("--seeds", nargs="+", type=int, default=plan.seeds)
    parser.add_argument("--minutes", type=float, default=plan.minutes)
    parser.add_argument("--demonstrations", type=int, default=plan.demonstrations)
    parser.add_argument("--episodes", type=int, default=plan.episodes)
    parser.add_argument("--threads", type=int, default=plan.threads)
    parser.add_argument("--out", type=Path, default=plan.out)
    args = vars(parser.parse_args())
    args |= {name: tuple(args[name]) for name in ("tasks", "sides", "seeds")}
    started_s = time.monotonic()
    print(table(run(Plan(**args))))
    print(f"{(time.monotonic() - started_s) / 60.0:.0f} min")


if __name__ == "__main__":
    main()
