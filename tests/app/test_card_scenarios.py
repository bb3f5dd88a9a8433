"""Starts are drawn from what a card says has to hold, for skills that have no scenario."""

import numpy as np
import pytest

from benchmarks.new_skill.demonstrator import CARD
from robot_skills.app.card_scenarios import draw_card_scenario, draw_start
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError
from robot_skills.core.predicates import unmet
from robot_skills.skills.card import SkillCard
from sim.robot import SimRobot
from sim.scenarios import draw_scenario
from sim.truth import truth_scene
from tests.app.skills_add.cards import case, write_card

TIP = SkillCard.load(CARD)


def shipped(name: str) -> SkillCard:
    return SkillCard.load(zoo_dir() / name / "card.yaml")


@pytest.mark.parametrize("card", [TIP, shipped("press"), shipped("open")], ids=lambda c: c.name)
def test_a_call_may_begin_and_is_not_done_already(card):
    for seed in range(3):
        scenario = draw_card_scenario(card, np.random.default_rng(seed))
        robot = SimRobot(layout=scenario.layout)
        robot.connect()
        scene = truth_scene(robot.world)
        robot.close()
        assert not unmet(scene, card.preconditions(scenario.args))
        assert unmet(scene, scenario.effects)
        tokens = card.case(scenario.args).tokens
        assert [anchor for _, anchor in scenario.tokens] == [t.anchor.value for t in tokens]


def test_what_has_to_be_held_is_named_and_not_expected_in_the_hand_yet():
    scenario = draw_card_scenario(shipped("insert"), np.random.default_rng(0))
    assert scenario.held == scenario.args["object"] == "peg"


def test_a_skill_with_scenarios_of_its_own_keeps_them():
    mine = draw_start(shipped("grasp"), np.random.default_rng(5))
    theirs = draw_scenario("grasp", np.random.default_rng(5))
    assert (mine.args, mine.layout.entity_names) == (theirs.args, theirs.layout.entity_names)


def test_a_card_for_which_there_is_no_scene_is_refused(tmp_path):
    changes = case(preconditions=["inserted({object}, table)"], effects=["lying({object})"])
    card = SkillCard.load(write_card(tmp_path, **changes))
    with pytest.raises(RefusedError, match="finds no start for 'touch'"):
        draw_card_scenario(card, np.random.default_rng(0))
