"""`robot-skills serve`, from the command line to a chunk."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from policies.faces import STATE
from policies.openpi.client import OpenPiPolicy
from robot_skills.app.cli import main
from robot_skills.core.policy import STATE_NAMES
from tests.contracts.test_policy_contract import make_input


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "--skill"),
        (["--skill", "grasp", "--checkpoint", "here"], "--skill"),
        (["--skill", "grap"], "Did you mean 'grasp'?"),
        (["--skill", "home"], "scripted"),
        (["--checkpoint", "nowhere"], "no such folder"),
        (["--skill", "grasp", "--host", "0.0.0.0"], "API key"),
        (["--skill", "grasp", "--port", "99999"], "99999"),
        (["--skill", "grasp", "--seconds", "0"], "--seconds"),
    ],
)
def test_what_cannot_be_served_is_refused(arguments, reason, capsys, monkeypatch):
    monkeypatch.delenv("ROBOT_SKILLS_API_KEY", raising=False)
    assert main(["serve", *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_a_skill_of_the_zoo_is_served_until_it_is_interrupted():
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "robot_skills.app.cli", "serve", "--skill", "grasp"),
            *("--port", "0", "--seconds", "60", "--json"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        said = server.stderr.readline()
        url = next(word for word in said.split() if word.startswith("ws://"))
        with OpenPiPolicy(url) as remote:
            assert remote.sizes.numbers == {STATE: len(STATE_NAMES)}
            skill = remote.skill()
            out = skill.infer(make_input(skill))
            assert out.T_base_tool.shape == (skill.horizon, 4, 4)
            assert np.isfinite(out.T_base_tool).all()
        time.sleep(0.1)
        server.send_signal(2)
        stdout, _ = server.communicate(timeout=30.0)
    finally:
        server.kill()
        server.wait()
    assert server.returncode == 0
    result = json.loads(stdout)
    assert result["name"] == "grasp"
    assert result["chunks"] == 1
    assert result["refused"] == 0
