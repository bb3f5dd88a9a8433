"""Evaluation counts in the simulator's truth and states its interval."""

import shutil

import numpy as np
import pytest

from robot_skills.app.evaluate import main, summary, wilson
from robot_skills.app.options import EvalOptions
from robot_skills.app.suites import SUITES, SuiteTask, draw_instance
from robot_skills.app.trials import Trial
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import CheckpointError, RefusedError, UnknownNameError
from robot_skills.core.predicates import unmet
from sim.robot import SimRobot
from sim.truth import truth_scene

TASKS = [task for tasks in SUITES.values() for task in tasks]


def _trial(index: int, *, success: bool, believed: bool) -> Trial:
    return Trial(
        index=index,
        task="put the can in the box",
        group="box",
        success=success,
        believed=believed,
        reason="because",
        sim_s=1.0,
        wall_s=1.0,
        chunk_ms=2.0,
        attempts=2,
    )


def test_the_interval_is_wilsons() -> None:
    low, high = wilson(47, 50)
    assert low == pytest.approx(0.838, abs=1e-3)
    assert high == pytest.approx(0.979, abs=1e-3)
    assert wilson(10, 10)[1] == pytest.approx(1.0)


def test_belief_and_truth_are_counted_apart() -> None:
    trials = [
        _trial(0, success=True, believed=True),
        _trial(1, success=True, believed=False),
        _trial(2, success=False, believed=True),
    ]
    told = summary(trials, EvalOptions(suite="tabletop"), skipped=0)
    assert (told["n"], told["successes"], told["believed"], told["disagree"]) == (3, 2, 2, 2)
    assert [failure["index"] for failure in told["failures"]] == [1, 2]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_instances_are_about_things_that_are_there(task: SuiteTask) -> None:
    for i in range(20):
        instance = draw_instance(task, np.random.default_rng((9, i)))
        named = {arg for literal in instance.goal for arg in literal.args}
        assert named <= set(instance.layout.entity_names)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_goals_hold_at_the_start_only_where_they_are_meant_to(task: SuiteTask) -> None:
    for i in range(4):
        instance = draw_instance(task, np.random.default_rng((9, i)))
        robot = SimRobot("panda", layout=instance.layout)
        robot.connect()
        missing = unmet(truth_scene(robot.world), instance.goal)
        robot.close()
        assert bool(missing) == (task.name != "already so")


def test_what_to_measure_has_to_be_said_once() -> None:
    with pytest.raises(RefusedError, match="either --skill NAME or --suite"):
        main(EvalOptions())
    with pytest.raises(RefusedError, match="either --skill NAME or --suite"):
        main(EvalOptions(skill="grasp", suite="tabletop"))


@pytest.mark.parametrize(
    "options",
    [
        EvalOptions(skill="grasp", arm="pandas"),
        EvalOptions(skill="grap"),
        EvalOptions(suite="tabletops"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(options: EvalOptions) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean"):
        main(options)


def test_a_damaged_checkpoint_is_refused_once_and_before_any_trial(tmp_path, caplog, capsys):
    damaged = tmp_path / "damaged"
    shutil.copytree(zoo_dir() / "grasp", damaged)
    weights = damaged / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="truncated"):
        main(EvalOptions(skill="grasp", checkpoint=damaged, episodes=1))
    assert "runs with torch" not in caplog.text
    assert "trial" not in capsys.readouterr().err
