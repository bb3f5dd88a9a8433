"""`robot-skills tell`, as somebody types it."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from robot_skills.app.cli import main
from tests.ros_domain import claim_domain


def test_an_unknown_cell_is_named(capsys):
    assert main(["tell", "open the drawer", "--cell", "nosuch"]) == 2
    assert "Unknown cell 'nosuch'" in capsys.readouterr().err


def test_nobody_there_says_what_to_start():
    command = [sys.executable, "-m", "robot_skills.app.cli", "tell", "open the drawer", "--json"]
    command += ["--cell", "sim_panda", "--domain", str(claim_domain())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60.0, check=False)
    assert done.returncode == 1
    assert "bringup --cell CELL --plan skills" in json.loads(done.stdout)["error"]
