"""A cell file alone brings up an arm, its gate and a robot over DDS, and the doctor sees them."""

import json
import multiprocessing
import re
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.cell.self_test import refuse_unfit
from hardware.ros2.gate_node import run_gate
from hardware.ros2.robot import Ros2Robot
from robot_skills.app.cells import (
    find_cell,
    gate_setup,
    load_cell,
    robot_config,
    self_test_setup,
    sim_setup,
)
from robot_skills.app.cli import main
from robot_skills.app.nodes.sim_robot import run_sim_robot
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from tests.patience import patiently
from tests.ros_domain import claim_domain

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "bringup.md"
CONTEXT = multiprocessing.get_context("spawn")


@pytest.fixture
def cell_file(tmp_path):
    """A simulated cell with a namespace and a domain of its own."""
    text = find_cell("sim_ur5e").read_text()
    text = text.replace("  arm: ur5e\n", "  arm: ur5e\n  namespace: left\n")
    text = text.replace("reach: machine", f"reach: machine\n  domain: {claim_domain()}")
    text = text.replace("size_px: [256, 192]", "size_px: [64, 48]")
    path = tmp_path / "left.yaml"
    path.write_text(text)
    return path


def first_motion_of_the_guide(cell_file):
    """Do what the guide does with a real arm; returns how far the tool went up."""
    code = next(iter(re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)))
    code = code.replace("my_cell.yaml", str(cell_file))
    said = {}

    def wait(words):
        robot, gone = said["robot"], time.monotonic() + 15.0
        for state in ("running", "hold"):
            while robot.status.state != state:
                assert time.monotonic() < gone
                time.sleep(0.02)
        said["end"] = robot.observe().arms[DEFAULT_ARM].T_base_tool.p[2]

    said["input"] = wait
    exec(code, said)
    return said["end"] - said["arm"].T_base_tool.p[2]


def test_a_cell_file_is_all_that_is_needed(cell_file, capfd):
    cell = load_cell(cell_file)
    processes = [
        CONTEXT.Process(target=run_sim_robot, args=(sim_setup(cell),)),
        CONTEXT.Process(target=run_gate, args=(gate_setup(cell),)),
    ]
    robot = Ros2Robot(robot_config(cell))
    try:
        for process in processes:
            process.start()
        patiently(robot.connect)
        found = refuse_unfit(self_test_setup(cell))
        assert {"camera front", "camera wrist", "one commander"} <= {one.what for one in found}
        assert main(["doctor", "--cell", str(cell_file), "--json"]) == 0
        answer = json.loads(capfd.readouterr().out.splitlines()[-1])
        assert answer["ok"]
        start = robot.observe(["front", "wrist"])
        assert start.cameras["wrist"].rgb.shape == (48, 64, 3)
        T = start.arms[DEFAULT_ARM].T_base_tool.matrix()
        times = 0.05 * np.arange(1.0, 17.0)
        poses = np.tile(T, (16, 1, 1))
        poses[:, 1, 3] += 0.1 * times
        # The doctor takes seconds, and the machine may stand still meanwhile.
        patiently(robot.resume)
        robot.command(single_arm_chunk(robot.clock.now_s() + times, poses, np.ones(16)))
        until_s = time.monotonic() + 10.0
        while abs(robot.observe().arms[DEFAULT_ARM].T_base_tool.p[1] - T[1, 3]) < 0.05:
            assert time.monotonic() < until_s
            time.sleep(0.05)
        robot.close()
        rose_m = first_motion_of_the_guide(cell_file)
        assert 0.015 < rose_m < 0.022
    finally:
        robot.close()
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(timeout=15.0)
            if process.is_alive():
                process.kill()
