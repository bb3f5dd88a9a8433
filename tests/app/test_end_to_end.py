"""The whole stack with the shipped skills: words in, a finished task in MuJoCo out."""

import json
from typing import Any

import numpy as np
import pytest

from robot_skills.app.cli import main
from robot_skills.app.options import SceneSource
from robot_skills.app.recording import WALL_MS
from robot_skills.app.wiring import CellConfig, simulated_cell
from robot_skills.core.events import EventList
from robot_skills.core.types import DEFAULT_ARM

DEMO = "put the red cube in the drawer and close it"


def _run(instruction: str, config: CellConfig) -> tuple[bool, bool, list[Any], np.ndarray]:
    """Belief, truth, events without wall times, and where the tool was at every step."""
    events = EventList()
    path: list[np.ndarray] = []
    with simulated_cell(config, (events,)) as cell:
        cell.sim.on_step.append(
            lambda robot: path.append(robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix())
        )
        result = cell.run(instruction)
        truth = cell.goal_holds(result)
    told = [
        (event.stamp_s, event.kind, {k: v for k, v in event.data.items() if k != WALL_MS})
        for event in events.events
    ]
    return result.success, truth, told, np.stack(path)


@pytest.mark.parametrize(
    ("arm", "scene", "instruction"),
    [
        ("panda", "rgbd", DEMO),
        ("ur5e", "rgbd", DEMO),
        ("panda", "truth", "put the red cube in the box"),
    ],
)
def test_an_instruction_becomes_a_finished_task(
    arm: str, scene: SceneSource, instruction: str
) -> None:
    believed, truth, _, _ = _run(instruction, CellConfig(arm=arm, scene=scene, seed=0))
    assert believed
    assert truth


def test_the_same_seed_gives_the_same_run_bit_for_bit() -> None:
    config = CellConfig(arm="panda", scene="rgbd", seed=3)
    first, second = (_run("put the red cube in the box", config) for _ in range(2))
    assert np.array_equal(first[3], second[3])
    assert first[2] == second[2]


def test_the_command_line_tells_the_run_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["run", "open the drawer", "--seed", "1", "--json"])
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) == 1
    told = json.loads(lines[0])
    assert code == (0 if told["truth_success"] else 1)
    assert {"instruction", "plan", "skills", "success", "truth_success"} <= told.keys()
    assert {"sim_s", "wall_s", "plan_ms", "chunk_ms"} <= told.keys()
    for skill in told["skills"]:
        assert {"name", "args", "outcome", "reason", "attempts", "duration_s"} <= skill.keys()


@pytest.mark.parametrize(
    ("instruction", "named"),
    [
        ("", "empty"),
        ("put the unicorn in the drawer", "unicorn"),
        ("pour the red cube", "pour"),
        ("blorp the frobnicator", "blorp"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    instruction: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", instruction, "--scene", "truth"]) == 2
    assert named in capsys.readouterr().err
