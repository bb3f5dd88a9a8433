"""Doomed attempts fail for real, the same ones whoever asks; executives are compared in pairs."""

import numpy as np
import pytest

from benchmarks.sequencer import CAP, CappedPolicy, Row, summaries
from benchmarks.sequencer_page import executives
from robot_skills.core.policy import PolicyInput, PolicyOutput


class Closing:
    """A policy that goes up and closes the hand, and is never done."""

    period_s, horizon, observation_steps = 0.05, 4, 1

    def reset(self, seed: int) -> None:
        self.seed = seed

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        poses = np.repeat(inputs.T_base_tool[-1:], self.horizon, axis=0)
        poses[:, 2, 3] += 0.1
        return PolicyOutput(T_base_tool=poses, opening=np.full(self.horizon, 0.25), done=0.0)


SEEN = PolicyInput(
    T_base_tool=np.eye(4)[None], opening=np.array([0.5]), tokens=(), table_height_m=0.0
)


def asked(seed: int, times: int = 6) -> list[PolicyOutput]:
    policy = CappedPolicy(Closing())
    policy.reset(seed)
    return [policy.infer(SEEN) for _ in range(times)]


def doomed(seed: int) -> bool:
    return asked(seed)[-1].done == 1.0


def test_one_in_five_attempts_is_doomed_and_the_seed_says_which():
    fates = [doomed(seed) for seed in range(1000)]
    assert np.mean(fates) == pytest.approx(1.0 - CAP, abs=0.04)
    assert fates[:50] == [doomed(seed) for seed in range(50)]


def test_a_doomed_policy_begins_and_then_stands_still_and_says_that_it_is_done():
    seed = next(seed for seed in range(100) if doomed(seed))
    first, *_, last = asked(seed)
    assert first.done == 0.0
    np.testing.assert_array_equal(last.T_base_tool, np.repeat(np.eye(4)[None], 4, axis=0))


def test_half_of_the_doomed_let_go_and_the_others_hold_on():
    ends = [asked(seed)[-1].opening[-1] for seed in range(300) if doomed(seed)]
    assert set(ends) == {0.25, 1.0}
    assert 0.3 < np.mean(np.array(ends) == 1.0) < 0.7


def test_an_attempt_that_is_left_alone_is_the_policys_own():
    seed = next(seed for seed in range(100) if not doomed(seed))
    assert all(output.done == 0.0 and output.opening[0] == 0.25 for output in asked(seed))


def row(executive: str, index: int, success: bool, level: str = "I") -> Row:
    trial = {
        "index": index,
        "group": "into the box",
        "success": success,
        "believed": success,
        "attempts": 2,
        "sim_s": 10.0,
    }
    return Row(level=level, executive=executive, stamp="", trial=trial)


def test_gains_are_of_pairs_of_the_same_trial():
    rows = [row("fixed", i, i % 2 == 0, level) for i in range(40) for level in ("I", "IV")]
    rows += [
        row(who, i, i % 4 != 1, level)
        for who in ("sequencer", "closed-loop")
        for i in range(40)
        for level in ("I", "IV")
    ]
    lines = list(summaries(rows, "rgbd"))
    sequencer = next(line for line in lines if line["executive"] == "sequencer")
    assert (sequencer["successes"], sequencer["n"]) == (30, 40)
    assert sequencer["gain"] == pytest.approx(0.25)
    low, high = sequencer["gain_ci95"]
    assert 0.05 < low < 0.25 < high < 0.45
    assert sequencer["per_task"] == {"into the box": [30, 40]}
    text = executives(lines)
    assert "| I, tasks it was trained on | sequencer | 75 (60-86) | +25 (+12 to +40) |" in text
    assert "| IV, compositions it never met | fixed order | 50 (35-65) | - |" in text
