"""A measurement replaces the older one of its kind in the card, and nothing else there."""

import shutil
from pathlib import Path

import pytest

from robot_skills.app.card_results import record_result
from robot_skills.app.options import EvalOptions
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError
from robot_skills.skills.card import CARD_FILE, SkillCard

PAYLOAD = {"n": 50, "successes": 47, "rate": 0.94, "ci95": (0.838, 0.979), "skipped_setups": 1}


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    (tmp_path / "grasp").mkdir()
    shutil.copy(zoo_dir() / "grasp" / CARD_FILE, tmp_path / "grasp" / CARD_FILE)
    return tmp_path


def test_a_result_of_the_same_kind_is_replaced_and_others_stay(zoo: Path) -> None:
    for arm in ("panda", "ur5e"):
        record_result(zoo, EvalOptions(skill="grasp", arm=arm, episodes=50), PAYLOAD)
    better = {**PAYLOAD, "successes": 50, "rate": 1.0}
    card = record_result(zoo, EvalOptions(skill="grasp", arm="panda", episodes=50), better)
    results = {(r.arm, r.scene): r.successes for r in SkillCard.load(card).results}
    assert results[("panda", "rgbd")] == 50
    assert results[("ur5e", "rgbd")] == 47
    rest = card.read_text(encoding="utf-8").partition("\nresults:")[0]
    before = (zoo_dir() / "grasp" / CARD_FILE).read_text(encoding="utf-8")
    assert rest == before.partition("\nresults:")[0]


def test_a_card_without_the_block_is_refused(zoo: Path) -> None:
    card = zoo / "grasp" / CARD_FILE
    card.write_text("name: grasp\n", encoding="utf-8")
    with pytest.raises(RefusedError, match="does not end"):
        record_result(zoo, EvalOptions(skill="grasp"), PAYLOAD)
