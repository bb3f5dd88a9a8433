"""A skill that a library learns later is spoken of, planned with and explained like any other."""

import pytest

from benchmarks.new_skill.demonstrator import CARD
from robot_skills.core.errors import MissingSkillError, PlanningError
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import lying, upright
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.scheduler.symbolic import SymbolicPlanner
from robot_skills.skills.card import SkillCard
from robot_skills.skills.library import SkillLibrary
from tests.fakes import ZOO
from tests.scheduler.worlds import kitchen

SHIPPED = tuple(SkillLibrary.load(ZOO))
TIP = SkillCard.load(CARD)


def plan(words: str, cards=(*SHIPPED, TIP)):
    return RulesPlanner(cards).plan(words, kitchen())


def calls(words: str) -> list[str]:
    return [str(call) for call in plan(words).calls]


def test_without_the_skill_its_verb_is_named_as_missing():
    with pytest.raises(MissingSkillError) as caught:
        plan("tip the milk over", SHIPPED)
    assert (caught.value.verb, caught.value.parameters) == ("tip", {"object": "movable"})


def test_a_lack_that_shows_while_planning_names_parameters_and_effects():
    with pytest.raises(MissingSkillError, match=r"tip\(object: movable\) with lying\(\{object\}\)"):
        SymbolicPlanner(SHIPPED).plan(kitchen(), [Literal(predicate="lying", args=("milk",))])


@pytest.mark.parametrize(
    "words", ["tip the milk over", "tip over the milk", "please knock the milk over"]
)
def test_its_own_words_ask_for_it(words):
    assert calls(words) == ["tip(object=milk)"]


def test_it_is_composed_with_other_skills_in_either_order():
    tip, rest = (
        "tip(object=bottle)",
        ["grasp(object=can)", "place(object=can, relation=in, target=box)"],
    )
    assert calls("tip the bottle over and put the can in the box") == [tip, *rest]
    assert calls("put the can in the box and knock the bottle over") == [*rest, tip]


def test_what_cannot_be_tipped_is_refused_with_the_reason():
    with pytest.raises(PlanningError, match=r"upright\(red_cube\)"):
        plan("tip the red cube over")


def test_a_box_stands_or_lies_or_neither():
    scene = kitchen()
    states = {name: (upright(scene, name), lying(scene, name)) for name in scene.entities}
    assert states["milk"] == (True, False)
    assert states["bread"] == (False, True)
    assert states["red_cube"] == (False, False)
