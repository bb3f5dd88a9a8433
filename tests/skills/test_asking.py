"""Answers that come late: handed over when they are due, and fitted in."""

import numpy as np
import pytest

from robot_skills.core.policy import PolicyInput, PolicyOutput
from robot_skills.skills.asking import ContinuingPolicy, LockStep, asker_of
from robot_skills.skills.policy_skill import PolicySkillConfig

SEEN = PolicyInput(T_base_tool=np.eye(4)[None], opening=np.ones(1), tokens=(), table_height_m=0.0)


class CountingPolicy:
    """Answers how often it was asked, and remembers what it was told of the arm."""

    period_s = 0.05
    horizon = 4
    observation_steps = 1
    can_continue = True

    def __init__(self) -> None:
        self.prefixes: list[PolicyOutput | None] = []

    def reset(self, seed: int) -> None:
        self.prefixes = []

    def infer(self, inputs: PolicyInput, prefix: PolicyOutput | None = None) -> PolicyOutput:
        self.prefixes.append(prefix)
        return PolicyOutput(
            T_base_tool=np.repeat(np.eye(4)[None], self.horizon, axis=0),
            opening=np.ones(self.horizon),
            done=float(len(self.prefixes)),
        )


@pytest.mark.parametrize("late", [0, 1, 3])
def test_an_answer_comes_once_and_when_it_is_due(late):
    asker = asker_of(CountingPolicy(), late)
    assert isinstance(asker, LockStep)
    assert asker.answer(5) is None
    asker.ask(SEEN, None, tick=5)
    assert [asker.answer(tick) is not None for tick in range(5, 10)] == [
        tick == 5 + late for tick in range(5, 10)
    ]


def test_only_a_policy_that_can_is_told_what_the_arm_does():
    policy = CountingPolicy()
    assert isinstance(policy, ContinuingPolicy)
    assert LockStep(policy, 2).can_continue
    policy.can_continue = False
    assert not LockStep(policy, 2).can_continue


def test_a_negative_latency_is_refused():
    with pytest.raises(ValueError, match="latency_steps"):
        PolicySkillConfig(latency_steps=-1)
