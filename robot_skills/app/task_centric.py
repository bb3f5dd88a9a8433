"""What skills are compared with: one policy for whole tasks, in the same scenes."""

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from robot_skills.app.suite_trials import open_policy, roll_on
from robot_skills.app.trials import Trial
from sim.suites import Recording, find_task
from sim.suites.tabletop import TabletopTask
from sim.tabletop.levels import Level

if TYPE_CHECKING:
    from policies.faces import DescribedTask

TRAINED_ON = "tabletop:training"
"""Whole tasks that such a policy is trained on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskCentricConfig:
    """Who is measured, and where.

    Attributes:
        checkpoint: Folder of a policy that was trained on `TRAINED_ON`.
        seed: Of the whole evaluation; trial i is drawn from ``(seed, i)``, as with skills.
        execute_steps: Actions carried out of each chunk.
    """

    checkpoint: Path
    seed: int
    execute_steps: int = 8


def task_centric_trial(config: TaskCentricConfig, level: Level, index: int) -> Trial:
    """Have a policy of whole tasks try one instance of one of a level's tasks.

    The instance is the one that `robot_skills.app.suites.level_trial` draws. Where things are is
    told truly at every look: the policy is spared perception.
    """
    started_s = time.perf_counter()
    arm, instance = level.draw(config.seed, index)
    policy = open_task_policy(config.checkpoint)
    task = TabletopTask(Recording(), arm)
    try:
        rollout = roll_on(task, task.begin(instance), policy, index, config.execute_steps)
    finally:
        task.close()
    return Trial(
        index=index,
        task=instance.instruction,
        group=instance.task,
        success=rollout.success,
        believed=rollout.said_done,
        reason=f"{'done' if rollout.success else 'not done'} after {rollout.steps} steps",
        sim_s=rollout.steps / find_task(TRAINED_ON).fps,
        wall_s=time.perf_counter() - started_s,
        chunk_ms=float(np.median(rollout.chunk_ms)),
        attempts=1,
    )


@cache
def open_task_policy(checkpoint: Path) -> "DescribedTask":
    """The policy of a folder, opened once per process.

    Raises:
        CheckpointError: There is none, or it was trained on something else.
    """
    return open_policy(checkpoint, find_task(TRAINED_ON).state_names)
