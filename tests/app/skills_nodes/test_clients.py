"""What scheduler and skill server do when those they ask are gone, refuse or fall silent."""

import threading
import time

import pytest

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.ros2.perceiver import RosPerceiver
from hardware.ros2.runtime import RosNode
from hardware.ros2.scene_messages import scene_message
from hardware.ros2.skill_messages import fill_result
from hardware.ros2.work import Work
from robot_skills.app import remote_skills
from robot_skills.app.remote_skills import RemoteSkills
from robot_skills.core.errors import CheckpointError, PerceptionError, RobotFault, UnknownNameError
from robot_skills.core.plan import Outcome, SkillCall, SkillResult
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.types import Observation
from tests.ros_domain import claim_domain

CALL = SkillCall(skill="grasp", args={"object": "red_cube"})
NOTHING = Observation(stamp_s=0.0, arms={}, cameras={})


def scene(stamp_s):
    table = Entity(name=TABLE, label=TABLE, T_base_entity=SE3.identity(), extents_m=(1, 1, 0.1))
    return Scene(stamp_s=stamp_s, entities={TABLE: table}, opening={"arm": 1.0})


class FakeServer:
    """A skill server that does what a test wants."""

    def __init__(self, node):
        from robot_skills_interfaces.action import ExecuteSkill
        from robot_skills_interfaces.msg import SkillStatus
        from robot_skills_interfaces.srv import ListSkills
        from std_msgs.msg import String

        self.goals, self.beats = [], []
        self.speaks, self.ends = True, threading.Event()
        self.work = Work(node)
        self.work.action(ExecuteSkill, "execute_skill", self.run, lambda result, why: None)
        self._status = node.node.create_publisher(SkillStatus, "skill_server/status", 10)
        node.node.create_subscription(String, "askers", lambda m: self.beats.append(m.data), 10)
        node.node.create_service(ListSkills, "list_skills", self.list)
        node.node.create_timer(0.1, self.speak)
        self.work.open()

    def list(self, request, response):
        response.skills, response.problems = ["grasp", "place"], ["", "its weights are gone"]
        return response

    def speak(self):
        from robot_skills_interfaces.msg import SkillStatus

        if self.speaks:
            phase = "moving" if self.work.busy else "idle"
            self._status.publish(SkillStatus(phase=phase, skill="grasp"))

    def run(self, request, result, tell):
        self.goals.append(request)
        while not self.ends.wait(0.01):
            if self.work.stop_requested():
                outcome, reason = Outcome.STOPPED, "stopped on request"
                break
        else:
            outcome, reason = Outcome.SUCCESS, "done"
        found = SkillResult(call=CALL, outcome=outcome, reason=reason, duration_s=1.0, chunks=3)
        fill_result(result.result, found)
        result.scene = scene_message(scene(7.0))
        return found.ok


@pytest.fixture(scope="module")
def asking():
    with RosNode("asking", domain=claim_domain()) as node:
        node.start()
        yield node


@pytest.fixture
def server(asking):
    with RosNode("skill_server", domain=claim_domain()) as node:
        made = FakeServer(node)
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


def test_a_skill_is_done_elsewhere_with_its_scene_and_seed(server, skills):
    heard = []
    server.ends.set()
    run = skills.runner(3, never, heard.append)
    result, after = run(CALL, scene(5.0), 4)
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

    run = skills.runner(0, lambda: stop.is_set() or heard_enough(), heard.append)
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
    with pytest.raises(RobotFault, match=r"skill_server.*said nothing.*during grasp"):
        skills.runner(0, never, lambda status: None)(CALL, scene(5.0), 0)
    skills._node.wait_for(lambda: not server.work.busy, 10.0, "the skill's end")


def test_a_skill_server_that_does_something_else_is_named(server, skills):
    server.work.shut()
    with pytest.raises(RobotFault, match=r"refuses grasp\(object=red_cube\).*log of skill_server"):
        skills.runner(0, never, lambda status: None)(CALL, scene(5.0), 0)


def test_skills_that_cannot_run_are_refused_before_anything_moves(server, skills):
    skills.check("grasp")
    with pytest.raises(CheckpointError, match="its weights are gone"):
        skills.check("place")
    with pytest.raises(UnknownNameError, match="Did you mean 'grasp'"):
        skills.check("grsp")
    assert not server.goals


def test_a_skill_server_that_is_not_there_is_named(asking):
    skills = RemoteSkills(asking, patience_s=0.3)
    with pytest.raises(RobotFault, match=r"skill_server.*list_skills"):
        skills.check("grasp")
    with pytest.raises(RobotFault, match="skill_server"):
        skills.runner(0, never, lambda status: None)(CALL, scene(5.0), 0)


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
