"""Trains a learned scheduler, step after step of what `robot-skills train-scheduler` does.

What is learned from lies in shards in the work folder, each a function of the seed and its number;
what is there already is not made again.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from policies.learned_scheduler import (
    LearnedScheduler,
    LearnedSchedulerConfig,
    LearnedSchedulerNetwork,
    LearnedSchedulerNetworkConfig,
    LearnedSchedulerTraining,
    Sample,
    load_learned_scheduler,
    save_learned_scheduler,
    train_learned_scheduler,
)
from policies.learned_scheduler.samples import load_samples, save_samples
from policies.learned_scheduler.training import Looks, score
from policies.learned_scheduler.wording import Wording
from policies.snapshot import Snapshots
from robot_skills.app.learned_deciding import vocabulary_of
from robot_skills.app.pool import in_order
from robot_skills.app.scheduler_lessons import lesson, relabelled
from robot_skills.app.scheduler_looks import draw_looks
from robot_skills.app.scheduler_notes import Cards
from robot_skills.app.scheduler_runs import recorded, recorded_logs
from robot_skills.app.train_scheduler import TrainSchedulerOptions
from robot_skills.app.zoo import zoo_dir
from robot_skills.skills.library import SkillLibrary
from sim.tabletop.requests import draw_request

MEASURED_FAILING = 0.2
"""How often attempts go wrong in the requests that are measured on."""
_SHARD = 250
"""Requests in one file."""
_LEARNED, _RELABELLED, _MEASURED = 0, 1, 2
"""What requests are for; part of their seeds."""
_FIRST_STEPS = 800
"""Optimiser steps of the network that is relabelled."""


def train_scheduler(options: TrainSchedulerOptions) -> LearnedSchedulerConfig:
    """Make what is missing of what is learned from, train, measure, and write the checkpoint.

    Raises:
        RefusedError: The cards or the recorded runs cannot be read.
        StorageError: Something cannot be written.
    """
    zoo = options.zoo or zoo_dir()
    cards = tuple(SkillLibrary.load(zoo))
    looks = _looks(options)
    samples = _lessons(options, zoo)
    real = [
        sample
        for folder in options.runs
        for log in recorded_logs(folder)
        for sample in recorded(log, cards)
    ]
    first = _first(options, cards, [*samples, *real], looks)
    corrections = _corrections(options, zoo, first)
    everything = [*samples, *corrections, *real]
    recipe = LearnedSchedulerTraining(seed=options.seed, steps=options.steps)
    start = None if first is None else load_learned_scheduler(first)[1]
    trained = {"options": _command(options), "samples": len(everything)}
    snapshots = Snapshots(folder=options.work / "training", recipe=trained)
    network = _trained(everything, cards, looks, recipe, "training", start, snapshots)
    config = LearnedSchedulerConfig(
        network=LearnedSchedulerNetworkConfig(),
        training=recipe.to_json(),
        data={
            "command": _command(options),
            "samples": len(everything),
            "corrections": len(corrections),
            "recorded": len(real),
        },
        measured=measured(network, options, cards, zoo),
    )
    save_learned_scheduler(options.out, config, network)
    return config


def measured(
    network: LearnedSchedulerNetwork, options: TrainSchedulerOptions, cards: Cards, zoo: Path
) -> dict[str, dict[str, int]]:
    """How often the next call is right in new scenes: in learned wordings, and in held-out ones."""
    rows = {}
    for name, held_out in (("learned wordings", False), ("held-out wordings", True)):
        shards = _shards(options.held_out)
        path = options.work / f"{_stem('measured', options)}{'_held_out' if held_out else ''}"
        make = partial(_lesson, zoo, MEASURED_FAILING, options.seed, _MEASURED, held_out)
        samples = _kept(path, shards, make, options.workers, name)
        found = score(network, samples, vocabulary_of(cards), Wording(remembered=None))
        rows[name] = {"n": found.n, "right": found.right}
    return rows


def _command(options: TrainSchedulerOptions) -> str:
    """What makes the same checkpoint again, from the same recorded runs."""
    runs = f" --runs {' '.join(map(str, options.runs))}" if options.runs else ""
    return (
        f"robot-skills train-scheduler --out {options.out.name} --requests {options.requests} "
        f"--relabelled {options.relabelled} --layouts {options.layouts} "
        f"--held-out {options.held_out} --failing {options.failing:g} --steps {options.steps} "
        f"--seed {options.seed}{runs}"
    )


def _first(
    options: TrainSchedulerOptions, cards: Cards, samples: Sequence[Sample], looks: Looks
) -> Path | None:
    """Where the network lies that is relabelled; None where none is."""
    if not options.relabelled:
        return None
    folder = options.work / f"{_stem('first', options)}_{options.requests}"
    if not folder.exists():
        steps = min(_FIRST_STEPS, options.steps)
        recipe = LearnedSchedulerTraining(seed=options.seed, steps=steps)
        network = _trained(samples, cards, looks, recipe, "first training")
        config = LearnedSchedulerConfig(network=LearnedSchedulerNetworkConfig())
        save_learned_scheduler(folder, config, network)
    return folder


def _trained(
    samples: Sequence[Sample],
    cards: Cards,
    looks: Looks,
    recipe: LearnedSchedulerTraining,
    says: str,
    start: LearnedSchedulerNetwork | None = None,
    snapshots: Snapshots | None = None,
) -> LearnedSchedulerNetwork:
    with tqdm(total=recipe.steps, desc=says, unit="step", file=sys.stderr) as bar:

        def progress(step: int, loss: float) -> None:
            bar.update(step - bar.n)
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)

        return train_learned_scheduler(
            samples,
            vocabulary_of(cards),
            looks,
            recipe,
            start=start,
            snapshots=snapshots,
            progress=progress,
        )


def _lessons(options: TrainSchedulerOptions, zoo: Path) -> list[Sample]:
    make = partial(_lesson, zoo, options.failing, options.seed, _LEARNED, False)
    path = options.work / _stem("lessons", options)
    return _kept(path, _shards(options.requests), make, options.workers, "imagining")


def _corrections(options: TrainSchedulerOptions, zoo: Path, first: Path | None) -> list[Sample]:
    if first is None:
        return []
    make = partial(_correction, zoo, options.failing, options.seed, first)
    path = options.work / f"{_stem('relabelled', options)}_{options.requests}"
    return _kept(path, _shards(options.relabelled), make, options.workers, "relabelling")


def _looks(options: TrainSchedulerOptions) -> Looks:
    """Pictures of things, rendered once."""
    if not options.layouts:
        return {}
    path = options.work / f"looks_{options.seed}_{options.layouts}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial_path = path.with_suffix(".partial.npz")
        looks = draw_looks(options.layouts, options.seed)
        np.savez_compressed(partial_path, allow_pickle=False, **looks)
        partial_path.replace(path)
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def _stem(what: str, options: TrainSchedulerOptions) -> str:
    return f"{what}_{options.seed}_{options.failing:g}"


def _shards(requests: int) -> list[tuple[int, int]]:
    """First and behind the last request of every file."""
    return [(i, min(i + _SHARD, requests)) for i in range(0, requests, _SHARD)]


def _kept(
    path: Path,
    shards: Sequence[tuple[int, int]],
    make: Callable[[int, int], list[Sample]],
    workers: int,
    says: str,
) -> list[Sample]:
    """The samples of all shards; what is there already is only read."""
    files = [path / f"{first:06d}_{stop:06d}.npz" for first, stop in shards]
    missing = [
        (file, shard) for file, shard in zip(files, shards, strict=True) if not file.exists()
    ]
    calls: Iterable[Callable[[], list[Sample]]] = (partial(make, *shard) for _, shard in missing)
    made = tqdm(in_order(calls, workers), total=len(missing), desc=says, file=sys.stderr)
    for (file, _), samples in zip(missing, made, strict=True):
        save_samples(file, samples)
    return [sample for file in files for sample in load_samples(file)]


def _lesson(
    zoo: Path, failing: float, seed: int, purpose: int, held_out: bool, first: int, stop: int
) -> list[Sample]:
    """What is right at every moment of some requests."""
    cards = tuple(SkillLibrary.load(zoo))
    samples = []
    for i in range(first, stop):
        rng = np.random.default_rng((seed, purpose, i))
        samples += lesson(draw_request(rng, held_out=held_out), cards, failing, rng)
    return samples


def _correction(
    zoo: Path, failing: float, seed: int, checkpoint: Path, first: int, stop: int
) -> list[Sample]:
    """What would have been right in some requests that a network carries out."""
    cards = tuple(SkillLibrary.load(zoo))
    config, network = load_learned_scheduler(checkpoint)
    predictor = LearnedScheduler(network, vocabulary_of(cards), config.sure_from)
    samples = []
    for i in range(first, stop):
        rng = np.random.default_rng((seed, _RELABELLED, i))
        samples += relabelled(draw_request(rng), cards, predictor, failing, rng)
    return samples
