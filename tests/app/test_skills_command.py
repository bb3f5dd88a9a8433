"""`robot-skills skills` shows the library as its cards say it."""

import json

from robot_skills.app.cli import main


def test_list_names_every_shipped_skill(capsys):
    assert main(["skills", "list"]) == 0
    out = capsys.readouterr().out
    for name in ("grasp", "place", "open", "close", "home", "retreat"):
        assert name in out


def test_list_as_json_carries_conditions(capfd):
    assert main(["skills", "list", "--json"]) == 0
    skills = {skill["name"]: skill for skill in json.loads(capfd.readouterr().out)["skills"]}
    assert skills["close"]["cases"][0]["effects"]
    assert skills["home"]["kind"] == "scripted"


def test_show_tells_needs_and_achievements(capsys):
    assert main(["skills", "show", "place"]) == 0
    out = capsys.readouterr().out
    assert "needs" in out
    assert "holding({object})" in out
    assert "when relation is in" in out


def test_an_unknown_skill_is_refused_with_the_nearest(capsys):
    assert main(["skills", "show", "grap"]) == 2
    assert "Did you mean 'grasp'?" in capsys.readouterr().err


def test_show_tells_how_far_probabilities_can_be_believed(capsys):
    assert main(["skills", "show", "grasp"]) == 0
    out = capsys.readouterr().out
    assert "says done" in out
    assert "success with AUROC 0.9" in out


def test_show_as_json_carries_reliability(capfd):
    assert main(["skills", "show", "place", "--json"]) == 0
    shown = json.loads(capfd.readouterr().out)
    assert "ece" in shown["termination"]
    assert shown["success_predictor"]["measured"]["auroc"] > 0.9
