"""Executives are chosen by name, on the command line and in code."""

import json
import shutil

import pytest

from robot_skills.app.cli import main
from robot_skills.app.executives import EXECUTIVES, SEQUENCER
from robot_skills.app.wiring import CellConfig, load_skills
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import CheckpointError, UnknownNameError


@pytest.mark.parametrize("executive", EXECUTIVES)
def test_an_instruction_is_carried_out_by_every_executive(executive, capfd):
    words = ["run", "close the drawer", "--scene", "truth", "--seed", "2", "--json"]
    assert main([*words, "--executive", executive]) == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["executive"] == executive
    assert answer["truth_success"]
    assert [skill["name"] for skill in answer["skills"]] == ["close"]


def test_an_unknown_executive_is_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'sequencer'"):
        CellConfig(executive="sequenser")


def test_skills_without_a_sequencer_refuse_to_be_sequenced(tmp_path):
    shutil.copytree(zoo_dir() / "home", tmp_path / "home")
    with pytest.raises(CheckpointError, match=rf"train-sequencer --out .*/{SEQUENCER}"):
        load_skills(zoo=tmp_path, executive=SEQUENCER)


def test_a_sequencer_learns_from_nothing_but_sensible_runs(tmp_path, capsys):
    out = str(tmp_path / "sequencer")
    assert main(["train-sequencer", "--out", out, "--failing", "1.0"]) == 2
    assert "--failing" in capsys.readouterr().err
    assert not (tmp_path / "sequencer").exists()


@pytest.mark.slow
def test_a_sequencer_is_trained_by_one_command(tmp_path, capfd):
    out = tmp_path / "sequencer"
    words = ["--runs", "220", "--held-out", "22", "--steps", "1200", "--json"]
    assert main(["train-sequencer", "--out", str(out), *words]) == 0
    measured = json.loads(capfd.readouterr().out)["sequencer"]["measured"]
    assert measured["choices_right"] > 0.9
    assert measured["training_tasks"]["completed"] >= 20
    assert sum(path.stat().st_size for path in out.iterdir()) < 1_000_000
