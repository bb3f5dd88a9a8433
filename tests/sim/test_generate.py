"""Generation keeps what is finished, resumes, and writes datasets that LeRobot reads."""

import json
from pathlib import Path

import numpy as np
import pytest

from policies.dataset import load_demonstrations
from robot_skills.app.demonstrations import generate_dataset
from robot_skills.core.errors import DatasetError, RefusedError, StorageError, UnknownNameError
from sim import generate as generation
from sim.dataset import Demonstration
from sim.generate import GenerateConfig
from sim.suites import Recording, find_task

CONFIG = GenerateConfig(task="close", episodes=3, seed=4)
SUITE_CONFIG = GenerateConfig(task="metaworld:reach", episodes=3, seed=4)


def _attempt_files(attempts: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in attempts.glob("attempt_*")}


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    out = tmp_path / "drawer"
    attempts = tmp_path / "drawer.attempts"
    generation._claim(attempts, CONFIG)
    generation._attempt(CONFIG, attempts, 0)
    before = _attempt_files(attempts)
    generation._collect(CONFIG, attempts, workers=1)
    after = _attempt_files(attempts)
    assert before.items() <= after.items()
    assert sum(name.endswith(".npz") for name in after) >= CONFIG.episodes
    report = generate_dataset(CONFIG, out, workers=1)
    assert report.episodes == CONFIG.episodes
    assert not attempts.exists()


def test_the_dataset_is_read_by_lerobot_and_by_the_trainer(tmp_path: Path) -> None:
    out = tmp_path / "drawer"
    report = generate_dataset(CONFIG, out, workers=2)
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    dataset = LeRobotDataset("robot-skills/drawer", root=out)
    assert dataset.num_episodes == CONFIG.episodes
    assert len(dataset) == report.frames
    subtasks = [row["content"] for row in dataset[0]["language_persistent"]]
    assert subtasks[0] == "approach"
    assert "push" in subtasks
    assert dataset[0]["task"] == "close the drawer"
    assert len(load_demonstrations(out).episode_ends) == CONFIG.episodes


def test_the_number_of_workers_does_not_change_what_is_chosen(tmp_path: Path) -> None:
    chosen = []
    for workers in (1, 2):
        attempts = tmp_path / f"{workers}.attempts"
        generation._claim(attempts, CONFIG)
        generation._collect(CONFIG, attempts, workers)
        paths, _, _ = generation._first_successes(attempts, CONFIG.episodes)
        chosen.append([Demonstration.load(path) for path in paths])
    for a, b in zip(*chosen, strict=True):
        assert np.array_equal(a.state, b.state)
        assert np.array_equal(a.action, b.action)


def test_a_suite_s_task_becomes_a_dataset_with_its_own_layout_rate_and_arm(tmp_path: Path) -> None:
    out = tmp_path / "reach"
    report = generate_dataset(SUITE_CONFIG, out, workers=1)
    info = json.loads((out / "meta" / "info.json").read_text())
    assert (info["robot_type"], info["fps"]) == ("sawyer", 80)
    assert info["features"]["observation.state"]["names"][0] == "hand.x"
    assert info["total_episodes"] == report.episodes == SUITE_CONFIG.episodes
    assert info["total_frames"] == report.frames


def test_a_suite_s_attempts_are_those_of_its_task(tmp_path: Path) -> None:
    generation._claim(tmp_path, SUITE_CONFIG)
    assert generation._attempt(SUITE_CONFIG, tmp_path, 1)
    found = Demonstration.load(tmp_path / "attempt_000001.npz")
    expected = find_task("metaworld:reach").demonstrate((4, 1), Recording())
    assert np.array_equal(found.state, expected.state)
    assert np.array_equal(found.action, expected.action)


def test_nothing_is_started_for_a_task_that_cannot_be_demonstrated() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'grasp'"):
        GenerateConfig(task="gras")
    with pytest.raises(UnknownNameError, match="Did you mean 'reach'"):
        GenerateConfig(task="metaworld:reech")
    with pytest.raises(UnknownNameError, match="suite"):
        GenerateConfig(task="nowhere:reach")
    with pytest.raises(RefusedError, match="brings its own arm"):
        GenerateConfig(task="metaworld:reach", arm="ur5e")
    with pytest.raises(UnknownNameError, match="corner2"):
        GenerateConfig(task="metaworld:reach", cameras=("front",))
    with pytest.raises(UnknownNameError, match="wrist"):
        GenerateConfig(task="grasp", cameras=("corner2",))


def test_attempts_of_another_configuration_are_not_mixed_in(tmp_path: Path) -> None:
    attempts = tmp_path / "drawer.attempts"
    generation._claim(attempts, CONFIG)
    other = GenerateConfig(task="close", episodes=3, seed=5)
    with pytest.raises(DatasetError, match="another run"):
        generate_dataset(other, tmp_path / "drawer")


def test_an_existing_dataset_is_never_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "drawer"
    out.mkdir()
    with pytest.raises(DatasetError, match="exists already"):
        generate_dataset(CONFIG, out)


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="goes on from there"):
        generate_dataset(CONFIG, tmp_path / "file" / "drawer")


def test_failed_attempts_are_counted_by_reason(tmp_path: Path) -> None:
    (tmp_path / "attempt_000000.json").write_text(json.dumps({"reason": "slipped"}))
    (tmp_path / "attempt_000001.json").write_text(json.dumps({"reason": "slipped"}))
    chosen, tried, failures = generation._first_successes(tmp_path, 1)
    assert (chosen, tried, failures) == ([], 2, {"slipped": 2})
