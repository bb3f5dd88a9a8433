"""The doctor finds what is broken, and says how to mend it."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from robot_skills.app.cli import main
from robot_skills.app.doctor import damage, examine


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    data = b"weights"
    (tmp_path / "weights.safetensors").write_bytes(data)
    files = {"weights.safetensors": {"sha256": hashlib.sha256(data).hexdigest()}}
    (tmp_path / "manifest.json").write_text(json.dumps({"files": files}))
    return tmp_path


def test_whole_files_are_no_damage(checkpoint):
    assert damage(checkpoint) == ""


def test_one_changed_byte_is_damage(checkpoint):
    (checkpoint / "weights.safetensors").write_bytes(b"weighty")
    assert "hash differs" in damage(checkpoint)


def test_missing_files_are_damage(checkpoint):
    (checkpoint / "weights.safetensors").unlink()
    assert damage(checkpoint) == "weights.safetensors is missing"


def test_an_unreadable_manifest_is_damage(checkpoint):
    (checkpoint / "manifest.json").write_text("{")
    assert "manifest.json" in damage(checkpoint)


def test_everything_that_is_missing_comes_with_its_cure():
    for finding in examine():
        assert finding.detail
        assert finding.ok or finding.mend


def test_no_gl_is_found():
    # MuJoCo reads the variable when it is imported, so a process of its own has to.
    done = subprocess.run(
        [sys.executable, "-m", "robot_skills.app.cli", "doctor", "--json"],
        env={**os.environ, "MUJOCO_GL": "disabled"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    findings = json.loads(done.stdout)["findings"]
    rendering = next(finding for finding in findings if finding["what"] == "rendering")
    assert not rendering["ok"]
    assert "apt-get install" in rendering["mend"]


def test_the_exit_code_says_whether_all_is_well(capfd):
    code = main(["doctor", "--json"])
    answer = json.loads(capfd.readouterr().out)
    assert code == (0 if answer["ok"] else 1)
    assert {finding["what"] for finding in answer["findings"]} >= {"python", "rendering", "disk"}
