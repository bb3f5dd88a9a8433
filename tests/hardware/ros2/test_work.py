"""Managed nodes and the one thing that they do at a time, over DDS."""

import threading

import pytest

pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.ros2.managed import ManagedNode
from hardware.ros2.runtime import RosNode
from hardware.ros2.work import Work
from robot_skills.core.errors import RobotFault


class Waiting:
    """A node whose work waits until it is let go, or stopped."""

    def __init__(self, node):
        self.node, self.work = node, Work(node)
        self.begun, self.go = threading.Event(), threading.Event()
        self.problem: Exception | None = None
        self.broken = False
        self.steps = []

    def configure(self):
        from robot_skills_interfaces.action import ExecuteInstruction
        from robot_skills_interfaces.srv import PlanTask

        self.steps.append("configure")
        if self.problem is not None:
            raise self.problem
        self.work.action(ExecuteInstruction, "wait", self.wait, refuse)
        self.work.service(PlanTask, "wait_too", self.wait_too, refuse_plan)

    def activate(self):
        self.steps.append("activate")
        self.work.open()

    def deactivate(self):
        self.steps.append("deactivate")
        self.work.shut()

    def cleanup(self):
        self.steps.append("cleanup")
        self.work.close()

    def wait(self, request, result, tell):
        self.begun.set()
        while not self.go.wait(0.01):
            if self.work.stop_requested():
                result.reason = "stopped"
                return False
        if self.broken:
            raise KeyError("a mistake")
        if self.problem is not None:
            raise self.problem
        result.success, result.reason = True, request.instruction
        return True

    def wait_too(self, request, response):
        self.go.wait(20.0)
        response.accepted, response.reason = True, ""


def refuse(result, reason):
    result.success, result.reason = False, reason


def refuse_plan(response, reason):
    response.accepted, response.reason = False, reason


class Asker:
    def __init__(self, node):
        from rclpy.action.client import ActionClient
        from robot_skills_interfaces.action import ExecuteInstruction
        from robot_skills_interfaces.srv import PlanTask

        self.node, self.kind = node, ExecuteInstruction
        self._client = ActionClient(node.node, ExecuteInstruction, "wait")
        self._plan = node.node.create_client(PlanTask, "wait_too")

    def until(self, future):
        self.node.wait_for(future.done, 20.0, "an answer")
        return future.result()

    def send(self, words="done"):
        self.node.wait_for(self._client.server_is_ready, 20.0, "the server")
        return self.until(self._client.send_goal_async(self.kind.Goal(instruction=words)))

    def result(self, handle):
        return self.until(handle.get_result_async())

    def plan(self):
        from robot_skills_interfaces.srv import PlanTask

        self.node.wait_for(self._plan.service_is_ready, 20.0, "the service")
        return self._plan.call_async(PlanTask.Request())

    def change(self, transition):
        from lifecycle_msgs.srv import ChangeState

        client = self.node.node.create_client(ChangeState, "worker/change_state")
        request = ChangeState.Request()
        request.transition.label = transition
        return self.node.call(client, request, 20.0).success


@pytest.fixture
def made(ros_domain):
    with RosNode("asker") as asking, ManagedNode("worker") as node:
        worker = Waiting(node)
        node.manage(worker)
        asking.start()
        try:
            yield node, worker, Asker(asking)
        finally:
            worker.go.set()


def test_states_are_those_of_ros(made):
    node, worker, asker = made
    node.start()
    assert node.state == "unconfigured"
    assert not asker.change("activate")
    assert asker.change("configure")
    assert node.state == "inactive"
    assert not asker.send().accepted
    assert asker.change("activate")
    assert node.state == "active"
    assert asker.change("deactivate")
    assert asker.change("cleanup")
    assert asker.change("configure")
    assert asker.change("activate")
    node.close()
    assert worker.steps == [
        *("configure", "activate", "deactivate", "cleanup"),
        *("configure", "activate", "deactivate", "cleanup"),
    ]


def test_shut_down_it_is_finalized(made):
    node, worker, asker = made
    node.bring_up()
    node.start()
    assert asker.change("shutdown")
    assert node.state == "finalized"
    assert worker.steps == ["configure", "activate", "deactivate", "cleanup"]


def test_what_cannot_be_configured_says_why(made):
    node, worker, asker = made
    worker.problem = RobotFault("no arm")
    with pytest.raises(RobotFault, match="no arm"):
        node.bring_up()
    assert node.state == "unconfigured"
    node.start()
    assert not asker.change("configure")
    worker.problem = None
    assert asker.change("configure")
    assert node.state == "inactive"


def test_one_thing_at_a_time(made):
    node, worker, asker = made
    node.bring_up()
    node.start()
    handle = asker.send("first")
    assert handle.accepted
    assert worker.begun.wait(20.0)
    assert not asker.send("second").accepted
    planned = asker.until(asker.plan())
    assert (planned.accepted, planned.reason) == (False, "something else is being carried out")
    worker.go.set()
    assert asker.result(handle).result.reason == "first"
    assert asker.until(asker.plan()).accepted


def test_a_service_that_takes_its_time_keeps_nobody_from_being_heard(made):
    node, worker, asker = made
    node.bring_up()
    node.start()
    answer = asker.plan()
    node.wait_for(lambda: worker.work.busy, 20.0, "work")
    assert not asker.send().accepted
    assert not answer.done()
    worker.go.set()
    assert asker.until(answer).accepted


def test_a_cancel_stops_the_work(made):
    from action_msgs.msg import GoalStatus

    node, worker, asker = made
    node.bring_up()
    node.start()
    handle = asker.send()
    asker.until(handle.cancel_goal_async())
    answer = asker.result(handle)
    assert (answer.status, answer.result.reason) == (GoalStatus.STATUS_CANCELED, "stopped")
    worker.go.set()
    # Whoever comes next is not stopped.
    assert asker.result(asker.send("next")).result.reason == "next"


def test_deactivated_it_stops_its_work_first(made):
    from action_msgs.msg import GoalStatus

    node, worker, asker = made
    node.bring_up()
    node.start()
    handle = asker.send()
    assert worker.begun.wait(20.0)
    assert asker.change("deactivate")
    assert not worker.work.busy
    answer = asker.result(handle)
    assert (answer.status, answer.result.reason) == (GoalStatus.STATUS_ABORTED, "stopped")
    assert not asker.send().accepted
    assert asker.until(asker.plan()).reason == "worker is not active"


def test_work_that_fails_says_why_and_the_next_is_done(made):
    node, worker, asker = made
    node.bring_up()
    node.start()
    worker.go.set()
    worker.problem = RobotFault("it fell")
    answer = asker.result(asker.send())
    assert (answer.result.success, answer.result.reason) == (False, "it fell")
    worker.problem = None
    assert asker.result(asker.send("next")).result.success


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_work_that_breaks_off_is_no_success(made):
    node, worker, asker = made
    node.bring_up()
    node.start()
    worker.go.set()
    worker.broken = True
    answer = asker.result(asker.send())
    assert not answer.result.success
    assert "broke off" in answer.result.reason
    worker.broken = False
    assert asker.result(asker.send("next")).result.success
