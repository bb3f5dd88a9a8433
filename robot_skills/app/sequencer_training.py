"""Trains a sequencer on imagined runs of the tabletop's lessons, and measures it.

Skills fail at random, and the closed loop shows what to do and how to recover. Only runs that came
to their goal are learned from. The unseen tasks are measured on and never learned from.
"""

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from policies.sequencer import (
    Choice,
    LearnedSequencer,
    SequencerConfig,
    SequencerNetworkConfig,
    SequencerTraining,
    save_sequencer,
    train_sequencer,
)
from policies.sequencer.training import share_right
from robot_skills.app.imagined import Shown, demonstrated, imagine
from robot_skills.app.options import TrainSequencerOptions
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.scheduler.sequencing import Sequencing
from robot_skills.scheduler.words.language import LanguageParser
from robot_skills.skills.card import SkillCard
from robot_skills.skills.library import SkillLibrary
from sim.tabletop.tasks import LESSONS, UNSEEN_TASKS, Task

MEASURED_FAILING = 0.2
"""How often attempts go wrong in the runs that are measured on."""
_MEASURED_SEED = 100_000
"""Runs that are measured on have seeds from here on."""

Cards = tuple[SkillCard, ...]


def train_on_imagined_runs(options: TrainSequencerOptions) -> SequencerConfig:
    """Imagine runs, train on them, measure on others, and write the checkpoint.

    Raises:
        RefusedError: The cards cannot be read, or no run came to its goal.
        StorageError: The checkpoint cannot be written.
    """
    cards = tuple(SkillLibrary.load(options.zoo or zoo_dir()))
    learned = _shown(cards, options.runs, options.failing, options.seed)
    others = _shown(cards, options.held_out, MEASURED_FAILING, options.seed + _MEASURED_SEED)
    shape = SequencerNetworkConfig()
    recipe = SequencerTraining(seed=options.seed, steps=options.steps)
    network = train_sequencer(_choices(learned), recipe, shape)
    sequencer = LearnedSequencer(network)
    config = SequencerConfig(
        network=shape,
        training=recipe.to_json(),
        data={
            "tasks": [task.name for task in LESSONS],
            "runs": len(learned),
            "recovered": sum(run.failures > 0 for run in learned),
            "choices": len(_choices(learned)),
            "failing": options.failing,
            "seed": options.seed,
        },
        measured={
            "choices_right": round(share_right(network, _choices(others)), 4),
            "training_tasks": completed(LESSONS, cards, sequencer, options.held_out),
            "unseen_tasks": completed(UNSEEN_TASKS, cards, sequencer, options.held_out),
        },
    )
    save_sequencer(options.out, config, network)
    return config


def completed(
    tasks: Sequence[Task], cards: Cards, sequencer: LearnedSequencer, runs: int
) -> dict[str, int]:
    """How many imagined runs, the tasks in turn, a sequencer brings to the goal.

    Args:
        tasks: Whose words and scenes are drawn.
        cards: The skills.
        sequencer: Says what comes next.
        runs: How many.
    """
    strategy = Sequencing(sequencer, LanguageParser(cards).parse, cards)
    good = 0
    for i in tqdm(range(runs), desc="measuring", unit="run"):
        rng = np.random.default_rng((_MEASURED_SEED, i))
        instance = tasks[i % len(tasks)].draw(rng)
        try:
            result, _ = imagine(instance, cards, strategy, strategy, MEASURED_FAILING, rng)
        except RefusedError:
            continue
        good += result.success
    return {"n": runs, "completed": good}


def _shown(cards: Cards, runs: int, failing: float, seed: int) -> list[Shown]:
    """What so many runs show, the lessons in turn; those that miss the goal show nothing."""
    planner = RulesPlanner(cards)
    shown = []
    for i in tqdm(range(runs), desc="imagining", unit="run"):
        task = LESSONS[i % len(LESSONS)]
        rng = np.random.default_rng((seed, i))
        shown.append(demonstrated(task, cards, planner, failing, rng))
    return [run for run in shown if run is not None]


def _choices(runs: Sequence[Shown]) -> list[Choice]:
    return [choice for run in runs for choice in run.choices]
