"""From nothing to a trained skill by an operator: drive in a browser, export, train, measure."""

import json
import subprocess
import sys

import pytest

from tests.app.collect.browser import console, person

MINUTES = 1.5
"""Of training."""
_LIFT = ["--robot", "robosuite:lift", "--cameras", "front", "--camera-px", "160", "120"]


def run(*arguments: str) -> dict:
    """A command's JSON."""
    command = [sys.executable, "-m", "robot_skills.app.cli", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def record(dataset, episodes: int) -> None:
    arguments = [*_LIFT, "--dataset", str(dataset), "--save-when-done"]
    with console(arguments) as url, person() as operator:
        operator.open(url)
        for _ in range(3 * episodes):
            if operator.status["dataset"]["episodes"] >= episodes:
                return
            operator.episode()
    raise AssertionError("too many attempts failed")


def test_what_an_operator_records_in_a_browser_is_whole_and_can_be_trained_on(tmp_path):
    record(tmp_path / "lift", 2)
    assert run("dataset", "verify", str(tmp_path / "lift"))["damage"] == []
    run("dataset", "export", str(tmp_path / "lift"), "--out", str(tmp_path / "out"))
    trained = tmp_path / "policy"
    run("train", "--dataset", str(tmp_path / "out"), "--out", str(trained), "--steps", "20")
    assert (trained / "weights.safetensors").exists()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_episodes_of_an_operator_teach_lifting(tmp_path):
    """The policy succeeds in most of fifty starts that nobody demonstrated."""
    record(tmp_path / "lift", 20)
    run("dataset", "export", str(tmp_path / "lift"), "--out", str(tmp_path / "out"))
    arguments = ["--dataset", str(tmp_path / "out"), "--out", str(tmp_path / "policy")]
    run("train", *arguments, "--minutes", str(MINUTES))
    measured = run(
        *("eval", "--suite", "robosuite:lift", "--checkpoint", str(tmp_path / "policy")),
        *("--episodes", "50"),
    )
    row = {"task": "robosuite:lift", "recorded": 20, "minutes": MINUTES}
    row |= {"successes": measured["successes"], "episodes": measured["n"]}
    print(json.dumps(row))
    assert measured["rate"] >= 0.6
