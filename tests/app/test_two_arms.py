"""Two arms in one domain of ROS: each has a namespace, a gate and a robot of its own."""

import multiprocessing
import time

import numpy as np
import pytest

pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.cell.self_test import self_test
from hardware.ros2.gate_node import run_gate
from hardware.ros2.robot import Ros2Robot
from hardware.ros2.runtime import RosNode
from robot_skills.app.cells import (
    find_cell,
    gate_setup,
    load_cell,
    robot_config,
    self_test_setup,
    sim_setup,
)
from robot_skills.app.nodes.sim_robot import run_sim_robot
from robot_skills.core.errors import RobotFault
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from tests.patience import patiently
from tests.ros_domain import claim_domain

CONTEXT = multiprocessing.get_context("spawn")
WAIT_S = 20.0


def cell_of(name, shipped, arm, folder):
    """A cell without cameras in a namespace of its own."""
    text = find_cell(shipped).read_text()
    text = text.replace(f"  arm: {arm}\n", f"  arm: {arm}\n  namespace: {name}\n")
    text = text.replace("reach: machine", f"reach: machine\n  domain: {claim_domain()}")
    lines = [line for line in text.splitlines() if "driver: sim," not in line]
    path = folder / f"{name}.yaml"
    path.write_text("\n".join(lines).replace("cameras:", "cameras: {}"))
    return load_cell(path)


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    """The cells of two running arms, and their connected robots."""
    folder = tmp_path_factory.mktemp("cells")
    cells = {
        "left": cell_of("left", "sim_panda", "panda", folder),
        "right": cell_of("right", "sim_ur5e", "ur5e", folder),
    }
    processes = [
        CONTEXT.Process(target=run, args=(make(cell),))
        for cell in cells.values()
        for run, make in ((run_sim_robot, sim_setup), (run_gate, gate_setup))
    ]
    robots = {name: Ros2Robot(robot_config(cell)) for name, cell in cells.items()}
    try:
        for process in processes:
            process.start()
        for robot in robots.values():
            patiently(robot.connect)
        yield cells, robots
    finally:
        for robot in robots.values():
            robot.close()
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(timeout=15.0)
            if process.is_alive():
                process.kill()


def sideways(robot, speed_m_s=0.05, waypoints=30):
    T = robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix()
    times = 0.05 * np.arange(1.0, waypoints + 1)
    poses = np.tile(T, (waypoints, 1, 1))
    poses[:, 1, 3] += speed_m_s * times
    robot.command(single_arm_chunk(robot.clock.now_s() + times, poses, np.ones(waypoints)))


def came(ready):
    """Whether it became so in time; not if the machine stood still."""
    until_s = time.monotonic() + WAIT_S
    while not ready():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.02)
    return True


def states(robots):
    return {robot.status.state for robot in robots.values()}


def drive_both_and_stop_left(robots):
    """How far each went sideways; None where the machine itself stood still meanwhile."""
    left, right = robots["left"], robots["right"]
    start = {name: robot.observe().arms[DEFAULT_ARM].T_base_tool for name, robot in robots.items()}
    for robot in robots.values():
        sideways(robot)
    if not came(lambda: states(robots) == {"running"}):
        return None
    left.stop()
    if not came(lambda: "running" not in states(robots)):
        return None
    causes = left.status.cause, right.status.cause
    if any(cause in ("state_late", "state_lost") for cause in causes):
        return None
    assert causes == ("asked_to_stop", "chunk_ended")
    time.sleep(0.3)
    return {
        name: robot.observe().arms[DEFAULT_ARM].T_base_tool.p[1] - start[name].p[1]
        for name, robot in robots.items()
    }


def go_on(robots):
    """A person has looked at both arms."""
    acknowledge()
    until_s = time.monotonic() + WAIT_S
    for robot in robots.values():
        while True:
            try:
                robot.resume()
                break
            except RobotFault:
                assert time.monotonic() < until_s


def test_each_arm_is_driven_and_stopped_by_itself(arms):
    _, robots = arms
    assert len(robots["left"].observe().arms[DEFAULT_ARM].q_rad) == 7
    assert len(robots["right"].observe().arms[DEFAULT_ARM].q_rad) == 6
    why = "the machine stood still each time"
    for _ in range(5):
        try:
            moved = drive_both_and_stop_left(robots)
        except RobotFault as problem:
            moved, why = None, str(problem)
        if moved is not None:
            break
        go_on(robots)
    assert moved is not None, why
    assert moved["right"] == pytest.approx(0.075, abs=0.01)
    assert moved["left"] < moved["right"] - 0.01


def acknowledge():
    from std_srvs.srv import Trigger

    with RosNode("person", domain=claim_domain()) as person:
        person.start()
        for name in ("left", "right"):
            client = person.node.create_client(Trigger, f"/{name}/gate/acknowledge")
            person.call(client, Trigger.Request(), 10.0)


def test_each_cell_is_compared_with_its_own_arms_description(arms):
    cells, robots = arms
    for name, cell in cells.items():
        found = {one.what: one for one in self_test(self_test_setup(cell))}
        assert found["limits"].ok, found["limits"]
        assert found["limits"].detail == "not looser than the robot description"
        assert found["one commander"].ok, found["one commander"]
        assert len(cell.robot.topics.joints) == len(robots[name].arms[DEFAULT_ARM].joint.lower_rad)
