"""What scheduler and skill server do when those they ask are gone, refuse or fall silent."""

import threading
import time

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.ros2.perceiver import RosPerceiver
from hardware.ros2.runtime import RosNode
from hardware.ros2.scene_messages import scene_message
from robot_skills.app import remote_skills
from robot_skills.app.remote_skills import RemoteSkills
from robot_skills.core.errors import (
    PerceptionError,
    SkillServerFault,
    UnknownNameError,
    UnusableSkillError,
)
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.core.types import Observation
from tests.app.skills_nodes.fake_nodes import FakeSkillServer
from tests.app.skills_nodes.fake_nodes import empty_table as scene
from tests.ros_domain import claim_domain

CALL = SkillCall(skill="grasp", args={"object": "red_cube"})
NOTHING = Observation(stamp_s=0.0, arms={}, cameras={})


@pytest.fixture(scope="module")
def asking():
    with RosNode("asking", domain=claim_domain()) as node:
        node.start()
        yield node


@pytest.fixture
def server(asking):
    with RosNode("skill_server", domain=claim_domain()) as node:
        made = FakeSkillServer(node)
        node.start()
        try:
            yield made
        finally:
            made.ends.set()
            made.work.close()


@pytest.fixture(scope="module")
def skills(asking):
    return RemoteSkills(asking, patience_s=2.0)


def never():
    return False


def runner(skills, seed=0, stop=never, tell=lambda status: None, events=None):
    return skills.runner(seed, stop, tell, events or EventList())


def test_a_skill_is_done_elsewhere_with_its_scene_and_seed(server, skills):
    server.ends.set()
    result, after = runner(skills, seed=3)(CALL, scene(5.0), 4)
    assert (result.outcome, result.reason, result.chunks) == (Outcome.SUCCESS, "done", 3)
    assert after.stamp_s == 7.0
    (goal,) = server.goals
    assert (goal.skill, list(goal.arguments), goal.seed) == ("grasp", ["object=red_cube"], 3004)
    assert goal.scene.stamp_s == 5.0


def test_who_asks_says_that_it_is_there_and_hears_how_far_it_is(server, skills):
    heard = []
    stop = threading.Event()

    def heard_enough():
        return len(heard) > 3 and len(server.beats) > 2

    run = runner(skills, stop=lambda: stop.is_set() or heard_enough(), tell=heard.append)
    result, _ = run(CALL, scene(5.0), 0)
    # It was cancelled then.
    assert result.outcome is Outcome.STOPPED
    assert {one.phase for one in heard} == {"moving"}
    assert set(server.beats) == {server.goals[0].asker}
    before = len(server.beats)
    time.sleep(1.0)
    assert len(server.beats) <= before + 1, "nobody asks any more"


def test_a_silent_skill_server_is_named_and_told_to_stop(server, skills, monkeypatch):
    monkeypatch.setattr(remote_skills, "_SILENT_S", 1.0)
    server.speaks = False
    with pytest.raises(SkillServerFault, match=r"skill_server.*said nothing.*during grasp"):
        runner(skills)(CALL, scene(5.0), 0)
    skills._node.wait_for(lambda: not server.work.busy, 10.0, "the skill's end")


def test_a_skill_server_that_does_something_else_is_named(server, skills):
    server.work.shut()
    refuses = r"refuses grasp\(object=red_cube\).*log of skill_server"
    with pytest.raises(SkillServerFault, match=refuses):
        runner(skills)(CALL, scene(5.0), 0)


def test_what_the_skill_server_decides_is_told_in_order_and_its_end_once(server, skills):
    events = EventList()
    server.ends.set()
    result, _ = runner(skills, events=events)(CALL, scene(5.0), 0)
    kinds = [event.kind for event in events.events]
    assert kinds == [EventKind.PRECONDITIONS, EventKind.SKILL_START, EventKind.SKILL_END]
    assert events.events[-1].data["chunks"] == result.chunks == 3


def test_the_end_of_an_attempt_is_told_though_its_events_are_lost(server, skills):
    events = EventList()
    server.tells = False
    server.ends.set()
    runner(skills, events=events)(CALL, scene(5.0), 0)
    (end,) = events.events
    assert end.kind is EventKind.SKILL_END
    assert (end.data["skill"], end.data["outcome"]) == ("grasp", "success")


def test_nobody_goes_on_from_what_was_seen_before_a_motion(server, skills):
    server.sees = False
    server.ends.set()
    result, _ = runner(skills)(CALL, scene(5.0), 0)
    assert result.error == PerceptionError.__name__


def test_who_asks_to_stop_does_not_wait_for_a_skill_server(asking, monkeypatch):
    monkeypatch.setattr(remote_skills, "_ANSWER_S", 0.5)
    skills = RemoteSkills(asking, patience_s=60.0)
    begun_s = time.monotonic()

    def soon():
        return time.monotonic() - begun_s > 0.2

    result, _ = runner(skills, stop=soon)(CALL, scene(5.0), 0)
    assert result.outcome is Outcome.STOPPED
    with pytest.raises(SkillServerFault, match="as was asked"):
        skills.check("grasp", soon)


def test_skills_that_cannot_run_are_refused_before_anything_moves(server, skills):
    skills.check("grasp")
    with pytest.raises(UnusableSkillError, match="its weights are gone") as unusable:
        skills.check("place")
    assert unusable.value.skill == "place"
    with pytest.raises(UnknownNameError, match="Did you mean 'grasp'"):
        skills.check("grsp")
    assert not server.goals


def test_a_skill_server_that_is_not_there_is_named(asking):
    skills = RemoteSkills(asking, patience_s=0.3)
    with pytest.raises(SkillServerFault, match=r"skill_server.*list_skills"):
        skills.check("grasp")
    with pytest.raises(SkillServerFault, match="skill_server"):
        runner(skills)(CALL, scene(5.0), 0)


def test_a_perception_node_that_is_not_there_is_named(asking):
    eyes = RosPerceiver(asking, patience_s=0.3)
    assert eyes.cameras == ()
    with pytest.raises(PerceptionError, match=r"perception node does not answer.*perception/look"):
        eyes.look(NOTHING)
    with pytest.raises(PerceptionError, match="perception/reset"):
        eyes.reset()


def test_what_perception_cannot_see_it_says(asking):
    from robot_skills_interfaces.srv import Look
    from std_srvs.srv import Trigger

    def look(request, response):
        response.reason = "front gives no pictures"
        return response

    def reset(request, response):
        response.message = "not now"
        return response

    with RosNode("perception", domain=claim_domain()) as node:
        node.node.create_service(Look, "~/look", look)
        node.node.create_service(Trigger, "~/reset", reset)
        node.start()
        eyes = RosPerceiver(asking, patience_s=20.0)
        with pytest.raises(PerceptionError, match="front gives no pictures"):
            eyes.look(NOTHING)
        with pytest.raises(PerceptionError, match="not now"):
            eyes.reset()


def test_a_perception_node_that_comes_late_is_waited_for(asking):
    from robot_skills_interfaces.srv import Look

    def look(request, response):
        response.seen, response.scene = True, scene_message(scene(9.0))
        return response

    eyes = RosPerceiver(asking, patience_s=30.0)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(eyes.look_now()))
    thread.start()
    try:
        with RosNode("perception", domain=claim_domain()) as node:
            node.node.create_service(Look, "~/look", look)
            node.start()
            thread.join(timeout=40.0)
    finally:
        thread.join(timeout=40.0)
    assert seen[0].stamp_s == 9.0
