"""The skill runner on simulated arms: real contacts, the real gate, truth as the judge.

The motion comes from the demonstrators, wrapped as a policy: what is tested is everything around a
policy, not how well one was learned.
"""

import copy

import numpy as np
import pytest

from hardware.gated_robot import gate_robot
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.core.policy import PolicyInput, PolicyOutput
from robot_skills.core.se3 import SE3
from robot_skills.skills.library import SkillLibrary
from robot_skills.skills.runner import SkillContext, run_skill
from sim.demonstrate import prepare
from sim.experts import MotionStyle, make_expert
from sim.robot import SimRobot
from sim.scenarios import draw_scenario
from sim.truth import TruthPerceiver
from tests.fakes import ZOO, replace_token_positions

SKILLS = ("grasp", "place", "open", "close")


class DemonstratorPolicy:
    """An expert rolled out ahead on its own predictions, as far as a chunk reaches."""

    period_s = 0.05
    horizon = 16
    observation_steps = 1
    execute_steps = 8

    def __init__(self, skill: str, aside_m: float = 0.0) -> None:
        self._skill = skill
        self._aside_m = aside_m

    def reset(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._expert = None
        self._done = False

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        T = SE3.from_matrix(inputs.T_base_tool[-1])
        if self._expert is None:
            tokens = replace_token_positions(inputs.tokens, (0.0, self._aside_m, 0.0))
            style = MotionStyle.draw(self._rng)
            self._expert = make_expert(self._skill, tokens, T, style, self.period_s)
        done = self._done
        ahead, steps = copy.deepcopy(self._expert), []
        for i in range(self.horizon):
            steps.append(ahead.act(T, float(inputs.opening[-1])))
            T = steps[-1].T_base_tool
            if i == self.execute_steps - 1:
                self._expert, self._done = copy.deepcopy(ahead), steps[-1].done
        return PolicyOutput(
            T_base_tool=np.stack([step.T_base_tool.matrix() for step in steps]),
            opening=np.array([step.opening for step in steps]),
            done=float(done),
        )


def attempt(arm: str, skill: str, aside_m: float = 0.0, seed: int = 0):
    """One attempt at a drawn scenario, and the events of it."""
    rng = np.random.default_rng((seed, 5))
    scenario = draw_scenario(skill, rng)
    robot = SimRobot(arm, layout=scenario.layout)
    robot.connect()
    try:
        prepare(robot, scenario, rng)
        events = EventList()
        perceiver = TruthPerceiver(robot.world)
        library = SkillLibrary.load(ZOO, lambda path: DemonstratorPolicy(path.name, aside_m))
        context = SkillContext(
            robot=gate_robot(robot, events),
            library=library,
            look=lambda: perceiver.look(robot.observe()),
            events=events,
        )
        result, scene = run_skill(SkillCall(skill=skill, args=scenario.args), context)
        tool = robot.observe().arms["arm"].T_base_tool
        return result, scene, events, tool.distance_to(robot.home("arm"))[0]
    finally:
        robot.close()


@pytest.mark.parametrize("arm", ["panda", "ur5e"])
@pytest.mark.parametrize("skill", SKILLS)
def test_a_good_policy_succeeds_through_the_gate_and_ends_at_home(arm, skill):
    result, _, events, off_home_m = attempt(arm, skill)
    assert result.outcome is Outcome.SUCCESS, result.reason
    assert result.refused_chunks == 0
    assert all(event.data["accepted"] for event in events.of_kind(EventKind.GATE))
    assert off_home_m < 0.015


def test_a_policy_that_grasps_beside_the_thing_fails_though_it_says_that_it_is_done():
    result, scene, _, _ = attempt("panda", "grasp", aside_m=0.12)
    assert result.outcome is Outcome.FAILED
    assert "does not hold" in result.reason
    assert scene.held("arm") is None
