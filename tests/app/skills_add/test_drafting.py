"""A missing skill becomes a draft card, with what is not known marked."""

import json

import pytest

from robot_skills.app.cli import main
from robot_skills.app.skills_add.checks import check_draft
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError
from robot_skills.skills.card import SkillCard
from robot_skills.skills.library import SkillLibrary

MISSING = {"verb": "wipe", "parameters": {"object": "movable"}, "effects": []}


@pytest.fixture
def run(tmp_path):
    def write(payload):
        path = tmp_path / "run.json"
        path.write_text(json.dumps(payload))
        return path

    return write


def test_a_draft_says_what_is_known_and_marks_the_rest(run, tmp_path, capsys):
    out = tmp_path / "wipe.yaml"
    path = run({"missing_skill": MISSING})
    assert main(["skills", "draft", "--from-missing", str(path), "--out", str(out)]) == 0
    assert "skills add wipe" in capsys.readouterr().out
    text = out.read_text()
    assert "TODO what holds afterwards" in text
    card = SkillCard.load(out)
    assert card.verbs == ("wipe {object}",)
    with pytest.raises(RefusedError, match="no plan can use the skill"):
        check_draft(card, "wipe", SkillLibrary.load(zoo_dir()))


def test_known_effects_are_in_the_draft(run, tmp_path):
    out = tmp_path / "tip.yaml"
    missing = MISSING | {"verb": "tip", "effects": ["lying({object})"]}
    path = run({"missing_skill": missing})
    assert main(["skills", "draft", "--from-missing", str(path), "--out", str(out)]) == 0
    check_draft(SkillCard.load(out), "tip", SkillLibrary.load(zoo_dir()))


@pytest.mark.parametrize("payload", [{}, {"missing_skill": {"verb": "wipe"}}, []])
def test_a_run_that_lacked_no_skill_is_refused(run, tmp_path, payload, capsys):
    out = tmp_path / "wipe.yaml"
    path = run(payload)
    assert main(["skills", "draft", "--from-missing", str(path), "--out", str(out)]) == 2
    assert "names no missing skill" in capsys.readouterr().err
    assert not out.exists()


def test_a_card_that_exists_is_never_overwritten(run, tmp_path, capsys):
    out = tmp_path / "wipe.yaml"
    out.write_text("mine")
    path = run({"missing_skill": MISSING})
    assert main(["skills", "draft", "--from-missing", str(path), "--out", str(out)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert out.read_text() == "mine"
