"""Perception, skills and scheduler as processes of their own, over DDS, and what kills them."""

import json
import subprocess
import sys
import time

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from robot_skills.app.cli import main
from robot_skills.app.run_files import LOG, RESULT
from robot_skills.core.events import EventKind
from robot_skills.data.episode_log import read_episode
from tests.app.skills_nodes.cell_up import PATIENCE_S, Asker, CellUp
from tests.ros_domain import claim_domain

MOVES = "open the drawer, then close it"
NODES = ("perception", "skill_server", "scheduler")


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    domain, folder = claim_domain(), tmp_path_factory.mktemp("cell")
    cell = CellUp(folder, domain, "--runs", str(folder / "runs"))
    asker = None
    try:
        for node in NODES:
            cell.wait_for(rf"{node} +running")
        asker = Asker(domain)
        yield cell, asker
    finally:
        if asker is not None:
            asker.close()
        cell.end()


def home(asker):
    """Bring the arm back; whatever was done to its nodes, they serve again before long."""
    until_s = time.monotonic() + PATIENCE_S
    while True:
        answer = asker.result(asker.send_until_accepted(asker.instruction, instruction="go home"))
        if answer.result.success:
            return
        assert time.monotonic() < until_s, answer.result.reason


def opening(asker):
    """The drawer is being moved, which takes seconds; whoever is killed now is killed in it."""
    handle = asker.send(asker.instruction, instruction=MOVES)
    asker.wait_for_motion(handle, "open", "close")
    return handle


def test_an_instruction_is_carried_out_and_a_second_one_is_refused_meanwhile(up):
    from action_msgs.msg import GoalStatus
    from robot_skills_interfaces.srv import PlanTask

    cell, asker = up
    handle = asker.send(asker.instruction, instruction="close the drawer")
    assert handle.accepted
    assert not asker.send(asker.instruction, instruction="go home").accepted
    planned = asker.call(PlanTask, "plan_task", instruction="go home")
    assert not planned.accepted
    assert "something else is being carried out" in planned.reason
    answer = asker.result(handle)
    assert answer.status == GoalStatus.STATUS_SUCCEEDED, answer.result.reason
    assert answer.result.success
    (skill,) = [one for one in answer.result.skills if one.skill == "close"]
    assert (skill.outcome, list(skill.arguments)) == ("success", ["thing=drawer"])
    assert skill.chunks > 0
    (run,) = (cell.logs.parent / "runs").iterdir()
    assert json.loads((run / RESULT).read_text())["fault"] is None
    events = read_episode(run / LOG).events
    kinds = [event.kind for event in events]
    # What the skill server decided stands among what the scheduler did.
    assert kinds.count(EventKind.CHUNK) == skill.chunks
    assert kinds.count(EventKind.SKILL_START) == kinds.count(EventKind.SKILL_END) == 1
    assert kinds.index(EventKind.PLAN) < kinds.index(EventKind.SKILL_START)
    assert kinds.index(EventKind.SKILL_END) < kinds.index(EventKind.RUN_END)
    assert any(event.data["accepted"] for event in events if event.kind is EventKind.GATE)


def test_an_instruction_is_told_from_the_command_line(up, capfd):
    cell, _ = up
    told = ["tell", "--json", "--cell", str(cell.cell)]
    assert main([*told, "open the drawer", "--plan-only"]) == 0
    assert json.loads(capfd.readouterr().out)["plan"] == ["open(drawer)"]
    assert main([*told, "sing a song"]) == 2
    assert "No skill for 'sing'" in json.loads(capfd.readouterr().out)["reason"]
    command = [sys.executable, "-m", "robot_skills.app.cli", *told, "go home"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120.0, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["skills"][0]["outcome"] == "success"
    assert "moving home" in done.stderr


def test_a_plan_can_be_seen_before_anything_moves_and_nonsense_is_named(up):
    from robot_skills_interfaces.srv import PlanTask

    _, asker = up
    plan = asker.call(PlanTask, "plan_task", instruction="put the red cube in the box")
    assert plan.accepted
    assert plan.calls[0] == "grasp(red_cube)"
    for words, reason in (("put the moon in the box", "moon"), ("", "empty"), ("blorp", "blorp")):
        wrong = asker.call(PlanTask, "plan_task", instruction=words)
        assert not wrong.accepted
        assert reason in wrong.reason
        assert not wrong.calls


def test_the_scene_is_there_for_everybody_and_a_look_is_new(up):
    from robot_skills_interfaces.msg import SceneEntities
    from robot_skills_interfaces.srv import Look

    from hardware.ros2.scene_messages import scene_of
    from hardware.ros2.times import MachineClock

    _, asker = up
    before_s = MachineClock().now_s()
    answer = asker.call(Look, "perception/look")
    assert answer.seen, answer.reason
    scene = scene_of(answer.scene)
    assert scene.stamp_s >= before_s
    assert {"table", "drawer", "red_cube"} <= set(scene.entities)
    assert scene["drawer"].articulation is not None
    assert answer.scene.header.frame_id == "base_link"
    heard = []
    asker.node.node.create_subscription(SceneEntities, "perception/scene", heard.append, 1)
    asker.wait_until(
        lambda: any(one.stamp_s > answer.scene.stamp_s for one in heard), "a scene by itself"
    )


@pytest.mark.parametrize(
    ("skill", "arguments", "reason"),
    [
        ("grsp", ["object=red_cube"], "grasp"),
        ("grasp", ["red_cube"], "name=value"),
        ("grasp", ["object=red_cub"], "red_cub"),
    ],
)
def test_a_skill_that_is_not_known_is_refused_with_a_reason(up, skill, arguments, reason):
    _, asker = up
    answer = asker.result(asker.send(asker.skill, skill=skill, arguments=arguments))
    assert answer.result.result.outcome == "failed"
    assert reason in answer.result.result.reason


def test_a_cancelled_instruction_stops_the_skill_two_hops_away(up):
    from action_msgs.msg import GoalStatus

    _, asker = up
    handle = asker.send(asker.instruction, instruction="pick up the red cube")
    asker.wait_for_motion(handle, "grasp")
    asker.node.wait_for(handle.cancel_goal_async().done, 10.0, "the cancel")
    answer = asker.result(handle)
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert "stopped during grasp" in answer.result.reason
    assert [one.outcome for one in answer.result.skills] == ["stopped"]
    asker.wait_for_hold()
    home(asker)


def test_a_skill_server_that_is_deactivated_stops_its_skill_and_gives_the_arm_back(up):
    _, asker = up
    handle = asker.send(asker.instruction, instruction="pick up the red cube")
    asker.wait_for_motion(handle, "grasp")
    assert asker.change("skill_server", "deactivate")
    assert asker.state("skill_server") == "inactive"
    answer = asker.result(handle)
    assert not answer.result.success
    assert "grasp" in answer.result.reason
    asker.wait_for_hold()
    asker.wait_until(lambda: asker.gate.owner == "", "the arm to be free")
    assert not asker.send(asker.skill, skill="home").accepted
    refused = asker.result(asker.send(asker.instruction, instruction="go home"))
    assert "skill_server" in refused.result.reason
    assert asker.change("skill_server", "cleanup")
    assert asker.state("skill_server") == "unconfigured"
    assert asker.change("skill_server", "configure")
    assert asker.change("skill_server", "activate")
    home(asker)


def test_a_scheduler_that_is_deactivated_ends_its_instruction_and_refuses_the_next(up):
    from robot_skills_interfaces.srv import PlanTask

    _, asker = up
    handle = asker.send(asker.instruction, instruction="pick up the red cube")
    asker.wait_for_motion(handle, "grasp")
    assert asker.change("scheduler", "deactivate")
    answer = asker.result(handle)
    assert "stopped during grasp" in answer.result.reason
    asker.wait_for_hold()
    assert not asker.send(asker.instruction, instruction="go home").accepted
    refused = asker.call(PlanTask, "plan_task", instruction="go home")
    assert refused.reason == "scheduler is not active"
    assert asker.change("scheduler", "activate")
    home(asker)


def test_a_killed_skill_server_is_named_and_serves_again(up):
    cell, asker = up
    handle = opening(asker)
    again = cell.kill("skill_server")
    answer = asker.result(handle)
    assert not answer.result.success
    assert "skill_server" in answer.result.reason
    assert "drawer" in answer.result.reason
    assert "at fault: skill during" in answer.result.reason
    asker.wait_for_hold()
    again()
    home(asker)


def test_a_killed_scheduler_leaves_no_skill_running_and_serves_again(up):
    cell, asker = up
    opening(asker)
    again = cell.kill("scheduler")
    asker.wait_until(
        lambda: "nothing was heard of /scheduler" in cell.log("skill_server"), "the skill's end"
    )
    asker.wait_for_hold()
    again()
    home(asker)


def test_a_killed_perception_node_is_waited_for(up):
    from robot_skills_interfaces.srv import Look

    cell, asker = up
    handle = opening(asker)
    again = cell.kill("perception")
    answer = asker.result(handle)
    # The skill came to its end, and who looks was back for the look after it, or is named.
    assert answer.result.skills[0].outcome in ("success", "failed"), answer.result.reason
    assert answer.result.reason
    again()
    assert asker.call(Look, "perception/look", timeout_s=60.0).seen
    home(asker)


def test_a_killed_gate_ends_the_skill_and_the_next_instruction_has_the_new_one(up):
    cell, asker = up
    handle = opening(asker)
    cell.kill("gate")
    answer = asker.result(handle)
    assert not answer.result.success
    assert "fault" in [one.outcome for one in answer.result.skills], answer.result.reason
    assert "gate" in answer.result.reason
    cell.wait_for("gate +running", times=1 + cell.killed["gate"])
    home(asker)


def test_all_ends_in_order(up):
    cell, _ = up
    cell.end()
    result = cell.result()
    assert result["ok"], result["reason"]
    ended = [cell.said.rindex(f"{node:<12}  ended") for node in ("scheduler", "skill_server")]
    assert ended == sorted(ended)
    restarts = {one["name"]: one["restarts"] for one in result["nodes"]}
    assert {node: restarts[node] for node in cell.killed} == cell.killed, cell.said
