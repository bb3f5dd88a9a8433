"""Rollouts of policies in suites' tasks."""

from types import SimpleNamespace

import numpy as np

from robot_skills.app.suite_trials import roll_out


class _Line:
    """A point on a line that has to pass 1."""

    instruction = "go on"
    max_steps = 20

    def reset(self, seed):
        self._x = -0.1 * seed
        return self._sensed()

    def step(self, action):
        self._x += float(action[0])
        return self._sensed()

    def succeeded(self):
        return self._x >= 1.0

    def _sensed(self):
        return {"observation.state": np.array([self._x], np.float32)}


class _Steady:
    """Answers chunks of equal steps, and counts how it is asked."""

    observation_steps = 3

    def __init__(self, step):
        self._step, self.histories, self.told = step, [], set()

    def reset(self, seed):
        self.histories = []

    def infer(self, history, instruction=""):
        self.histories.append(history["observation.state"][:, 0].tolist())
        self.told.add(instruction)
        done = float(history["observation.state"][-1, 0] >= 1.0)
        return SimpleNamespace(actions=np.full((6, 1), self._step, np.float32), done=done)


def test_an_episode_ends_when_the_task_says_so():
    policy = _Steady(0.25)
    rollout = roll_out(_Line(), policy, seed=0, execute_steps=2)
    assert (rollout.success, rollout.steps, rollout.said_done) == (True, 4, True)
    assert policy.told == {"go on"}
    assert policy.histories == [[0.0, 0.0, 0.0], [0.0, 0.25, 0.5], [0.5, 0.75, 1.0]]
    assert len(rollout.chunk_ms) == 2


def test_time_runs_out():
    rollout = roll_out(_Line(), _Steady(0.01), seed=0, execute_steps=8)
    assert (rollout.success, rollout.steps, rollout.said_done) == (False, 20, False)


def test_no_more_of_a_chunk_is_carried_out_than_there_is():
    policy = _Steady(0.1)
    roll_out(_Line(), policy, seed=5, execute_steps=100)
    assert len(policy.histories) == 3 + 1
