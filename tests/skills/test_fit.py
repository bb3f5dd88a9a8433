"""A card and the checkpoint beside it must speak of the same entities."""

import shutil

import pytest

from policies.loading import load_policy
from robot_skills.core.errors import CheckpointError
from robot_skills.skills.card import SkillCard, SkillKind
from robot_skills.skills.fit import check_fit
from robot_skills.skills.library import SkillLibrary
from tests.fakes import ZOO
from tests.policies.untrained import given_contract, untrained_checkpoint

LEARNED = [card.name for card in SkillLibrary.load(ZOO) if card.kind is SkillKind.LEARNED]


class Trained:
    """A policy that says what it was trained to see, and does nothing else."""

    period_s, horizon, observation_steps = 0.05, 16, 2

    def __init__(self, counts=None, anchors=()):
        self.entity_counts = counts
        self.anchors = frozenset(anchors)

    def reset(self, seed):
        pass

    def infer(self, inputs):
        raise AssertionError("nobody should ask")


def card(name: str) -> SkillCard:
    return SkillCard.load(ZOO / name / "card.yaml")


@pytest.mark.parametrize("name", LEARNED)
def test_every_shipped_card_fits_its_checkpoint(name):
    policy = SkillLibrary.load(ZOO, load_policy).policy(name)
    assert policy.entity_counts == card(name).cases[0].entity_counts


@pytest.mark.parametrize(
    ("name", "policy"),
    [
        ("grasp", Trained()),
        ("grasp", Trained((1, 1), [("box",)])),
        ("open", Trained((1, 2))),
        ("place", Trained((2, 2), [("box", "top"), ("box", "access"), ("box", "spot_beside")])),
    ],
)
def test_what_agrees_or_says_nothing_is_accepted(name, policy):
    check_fit(card(name), policy)


@pytest.mark.parametrize(
    ("name", "policy", "message"),
    [
        ("grasp", Trained((2, 2)), r"1 entities \(box\), .* trained to see 2 of them"),
        ("place", Trained((1, 1)), r"2 entities \(box, access\), .* trained to see 1 of them"),
        ("open", Trained((2, 2)), r"2 entities \(handle, hinge\), .* trained to see 2 of them"),
        ("grasp", Trained((1, 1), [("top",)]), r"\(box\), .* trained to see \(top\)"),
    ],
)
def test_a_contradiction_is_refused_with_what_each_side_wants(name, policy, message):
    with pytest.raises(CheckpointError, match=message):
        check_fit(card(name), policy)


def test_the_library_refuses_a_card_that_was_changed_under_its_checkpoint(tmp_path):
    shutil.copytree(ZOO / "grasp", tmp_path / "grasp")
    path = tmp_path / "grasp" / "card.yaml"
    one = "tokens: [{argument: object, anchor: box}]"
    two = "tokens: [{argument: object, anchor: box}, {argument: object, anchor: top}]"
    assert one in path.read_text()
    path.write_text(path.read_text().replace(one, two))
    with pytest.raises(CheckpointError, match=r"2 entities \(box, top\).* trained to see 1"):
        SkillLibrary.load(tmp_path, load_policy).policy("grasp")


def test_the_library_refuses_a_checkpoint_with_actions_of_another_size(tmp_path):
    (tmp_path / "grasp").mkdir()
    shutil.copy(ZOO / "grasp" / "card.yaml", tmp_path / "grasp")
    untrained_checkpoint(tmp_path / "grasp", given_contract())
    with pytest.raises(CheckpointError, match="no meta-skill"):
        SkillLibrary.load(tmp_path, load_policy).policy("grasp")
