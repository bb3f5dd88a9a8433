"""Rollouts go on where they stopped, and what was not meant is refused."""

import json

import pytest

from robot_skills.app.cli import main
from robot_skills.app.reliability_figure import reliability_figure
from robot_skills.app.rollouts import RolloutConfig, make_rollout
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError


def collect(out, *more: str) -> int:
    return main(["rollouts", "--skill", "grasp", "--out", str(out), "--workers", "1", *more])


@pytest.fixture(scope="module")
def collected(tmp_path_factory):
    out = tmp_path_factory.mktemp("rollouts") / "grasp"
    assert collect(out, "--episodes", "2") == 0
    return out


def test_more_of_the_same_keeps_what_there_is(collected, capfd):
    before = {path.name: path.stat().st_mtime_ns for path in collected.glob("*.npz")}
    assert collect(collected, "--episodes", "3", "--json") == 0
    payload = json.loads(capfd.readouterr().out)
    assert payload["n"] == 3
    assert sum(row["n"] for row in payload["per_mishap"].values()) == 3
    after = {path.name: path.stat().st_mtime_ns for path in collected.glob("*.npz")}
    assert before.items() <= after.items()


def test_rollouts_of_another_seed_do_not_mix(collected, capsys):
    assert collect(collected, "--episodes", "3", "--seed", "9") == 2
    assert "another run" in capsys.readouterr().err


def test_an_attempt_depends_on_seed_and_number_alone():
    config = RolloutConfig(skill="grasp", arm="panda", seed=5, zoo=zoo_dir())
    first, second = make_rollout(config, 1), make_rollout(config, 1)
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert first.states.tobytes() == second.states.tobytes()
    assert (first.success, first.mishap) == (second.success, second.mishap)


def test_training_without_rollouts_says_how_to_make_some(tmp_path, capsys):
    folders = ["--rollouts", str(tmp_path), "--test", str(tmp_path)]
    assert main(["train-success", *folders, "--checkpoint", str(zoo_dir() / "grasp")]) == 2
    assert "robot-skills rollouts" in capsys.readouterr().err


def test_a_picture_of_nothing_is_refused_and_one_of_something_is_drawn(tmp_path):
    import numpy as np

    from policies.reliability import Calibration, fit_calibration

    with pytest.raises(RefusedError, match="nothing to draw"):
        reliability_figure(Calibration(), tmp_path / "none.png")
    rng = np.random.default_rng(0)
    logits = rng.normal(size=500)
    fitted = fit_calibration(logits, rng.random(500) < 0.5)
    reliability_figure(fitted, tmp_path / "drawn.png", "done")
    assert (tmp_path / "drawn.png").read_bytes()[:4] == b"\x89PNG"
