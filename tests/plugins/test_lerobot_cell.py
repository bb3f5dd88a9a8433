"""A cell file alone says which arm LeRobot's commands move."""

import json
import os

import numpy as np
import pytest

pytest.importorskip("lerobot", reason="LeRobot is not installed")

from hardware.lerobot_actions import TOOL_KEYS
from robot_skills.app.cells import find_cell
from robot_skills.core.errors import UnknownNameError
from tests.fakeso101 import FakeSo101
from tests.plugins.hardware_plugins import install_all, lerobot, write_hand
from tests.ros_domain import claim_domain

Y = TOOL_KEYS.index("tool.y.pos")


def make(**settings):
    from lerobot_robot_robot_skills import RobotSkillsRobot, RobotSkillsRobotConfig

    return RobotSkillsRobot(RobotSkillsRobotConfig(id="test", **settings))


def test_an_arm_that_lerobot_drives_comes_back_to_lerobot_behind_a_gate(tmp_path, monkeypatch):
    monkeypatch.setattr(FakeSo101, "made", [])
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path))
    text = find_cell("so101").read_text().partition("cameras:")[0]
    path = tmp_path / "arm.yaml"
    path.write_text(text.replace("kind: so101_follower", "kind: fake_so101"))
    robot = make(cell=str(path), calibration_dir=tmp_path)
    robot.connect()
    try:
        seen = robot.get_observation()
        joints = [seen[f"joint{i}.pos"] for i in range(1, 6)]
        np.testing.assert_allclose(np.rad2deg(joints), [0, 0, 0, 68.7, 0], atol=1e-4)
        stay = {key: seen[key] for key in TOOL_KEYS}
        sent = robot.send_action(stay)
        assert sent["tool.z.pos"] == pytest.approx(seen["tool.z.pos"], abs=1e-3)
        below = robot.send_action(stay | {"tool.z.pos": -0.5})
        assert below["tool.z.pos"] > 0.0
    finally:
        robot.disconnect()
    assert not FakeSo101.made[-1].connected


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"source": "cell"}, "needs robot.cell"),
        ({"cell": "sim_panda", "source": "ros"}, "leave out robot.source"),
        ({"cell": "sim_panda", "arm": "ur5e", "seed": 3}, r"leave out robot.arm, robot.seed"),
    ],
)
def test_what_a_cell_says_is_not_said_twice(settings, reason, tmp_path):
    with pytest.raises(ValueError, match=reason):
        make(calibration_dir=tmp_path, **settings)


def test_a_cell_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="sim_panda"):
        make(cell="sim_pandas", calibration_dir=tmp_path)


def test_lerobot_records_a_cell_over_dds(tmp_path, monkeypatch):
    pytest.importorskip("robot_skills_interfaces", reason="messages of ROS 2 are not built")
    from lerobot.datasets import LeRobotDataset

    from robot_skills.app.cells import gate_setup, load_cell, sim_setup
    from tests.app.test_two_arms import CONTEXT, run_gate, run_sim_robot

    monkeypatch.setenv("ROS_DOMAIN_ID", os.environ.get("ROS_DOMAIN_ID", ""))
    text = find_cell("sim_panda").read_text().replace("[256, 192]", "[64, 48]")
    text = text.replace("reach: machine", f"reach: machine\n  domain: {claim_domain()}")
    path = tmp_path / "cell.yaml"
    path.write_text(text)
    cell = load_cell(path)
    processes = [
        CONTEXT.Process(target=run_sim_robot, args=(sim_setup(cell),)),
        CONTEXT.Process(target=run_gate, args=(gate_setup(cell),)),
    ]
    settings = {
        "robot.type": "robot_skills",
        "robot.cell": path,
        "robot.views": json.dumps(["front"]),
        "robot.calibration_dir": tmp_path,
        "teleop.type": "robot_skills",
        "teleop.device": "file",
        "teleop.path": write_hand(tmp_path / "hand.jsonl", 120.0),
        "teleop.calibration_dir": tmp_path,
        "dataset.repo_id": "nobody/cell",
        "dataset.root": tmp_path / "data",
        "dataset.fps": 20,
        "dataset.single_task": "Move the hand",
        "dataset.num_episodes": 1,
        "dataset.episode_time_s": 5,
        "dataset.push_to_hub": "false",
        "play_sounds": "false",
    }
    try:
        for process in processes:
            process.start()
        site = install_all(tmp_path / "plugins")
        lerobot(site, tmp_path / "home", "lerobot-record", settings, ros=True)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(timeout=15.0)
            if process.is_alive():
                process.kill()
    recorded = LeRobotDataset("nobody/cell", root=tmp_path / "data")
    frames = [recorded[i] for i in range(len(recorded))]
    assert len(frames) >= 10
    states = np.stack([np.asarray(frame["observation.state"]) for frame in frames])
    actions = np.stack([np.asarray(frame["action"]) for frame in frames])
    assert np.ptp(actions[:, Y]) > 0.02
    assert np.ptp(states[:, Y - len(TOOL_KEYS)]) > 0.015
    depth_mm = np.asarray(frames[-1]["observation.images.front_depth"])
    assert depth_mm.shape == (1, 48, 64)
    assert 300 < np.median(depth_mm) < 2500
