"""Launch files without ROS's launch: what they name exists, and they do what their plans say."""

import ast
import inspect
import os
import re
import runpy
from pathlib import Path

import pytest

from robot_skills.app.bringup import launching
from robot_skills.app.bringup.plan import PACKAGE, BringupPlan, NodePlan, Ready, Respawn
from robot_skills.app.bringup.plans import PlanName
from robot_skills.core.errors import RefusedError
from tests.launch import fake_launch
from tests.launch.fake_launch import Context, Exited

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "launch").glob("*.launch.py"))
NAMES = [path.name.removesuffix(".launch.py") for path in FILES]


@pytest.fixture(autouse=True)
def launch():
    with fake_launch.fake_launch():
        yield


def actions(kind, entities):
    return [one for one in entities if isinstance(one, kind)]


def handler_of(entities, node):
    """What launch is to do when a process of a node ends."""
    found = [
        one.event_handler.on_exit
        for one in actions(fake_launch.RegisterEventHandler, entities)
        if isinstance(one.event_handler, fake_launch.OnProcessExit)
        and one.event_handler.target_action is node
    ]
    assert len(found) == 1
    assert len(inspect.signature(found[0]).parameters) == 2
    return found[0]


def node_of(entities, name):
    found = [one for one in actions(fake_launch.Node, entities) if one.exec_name == name]
    assert len(found) == 1, name
    return found[0]


def shutdowns(entities):
    events = [one.event for one in actions(fake_launch.EmitEvent, entities)]
    return [one for one in events if isinstance(one, fake_launch.Shutdown)]


def arguments_of(path):
    return launching.arguments_of(PlanName(path.name.removesuffix(".launch.py")))


# Static


def test_every_plan_has_its_launch_file_and_nothing_hides_launch():
    assert sorted(NAMES) == sorted(name.value for name in PlanName)
    assert not (ROOT / "launch/__init__.py").exists()


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_launch_file_is_small_and_documented(path):
    tree = ast.parse(path.read_text())
    functions = [one.name for one in tree.body if isinstance(one, ast.FunctionDef)]
    assert functions == ["generate_launch_description"]
    about = ast.get_docstring(tree)
    assert about is not None
    assert f"ros2 launch {PACKAGE} {path.name}" in about
    listed = re.findall(r"^    (\w+)  +\S", about.partition("Arguments:\n")[2], re.MULTILINE)
    assert listed == [one.name for one in arguments_of(path)]


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_what_a_launch_file_imports_exists(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            module = __import__(str(node.module), fromlist=["x"])
            assert all(hasattr(module, alias.name) for alias in node.names)


# With a launch that only takes down what it is told


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_launch_file_declares_its_arguments(path):
    entities = runpy.run_path(str(path))["generate_launch_description"]().entities
    declared = actions(fake_launch.DeclareLaunchArgument, entities)
    assert [one.name for one in declared] == [one.name for one in arguments_of(path)]
    assert all(one.description for one in declared)
    # What has no default is asked for by launch itself.
    assert [one.name for one in declared if one.default_value is None] == ["cell"]
    assert len(actions(fake_launch.OpaqueFunction, entities)) == 1


NODE = NodePlan(name="gate", executable="gate", module="robot_skills.app.nodes.gate", about="gate")


def plan(*nodes, **settings):
    return BringupPlan(name="test", cell="x", nodes=nodes, **settings)


def made(name, **settings):
    return NodePlan(
        name=name, executable="gate", module="robot_skills.app.nodes.gate", about=name, **settings
    )


def test_a_node_starts_when_those_before_it_are_ready():
    arm = made("arm", ready=Ready(topics=("/left/joint_states",)))
    due = launching.actions_of(plan(arm, made("gate", after=("arm",)), domain=7))
    assert [one.exec_name for one in actions(fake_launch.Node, due)] == ["arm", "wait_for_arm"]
    waiting = node_of(due, "wait_for_arm")
    assert "--topic=/left/joint_states" in waiting.arguments
    assert "--domain=7" in waiting.arguments
    assert "--network" not in waiting.arguments
    then = handler_of(due, waiting)(Exited(0), Context())
    assert [one.exec_name for one in actions(fake_launch.Node, then)] == ["gate"]


def test_a_part_of_a_plan_is_started_where_it_is_asked_for():
    arguments = launching.arguments_of(PlanName.SKILLS)
    configurations = {one.name: one.default or "" for one in arguments}
    told = {"cell": "sim_panda", "only": "scheduler, skill_server", "without": "skill_server"}
    (start,) = actions(fake_launch.OpaqueFunction, launching.describe(PlanName.SKILLS).entities)
    due = start.function(Context(**{**configurations, **told}))
    nodes = actions(fake_launch.Node, due)
    assert [one.exec_name for one in nodes] == ["scheduler", "wait_for_scheduler"]


def test_the_scheduler_is_told_how_instructions_are_carried_out(tmp_path):
    configurations = {
        one.name: one.default or "" for one in launching.arguments_of(PlanName.SKILLS)
    }
    told = {"cell": "sim_panda", "only": "scheduler", "executive": "sequencer"}
    told["runs"] = str(tmp_path)
    (start,) = actions(fake_launch.OpaqueFunction, launching.describe(PlanName.SKILLS).entities)
    scheduler = node_of(start.function(Context(**{**configurations, **told})), "scheduler")
    words = list(scheduler.arguments)
    assert words[words.index("--executive") + 1] == "sequencer"
    assert words[words.index("--runs") + 1] == str(tmp_path)
    with pytest.raises(RefusedError, match="Did you mean 'sequencer'"):
        start.function(Context(**{**configurations, **told, "executive": "sequenser"}))


def test_what_is_on_other_machines_is_waited_for_there():
    due = launching.actions_of(plan(made("gate", ready=Ready(topics=("/a",))), network=True))
    assert "--network" in node_of(due, "wait_for_gate").arguments


def test_what_does_not_become_ready_ends_all():
    due = launching.actions_of(plan(made("arm", ready=Ready(topics=("/a",)))))
    waited = handler_of(due, node_of(due, "wait_for_arm"))
    assert "arm is not ready" in shutdowns(waited(Exited(1), Context()))[0].reason
    ending = Context()
    ending.is_shutdown = True
    assert not waited(Exited(1), ending)


def test_the_end_of_a_required_node_ends_all():
    due = launching.actions_of(plan(NODE))
    ended = handler_of(due, node_of(due, "gate"))(Exited(-11), Context())
    assert shutdowns(ended)[0].reason == "gate was ended by SIGSEGV"


def test_a_respawned_node_starts_again_after_growing_pauses_until_it_is_given_up():
    respawn = Respawn(first_pause_s=0.5, factor=2.0, most=3)
    due = launching.actions_of(plan(made("gate", respawn=respawn)))
    pauses = []
    for _ in range(3):
        again = handler_of(due, node_of(due, "gate"))(Exited(1), Context())
        (timer,) = actions(fake_launch.TimerAction, again)
        pauses.append(timer.period)
        (start,) = timer.actions
        due = start.function(Context())
    assert pauses == [0.5, 1.0, 2.0]
    assert shutdowns(handler_of(due, node_of(due, "gate"))(Exited(1), Context()))


def test_refused_input_is_not_tried_again():
    due = launching.actions_of(plan(made("gate", respawn=Respawn())))
    ended = handler_of(due, node_of(due, "gate"))(Exited(2), Context())
    assert shutdowns(ended)
    assert not actions(fake_launch.TimerAction, ended)


def test_others_go_on_without_a_node_that_is_not_required():
    view = made("view", required=False, ready=Ready(topics=("/view",)))
    due = launching.actions_of(plan(view, made("after", after=("view",))))
    ended = handler_of(due, node_of(due, "view"))(Exited(1), Context())
    assert not shutdowns(ended)
    assert node_of(ended, "after")


def test_nothing_is_started_again_while_all_ends():
    due = launching.actions_of(plan(made("gate", respawn=Respawn())))
    ending = Context()
    ending.is_shutdown = True
    assert not handler_of(due, node_of(due, "gate"))(Exited(1), ending)


def test_nodes_are_ended_one_after_the_other_the_last_one_first():
    due = launching.actions_of(plan(made("arm"), made("gate"), made("skills")))
    until = {one.exec_name: float(one.sigterm_timeout) for one in actions(fake_launch.Node, due)}
    assert until["skills"] < until["gate"] < until["arm"]
    for one in actions(fake_launch.Node, due):
        # Only a kept node leaves Ctrl-C to launch.
        assert one.arguments[-2:] == ["--keeper", str(os.getpid())]
        assert float(one.sigkill_timeout) > 0.0


def test_managed_nodes_are_configured_and_activated():
    pytest.importorskip("lifecycle_msgs", reason="ROS 2 is not installed")
    due = launching.actions_of(plan(made("skills", lifecycle=True, namespace="/left")))
    assert isinstance(node_of(due, "skills"), fake_launch.LifecycleNode)
    (change,) = [one.event for one in actions(fake_launch.EmitEvent, due)]
    assert change.transition_id == 1
    handlers = [one.event_handler for one in actions(fake_launch.RegisterEventHandler, due)]
    (configured,) = [one for one in handlers if isinstance(one, fake_launch.OnStateTransition)]
    assert configured.goal_state == "inactive"
    assert configured.entities[0].event.transition_id == 3


def test_settings_of_a_node_reach_it(tmp_path):
    file = tmp_path / "p.yaml"
    node = made("gate", namespace="/left", parameters=(file,), remaps=(("a", "b"),))
    (action,) = actions(fake_launch.Node, launching.actions_of(plan(node)))
    assert action.package == PACKAGE
    assert action.namespace == "/left"
    assert action.parameters == [str(file)]
    assert action.remappings == [("a", "b")]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"domain": "seven"}, "domain:=seven"),
        ({"cell": "nowhere"}, "Unknown cell 'nowhere'"),
        ({"cell": "sim_panda", "only": "gaet"}, "Did you mean 'gate'"),
        ({"cell": "sim_panda", "without": "gate, sim_robot"}, "no node is left"),
    ],
)
def test_wrong_arguments_are_refused(told, words):
    configurations = {one.name: one.default or "" for one in launching.ARGUMENTS}
    entities = launching.describe(PlanName.SIM).entities
    (start,) = actions(fake_launch.OpaqueFunction, entities)
    with pytest.raises(RefusedError, match=words):
        start.function(Context(**{**configurations, **told}))
