"""Cell files: what is right is read, and what is wrong is told with its line, all at once."""

import numpy as np
import pytest

from hardware.cell.schema import CameraDriver, CellError, Mount, RobotDriver
from hardware.ros2.arm_link import Controller
from hardware.ros2.transport import Reach
from hardware.safety_gate import GateCode
from tests.hardware.cell.station import JOINTS, TEXT, cell_of


def mistakes(folder, text):
    with pytest.raises(CellError) as refused:
        cell_of(folder, text)
    return refused.value.mistakes


def changed(old, new):
    assert old in TEXT
    return TEXT.replace(old, new)


def line_of(text, word):
    return next(i for i, line in enumerate(text.splitlines(), 1) if word in line)


def test_a_file_becomes_a_cell(tmp_path):
    cell = cell_of(tmp_path)
    assert cell.name == "small"
    assert cell.robot.driver is RobotDriver.ROS2_CONTROL
    assert cell.robot.topics.joints == JOINTS
    assert cell.robot.topics.controller is Controller.POSITION
    assert cell.robot.topics.command == "/arm_controller/commands"
    assert cell.robot.protective.name == "/program_running"
    np.testing.assert_allclose(cell.robot.T_flange_tool.p, [0.0, 0.0, 0.1])
    np.testing.assert_allclose(cell.limits.joint.velocity_rad_s, [1.0, 1.0, 0.5])
    np.testing.assert_allclose(cell.limits.joint.acceleration_rad_s2, 10.0)
    assert cell.home_q_rad == (0.0, 0.5, 0.0)
    front = cell.cameras["front"]
    assert front.driver is CameraDriver.ROS
    assert front.mount is Mount.BASE
    assert front.topics()[0] == "front/color/image_raw"
    assert cell.network.reach is Reach.MACHINE
    assert cell.place_of("robot.arm").endswith(f"small.yaml:{line_of(TEXT, 'arm: small')}")
    assert cell.place_of("robot.arm.nothing") == cell.place_of("robot.arm")


def test_a_pose_may_be_a_matrix(tmp_path):
    matrix = "[[0, -1, 0, 0.1], [1, 0, 0, 0], [0, 0, 1, 0.2], [0, 0, 0, 1]]"
    text = changed("{xyz: [0.0, 0.0, 0.1], wxyz: [1.0, 0.0, 0.0, 0.0]}", f"{{matrix: {matrix}}}")
    T = cell_of(tmp_path, text).robot.T_flange_tool
    np.testing.assert_allclose(T.matrix()[0], [0.0, -1.0, 0.0, 0.1], atol=1e-12)


def test_safety_is_read(tmp_path):
    safety = "\nsafety: {period_s: 0.02, state_hold_s: 0.1, disabled: [workspace, jump_not]}\n"
    told = mistakes(tmp_path, TEXT + safety)
    assert len(told) == 1
    assert "Unknown disabled 'jump_not'" in told[0]
    cell = cell_of(tmp_path, (TEXT + safety).replace(", jump_not", ""))
    assert cell.motion.period_s == 0.02
    assert cell.judging.disabled == {GateCode.WORKSPACE}


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("arm: small", "arm: smal", "arm: smal", "Did you mean 'small'?"),
        ("driver: ros2_control", "driver: ros2_contrl", "driver: ros2_contrl", "'ros2_control'?"),
        ("kind: forward_position", "kind: forward", "kind: forward", "'forward_position'?"),
        ("joint_states:", "joint_state:", "joint_state:", "Did you mean 'joint_states'?"),
        ("name: small", "name: small\nrobots: 1", "robots", "Did you mean 'robot'?"),
        ("name: small", "nam: small", "nam", "Did you mean 'name'?"),
        ("elbow_joint, hand_joint", "elbow_joint", "joints:", "has 3 joints, base to tip; 2"),
        ("elbow_joint, hand", "elbow_joint, elbow_joint, hand", "joints:", "twice"),
        ("/joint_states", "/joint states", "joint_states", "not a name of ROS"),
        ("{xyz: [0.0, 0.0, 0.1], ", "{xyz: [0.0, 0.0, 100.0], ", "T_flange_tool", "millimetres"),
        ("wxyz: [1.0, 0.0, 0.0, 0.0]", "wxyz: [1.0, 1.0, 0.0, 0.0]", "T_flange_tool", "1.4142"),
        ("[1.0, 1.0, 0.5]", "[1.0, 1.0]", "velocity", "needs 3 numbers, has 2"),
        ("[1.0, 1.0, 0.5]", "[1.0, fast, 0.5]", "velocity", "'fast' is no number"),
        ("[1.0, 1.0, 0.5]", "[1.0, nan, 0.5]", "velocity", "outside"),
        ("size_px: [64, 48]", "size_px: [64, 4800000]", "size_px", "[16, 8192] px"),
        ("31.5, 23.5]", "131.5, 23.5]", "lens_px", "outside the picture"),
        ("23.5]\n", "23.5]\n    distortion: [0.1, 0.0]\n", "distortion", "needs 5 numbers, has 2"),
        ("23.5]\n", "23.5]\n    distortion: [0, 0, 0, 0, 99]\n", "distortion", "outside"),
        ("23.5]\n", "23.5]\n    distortion: [0, .nan, 0, 0, 0]\n", "distortion", "number"),
        ("23.5]\n", "23.5]\n    clean_depth: perhaps\n", "clean_depth", "neither true nor false"),
        ("23.5]\n", "23.5]\n    frozen_frames: 1\n", "frozen_frames", "2 or more"),
        ("23.5]\n", "23.5]\n    frozen_frames: -3\n", "frozen_frames", "outside"),
        ("23.5]\n", "23.5]\n    frozen_frames: 2.5\n", "frozen_frames", "whole number"),
        ("driver: ros\n", "driver: ross\n", "driver: ross", "'ros'?"),
        ("driver: ros\n", "driver: sim\n", "driver: sim", "needs a simulated arm"),
        ("driver: ros\n", "driver: ros\n    serial: 42\n", "serial", "of driver realsense"),
        ("good: true", "good: maybe", "protective_stop", "neither true nor false"),
        ("good: true}", "good: true}\n  home_q_rad: [0, 3, 0]", "home_q_rad", "elbow_joint at 3"),
        ("good: true}", "good: true}\n  arm: small", "arm: small", "given twice"),
        ("good: true}", "good: true}\n  twin: 3", "twin: 3", "stands in for a real arm"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, old, new, line, words):
    text = changed(old, new)
    told = mistakes(tmp_path, text)
    mine = [mistake for mistake in told if words in mistake]
    assert mine, told
    lines = [i for i, row in enumerate(text.splitlines(), 1) if line in row]
    assert any(f"small.yaml:{i}:" in mine[0] for i in lines), (mine, lines)


@pytest.mark.parametrize(
    ("limits", "numbers"),
    [
        ("velocity_rad_s: [1.0, 2.5, 0.5]", ("elbow_joint: 2.5 rad/s", "the 2 rad/s")),
        ("acceleration_rad_s2: 11", ("base_joint: 11 rad/s2", "the 10 rad/s2")),
        ("jerk_rad_s3: 600", ("hand_joint: 600 rad/s3", "the 500 rad/s3")),
        ("lower_rad: [-2, -2.2, -2]", ("elbow_joint: -2.2 rad", "the -2 rad")),
        ("upper_rad: [2, 2.2, 2]", ("elbow_joint: 2.2 rad", "the 2 rad")),
        ("tool_speed_m_s: 1.5", ("1.5 m/s", "the 1 m/s")),
        ("workspace_upper_m: [0.5, 0.5, 1.2]", ("z: 1.2 m", "the 1 m")),
    ],
)
def test_a_cell_may_only_tighten(tmp_path, limits, numbers):
    told = mistakes(tmp_path, changed("velocity_rad_s: [1.0, 1.0, 0.5]", limits))
    assert all("may only tighten" in mistake for mistake in told)
    assert any(all(number in mistake for number in numbers) for mistake in told), told


def test_all_mistakes_are_told_at_once_in_order(tmp_path):
    text = (
        changed("arm: small", "arm: smal")
        .replace("good: true", "good: maybe")
        .replace("size_px: [64, 48]", "size: [64, 48]")
    )
    with pytest.raises(CellError, match="has 3 mistakes") as refused:
        cell_of(tmp_path, text)
    lines = [int(told.split(":")[1]) for told in refused.value.mistakes]
    assert lines == sorted(lines)
    assert len(lines) == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("- 1\n- 2\n", "needs fields"),
        ("name: [\nrobot: 1\n", ":3:"),
        ("name: small\nrobot: 3\n", "robot: needs fields"),
        ("name: &a [*a]\n", "name"),
        ("!!python/object/apply:os.system ['true']", "needs fields"),
    ],
)
def test_what_is_no_cell_file_is_refused(tmp_path, text, words):
    assert any(words in told for told in mistakes(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path):
    from hardware.cell.read import read_cell
    from tests.hardware.cell.station import sheet_of

    with pytest.raises(CellError, match="No such file"):
        read_cell(tmp_path / "none.yaml", sheet_of)
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(CellError):
        read_cell(tmp_path / "bytes.yaml", sheet_of)


def test_a_lens_that_distorts_is_read_and_only_where_it_makes_sense(tmp_path):
    told = "    distortion: [-0.3, 0.1, 0.001, 0.0, 0.02]\n    frozen_frames: 0\n"
    camera = cell_of(tmp_path, changed("23.5]\n", f"23.5]\n{told}")).cameras["front"]
    assert camera.distortion == (-0.3, 0.1, 0.001, 0.0, 0.02)
    assert camera.frozen_frames is None
    realsense = changed("23.5]\n", f"23.5]\n{told}").replace("driver: ros\n", "driver: realsense\n")
    found = "\n".join(mistakes(tmp_path, realsense))
    assert "distortion" in found
    assert "of realsense it is known" in found
    bare = changed("    lens_px: [60.0, 60.0, 31.5, 23.5]\n", told)
    assert any("give 'lens_px' as well" in one for one in mistakes(tmp_path, bare))
