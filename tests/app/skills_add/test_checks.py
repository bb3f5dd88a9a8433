"""A draft card or demonstrations that would not do are refused with all that is wrong."""

import pytest

from robot_skills.app.skills_add.checks import check_draft, read_demonstrations
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import DatasetError, RefusedError
from robot_skills.skills.card import SkillCard
from robot_skills.skills.library import SkillLibrary
from tests.app.skills_add.cards import case, write_card
from tests.policies.synthetic import reaching_dataset


@pytest.fixture(scope="module")
def library():
    return SkillLibrary.load(zoo_dir())


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return reaching_dataset(tmp_path_factory.mktemp("data") / "reaching", episodes=4)


def test_a_skill_that_nobody_has_is_accepted(library, tmp_path):
    check_draft(SkillCard.load(write_card(tmp_path)), "touch", library)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "poke"}, "calls itself 'poke'"),
        ({"verbs": []}, "say in which words"),
        ({"verbs": ["touch it"]}, "'touch it' does not say object"),
        ({"verbs": ["grab {object}"]}, "taken by the skill 'grasp'"),
        ({"verbs": ["hoist {object}"]}, "understood as 'pick up'"),
        ({"results": [], "training": {"generate": "g", "train": "t"}}, "leave them out"),
        (case(effects=[]), "no plan can use the skill"),
        (case(effects=["hand_empty()"]), "nothing is said of the parameter 'object'"),
        (case(tokens=[]), "which entities the policy is to see"),
    ],
)
def test_a_draft_that_would_not_do_is_refused(library, tmp_path, changes, message):
    card = SkillCard.load(write_card(tmp_path, **changes))
    with pytest.raises(RefusedError, match=message):
        check_draft(card, "touch", library)


def test_the_name_of_another_skill_and_odd_names_are_refused(library, tmp_path):
    for name, message in (("grasp", "holds a skill of that name already"), ("Tap!", "one word")):
        card = SkillCard.load(write_card(tmp_path, name=name))
        with pytest.raises(RefusedError, match=message):
            check_draft(card, name, library)


def test_everything_that_is_wrong_is_said_at_once(library, tmp_path):
    card = SkillCard.load(write_card(tmp_path, verbs=["take {object}"], **case(effects=[])))
    with pytest.raises(RefusedError, match=r"taken by the skill 'grasp'; .*no plan can use"):
        check_draft(card, "touch", library)


@pytest.mark.parametrize(
    ("effects", "message"),
    [
        (["touched({object})"], r"effects\[0\]: Unknown predicate 'touched'"),
        (["on({object})"], "has 1 arguments, on takes 2"),
        (["on({thing}, table)"], "'thing' is not a parameter"),
    ],
)
def test_effects_that_nothing_can_judge_are_refused_as_the_card_is_read(tmp_path, effects, message):
    with pytest.raises(RefusedError, match=message):
        SkillCard.load(write_card(tmp_path, **case(effects=effects)))


def test_demonstrations_come_with_what_they_are_relative_to(dataset, tmp_path):
    demonstrations = read_demonstrations(dataset, SkillCard.load(write_card(tmp_path)))
    assert len(demonstrations) == 4
    for one in demonstrations:
        ticks = len(one.opening)
        assert one.T_base_tool.shape == (ticks, 4, 4)
        assert one.T_base_anchor.shape == (ticks, 1, 4, 4)
        assert one.done[-1]


def test_demonstrations_with_other_entities_than_the_card_are_refused(dataset, tmp_path):
    tokens = [{"argument": "object", "anchor": anchor} for anchor in ("box", "top")]
    card = SkillCard.load(write_card(tmp_path, **case(tokens=tokens)))
    with pytest.raises(DatasetError, match=r"shows 1 entities .* box of object, top of object"):
        read_demonstrations(dataset, card)


def test_what_is_no_dataset_is_refused(tmp_path):
    with pytest.raises(DatasetError, match=r"meta/info\.json"):
        read_demonstrations(tmp_path, SkillCard.load(write_card(tmp_path)))
