"""Few denoising steps beside many: success of one network, sampled in different ways.

Run with ``python -m benchmarks.sampling`` after ``python -m benchmarks.success``, whose policies it
samples with 3, 4 and 30 steps, and distils into one step. All act in the same unseen episodes.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.success import FIRST_EPISODE, TASKS, Plan

STEPS = (3, 4, 30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampled:
    """One way to sample in one task.

    Attributes:
        task: ``suite:task``.
        way: Number of steps, or ``1, distilled``.
        successes: Among `episodes`.
        episodes: Episodes acted in.
    """

    task: str
    way: str
    successes: int
    episodes: int


def run(tasks: tuple[str, ...], out: Path, episodes: int, minutes: float) -> Iterator[Sampled]:
    """Every way in every task, as soon as it is measured."""
    for task in tasks:
        slug = task.replace(":", "_")
        teacher = out / f"{slug}_ours_0"
        for steps in STEPS:
            yield _sampled(task, str(steps), _with_steps(teacher, steps), episodes)
        student = out / f"{slug}_one_step"
        dataset = out / f"{slug}_{Plan().demonstrations}"
        _distil(dataset, teacher, student, minutes)
        yield _sampled(task, "1, distilled", _loaded(student), episodes)


def _loaded(checkpoint: Path) -> Any:
    from policies.checkpoint import load_checkpoint

    return load_checkpoint(checkpoint)


def _with_steps(checkpoint: Path, steps: int) -> Any:
    """The same network, sampled in another number of steps."""
    from policies.heads import build_head

    loaded = _loaded(checkpoint)
    sampler = replace(loaded.config.sampler, inference_steps=steps)
    table = build_head(sampler).table()
    return replace(loaded, config=replace(loaded.config, sampler=sampler, table=table))


def _distil(dataset: Path, teacher: Path, out: Path, minutes: float) -> None:
    from policies.checkpoint_files import MANIFEST
    from policies.config import Head, TrainConfig
    from policies.contract import ObserveConfig
    from policies.heads.presets import suggested
    from policies.trainer import train

    if (out / MANIFEST).exists():
        return
    config = TrainConfig(
        steps=200_000,
        max_minutes=minutes,
        threads=1,
        save_every=10**9,
        sampler=suggested(Head.CONSISTENCY),
        observe=ObserveConfig(allow_constant=True),
    )
    train(dataset, out, config, teacher=teacher)


def _sampled(task: str, way: str, checkpoint: Any, episodes: int) -> Sampled:
    from policies.task_policy import TaskPolicy
    from policies.torch_engine import TorchEngine
    from robot_skills.app.suite_trials import roll_out
    from sim.suites import Recording, find_task

    spec = find_task(task)
    policy: Any = TaskPolicy(TorchEngine(checkpoint), state_names=spec.state_names)
    stage = spec.open(Recording())
    seeds = range(FIRST_EPISODE, FIRST_EPISODE + episodes)
    successes = sum(roll_out(stage, policy, seed, 8).success for seed in seeds)
    stage.close()
    return Sampled(task=task, way=way, successes=successes, episodes=episodes)


def main() -> None:
    """Print one line of JSON per way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", default=TASKS)
    parser.add_argument("--out", type=Path, default=Plan().out)
    parser.add_argument("--episodes", type=int, default=150)
    parser.add_argument("--minutes", type=float, default=1.0, help="of distillation")
    args = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    for sampled in run(tuple(args.tasks), args.out, args.episodes, args.minutes):
        print(json.dumps(asdict(sampled)), flush=True)


if __name__ == "__main__":
    main()
