"""The scheduler as a node, with skills and eyes that are faked behind real topics."""

import contextlib
import functools
import json
import shutil
import threading
from dataclasses import replace

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.ros2.managed import ManagedNode
from hardware.ros2.runtime import RosNode
from robot_skills.app import cli, remote_skills
from robot_skills.app.cells import load_cell, scheduler_setup
from robot_skills.app.executives import CLOSED_LOOP, EXECUTIVES, FIXED, SEQUENCER
from robot_skills.app.nodes import scheduler
from robot_skills.app.nodes.scheduler_server import SchedulerServer, load_parts
from robot_skills.app.options import ModelOptions
from robot_skills.app.run_files import LOG, RESULT
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RefusedError, StorageError
from robot_skills.core.plan import Outcome
from robot_skills.core.regions import ForbiddenRegion
from robot_skills.skills.library import SkillLibrary
from tests.app.skills_nodes.cell_up import Asker
from tests.app.skills_nodes.fake_nodes import FakePerception, FakeSkillServer
from tests.app.small_cell import SMALL_CELL
from tests.ros_domain import claim_domain
from tests.scheduler import worlds
from tests.scheduler.models.chats import GRASP, plan
from tests.scheduler.models.server import answers, serve
from tests.scheduler.test_executive import FakeWorld, nothing

PICK = "pick up the red cube"
FAR = (0.5, 0.9)
"""A place on the table that no Panda gets to."""


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    cell = tmp_path_factory.mktemp("cell") / "small.yaml"
    cell.write_text(SMALL_CELL)
    return replace(scheduler_setup(load_cell(cell)), domain=claim_domain())


@pytest.fixture(scope="module")
def parts(setup):
    """Loads what a scheduler needs, once for each executive."""
    return functools.cache(lambda executive: load_parts(replace(setup, executive=executive)))


@pytest.fixture
def world():
    return FakeWorld(worlds.kitchen())


@pytest.fixture
def skills(world):
    """The skill server; its skills end at once."""
    domain = claim_domain()
    with (
        RosNode("skill_server", domain=domain) as node,
        RosNode("perception", domain=domain) as eyes,
    ):
        server = FakeSkillServer(node, world)
        server.problems = dict.fromkeys(SkillLibrary.load(zoo_dir()).names, "")
        server.ends.set()
        FakePerception(eyes, world)
        node.start()
        eyes.start()
        try:
            yield server
        finally:
            server.ends.set()
            server.work.close()


@pytest.fixture(scope="module")
def asker():
    found = Asker(claim_domain())
    yield found
    found.close()


@contextlib.contextmanager
def scheduling(setup, loaded):
    """A scheduler that is active, in a thread of its own."""
    ready, end = threading.Event(), threading.Event()

    def serve():
        with ManagedNode("scheduler", domain=setup.domain, pictures=False) as node:
            node.manage(SchedulerServer(node, setup, loaded))
            node.bring_up()
            ready.set()
            while not end.is_set():
                node.spin_once(0.05)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert ready.wait(60.0)
        yield
    finally:
        end.set()
        thread.join()


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def scheduler_up(request, setup, parts, runs, skills):
    """A scheduler; its executive, which it gives, is the test's parameter."""
    executive = getattr(request, "param", CLOSED_LOOP)
    with scheduling(replace(setup, executive=executive, runs=runs), parts(executive)):
        yield executive


def told(asker, instruction):
    return asker.result(asker.send_until_accepted(asker.instruction, instruction=instruction))


def kept(runs):
    """The folder of the only run that was kept, and its result."""
    (folder,) = runs.iterdir()
    return folder, json.loads((folder / RESULT).read_text())


@pytest.mark.parametrize("scheduler_up", EXECUTIVES, indirect=True)
def test_a_run_is_carried_out_by_every_executive_and_kept(
    scheduler_up, asker, skills, runs, capsys
):
    answer = told(asker, "put the red cube in the box")
    assert answer.result.success, answer.result.reason
    assert [goal.skill for goal in skills.goals] == ["grasp", "place"]
    folder, result = kept(runs)
    assert result["success"]
    assert result["fault"] is None
    assert result["executive"] == scheduler_up
    assert [skill["name"] for skill in result["skills"]] == ["grasp", "place"]
    assert cli.main(["blame", str(folder)]) == 0
    assert "cause   nothing went wrong" in capsys.readouterr().out


@pytest.mark.usefixtures("scheduler_up")
def test_what_the_arm_cannot_get_to_is_refused_before_anything_moves(asker, world, skills, runs):
    from robot_skills_interfaces.srv import PlanTask

    world.scene = worlds.scene(worlds.cube("red", FAR), worlds.box())
    answer = told(asker, PICK)
    assert not answer.result.success
    assert "red_cube is out of the arm's reach at (0.50, 0.90) m" in answer.result.reason
    assert not skills.goals
    _, result = kept(runs)
    assert result["refused"]
    assert (result["fault"]["layer"], result["fault"]["skill"]) == ("plan", "grasp")
    planned = asker.call(PlanTask, "plan_task", instruction=PICK)
    assert not planned.accepted
    assert "out of the arm's reach" in planned.reason


def test_what_is_in_a_forbidden_region_of_the_cell_is_not_touched(setup, asker, world, skills):
    at = world.scene["red_cube"].T_base_entity.p
    lamp = ForbiddenRegion(name="lamp", lower_m=at - 0.1, upper_m=at + 0.1)
    told_it = replace(setup, forbidden=(lamp,))
    with scheduling(told_it, load_parts(told_it)):
        answer = told(asker, PICK)
    assert not answer.result.success
    assert "forbidden region 'lamp'" in answer.result.reason
    assert world.calls == []


def test_a_language_model_plans_for_the_cell(setup, asker, world, skills):
    with serve(answers(plan(GRASP, goal=("holding(red_cube)",)))) as endpoint:
        model = ModelOptions(model="fake", base_url=endpoint.url)
        told_it = replace(setup, planner="llm", models=model)
        with scheduling(told_it, load_parts(told_it)):
            answer = told(asker, "go for the thing that shines like a tomato")
    assert answer.result.success, answer.result.reason
    assert world.calls == ["grasp red_cube"]
    assert len(endpoint.bodies) == 1


def test_a_model_that_is_not_named_or_would_see_is_refused(setup):
    with pytest.raises(RefusedError, match="--model NAME"):
        load_parts(replace(setup, planner="llm"))
    with pytest.raises(RefusedError, match="has no cameras"):
        load_parts(replace(setup, planner="vlm", models=ModelOptions(model="fake")))


@pytest.mark.usefixtures("scheduler_up")
def test_a_skill_that_cannot_run_is_refused_before_anything_moves(asker, skills):
    from robot_skills_interfaces.srv import PlanTask

    skills.problems["place"] = "its weights are gone"
    answer = told(asker, "put the red cube in the box")
    assert answer.result.reason == "its weights are gone"
    assert not skills.goals
    planned = asker.call(PlanTask, "plan_task", instruction="put the red cube in the box")
    assert planned.reason == "its weights are gone"
    assert asker.call(PlanTask, "plan_task", instruction=PICK).accepted


@pytest.mark.parametrize(
    ("scheduler_up", "attempts"), [(CLOSED_LOOP, 2), (FIXED, 1)], indirect=["scheduler_up"]
)
@pytest.mark.usefixtures("scheduler_up")
def test_the_executive_says_what_becomes_of_a_failure(attempts, asker, world, skills, runs):
    world.script = {"grasp": [(Outcome.FAILED, nothing)]}
    answer = told(asker, PICK)
    assert [goal.skill for goal in skills.goals] == ["grasp"] * attempts
    assert answer.result.success == (attempts > 1)
    _, result = kept(runs)
    # What made another attempt necessary is told of a run that succeeded, too.
    assert (result["fault"]["layer"], result["fault"]["skill"]) == ("skill", "grasp")


@pytest.mark.parametrize("scheduler_up", [FIXED], indirect=True)
@pytest.mark.usefixtures("scheduler_up")
def test_a_failure_is_told_with_whose_fault_it_was(asker, world, runs, capsys):
    world.script = {"grasp": [(Outcome.FAILED, nothing)]}
    answer = told(asker, PICK)
    reason = answer.result.reason
    assert "holding(red_cube) does not hold; at fault: skill during grasp(red_cube)" in reason
    folder, _ = kept(runs)
    assert cli.main(["blame", str(folder / LOG)]) == 0
    out = capsys.readouterr().out
    assert f"asked   {PICK}" in out
    assert "cause   skill during grasp(red_cube): scripted failed" in out


@pytest.mark.parametrize("scheduler_up", [FIXED], indirect=True)
@pytest.mark.usefixtures("scheduler_up")
def test_progress_goes_on_past_a_call_that_failed(asker, world):
    world.script = {"grasp": [(Outcome.FAILED, nothing)]}
    told(asker, "put the red cube in the box")
    assert list(asker.heard[-1].calls)[:1] == ["grasp(red_cube)"]
    assert asker.heard[-1].current == 2


@pytest.mark.usefixtures("scheduler_up")
def test_a_cancelled_instruction_stops_its_skill_and_is_nobodys_fault(asker, skills, runs):
    from action_msgs.msg import GoalStatus

    skills.ends.clear()
    handle = asker.send_until_accepted(asker.instruction, instruction=PICK)
    asker.wait_until(lambda: skills.goals, "the skill")
    asker.node.wait_for(handle.cancel_goal_async().done, 10.0, "the cancel")
    answer = asker.result(handle)
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert answer.result.reason == "stopped during grasp(object=red_cube): stopped on request"
    assert kept(runs)[1]["fault"] is None


@pytest.mark.usefixtures("scheduler_up")
def test_a_skill_server_that_falls_silent_is_at_fault(asker, skills, runs, monkeypatch):
    monkeypatch.setattr(remote_skills, "_SILENT_S", 1.0)
    skills.ends.clear()
    skills.speaks = False
    answer = told(asker, PICK)
    assert "has said nothing for 1 s" in answer.result.reason
    assert answer.result.reason.endswith("at fault: skill during grasp(red_cube)")
    assert kept(runs)[1]["fault"]["layer"] == "skill"


def test_an_instruction_does_not_fail_because_its_run_cannot_be_kept(
    setup, parts, runs, asker, skills
):
    with scheduling(replace(setup, runs=runs), parts(CLOSED_LOOP)):
        runs.rmdir()
        runs.write_text("in the way")
        assert told(asker, PICK).result.success
    assert [goal.skill for goal in skills.goals] == ["grasp"]


def test_a_folder_for_runs_that_cannot_be_made_is_refused_at_the_start(setup, parts, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with ManagedNode("scheduler", domain=setup.domain, pictures=False) as node:
        runs = tmp_path / "file" / "runs"
        node.manage(SchedulerServer(node, replace(setup, runs=runs), parts(CLOSED_LOOP)))
        with pytest.raises(StorageError, match=r"Cannot write .*runs"):
            node.bring_up()


def test_an_unknown_executive_is_refused_with_the_nearest_one(capsys):
    assert scheduler.main(["--cell", "sim_panda", "--executive", "fixd"]) == 2
    assert "Unknown executive 'fixd'. Did you mean 'fixed'?" in capsys.readouterr().err


def test_a_sequencer_without_checkpoint_is_refused_and_says_what_to_do(tmp_path, capsys):
    shutil.copytree(zoo_dir() / "home", tmp_path / "home")
    words = ["--cell", "sim_panda", "--domain", str(claim_domain()), "--zoo", str(tmp_path)]
    assert scheduler.main([*words, "--executive", SEQUENCER]) == 2
    said = capsys.readouterr().err
    assert f"robot-skills train-sequencer --out {tmp_path / SEQUENCER}" in said
