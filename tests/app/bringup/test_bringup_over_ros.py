"""A simulated cell brought up as users do it: real processes, real DDS, real signals."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from hardware.ros2.robot import Ros2Robot
from hardware.ros2.transport import prepare_environment
from robot_skills.app import cli
from robot_skills.app.bringup.graph import RosGraph
from robot_skills.app.bringup.plan import Ready
from robot_skills.app.cells import load_cell, robot_config
from robot_skills.app.nodes import wait_for
from robot_skills.core.errors import RobotFault
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from tests.app.small_cell import SMALL_CELL
from tests.ros_domain import claim_domain

pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def domain():
    """A domain that no other tests use."""
    return claim_domain()


class Bringup:
    """`robot-skills bringup` as a process."""

    def __init__(self, folder, domain, namespace):
        self.cell = folder / "small.yaml"
        self.cell.write_text(SMALL_CELL)
        self.domain, self.namespace = domain, namespace
        self._said, self._result = folder / "said", folder / "result"
        command = [sys.executable, "-m", "robot_skills.app.cli", "bringup", "--json"]
        command += ["--cell", str(self.cell), "--plan", "sim", "--domain", str(domain)]
        command += ["--logs", str(folder / "logs"), "--namespace", namespace or "/"]
        with self._said.open("w") as said, self._result.open("w") as result:
            self.process = subprocess.Popen(command, stdout=result, stderr=said)
        self.started = []

    @property
    def said(self):
        return self._said.read_text()

    def wait_for(self, words, times=1):
        until_s = time.monotonic() + PATIENCE_S
        while len(re.findall(words, self.said)) < times:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < until_s, self.said
            time.sleep(0.05)
        self.started += psutil.Process(self.process.pid).children(recursive=True)

    def pid_of(self, node):
        return int(re.findall(rf"^{node} +running +process (\d+)", self.said, re.MULTILINE)[-1])

    def robot(self):
        config = robot_config(load_cell(self.cell))
        return Ros2Robot(replace(config, namespace=self.namespace, domain=self.domain))

    def result(self):
        return json.loads(self._result.read_text())

    def orphans(self, timeout_s=20.0):
        """Processes of the cell that are still there."""
        return psutil.wait_procs(set(self.started), timeout=timeout_s)[1]

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for one in self.orphans(10.0):
            one.kill()


@pytest.fixture
def bringup(tmp_path, domain):
    made = []

    def make(namespace=""):
        made.append(Bringup(tmp_path, domain, namespace))
        return made[-1]

    yield make
    for one in made:
        one.end()


def move(robot, y_m_s=0.1, waypoints=16):
    T = robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix()
    times = 0.05 * np.arange(1.0, waypoints + 1)
    poses = np.tile(T, (waypoints, 1, 1))
    poses[:, 1, 3] += times * y_m_s
    return robot.command(single_arm_chunk(robot.clock.now_s() + times, poses, np.ones(waypoints)))


def arm(robot):
    return robot.observe().arms[DEFAULT_ARM]


def wait_until(so):
    until_s = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < until_s
        time.sleep(0.05)


def test_a_cell_comes_up_moves_survives_its_gate_and_ends_without_orphans(bringup):
    cell = bringup("/left")
    cell.wait_for("gate +running")
    with_namespace = ["--domain", str(cell.domain), "--timeout", "10"]
    assert wait_for.main(["--topic", "/left/joint_states", *with_namespace]) == 0
    robot = cell.robot()
    try:
        robot.connect()
        before = arm(robot).T_base_tool.p
        move(robot)
        wait_until(lambda: arm(robot).T_base_tool.p[1] > before[1] + 0.06)

        move(robot, y_m_s=-0.1)
        wait_until(lambda: arm(robot).T_base_tool.p[1] < before[1] + 0.055)
        os.kill(cell.pid_of("gate"), signal.SIGKILL)
        cell.wait_for("gate +pausing.*was ended by SIGKILL")
        wait_until(lambda: np.abs(arm(robot).dq_rad_s).max() < 0.01)
        held = arm(robot).q_rad
        cell.wait_for("gate +running", times=2)
        np.testing.assert_allclose(arm(robot).q_rad, held, atol=0.01)
    finally:
        robot.close()
    again = cell.robot()
    try:
        again.connect()
        before = arm(again).T_base_tool.p
        move(again)
        wait_until(lambda: arm(again).T_base_tool.p[1] > before[1] + 0.06)
    finally:
        again.close()

    assert len(set(cell.started)) >= 4, "arm, its eyes, gate, its judge"
    cell.process.terminate()
    assert cell.process.wait(timeout=30.0) == 0
    assert not cell.orphans()
    said = cell.said
    assert said.index("gate       ended") < said.index("sim_robot  ended")
    result = cell.result()
    assert result["ok"]
    assert {one["name"]: one["restarts"] for one in result["nodes"]} == {"sim_robot": 0, "gate": 1}


def test_a_second_cell_is_refused_and_a_killed_supervisor_leaves_nothing_behind(bringup, tmp_path):
    first = bringup()
    first.wait_for("gate +running")
    assert len(set(first.started)) >= 4
    (tmp_path / "second").mkdir()
    second = Bringup(tmp_path / "second", first.domain, "")
    try:
        assert second.process.wait(timeout=PATIENCE_S) == 1
        assert "sim_robot is running already" in second.result()["reason"]
    finally:
        second.end()
    assert first.process.poll() is None
    first.process.kill()
    first.process.wait()
    assert not first.orphans()


def test_the_end_of_the_arm_ends_all_with_its_reason(bringup):
    cell = bringup()
    cell.wait_for("sim_robot +running")
    os.kill(cell.pid_of("sim_robot"), signal.SIGKILL)
    assert cell.process.wait(timeout=PATIENCE_S) == 1
    assert not cell.orphans()
    assert "sim_robot was ended by SIGKILL" in cell.result()["reason"]


def test_waiting_for_what_is_not_there_names_it(domain, capsys):
    told = ["--topic", "/nowhere", "--service", "/nothing", "--domain", str(domain)]
    assert wait_for.main([*told, "--timeout", "0.2"]) == 1
    assert "the topic /nowhere, the service /nothing" in capsys.readouterr().err
    assert wait_for.main([]) == 2


MANAGED = """
import sys
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn

class Managed(LifecycleNode):
    def on_configure(self, state):
        good = sys.argv[1] == "good"
        return TransitionCallbackReturn.SUCCESS if good else TransitionCallbackReturn.FAILURE

    def on_activate(self, state):
        print("activated", flush=True)
        return super().on_activate(state)

rclpy.init(args=[])
node = Managed("managed")
try:
    rclpy.spin(node)
except (KeyboardInterrupt, ExternalShutdownException):
    pass
"""


@pytest.mark.parametrize("how", ["good", "bad"])
def test_managed_nodes_are_activated_or_named(domain, how, tmp_path):
    prepare_environment(domain=domain)
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen([sys.executable, "-c", MANAGED, how], stdout=said, stderr=said)
    try:
        with RosGraph(domain) as graph:
            ready = Ready(services=("/managed/change_state",))
            wait_until(lambda: not graph.missing(ready))
            if how == "bad":
                with pytest.raises(RobotFault, match="/managed could not be configured"):
                    graph.activate("/managed", lambda: True)
                return
            graph.activate("/managed", lambda: True)
            # Once more: who is active already is left alone.
            graph.activate("/managed", lambda: True)
        assert (tmp_path / "said").read_text().count("activated") == 1
    finally:
        process.terminate()
        try:
            process.wait(timeout=20.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_nobody_is_waited_for_who_will_not_come(domain):
    with RosGraph(domain) as graph, pytest.raises(RobotFault, match="/nobody/get_state"):
        graph.activate("/nobody", lambda: False)


def test_shipped_cells_can_be_planned(capfd):
    command = ["bringup", "--dry-run", "--json"]
    for cell, plan in (("sim_ur5e", "sim"), ("ur5e_realsense", "bringup")):
        assert cli.main([*command, "--cell", cell, "--plan", plan]) == 0
        nodes = json.loads(capfd.readouterr().out)["nodes"]
        assert "gate" in [node["name"] for node in nodes]
        assert all(Path(node["command"][node["command"].index("--cell") + 1]).is_file()
                   for node in nodes)  # fmt: skip
    assert cli.main([*command, "--cell", "ur5e_realsense", "--plan", "sim"]) == 2
    assert "is a real one" in capfd.readouterr().err
