"""Tasks in a memory, as a run writes them."""

import logging
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from robot_skills.core.errors import RefusedError, RobotFault, StorageError
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.scheduler.memory.file import MemoryInUseError
from robot_skills.scheduler.memory.journal import Journal
from robot_skills.scheduler.memory.records import TaskState
from robot_skills.scheduler.memory.store import TaskMemory
from tests.scheduler import worlds
from tests.scheduler.memory.runs import HERE, Killed, TellingWorld, remembering
from tests.scheduler.test_executive import PUT, dropped, executive, nothing

TIDY = "open the drawer, then put the red cube in the drawer, then close it, then go home"


def killed_in(call: str, world: TellingWorld, memory: TaskMemory) -> None:
    """Let a run of `TIDY` die while a call is made."""
    world.dies_in = call
    with pytest.raises(Killed):
        remembering(world, memory).run(TIDY)
    world.dies_in = ""


def test_a_run_is_remembered_with_goal_steps_and_end(tmp_path):
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        remembering(TellingWorld(worlds.kitchen()), memory).run(PUT)
    with TaskMemory(tmp_path / "m.sqlite", read_only=True) as memory:
        (task,) = memory.tasks.all()
        steps = memory.tasks.steps(task.number)
    assert (task.state, task.instruction, task.where) == (TaskState.DONE, PUT, HERE)
    assert [str(literal) for literal in task.goal] == ["in(red_cube, box)"]
    assert [(step.skill, step.outcome) for step in steps] == [
        ("grasp", "success"),
        ("place", "success"),
    ]


@pytest.mark.parametrize("at", ["open", "grasp", "place", "close", "home"])
def test_a_task_whose_process_dies_is_gone_on_with_and_nothing_is_done_twice(tmp_path, at):
    world, path = TellingWorld(worlds.kitchen()), tmp_path / "m.sqlite"
    with TaskMemory(path) as memory:
        killed_in(at, world, memory)
    with TaskMemory(path) as memory:
        (task,) = memory.tasks.all()
        assert task.state is TaskState.INTERRUPTED
        assert task.resumable
        result = remembering(world, memory, resumes=task).run(task.instruction)
        (task,) = memory.tasks.all()
    assert result.success
    assert (task.state, task.runs) == (TaskState.DONE, 2)
    assert world.calls == [
        "open drawer",
        "grasp red_cube",
        "place red_cube in drawer",
        "close drawer",
        "home",
    ]


def test_the_specification_goes_on_where_it_was(tmp_path):
    """That the blue cube has been in the box still counts when somebody has taken it out again."""
    words = "first put the blue cube in the box, then put the red cube in the drawer"
    world, path = TellingWorld(worlds.kitchen(), dies_in="open"), tmp_path / "m.sqlite"
    with TaskMemory(path) as memory, pytest.raises(Killed):
        remembering(world, memory).run(words)
    world.scene, world.dies_in = dropped("blue_cube")(world.scene), ""
    with TaskMemory(path) as memory:
        (task,) = memory.tasks.all()
        run = remembering(world, memory, resumes=task)
        plan = run.planner.plan(task.instruction, world.scene)
    assert task.specification is not None
    assert task.specification.rest != task.specification.parts
    assert plan.specification == task.specification


def test_a_stopped_task_can_be_gone_on_with_and_a_failed_one_says_why(tmp_path):
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        stopping = TellingWorld(worlds.kitchen())
        remembering(stopping, memory, stop_requested=lambda: bool(stopping.calls)).run(PUT)
        failing = TellingWorld(
            worlds.kitchen(), script={"grasp": [(Outcome.TIMEOUT, nothing)] * 20}
        )
        remembering(failing, memory).run(PUT)
        stopped, failed = memory.tasks.all()
        (first, *_) = memory.tasks.failures(failed.number)
    assert stopped.state is TaskState.INTERRUPTED
    assert failed.state is TaskState.FAILED
    assert "grasp" in failed.reason
    assert (first.layer, first.during, first.skill) == ("skill", "grasp", "grasp")


def test_what_is_refused_has_nothing_to_go_on_with(tmp_path):
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        with pytest.raises(RefusedError):
            remembering(TellingWorld(worlds.kitchen()), memory).run("put the banana in the drawer")
        (task,) = memory.tasks.all()
    assert task.state is TaskState.FAILED
    assert "banana" in task.reason
    assert not task.resumable


def test_a_task_that_cannot_be_gone_on_with_now_can_be_later(tmp_path):
    world = TellingWorld(worlds.kitchen())
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        killed_in("grasp", world, memory)
        memory.tasks.interrupt_running()
        empty = TellingWorld(worlds.scene(worlds.drawer()))
        with pytest.raises(RefusedError):
            remembering(empty, memory, resumes=memory.tasks.get(1)).run(TIDY)
        task = memory.tasks.get(1)
        assert task.state is TaskState.INTERRUPTED
        assert remembering(world, memory, resumes=task).run(TIDY).success


def test_a_fault_before_the_plan_leaves_a_task_that_failed(tmp_path):
    def broken():
        raise RobotFault("The arm does not answer.")

    with TaskMemory(tmp_path / "m.sqlite") as memory:
        with pytest.raises(RobotFault):
            remembering(TellingWorld(worlds.kitchen()), memory, look=broken).run(PUT)
        (task,) = memory.tasks.all()
    assert (task.state, task.reason) == (TaskState.FAILED, "The arm does not answer.")


def test_a_memory_that_cannot_be_written_is_said_once_and_the_run_goes_on(tmp_path, caplog):
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        run = remembering(TellingWorld(worlds.kitchen()), memory)
        with closing(sqlite3.connect(tmp_path / "m.sqlite")) as other:
            other.execute("BEGIN IMMEDIATE")
            with caplog.at_level(logging.WARNING):
                assert run.run(PUT).success
    said = [record for record in caplog.records if "not remembered" in record.message]
    assert len(said) == 1
    assert "another process is writing" in said[0].message


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """No file may grow beyond what the memory has already."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(beside.stat().st_size for beside in path.parent.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_without_room_is_said_once_and_the_run_goes_on(tmp_path, caplog):
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        run = remembering(TellingWorld(worlds.kitchen()), memory)
        with caplog.at_level(logging.WARNING), full_disk(tmp_path / "m.sqlite"):
            assert run.run(PUT).success
    assert len([record for record in caplog.records if "not remembered" in record.message]) == 1
    with TaskMemory(tmp_path / "m.sqlite", read_only=True) as memory:
        assert all(task.instruction == PUT for task in memory.tasks.all())


def test_one_process_at_a_time_works_on_a_memory(tmp_path):
    with TaskMemory(tmp_path / "m.sqlite"):
        with pytest.raises(MemoryInUseError, match="Another process works on"):
            TaskMemory(tmp_path / "m.sqlite").__enter__()
        with TaskMemory(tmp_path / "m.sqlite", read_only=True) as reader:
            assert reader.tasks.all() == ()
    with TaskMemory(tmp_path / "m.sqlite"):
        pass


def test_what_only_reads_does_not_say_that_a_running_task_was_interrupted(tmp_path):
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        memory.tasks.begin(PUT, HERE, 1.0)
        with TaskMemory(tmp_path / "m.sqlite", read_only=True) as reader:
            assert reader.tasks.get(1).state is TaskState.RUNNING


def test_a_task_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        memory.tasks.begin(PUT, HERE, 1.0)
        with pytest.raises(RefusedError, match=r"no task 4 \(it has 1\)"):
            memory.tasks.get(4)


def test_forgetting_a_task_forgets_its_steps(tmp_path):
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        remembering(TellingWorld(worlds.kitchen()), memory).run(PUT)
        memory.tasks.forget(1)
        assert memory.tasks.all() == ()
        assert memory.tasks.steps(1) == ()


def test_what_a_damaged_row_says_is_refused_and_not_believed(tmp_path):
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        remembering(TellingWorld(worlds.kitchen()), memory).run(PUT)
    with closing(sqlite3.connect(tmp_path / "m.sqlite")) as other, other:
        other.execute("UPDATE task SET goal = '[broken'")
    with (
        TaskMemory(tmp_path / "m.sqlite", read_only=True) as memory,
        pytest.raises(RefusedError, match="says what cannot be"),
    ):
        memory.tasks.all()


def test_a_memory_that_is_not_open_says_so(tmp_path):
    with pytest.raises(StorageError, match="not open"):
        TaskMemory(tmp_path / "m.sqlite").tasks.all()


def test_a_process_that_is_killed_while_it_writes_leaves_a_memory_that_can_be_read(tmp_path):
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from robot_skills.core.plan import SkillCall
        from robot_skills.scheduler.memory.records import Where
        from robot_skills.scheduler.memory.store import TaskMemory

        with TaskMemory(Path(sys.argv[1])) as memory:
            task = memory.tasks.begin("put", Where(cell="bench", arm="panda"), 1.0)
            memory.tasks.planned(task, "rules", ["open(drawer)"], {}, 1.0)
            print("begun", flush=True)
            while True:
                memory.tasks.begin_step(task, 1, SkillCall(skill="home"), {}, 2.0)
    """)
    path = tmp_path / "m.sqlite"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    while not _steps_in(path):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with TaskMemory(path) as memory:
        (task,) = memory.tasks.all()
        steps = memory.tasks.steps(task.number)
    assert task.state is TaskState.INTERRUPTED
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))


def _steps_in(path: Path) -> int:
    with TaskMemory(path, read_only=True) as memory:
        return len(memory.tasks.steps(1))


def test_a_clock_that_is_set_back_does_no_harm(tmp_path):
    times = iter([2000.0, 1000.0, *([500.0] * 50)])
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        world = TellingWorld(worlds.kitchen())
        world.sink = Journal(memory, HERE, now=lambda: next(times))
        executive(world, world.sink).run(PUT)
        (task,) = memory.tasks.all()
    assert task.state is TaskState.DONE
    assert task.changed_at < task.begun_at


def test_another_attempt_at_the_same_call_is_counted(tmp_path):
    world = TellingWorld(worlds.kitchen(), script={"grasp": [(Outcome.FAILED, nothing)]})
    with TaskMemory(tmp_path / "m.sqlite") as memory:
        remembering(world, memory).run(PUT)
        steps = memory.tasks.steps(1)
    grasps = [step for step in steps if step.skill == "grasp"]
    assert [step.attempt for step in grasps] == [1, 2]
    assert [step.outcome for step in grasps] == ["failed", "success"]
    assert SkillCall(skill="grasp", args=grasps[0].args).args == {"object": "red_cube"}
