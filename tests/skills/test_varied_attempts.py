"""Attempts that differ, that are watched over, and that end early, on the fake robot."""

import numpy as np

from robot_skills.core.plan import Outcome
from robot_skills.skills.giving_up import GivingUp
from robot_skills.skills.variation import Variation
from tests.fakes import T_HOME, FakePolicy, grasp_script, still_script
from tests.skills.test_runner import GRASP, Cell


class Pessimist:
    """Foresees failure all along."""

    def reset(self) -> None:
        self.asked = 0

    def probability(self, inputs) -> float:
        self.asked += 1
        return 0.2


def test_a_slower_attempt_has_come_less_far_when_the_policy_is_asked_again():
    usual, slow = FakePolicy(grasp_script), FakePolicy(grasp_script)
    Cell(grasp=usual).run(GRASP)
    Cell(grasp=slow).run(GRASP, variation=Variation(speed=0.5))
    usual_m, slow_m = (
        float(np.linalg.norm((one.inputs[1].T_base_tool - one.inputs[0].T_base_tool)[-1, :3, 3]))
        for one in (usual, slow)
    )
    assert slow_m < 0.7 * usual_m


def test_an_attempt_may_begin_lower_than_the_rest_pose():
    policy = FakePolicy(grasp_script)
    result, _ = Cell(grasp=policy).run(GRASP, variation=Variation(lower_m=0.08))
    assert result.ok, result.reason
    began = policy.inputs[0].T_base_tool[-1][:3, 3]
    np.testing.assert_allclose(began, T_HOME.p - [0.0, 0.0, 0.08], atol=0.01)


def test_a_turned_hand_sees_the_thing_a_quarter_turn_further():
    usual, turned = FakePolicy(grasp_script), FakePolicy(grasp_script)
    Cell(grasp=usual).run(GRASP)
    Cell(grasp=turned).run(GRASP, variation=Variation(turned=True))
    x_usual = usual.inputs[0].tokens[0].T_base_anchor.R[:, 0]
    x_turned = turned.inputs[0].tokens[0].T_base_anchor.R[:, 0]
    assert abs(float(x_usual @ x_turned)) < 1e-6


def test_a_skill_gives_up_when_its_rule_says_so_and_says_when():
    rule = {"grasp": GivingUp(below=0.3, after=2, from_s=1.0)}
    cell = Cell(grasp=FakePolicy(still_script, finishes=False))
    result, _ = cell.run(GRASP, giving_up=rule, predictors={"grasp": Pessimist()})
    assert result.outcome is Outcome.FAILED
    assert "success had become unlikely (0.20) after 1." in result.reason


def test_a_rule_of_another_skill_ends_nothing():
    rule = {"place": GivingUp(below=0.3, after=1, from_s=0.0)}
    result, _ = Cell().run(GRASP, giving_up=rule, predictors={"grasp": Pessimist()})
    assert result.ok, result.reason
