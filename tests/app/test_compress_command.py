"""`robot-skills compress`: a smaller checkpoint beside its card, and what it says of it."""

import json
import shutil

import pytest

from policies.checkpoint_files import MANIFEST, ONNX, WEIGHTS
from policies.engines import EngineKind, load_engine
from policies.success import SuccessPredictor
from robot_skills.app.cli import main
from robot_skills.app.zoo import zoo_dir
from robot_skills.skills.library import SkillLibrary
from tests.policies.untrained import untrained_checkpoint


@pytest.fixture
def checkpoint(tmp_path):
    directory = untrained_checkpoint(tmp_path / "zoo" / "home")
    shutil.copy(zoo_dir() / "home" / "card.yaml", directory)
    return directory


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_a_skill_is_stored_in_fewer_bits_with_graph_and_card(
    checkpoint, precision, tmp_path, capsys
):
    out = tmp_path / "small" / "home"
    args = ["compress", str(checkpoint), "--out", str(out), "--precision", precision, "--json"]
    assert main(args) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["bytes_after"] == (out / WEIGHTS).stat().st_size < told["bytes_before"]
    assert 0.0 < told["off_mean"] < told["off_max"]
    assert told["exported"] == str(out / ONNX)
    assert load_engine(out, EngineKind.ONNX).config.precision.value == precision
    assert SkillLibrary.load(out.parent).names == ("home",)


def test_a_success_predictor_comes_along(tmp_path, capsys):
    out = tmp_path / "small" / "grasp"
    args = ["compress", str(zoo_dir() / "grasp"), "--out", str(out), "--precision", "int8"]
    assert main([*args, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["success_predictor"] is True
    given, copied = (SuccessPredictor.load(each) for each in (zoo_dir() / "grasp", out))
    assert copied.config.measured == given.config.measured


def test_a_success_predictor_of_other_weights_stays_behind(tmp_path, checkpoint, capsys):
    for path in (zoo_dir() / "grasp").glob("success.*"):
        shutil.copy(path, checkpoint)
    out = tmp_path / "small"
    assert main(["compress", str(checkpoint), "--out", str(out)]) == 0
    assert "made for other weights" in capsys.readouterr().err
    assert not list(out.glob("success.*"))


def test_it_says_what_the_rounding_changes(checkpoint, tmp_path, capsys):
    assert main(["compress", str(checkpoint), "--out", str(tmp_path / "small")]) == 0
    said = capsys.readouterr().out
    assert "MB of weights as int8" in said
    assert "standard deviations" in said


def test_a_checkpoint_is_not_overwritten_by_itself(checkpoint, capsys):
    before = (checkpoint / MANIFEST).read_bytes()
    assert main(["compress", str(checkpoint), "--out", str(checkpoint)]) == 2
    assert "choose another --out" in capsys.readouterr().err
    assert (checkpoint / MANIFEST).read_bytes() == before
