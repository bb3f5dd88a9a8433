"""Shipped cells are right, and become what the processes of a cell need."""

import json
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from hardware.cell.schema import CellError, RobotDriver
from hardware.safety_gate import GateCode
from robot_skills.app import doctor_cell
from robot_skills.app.cells import (
    find_cell,
    gate_setup,
    kinematics_maker,
    load_cell,
    robot_config,
    self_test_setup,
    shipped_cells,
    sim_setup,
)
from robot_skills.app.cli import main
from robot_skills.core.errors import RefusedError, UnknownNameError
from robot_skills.core.priority import RealTimeProcess
from sim.arms import ARMS
from sim.kinematics import kinematics_of
from sim.world import T_BASE_FRONT
from tests.sim.test_arm_models import URDF

WANTED = {
    "sim_panda",
    "sim_ur5e",
    "fr3_realsense",
    "panda_realsense",
    "ur5e_realsense",
    "xarm7_realsense",
    "gen3_realsense",
    "so101",
}


def test_the_cells_that_are_shipped():
    assert set(shipped_cells()) == WANTED


@pytest.mark.parametrize("name", sorted(WANTED))
def test_a_shipped_cell_is_right(name):
    cell = load_cell(name)
    assert cell.name == name
    assert not cell.judging.disabled
    tool = kinematics_maker(cell)().forward(np.array(cell.home_q_rad))
    limits = cell.limits.cartesian
    assert np.all(tool.p >= limits.workspace_lower_m)
    assert np.all(tool.p <= limits.workspace_upper_m)
    # The rest pose looks down on the table.
    assert tool.R[2, 2] < -0.9


@pytest.mark.parametrize("name", sorted(WANTED - {"so101"}))
def test_what_processes_need_can_be_sent_to_them(name):
    cell = load_cell(name)
    gate, config = (pickle.loads(pickle.dumps(make(cell))) for make in (gate_setup, robot_config))
    pickle.loads(pickle.dumps(self_test_setup(cell)))
    q = np.array(cell.home_q_rad)
    here = kinematics_maker(cell)().forward(q)
    for make in (gate.make_kinematics, config.make_kinematics):
        assert make().forward(q).allclose(here)
    assert gate.topics.joints == config.topics.joints == cell.robot.topics.joints
    assert len(gate.limits.joint.lower_rad) == len(gate.topics.joints)
    assert {camera.name for camera in config.cameras} == set(cell.cameras)


def test_a_simulated_cell_is_the_simulator_s(tmp_path):
    cell = load_cell("sim_panda")
    setup = pickle.loads(pickle.dumps(sim_setup(cell, seed=3)))
    assert (setup.arm, setup.seed, tuple(setup.cameras)) == ("panda", 3, ("front", "wrist"))
    assert cell.robot.topics.joints == ARMS["panda"].joints
    config = robot_config(cell)
    cameras = {camera.name: camera for camera in config.cameras}
    assert cameras["front"].T_mount_camera.allclose(T_BASE_FRONT)
    assert cameras["wrist"].on_tool
    q = np.array(ARMS["panda"].home_q_rad)
    mine = kinematics_maker(cell)().forward(q)
    assert mine.allclose(kinematics_of("panda").forward(q))
    assert gate_setup(cell).sensors == ("front", "wrist")


def test_a_real_arm_is_not_simulated_and_lerobot_has_no_topics():
    with pytest.raises(RefusedError, match="not simulated"):
        sim_setup(load_cell("ur5e_realsense"))
    so101 = load_cell("so101")
    assert so101.robot.driver is RobotDriver.LEROBOT
    assert so101.robot.lerobot.kind == "so101_follower"
    for make in (gate_setup, robot_config, self_test_setup):
        with pytest.raises(RefusedError, match="LeRobot"):
            make(so101)


def test_the_protective_stop_of_a_ur_is_watched():
    protective = gate_setup(load_cell("ur5e_realsense")).protective
    assert protective.name == "/io_and_status_controller/robot_program_running"
    assert protective.good


def edited(folder: Path, old: str, new: str, name: str = "ur5e_realsense") -> Path:
    text = find_cell(name).read_text()
    assert old in text
    path = folder / f"{name}.yaml"
    path.write_text(text.replace(old, new))
    return path


def test_a_cell_of_a_user_is_found_by_its_path(tmp_path):
    path = edited(tmp_path, "velocity_rad_s: 1.0", "velocity_rad_s: 0.5")
    cell = load_cell(str(path))
    np.testing.assert_allclose(cell.limits.joint.velocity_rad_s, 0.5)


def test_looser_limits_than_the_data_sheet_are_refused(tmp_path):
    path = edited(tmp_path, "velocity_rad_s: 1.0", "velocity_rad_s: 4.0")
    with pytest.raises(CellError, match=r"elbow_joint: 4 rad/s .* 3\.14159 rad/s") as refused:
        load_cell(path)
    assert len(refused.value.mistakes) == 6


def test_an_arm_from_a_file(tmp_path):
    (tmp_path / "two.urdf").write_text(URDF)
    cell_file = tmp_path / "two.yaml"
    text = """
name: two
robot:
  driver: ros2_control
  model: {file: two.urdf, base: base, tool: hand}
  joints: [shoulder, elbow]
  controller: {kind: joint_trajectory, topic: /arm/joint_trajectory}
  T_flange_tool: {xyz: [0, 0, 0.1], wxyz: [1, 0, 0, 0]}
limits: {velocity_rad_s: [1, 2], acceleration_rad_s2: 5}
"""
    cell_file.write_text(text)
    cell = load_cell(cell_file)
    np.testing.assert_allclose(cell.limits.joint.velocity_rad_s, [1.0, 2.0])
    np.testing.assert_allclose(cell.limits.joint.upper_rad, [2.0, 1.5])
    made = pickle.loads(pickle.dumps(gate_setup(cell))).make_kinematics()
    assert made.forward(np.zeros(2)).p[2] > 0.4
    for change, words in (
        (("two.urdf", "too.urdf"), "there is no file"),
        (("acceleration_rad_s2: 5", ""), "needs acceleration_rad_s2"),
        (("tool: hand", "tool: hnd"), "Did you mean 'hand'?"),
    ):
        cell_file.write_text(text.replace(*change))
        with pytest.raises(CellError) as refused:
            load_cell(cell_file)
        assert words in str(refused.value)


def test_an_unknown_cell_is_told_with_the_nearest():
    with pytest.raises(UnknownNameError, match="'ur5e_realsense'"):
        load_cell("ur5e_realsens")


# The doctor


def test_the_doctor_checks_a_file_without_ros(capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "rclpy", None)
    assert main(["doctor", "--cell", "ur5e_realsense", "--json"]) == 0
    answer = json.loads(capfd.readouterr().out)
    checks = {check["what"]: check for check in answer["checks"]}
    assert answer["ok"]
    assert answer["cell"] == "ur5e_realsense"
    assert checks["ROS 2"]["outcome"] == "unknown"
    assert "only the file was checked" in checks["ROS 2"]["detail"]
    assert checks["rest pose"]["outcome"] == "good"


@pytest.mark.parametrize(
    ("before", "allowed", "told"),
    [
        ([], True, "nobody comes before"),
        ([], False, "limits.conf"),
        ([RealTimeProcess(pid=7, name="encoder", priority=99)], True, "encoder (process 7, 99)"),
    ],
)
def test_the_doctor_says_who_comes_before_the_gate(capfd, monkeypatch, before, allowed, told):
    monkeypatch.setattr(doctor_cell, "real_time_processes", lambda above: before)
    monkeypatch.setattr(doctor_cell, "real_time_allowed", lambda: allowed)
    assert main(["doctor", "--cell", "ur5e_realsense", "--offline"]) == 0
    lines = capfd.readouterr().out.splitlines()
    at = next(i for i, line in enumerate(lines) if "  real time " in line)
    assert told in " ".join(lines[at : at + 2])


def test_the_doctor_names_what_is_missing(capfd):
    code = main(["doctor", "--cell", "so101", "--json"])
    answer = json.loads(capfd.readouterr().out)
    arm = next(check for check in answer["checks"] if check["what"] == "arm")
    assert (arm["outcome"] == "bad") == (not Path("/dev/ttyACM0").exists())
    assert code == (0 if answer["ok"] else 1)
    assert all(check["mend"] for check in answer["checks"] if check["outcome"] == "bad")


def test_the_doctor_refuses_a_wrong_file(tmp_path, capfd):
    path = edited(tmp_path, "arm: ur5e", "arm: ur5")
    assert main(["doctor", "--cell", str(path)]) == 2
    told = capfd.readouterr().err
    assert f"{path}:" in told
    assert "Did you mean 'ur5e'?" in told
    assert "Traceback" not in told


def test_checks_that_are_off_are_named(tmp_path, capfd):
    path = edited(tmp_path, "limits:\n", "safety: {disabled: [workspace]}\nlimits:\n")
    assert load_cell(path).judging.disabled == {GateCode.WORKSPACE}
    assert main(["doctor", "--cell", str(path), "--offline"]) == 0
    assert "turned off: workspace" in capfd.readouterr().out


def test_a_rest_pose_outside_the_workspace_fails(tmp_path, capfd):
    path = edited(tmp_path, "[0.20, -0.50, 0.0]", "[0.50, -0.50, 0.0]")
    assert main(["doctor", "--cell", str(path), "--offline"]) == 1
    assert "outside the cell's workspace" in capfd.readouterr().out
