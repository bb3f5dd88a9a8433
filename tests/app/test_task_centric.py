"""Policies of whole tasks, measured where skills are."""

from pathlib import Path

import numpy as np
import pytest

from policies.task_policy import TaskChunk
from robot_skills.app import evaluate, task_centric
from robot_skills.app.options import EvalOptions
from robot_skills.app.task_centric import TaskCentricConfig, open_task_policy, task_centric_trial
from robot_skills.core.errors import CheckpointError
from sim.suites import tabletop
from sim.suites.suite import STATE
from sim.tabletop.levels import LEVELS, UNSEEN_ARMS

CONFIG = TaskCentricConfig(checkpoint=Path("none"), seed=5)


class Still:
    """Stays where it is."""

    observation_steps = 2

    def __init__(self):
        self.told = []

    def reset(self, seed):
        self.seed = seed

    def infer(self, history, instruction=""):
        self.told.append(instruction)
        return TaskChunk(actions=np.repeat(history[STATE][-1:, :10], 8, axis=0), done=0.9)


@pytest.fixture
def still(monkeypatch):
    policy = Still()
    monkeypatch.setattr(task_centric, "open_task_policy", lambda _: policy)
    monkeypatch.setattr(tabletop, "MAX_STEPS", 12)
    return policy


def test_it_gets_the_instances_that_skills_get(still):
    level = LEVELS["IV"]
    trial = task_centric_trial(CONFIG, level, 3)
    _, instance = level.draw(CONFIG.seed, 3)
    assert (trial.task, trial.group) == (instance.instruction, instance.task)
    assert set(still.told) == {instance.instruction}
    # Whoever does nothing fails, and is asked as often as its chunks run out.
    assert not trial.success
    assert trial.believed
    assert len(still.told) == 2
    assert trial.sim_s == pytest.approx(12 / 20)


def test_arms_take_turns():
    level = LEVELS["V"]
    count = len(level.tasks)
    assert [level.draw(0, i)[0] for i in (0, count - 1, count, 2 * count)] == [
        UNSEEN_ARMS[0],
        UNSEEN_ARMS[0],
        UNSEEN_ARMS[1],
        UNSEEN_ARMS[0],
    ]


def test_another_arm_is_moved(still):
    assert not task_centric_trial(CONFIG, LEVELS["V"], 0).success


def test_what_is_no_policy_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(CheckpointError):
        open_task_policy(tmp_path)
    with pytest.raises(CheckpointError):
        evaluate.main(EvalOptions(suite="tabletop", level="IV", checkpoint=tmp_path))
