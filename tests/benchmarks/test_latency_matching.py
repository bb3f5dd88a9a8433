"""Trials of latencies are summed up and kept, and a policy can be carried along with a thing."""

import json

import numpy as np
import pytest

from benchmarks.latency_matching import page
from benchmarks.latency_matching.__main__ import Runs
from benchmarks.latency_matching.gliding import CarriedPolicy
from robot_skills.core.policy import EntityToken, PolicyInput, PolicyOutput
from robot_skills.core.se3 import SE3


class _ToToken:
    """Answers with the place of its first token, and keeps what it was asked."""

    period_s, horizon, observation_steps = 0.1, 3, 2
    asked: PolicyInput

    def infer(self, inputs):
        self.asked = inputs
        T = inputs.tokens[0].T_base_anchor.matrix()
        return PolicyOutput(T_base_tool=np.tile(T, (3, 1, 1)), opening=np.ones(3), done=0.0)


def test_a_carried_policy_goes_along_with_the_thing():
    velocity, shift = np.array([0.0, 0.2, 0.0]), np.array([0.0, 0.05, 0.0])
    inner = _ToToken()
    policy = CarriedPolicy(inner, lambda: (shift, velocity))
    token = EntityToken(T_base_anchor=SE3.from_translation((0.5, 0.0, 0.0)), extents_m=np.ones(3))
    here = np.tile(SE3.identity().matrix(), (2, 1, 1))
    inputs = PolicyInput(T_base_tool=here, opening=np.ones(2), tokens=(token,), table_height_m=0.0)
    output = policy.infer(inputs)
    assert output.T_base_tool[:, 1, 3] == pytest.approx(0.05 + 0.2 * np.array([0.1, 0.2, 0.3]))
    # Beside a thing that moves, a hand that stood still came towards it.
    assert inner.asked.T_base_tool[:, 1, 3] == pytest.approx([0.02, 0.0])
    assert not policy.can_continue


def test_trials_are_made_once(tmp_path):
    path, made = tmp_path / "runs.jsonl", []
    for _ in range(2):
        runs = Runs(path)
        assert runs.get("a", lambda: made.append(1) or {"off_ms": 1.0}) == {"off_ms": 1.0}
    assert made == [1]
    assert [json.loads(line)["key"] for line in path.read_text().splitlines()] == ["a"]


def test_the_page_tells_of_every_row():
    rows = [
        {"part": "recovery", "case": "quiet", "latency": "camera", "seeds": 20, "found": 19,
         "median_ms": 0.3, "worst_ms": 1.2, "sigma_ms": 0.5, "bar_ms": 2.0},
        {"part": "skills", "skill": "grasp", "side": "late", "n": 100, "successes": 9,
         "ci95": [0.05, 0.16]},
    ]  # fmt: skip
    text = page.chapter(rows)
    assert "19 of 20" in text
    assert "9 (5-16)" in text
