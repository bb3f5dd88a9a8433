"""`robot-skills run --memory` and `robot-skills memory`: remembered over the end of a process."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from robot_skills.app.cli import main
from robot_skills.app.memory.cell_memory import CellMemory, MemoryConfig, open_memory
from robot_skills.core.errors import RefusedError
from robot_skills.data.episode_log import read_episode
from robot_skills.scheduler.memory.records import Task, TaskState, Where
from robot_skills.scheduler.memory.store import TaskMemory

CELL = ("--scene", "truth", "--seed", "11", "--no-video")
HERE = Where(cell="simulated cell 11", arm="panda")
PUT = "open the drawer, then put the red cube in the drawer and close it, then go home"
_GIVE_UP_S = 120.0


def tasks_in(path: Path) -> tuple[Task, ...]:
    with TaskMemory(path, read_only=True) as memory:
        return memory.tasks.all()


def ended(path: Path, skill: str) -> bool:
    """Whether a call of the skill has gone well in the first task."""
    try:
        with TaskMemory(path, read_only=True) as memory:
            steps = memory.tasks.steps(1)
    except RefusedError:
        # It is only just being made.
        return False
    return any((step.skill, step.outcome) == (skill, "success") for step in steps)


def killed_after(skill: str, path: Path) -> None:
    """Run `PUT` in a process of its own, and kill it when a call of the skill has gone well."""
    command = [sys.executable, "-m", "robot_skills.app.cli", "run", PUT, *CELL]
    process = subprocess.Popen(
        [*command, "--memory", str(path)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    begun_s = time.monotonic()
    while not ended(path, skill):
        assert process.poll() is None
        assert time.monotonic() - begun_s < _GIVE_UP_S
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


def test_a_run_that_is_killed_is_gone_on_with_and_nothing_is_done_twice(tmp_path, capsys):
    path, out = tmp_path / "m.sqlite", tmp_path / "out"
    killed_after("grasp", path)
    assert tasks_in(path)[0].state is TaskState.RUNNING
    asked = ["run", *CELL, "--memory", str(path), "--resume", "--out", str(out), "--json"]
    assert main(asked) == 0
    told = json.loads(capsys.readouterr().out)
    (task,) = tasks_in(path)
    assert (told["task"], told["instruction"], told["truth_success"]) == (1, PUT, True)
    assert (task.state, task.runs) == (TaskState.DONE, 2)
    with TaskMemory(path, read_only=True) as memory:
        steps = memory.tasks.steps(1)
    done = [step.skill for step in steps if step.outcome == "success"]
    # What was under way may have come about already when the process was killed.
    assert done in (
        ["open", "grasp", "place", "close", "home"],
        ["open", "grasp", "close", "home"],
    )
    assert read_episode(out / "episode.mcap").metadata["instruction"] == PUT


def test_words_for_the_rest_go_on_too_and_nothing_is_left_afterwards(tmp_path, capsys):
    path = tmp_path / "m.sqlite"
    with TaskMemory(path) as memory:
        task = memory.tasks.begin("go home", HERE, 1.0)
        ahead = {"milestones": [{"skill": "home", "args": {}}], "specification": None}
        memory.tasks.planned(task, "rules", [], ahead, 1.0)
    assert main(["run", "do the rest", *CELL, "--memory", str(path)]) == 0
    assert "what is left of task 1" in capsys.readouterr().out
    assert main(["run", "go on", *CELL, "--memory", str(path)]) == 2
    assert "no interrupted task of simulated cell 11 with a panda" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--resume"], "--memory FILE"),
        (["go home", "--memory", "FILE", "--resume"], "leave the words out"),
        (["go home", "--memory", "FILE", "--task", "1"], "give --resume as well"),
        (["--memory", "FILE", "--resume"], "holds no interrupted task"),
        (["--memory", "FILE", "--resume", "--task", "4"], "has no task 4"),
        (["--memory", "FILE", "--resume", "--specification", "true"], "leave out --specification"),
    ],
)
def test_what_cannot_be_gone_on_with_is_refused(tmp_path, capsys, more, said):
    path = str(tmp_path / "m.sqlite")
    assert main(["run", *CELL, *(path if word == "FILE" else word for word in more)]) == 2
    assert said in capsys.readouterr().err


def test_a_task_of_another_cell_or_arm_is_refused_with_both(tmp_path):
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        task = memory.tasks.begin("go home", Where(cell="simulated cell 3", arm="ur5e"), 1.0)
        memory.tasks.planned(task, "rules", [], {}, 1.0)
    config = MemoryConfig(path=tmp_path / "m.sqlite", resume=True, task=1)
    with (
        pytest.raises(RefusedError, match="of simulated cell 3 with a ur5e, and this is simulated"),
        open_memory(config, HERE, ""),
    ):
        pass
    config = MemoryConfig(path=tmp_path / "m.sqlite", resume=True)
    with (
        pytest.raises(RefusedError, match=r"There is task 1 .* of simulated cell 3 with a ur5e"),
        open_memory(config, HERE, ""),
    ):
        pass


def test_the_last_of_several_interrupted_tasks_is_taken_and_the_others_are_named(tmp_path, caplog):
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        for number, words in enumerate(("open the drawer", "close the drawer"), start=1):
            task = memory.tasks.begin(words, HERE, float(number))
            memory.tasks.planned(task, "rules", ["open(drawer)"], {}, float(number))
    config = MemoryConfig(path=tmp_path / "m.sqlite", resume=True)
    with open_memory(config, HERE, "") as opened:
        assert isinstance(opened, CellMemory)
        assert opened.resumes is not None
        assert opened.resumes.instruction == "close the drawer"
    assert "task 1 ('open the drawer')" in caplog.text


def _text(path: Path) -> None:
    path.write_text("a shopping list\n" * 50)


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")


def _newer(path: Path) -> None:
    with TaskMemory(path):
        pass
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(_text, "no task memory"), (_foreign, "no task memory"), (_newer, "layout 99")],
)
def test_what_is_no_memory_is_refused_before_anything_moves(tmp_path, capsys, spoil, said):
    path = tmp_path / "m.sqlite"
    spoil(path)
    assert main(["run", "go home", *CELL, "--memory", str(path)]) == 2
    assert said in capsys.readouterr().err
    assert main(["memory", "list", str(path)]) == 2
    assert said in capsys.readouterr().err


def test_a_memory_that_another_process_works_on_is_left_alone_and_the_run_goes_on(
    tmp_path, capsys, caplog
):
    path = tmp_path / "m.sqlite"
    with TaskMemory(path):
        assert main(["run", "go home", *CELL, "--memory", str(path)]) == 0
        assert "Another process works on the task memory" in caplog.text
        assert main(["run", *CELL, "--memory", str(path), "--resume"]) == 1
        assert "Another process works on the task memory" in capsys.readouterr().err
    assert tasks_in(path) == ()


def test_the_command_lists_shows_and_forgets(tmp_path, capsys):
    path = tmp_path / "m.sqlite"
    assert main(["run", "go home", *CELL, "--memory", str(path)]) == 0
    capsys.readouterr()
    assert main(["memory", "list", str(path)]) == 0
    listed = capsys.readouterr().out
    assert "go home" in listed
    assert "red_cube" in listed
    assert main(["memory", "show", str(path), "1"]) == 0
    shown = capsys.readouterr().out
    assert "state   done: every call was made" in shown
    assert "go home: success" in shown
    assert main(["memory", "forget", str(path), "--thing", "red_cube"]) == 0
    assert main(["memory", "forget", str(path), "--thing", "red_cube"]) == 2
    assert main(["memory", "forget", str(path), "--task", "1"]) == 0
    capsys.readouterr()
    assert main(["memory", "list", str(path), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tasks"] == []
    assert "red_cube" not in {thing["thing"] for thing in told["things"]}
    assert main(["memory", "forget", str(path), "--everything"]) == 0
    capsys.readouterr()
    assert main(["memory", "list", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"tasks": [], "things": []}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["list", "FILE"], "There is no task memory"),
        (["show", "FILE", "1"], "There is no task memory"),
        (["forget", "FILE", "--task", "1"], "There is no task memory"),
        (["forget", "FILE"], "Say what to forget"),
        (["forget", "FILE", "--task", "1", "--everything"], "Say what to forget"),
    ],
)
def test_the_command_refuses_what_is_not_there(tmp_path, capsys, command, said):
    path = tmp_path / "m.sqlite"
    assert main(["memory", *(str(path) if word == "FILE" else word for word in command)]) == 2
    assert said in capsys.readouterr().err
    assert not path.exists()
