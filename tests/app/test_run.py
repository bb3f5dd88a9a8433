"""`robot-skills run` from end to end: what it leaves, what it refuses, and how it says so."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from robot_skills.app.cli import main
from robot_skills.app.wiring import CellConfig, default_layout, simulated_cell
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import (
    CheckpointError,
    PerceptionError,
    RefusedError,
    UnknownNameError,
)
from robot_skills.core.events import Event, EventKind, EventList
from robot_skills.core.policy import PolicyInput, PolicyOutput
from robot_skills.data.episode_log import EpisodeLog, read_episode
from sim.layout import DrawerStart, random_layout

FIELDS = {
    "instruction",
    "plan",
    "skills",
    "success",
    "truth_success",
    "fault",
    "sim_s",
    "wall_s",
    "plan_ms",
    "chunk_ms",
    "chunk_latency_ms",
    "first_motion_s",
}
FAST = ("--scene", "truth", "--no-video")


class IdlePolicy:
    """Holds the tool where it is and says at once that it is done."""

    period_s = 0.05
    horizon = 16
    observation_steps = 2

    def reset(self, seed: int) -> None:
        pass

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        poses = np.repeat(inputs.T_base_tool[-1:], self.horizon, axis=0)
        opening = np.full(self.horizon, inputs.opening[-1])
        return PolicyOutput(T_base_tool=poses, opening=opening, done=1.0)


def _idle(_: Path) -> IdlePolicy:
    return IdlePolicy()


def _one_line(text: str) -> str:
    lines = text.strip().splitlines()
    assert len(lines) == 1, text
    return lines[0]


def _truth_cell(*sinks, log: EpisodeLog | None = None, seed: int = 1):
    return simulated_cell(CellConfig(scene="truth", seed=seed), sinks, log, policy_loader=_idle)


def test_a_finished_run_leaves_log_report_film_and_one_line(tmp_path, capfd):
    out = tmp_path / "out"
    assert main(["run", "go home", "--scene", "truth", "--out", str(out), "--json"]) == 0
    answer = json.loads(_one_line(capfd.readouterr().out))
    assert answer.keys() >= FIELDS
    assert answer["truth_success"] is True
    assert answer["fault"] is None
    assert [call["name"] for call in answer["plan"]] == ["home"]
    (skill,) = answer["skills"]
    assert skill.keys() == {"name", "args", "outcome", "reason", "attempts", "duration_s"}
    files = {path.name for path in out.iterdir()}
    assert files == {"episode.mcap", "report.html", "run.mp4", "result.json"}
    assert json.loads((out / "result.json").read_text()) == answer


def test_a_run_shows_its_plan_and_its_end(capsys):
    assert main(["run", "go home", *FAST]) == 0
    out = capsys.readouterr().out
    assert "home()" in out
    assert "truth   the goal holds" in out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["", *FAST], "empty"),
        (["   ", *FAST], "empty"),
        (["flurb the wug", *FAST], "flurb"),
        (["put the banana in the drawer", *FAST], "banana"),
    ],
)
def test_what_is_refused_after_a_look_is_one_line_a_log_and_a_report(args, said, tmp_path, capfd):
    out = tmp_path / "out"
    assert main(["run", *args, "--out", str(out), "--json"]) == 2
    answer = json.loads(_one_line(capfd.readouterr().out))
    assert said in answer["reason"]
    assert {path.name for path in out.iterdir()} == {"episode.mcap", "report.html", "result.json"}
    assert json.loads((out / "result.json").read_text())["refused"] is True
    page = (out / "report.html").read_text()
    assert "Refused" in page
    assert said in page
    assert main(["blame", str(out), "--json"]) == 0
    told = json.loads(_one_line(capfd.readouterr().out))
    assert told["fault"] == answer["fault"]
    assert told["fault"]["evidence"]["event"] == "refused"
    assert said in told["fault"]["reason"]


def test_a_first_look_that_fails_is_in_the_log_too(tmp_path, capfd, monkeypatch):
    def blind(*_):
        raise PerceptionError("The camera front sees nothing.")

    monkeypatch.setattr("sim.truth.TruthPerceiver.look", blind)
    out = tmp_path / "out"
    assert main(["run", "go home", *FAST, "--out", str(out)]) == 1
    assert main(["blame", str(out)]) == 0
    said = capfd.readouterr().out
    assert "ended   The camera front sees nothing." in said
    assert "cause   perception: The camera front sees nothing." in said
    assert "The camera front sees nothing." in (out / "report.html").read_text()


def test_a_refused_run_does_not_show_the_film_of_the_one_before(tmp_path):
    (tmp_path / "run.mp4").write_bytes(b"of another run")
    assert main(["run", "flurb the wug", *FAST, "--out", str(tmp_path)]) == 2
    assert "run.mp4" not in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["go home", "--arm", "pandda"], "Did you mean 'panda'?"),
        (["go home", "--planner", "rule"], "Did you mean 'rules'?"),
        (["go home", "--zoo", "/nowhere"], "/nowhere"),
    ],
)
def test_bad_input_is_refused_in_one_line(args, said, tmp_path, capfd):
    out = tmp_path / "out"
    assert main(["run", *args, "--out", str(out), "--json"]) == 2
    captured = capfd.readouterr()
    answer = json.loads(_one_line(captured.out))
    assert answer.get("truth_success", False) is False
    said_lines = [line for line in captured.err.splitlines() if line.startswith("robot-skills:")]
    assert said in _one_line("\n".join(said_lines))
    assert "Traceback" not in captured.err
    assert not out.exists() or not list(out.iterdir())


def test_without_gl_the_package_to_install_is_named():
    done = subprocess.run(
        [sys.executable, "-m", "robot_skills.app.cli", "run", "go home"],
        env={**os.environ, "MUJOCO_GL": "disabled"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "apt-get install" in _one_line(done.stderr)


def test_an_output_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
    (tmp_path / "file").write_text("in the way")
    assert main(["run", "go home", *FAST, "--out", str(tmp_path / "file" / "out")]) == 1
    assert "Cannot write" in _one_line(capsys.readouterr().err)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_line_and_leaves_no_half_log(tmp_path, capsys):
    (tmp_path / "episode.mcap.part").symlink_to("/dev/full")
    assert main(["run", "go home", *FAST, "--out", str(tmp_path)]) == 1
    assert "No space left on device" in _one_line(capsys.readouterr().err)
    assert not (tmp_path / "episode.mcap").exists()


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """A copy of the shipped skills that a test may damage."""
    copy = tmp_path / "zoo"
    shutil.copytree(zoo_dir(), copy)
    return copy


def test_a_corrupt_checkpoint_is_refused_before_anything_moves(zoo, capfd):
    weights = zoo / "open" / "weights.safetensors"
    weights.write_bytes(b"\0" * 64)
    args = ["run", "open the drawer", *FAST, "--seed", "1", "--zoo", str(zoo), "--json"]
    assert main(args) == 2
    answer = json.loads(_one_line(capfd.readouterr().out))
    assert "open" in answer["reason"]
    assert answer["sim_s"] == 0.0
    assert answer["skills"] == []


def test_a_broken_skill_does_not_matter_to_plans_without_it(zoo):
    (zoo / "grasp" / "weights.safetensors").write_bytes(b"")
    assert main(["run", "go home", *FAST, "--zoo", str(zoo)]) == 0


def test_only_the_plans_that_need_a_broken_checkpoint_are_refused():
    def broken(directory: Path):
        raise CheckpointError(f"Checkpoint {directory}: broken.")

    config = CellConfig(scene="truth", seed=1)
    with simulated_cell(config, policy_loader=broken) as cell:
        assert cell.run("go home").success
        with pytest.raises(CheckpointError, match="open"):
            cell.run("open the drawer")


def test_a_skill_that_does_nothing_is_seen_to_fail():
    events = EventList()
    with _truth_cell(events) as cell:
        result = cell.run("open the drawer")
        assert not cell.goal_holds(result)
    assert not result.success
    assert "open" in result.reason
    assert len(events.of_kind(EventKind.RETRY)) >= 1


def test_a_goal_that_holds_already_needs_no_motion():
    layout = random_layout(np.random.default_rng(0), drawer=DrawerStart.CLOSED)
    with simulated_cell(CellConfig(scene="truth", layout=layout), policy_loader=_idle) as cell:
        result = cell.run("close the drawer")
        assert result.plans[0].calls == ()
        assert result.success
        assert cell.goal_holds(result)
        assert cell.sim.clock.now_s() == 0.0


def test_an_interrupted_run_closes_the_robot_and_keeps_its_log(tmp_path):
    class Interrupt:
        def emit(self, event: Event) -> None:
            if event.kind is EventKind.SKILL_START:
                raise KeyboardInterrupt

    path = tmp_path / "episode.mcap"

    def interrupted() -> None:
        with EpisodeLog(path, {}) as log, _truth_cell(Interrupt(), log=log) as cell:
            cell.run("open the drawer")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(read_episode(path).looks) == 1


def test_the_same_seed_gives_the_same_log(tmp_path):
    episodes = []
    for name in ("a.mcap", "b.mcap"):
        with EpisodeLog(tmp_path / name, {}) as log, _truth_cell(log=log, seed=4) as cell:
            cell.run("open the drawer, then go home")
        episodes.append(read_episode(tmp_path / name))
    first, second = episodes
    assert first.events == second.events
    for a, b in zip(first.states["arm"], second.states["arm"], strict=True):
        np.testing.assert_array_equal(a.q_rad, b.q_rad)
        np.testing.assert_array_equal(a.T_base_tool.matrix(), b.T_base_tool.matrix())
    assert len(first.commands) == len(second.commands)


@pytest.mark.parametrize("seed", range(12))
def test_every_seed_has_a_drawer_a_box_and_the_red_cube(seed):
    assert {"drawer", "box", "red_cube"} <= set(default_layout(seed).entity_names)


def test_unknown_arms_are_refused_before_anything_is_built():
    with pytest.raises(UnknownNameError, match="ur5e"):
        CellConfig(arm="ur55")
    assert issubclass(UnknownNameError, RefusedError)
