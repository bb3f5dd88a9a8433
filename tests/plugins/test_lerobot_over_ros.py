"""LeRobot records an arm behind ROS topics and its gate, each in a process of its own, over DDS."""

import json
import os

import numpy as np
import pytest

pytest.importorskip("lerobot", reason="LeRobot is not installed")
pytest.importorskip("rclpy", reason="ROS 2 is not installed")
pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")

from hardware.lerobot_actions import TOOL_KEYS
from robot_skills.app.nodes.sim_robot import GRIPPER_JOINT
from robot_skills.core.se3 import matrix_to_wxyz
from sim.world import T_BASE_FRONT
from tests.hardware.ros2.test_gated_arm import CellProcesses
from tests.plugins.hardware_plugins import install_all, lerobot, write_hand
from tests.ros_domain import claim_domain

Y = TOOL_KEYS.index("tool.y.pos")


@pytest.fixture
def cell(monkeypatch):
    monkeypatch.setenv("ROS_DOMAIN_ID", os.environ.get("ROS_DOMAIN_ID", ""))
    claim_domain()
    made = CellProcesses()
    try:
        yield made
    finally:
        made.end()


# A cell file stands for most of these settings by default: tests/plugins/test_lerobot_cell.py.
@pytest.mark.slow
def test_lerobot_records_depth_and_moves_an_arm_over_ros(cell, tmp_path):
    from lerobot.datasets import LeRobotDataset

    site = install_all(tmp_path / "plugins")
    hand = write_hand(tmp_path / "hand.jsonl", 120.0)
    front = {
        "width": 64,
        "height": 48,
        "p_m": T_BASE_FRONT.p.tolist(),
        "wxyz": matrix_to_wxyz(T_BASE_FRONT.R).tolist(),
    }
    settings = {
        "robot.type": "robot_skills",
        "robot.source": "ros",
        "robot.calibration_dir": tmp_path,
        "robot.ros.gripper": "position",
        "robot.ros.gripper_name": "gripper_position_controller/commands",
        "robot.ros.gripper_joint": GRIPPER_JOINT,
        "robot.ros.gripper_open": 1.0,
        "robot.ros.gripper_closed": 0.0,
        "robot.ros.views": json.dumps({"front": front}),
        "teleop.type": "robot_skills",
        "teleop.device": "file",
        "teleop.path": hand,
        "teleop.calibration_dir": tmp_path,
        "dataset.repo_id": "nobody/over_ros",
        "dataset.root": tmp_path / "data",
        "dataset.fps": 20,
        "dataset.single_task": "Move the hand",
        "dataset.num_episodes": 1,
        "dataset.episode_time_s": 5,
        "dataset.push_to_hub": "false",
        "play_sounds": "false",
    }
    lerobot(site, tmp_path / "home", "lerobot-record", settings, ros=True)
    recorded = LeRobotDataset("nobody/over_ros", root=tmp_path / "data")
    frames = [recorded[i] for i in range(len(recorded))]
    assert len(frames) >= 10
    states = np.stack([np.asarray(frame["observation.state"]) for frame in frames])
    actions = np.stack([np.asarray(frame["action"]) for frame in frames])
    assert np.ptp(actions[:, Y]) > 0.02
    assert np.ptp(states[:, Y - len(TOOL_KEYS)]) > 0.015
    depth_mm = np.asarray(frames[-1]["observation.images.front_depth"])
    assert depth_mm.shape == (1, 48, 64)
    assert 300 < np.median(depth_mm) < 2500
