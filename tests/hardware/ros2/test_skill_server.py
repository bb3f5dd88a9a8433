"""Skills as actions: asked over DDS, carried out by separate processes, cancelled in mid-motion."""

import time

import numpy as np
import pytest

pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.ros2.camera import RosCameraConfig
from hardware.ros2.runtime import RosNode
from robot_skills.app.nodes.sim_robot import SimRobotSetup
from robot_skills.app.nodes.skill_server import SkillServer
from robot_skills.app.wiring import load_skills
from robot_skills.perception.perceiver import RgbdPerceiver
from sim.world import T_BASE_FRONT
from tests.hardware.ros2.test_gated_arm import ARM, CellProcesses

CAMERAS = [
    RosCameraConfig(name="front", T_mount_camera=T_BASE_FRONT),
    RosCameraConfig(
        name="wrist", T_mount_camera=ARM.T_hand_tool.inverse() @ ARM.T_hand_camera, on_tool=True
    ),
]


class Asker:
    """Asks the servers, and hears how far they are."""

    def __init__(self, node):
        from rclpy.action.client import ActionClient
        from robot_skills_interfaces.action import ExecuteInstruction, ExecuteSkill
        from robot_skills_interfaces.srv import PlanTask

        self.node, self.heard = node, []
        self.clients = {
            kind: ActionClient(node.node, kind, name)
            for kind, name in (
                (ExecuteSkill, "execute_skill"),
                (ExecuteInstruction, "execute_instruction"),
            )
        }
        self.plan_client = node.node.create_client(PlanTask, "plan_task")

    def send(self, goal, kind):
        client = self.clients[kind]
        self.node.wait_for(client.server_is_ready, 10.0, "the skill server")
        self.heard.clear()
        future = client.send_goal_async(goal, lambda m: self.heard.append(m.feedback))
        self.node.wait_for(future.done, 10.0, "an answer to the goal")
        return future.result()

    def result(self, handle, timeout_s=60.0):
        future = handle.get_result_async()
        self.node.wait_for(future.done, timeout_s, "the result")
        return future.result()


@pytest.fixture(scope="module")
def served(ros_domain):
    """A cell, its skill server, and who asks it."""
    simulated = SimRobotSetup(seed=11, cameras=("front", "wrist"))
    cell = CellProcesses(simulated, CAMERAS)
    server_node = asker_node = server = None
    try:
        cell.robot.connect()
        server_node, asker_node = RosNode("skills"), RosNode("asker")
        server = SkillServer(server_node, cell.robot, load_skills(), RgbdPerceiver())
        server_node.start()
        asker_node.start()
        yield cell, Asker(asker_node)
    finally:
        if server is not None:
            server.close()
        for node in (server_node, asker_node):
            if node is not None:
                node.close()
        cell.end()


def test_an_instruction_is_carried_out_with_feedback_and_a_reason(served):
    from action_msgs.msg import GoalStatus
    from robot_skills_interfaces.action import ExecuteInstruction

    _, asker = served
    handle = asker.send(ExecuteInstruction.Goal(instruction="open the drawer"), ExecuteInstruction)
    assert handle.accepted
    refused = asker.send(ExecuteInstruction.Goal(instruction="go home"), ExecuteInstruction)
    assert not refused.accepted
    answer = asker.result(handle)
    assert answer.status == GoalStatus.STATUS_SUCCEEDED, answer.result.reason
    assert answer.result.success
    (skill,) = [one for one in answer.result.skills if one.skill == "open_drawer"]
    assert (skill.outcome, list(skill.arguments)) == ("success", ["drawer=drawer"])


def test_a_skill_is_cancelled_in_mid_motion_and_says_so(served):
    from action_msgs.msg import GoalStatus
    from robot_skills_interfaces.action import ExecuteSkill

    cell, asker = served
    goal = ExecuteSkill.Goal(skill="grasp", arguments=["object=red_cube"])
    handle = asker.send(goal, ExecuteSkill)
    assert handle.accepted
    asker.node.wait_for(
        lambda: any(one.status.phase == "moving" for one in asker.heard), 30.0, "motion"
    )
    time.sleep(0.5)
    cancel = handle.cancel_goal_async()
    asker.node.wait_for(cancel.done, 5.0, "the cancel")
    answer = asker.result(handle, 10.0)
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert answer.result.result.outcome == "stopped"
    cell.wait("hold")
    # The arm trails what it was told; then it rests.
    time.sleep(1.0)
    before = cell.robot.observe().arms["arm"].q_rad
    time.sleep(0.3)
    np.testing.assert_allclose(cell.robot.observe().arms["arm"].q_rad, before, atol=2e-3)


@pytest.mark.parametrize(
    ("skill", "arguments", "reason"),
    [
        ("grsp", ["object=red_cube"], "grasp"),
        ("grasp", ["red_cube"], "name=value"),
        ("grasp", ["object=red_cub"], "red_cub"),
    ],
)
def test_what_is_not_known_is_refused_with_a_reason(served, skill, arguments, reason):
    from robot_skills_interfaces.action import ExecuteSkill

    _, asker = served
    goal = ExecuteSkill.Goal(skill=skill, arguments=arguments)
    answer = asker.result(asker.send(goal, ExecuteSkill))
    assert answer.result.result.outcome == "failed"
    assert reason in answer.result.result.reason


def test_a_plan_can_be_seen_before_anything_moves(served):
    from robot_skills_interfaces.srv import PlanTask

    cell, asker = served
    before = cell.robot.observe().arms["arm"].q_rad
    plan = asker.node.call(
        asker.plan_client, PlanTask.Request(instruction="put the red cube in the box"), 20.0
    )
    assert plan.accepted
    assert plan.calls[0] == "grasp(red_cube)"
    wrong = asker.node.call(
        asker.plan_client, PlanTask.Request(instruction="put the moon in the box"), 20.0
    )
    assert not wrong.accepted
    assert "moon" in wrong.reason
    np.testing.assert_allclose(cell.robot.observe().arms["arm"].q_rad, before, atol=2e-3)
