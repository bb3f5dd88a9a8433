"""A cell file alone makes an arm that LeRobot drives work here: by hand, recorded, from code."""

import json
import time

import numpy as np
import pytest

pytest.importorskip("lerobot", reason="LeRobot is not installed")

from robot_skills.app.cell_robot import cell_robot, lerobot_follower, lerobot_map
from robot_skills.app.cells import find_cell, load_cell
from robot_skills.app.cli import main
from robot_skills.core.errors import ActionRefused, RefusedError, RobotFault, UnknownNameError
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from tests.fakeso101 import FakeSo101
from tests.plugins.hardware_plugins import write_hand


@pytest.fixture
def cell_file(tmp_path, monkeypatch):
    """The shipped cell with a fake arm, and without its webcam."""
    text = find_cell("so101").read_text().partition("cameras:")[0]
    text = text.replace("kind: so101_follower", "kind: fake_so101")
    monkeypatch.setattr(FakeSo101, "made", [])
    monkeypatch.setenv("HF_LEROBOT_CALIBRATION", str(tmp_path / "calibration"))
    path = tmp_path / "arm.yaml"
    path.write_text(text)
    return path


def edited(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_the_shipped_cell_is_an_so101_in_degrees():
    from hardware.teleop import SO101_MAP

    assert lerobot_map(load_cell("so101")) == SO101_MAP


def test_an_arm_of_a_cell_moves_within_the_cells_limits(cell_file):
    cell = load_cell(cell_file)
    robot = cell_robot(cell)
    assert robot.arms[DEFAULT_ARM] is cell.limits
    robot.connect()
    try:
        start = robot.observe().arms[DEFAULT_ARM]
        np.testing.assert_allclose(start.q_rad, np.deg2rad([0, 0, 0, 68.7, 0]), atol=1e-6)
        times = 0.05 * np.arange(1.0, 21.0)
        poses = np.tile(start.T_base_tool.matrix(), (20, 1, 1))
        poses[:, 2, 3] += 0.04 * times
        robot.command(single_arm_chunk(robot.clock.now_s() + times, poses, np.zeros(20)))
        until_s = time.monotonic() + 10.0
        while robot.observe().arms[DEFAULT_ARM].T_base_tool.p[2] < start.T_base_tool.p[2] + 0.03:
            assert time.monotonic() < until_s
            time.sleep(0.02)
        assert FakeSo101.made[-1].sent[-1]["gripper.pos"] < 50.0
        poses[:, 2, 3] = -0.3
        under = single_arm_chunk(robot.clock.now_s() + times, poses, np.zeros(20))
        with pytest.raises(ActionRefused):
            robot.command(under)
    finally:
        robot.close()
    assert not FakeSo101.made[-1].connected


def test_a_hand_moves_the_arm_of_a_cell_and_is_recorded(cell_file, tmp_path, capfd):
    hand = write_hand(tmp_path / "hand.jsonl", 6.0, y=lambda t: 0.04 * np.sin(2.0 * t))
    code = main(
        [
            *("record", "--robot", f"cell:{cell_file}", "--dataset", str(tmp_path / "data")),
            *("--device", "stream", "--stream", f"file:{hand}", "--task", "Wave"),
            *("--start-by-itself", "--seconds", "8", "--json", "--cameras"),
        ]
    )
    told = capfd.readouterr()
    assert code == 0, told.err
    pan = [action["shoulder_pan.pos"] for action in FakeSo101.made[-1].sent]
    assert np.ptp(pan) > 2.0
    assert json.loads(told.out.splitlines()[-1])["dataset"] == "data"


def test_the_doctor_looks_at_an_arm_of_lerobots(cell_file, capfd):
    edited(cell_file, "port: /dev/ttyACM0", "port: /dev/null")
    assert main(["doctor", "--cell", str(cell_file), "--json"]) == 1
    checks = {one["what"]: one for one in json.loads(capfd.readouterr().out)["checks"]}
    assert checks["driver"]["outcome"] == "good"
    assert "fake_so101" in checks["driver"]["detail"]
    assert checks["calibration"]["outcome"] == "bad"
    assert "lerobot-calibrate --robot.type=fake_so101" in checks["calibration"]["mend"]


def test_the_doctor_names_a_joint_that_the_driver_does_not_have(cell_file, capfd):
    edited(cell_file, "elbow_flex", "elbow")
    assert main(["doctor", "--cell", str(cell_file), "--json"]) == 1
    checks = {one["what"]: one for one in json.loads(capfd.readouterr().out)["checks"]}
    assert checks["driver"]["outcome"] == "bad"
    assert "elbow.pos" in checks["driver"]["detail"]


def test_what_lerobot_does_not_have_is_refused(cell_file):
    edited(cell_file, "kind: fake_so101", "kind: so102_follower")
    with pytest.raises(UnknownNameError, match="so101_follower"):
        cell_robot(load_cell(cell_file))


def test_an_arm_that_is_no_arm_on_a_port_is_refused(cell_file):
    edited(cell_file, "kind: fake_so101", "kind: robot_skills")
    with pytest.raises(RefusedError, match="takes no port"):
        cell_robot(load_cell(cell_file))


def test_an_arm_that_does_not_answer_is_told(cell_file):
    edited(cell_file, "port: /dev/ttyACM0", "port: /dev/nothing")
    with pytest.raises(RobotFault, match="no such port"):
        cell_robot(load_cell(cell_file)).connect()


def test_an_arm_of_ros_is_not_lerobots():
    with pytest.raises(RefusedError, match="not by LeRobot"):
        lerobot_follower(load_cell("ur5e_realsense"))


def test_pictures_of_another_size_are_refused_before_anything_moves(tmp_path, capfd):
    data = str(tmp_path / "data")
    code = main(["record", "--robot", "cell:so101", "--dataset", data, "--cameras", "front"])
    assert code == 2
    assert "--camera-px 640 480" in capfd.readouterr().err
