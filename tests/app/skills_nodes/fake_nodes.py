"""A skill server and a perception node that do what a test wants, behind real topics."""

import threading
from dataclasses import replace

import numpy as np

from hardware.ros2.event_messages import event_message
from hardware.ros2.heard_events import event_qos
from hardware.ros2.scene_messages import scene_message
from hardware.ros2.skill_messages import call_of, fill_result
from hardware.ros2.times import MachineClock
from hardware.ros2.work import Work
from robot_skills.core.events import Event, EventKind
from robot_skills.core.plan import Outcome, SkillResult
from robot_skills.core.scene import TABLE, Entity, Scene
from robot_skills.core.se3 import SE3
from robot_skills.scheduler.runs import end_data


def empty_table(stamp_s):
    size_m = np.array([1.0, 1.0, 0.1])
    table = Entity(name=TABLE, label=TABLE, T_base_entity=SE3.identity(), extents_m=size_m)
    return Scene(stamp_s=stamp_s, entities={TABLE: table}, opening={"arm": 1.0})


class FakeSkillServer:
    """Carries out every skill at once, or when a test lets it.

    Attributes:
        goals: That were asked for.
        beats: Of those who ask.
        problems: Why a skill cannot run, by name; empty where it can.
        speaks: Whether it says how far it is.
        tells: Whether it tells its decisions.
        ends: When a skill may end.
        world: What skills change; an empty table where None.
        after: Gives the scene after a skill; None where nothing is seen.
    """

    def __init__(self, node, world=None):
        from robot_skills_interfaces.action import ExecuteSkill
        from robot_skills_interfaces.msg import EpisodeEvent, SkillStatus
        from robot_skills_interfaces.srv import ListSkills
        from std_msgs.msg import String

        self.goals, self.beats, self.world = [], [], world
        self.problems = {"grasp": "", "place": "its weights are gone"}
        self.speaks, self.tells, self.ends = True, True, threading.Event()
        self.sees = True
        self.work = Work(node)
        self.work.action(ExecuteSkill, "execute_skill", self.run, self.refuse)
        self._status = node.node.create_publisher(SkillStatus, "skill_server/status", 10)
        self._events = node.node.create_publisher(EpisodeEvent, "skill_server/events", event_qos())
        node.node.create_subscription(String, "askers", lambda m: self.beats.append(m.data), 10)
        node.node.create_service(ListSkills, "list_skills", self.list)
        node.node.create_timer(0.1, self.speak)
        self.work.open()

    def list(self, request, response):
        response.skills, response.problems = list(self.problems), list(self.problems.values())
        return response

    def speak(self):
        from robot_skills_interfaces.msg import SkillStatus

        if self.speaks:
            phase = "moving" if self.work.busy else "idle"
            self._status.publish(SkillStatus(phase=phase, skill="grasp"))

    def tell(self, kind, call, **data):
        if self.tells:
            data = {"skill": call.skill, "args": dict(call.args), **data}
            event = Event(stamp_s=MachineClock().now_s(), kind=kind, data=data)
            self._events.publish(event_message(event))

    def run(self, request, result, tell):
        self.goals.append(request)
        call = call_of(request.skill, request.arguments)
        self.tell(EventKind.PRECONDITIONS, call, unmet=[])
        self.tell(EventKind.SKILL_START, call)
        found, after = self.carry_out(call)
        self.tell(EventKind.SKILL_END, call, **end_data(found))
        fill_result(result.result, found)
        if self.sees:
            result.scene = scene_message(after)
        return found.ok

    def refuse(self, result, reason):
        result.result.outcome, result.result.reason = Outcome.FAILED.value, reason

    def carry_out(self, call):
        while not self.ends.wait(0.01):
            if self.work.stop_requested():
                outcome, reason = Outcome.STOPPED, "stopped on request"
                found = SkillResult(call=call, outcome=outcome, reason=reason, duration_s=1.0)
                return found, empty_table(7.0) if self.world is None else self.world.scene
        if self.world is not None:
            found, after = self.world.run(call, self.world.scene, 0)
            return found, replace(after, stamp_s=MachineClock().now_s())
        found = SkillResult(
            call=call, outcome=Outcome.SUCCESS, reason="done", duration_s=1.0, chunks=3
        )
        return found, empty_table(7.0)


class FakePerception:
    """Sees the scene of a world.

    Args:
        node: Named ``perception``.
        world: Whose scene is seen.
    """

    def __init__(self, node, world):
        from robot_skills_interfaces.srv import Look

        self.world = world
        node.node.create_service(Look, "~/look", self.look)

    def look(self, request, response):
        scene = replace(self.world.scene, stamp_s=MachineClock().now_s())
        response.seen, response.scene = True, scene_message(scene)
        return response
