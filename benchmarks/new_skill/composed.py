"""Instructions that need the new skill, and that nobody has demonstrated."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.new_skill.demonstrator import SHOWN
from robot_skills.app.evaluate import run_trials, wilson
from robot_skills.app.suites import instruction_trial
from robot_skills.app.trials import Trial, TrialConfig
from sim.layout import DrawerStart
from sim.tabletop.tasks import Task
from sim.variation import SEEN, Variation

NAME = "tip"
FIRST_SEED = 400_000

_OTHERS = tuple(name for name in ("milk", "cereal", "bottle", "can") if name != SHOWN)
"""Things that can be tipped over and never were in a demonstration."""
VARIATION = Variation(objects=replace(SEEN, things=_OTHERS))
TASKS: tuple[Task, ...] = (
    Task(
        name="tip and pack",
        words="tip the {x} over and put the {y} in the box",
        skills=(NAME, "grasp", "place"),
        goal=(("lying", "{x}"), ("in", "{y}", "box")),
        draws={"x": "things", "y": "stackable"},
        scene={"drawer": DrawerStart.ABSENT},
    ),
    Task(
        name="signal and tip",
        words="turn the button on, then knock the {x} over",
        skills=("press", NAME),
        goal=(("turned_on", "button"), ("lying", "{x}")),
        draws={"x": "things"},
        scene={"drawer": DrawerStart.ABSENT, "box": False, "button": True},
        begins={"button_on": False},
    ),
)
"""Compositions that no demonstration shows; they take turns."""


def composed(zoo: Path, count: int, workers: int) -> list[Trial]:
    """Carry out so many instructions, seen by cameras, with the skills of a library."""
    config = TrialConfig(arm="panda", scene="rgbd", seed=FIRST_SEED, zoo=zoo)
    done, _ = run_trials(partial(_trial, config), count, workers, "composed")
    return done


def _trial(config: TrialConfig, index: int) -> Trial:
    task = TASKS[index % len(TASKS)]
    instance = task.draw(np.random.default_rng((config.seed, index)), VARIATION)
    return instruction_trial(config, instance, index)


def rates(trials: list[Trial]) -> dict[str, dict[str, Any]]:
    """Successes in the simulator's truth, per task and of all."""
    groups = {task.name: [t for t in trials if t.group == task.name] for task in TASKS}
    rates = {}
    for name, rows in {**groups, "all": trials}.items():
        good = sum(trial.success for trial in rows)
        rates[name] = {"n": len(rows), "successes": good, "ci95": wilson(good, len(rows))}
    return rates
