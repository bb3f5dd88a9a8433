"""A LeRobot policy that sees a camera and is told words, run as a skill of a simulated cell."""

import json
import shutil
from pathlib import Path

import pytest

from policies.faces import STATE
from robot_skills.app.wiring import CellConfig, simulated_cell
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.events import EventKind, EventList
from tests.policies.lerobot_checkpoints import CAMERA, write_checkpoint

CARD = """
name: do_task
kind: learned
summary: Do one of the tasks that the policy was trained on.
verbs: ["do {task}"]
parameters:
  - {name: task, type: word, choices: ["wave the hand", "bow"]}
cases:
  - preconditions: ["hand_empty()"]
    effects: []
timeout_s: 2
attempts: 1
safety: {max_speed_m_s: 0.2, min_height_m: 0.02}
checkpoint: model.safetensors
"""
NOTES = {
    "fps": 10.0,
    "end_to_end": {
        "cameras": {CAMERA: "front"},
        "state": "rotvec",
        "action": "steps",
        "step_m": 0.005,
        "step_rad": 0.01,
        "without": "do ",
    },
}


@pytest.fixture(scope="module")
def zoo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("zoo")
    shutil.copytree(zoo_dir() / "home", folder / "home")
    skill = write_checkpoint(folder / "do_task", "act", {STATE: (7,), CAMERA: (3, 48, 64)}, 7)
    (skill / "skill.json").write_text(json.dumps(NOTES))
    (skill / "card.yaml").write_text(CARD)
    return folder


def test_a_planner_calls_it_like_any_skill_and_its_chunks_pass_the_gate(zoo):
    events = EventList()
    config = CellConfig(scene="truth", seed=3, zoo=zoo)
    with simulated_cell(config, (events,)) as cell:
        result = cell.run("do wave the hand")
    (made,) = result.skills
    assert (made.name, made.args) == ("do_task", {"task": "wave the hand"})
    assert made.chunks >= 2
    assert made.refused_chunks == 0
    assert made.reason == "not done after 2 s"
    assert [event.data["verdict"] for event in events.of_kind(EventKind.CHUNK)].count("ok") >= 2
