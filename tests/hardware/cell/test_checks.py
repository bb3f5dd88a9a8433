"""Checks of a cell, each on what might be heard."""

import numpy as np
import pytest

from hardware.cell.camera_checks import HeardCamera, check_camera
from hardware.cell.checks import (
    Endpoint,
    HeardArm,
    check_commanders,
    check_controller,
    check_limits,
    check_names,
    check_order,
    check_protective,
    check_rate,
    check_start,
    check_units,
)
from hardware.cell.findings import Outcome
from hardware.cell.urdf import base_to_tip, described_joints
from robot_skills.core.errors import RefusedError
from tests.hardware.cell.station import JOINTS, TEXT, cell_of, urdf_of

K = np.array([[60.0, 0.0, 31.5], [0.0, 60.0, 23.5], [0.0, 0.0, 1.0]])
POSITIONS = "std_msgs/msg/Float64MultiArray"
TRAJECTORIES = "trajectory_msgs/msg/JointTrajectory"


@pytest.fixture
def cell(tmp_path):
    return cell_of(tmp_path)


def heard(q, rate_hz=100.0, names=JOINTS):
    return HeardArm(names=names, q_rad=dict(zip(names, q, strict=True)), rate_hz=rate_hz)


def camera_of(cell, **changes):
    usual = {"pictures": (64, 48), "depths": (64, 48), "info_px": (64, 48), "K": K}
    return check_camera(cell, cell.cameras["front"], HeardCamera(**{**usual, **changes}))


@pytest.mark.parametrize(
    ("q", "degrees"),
    [
        ((0.5, -0.3, 1.9), False),
        ((90.0, -45.0, 10.0), True),
        # A few degrees are radians that are possible; nobody can tell.
        ((1.0, 1.5, -1.2), False),
        # As degrees, these are outside as well: not degrees, but a broken driver.
        ((90.0, -45.0, 4000.0), False),
    ],
)
def test_degrees_are_told_from_radians(cell, q, degrees):
    finding = check_units(cell, heard(q))
    assert finding.ok is not degrees
    if degrees:
        assert "base_joint is at 90.0" in finding.detail
    assert check_start(cell, heard(q)).ok is bool(np.abs(q).max() <= 2.0)


def test_positions_that_are_no_numbers(cell):
    finding = check_units(cell, heard((0.0, np.nan, 0.0)))
    assert not finding.ok
    assert finding.detail == "elbow_joint are not finite"


def test_only_names_that_are_free_are_offered(cell):
    finding = check_names(cell, heard((0.0, 0.0, 0.0), names=("base_joint", "elbow", "hand_joint")))
    assert not finding.ok
    assert "Did you mean 'elbow'?" in finding.detail


def test_names_without_positions(cell):
    finding = check_names(cell, HeardArm(names=JOINTS, q_rad={"base_joint": 0.0}, rate_hz=50.0))
    assert not finding.ok
    assert "names elbow_joint, hand_joint without telling" in finding.detail


def test_trajectories_name_their_joints_in_any_order(tmp_path):
    turned = (JOINTS[1], JOINTS[0], JOINTS[2])
    assert not check_order(cell_of(tmp_path), None, turned).ok
    text = TEXT.replace("kind: forward_position", "kind: joint_trajectory")
    cell = cell_of(tmp_path, text)
    assert check_order(cell, None, turned).outcome is Outcome.GOOD
    other = check_order(cell, None, ("a", "b", "c"))
    assert not other.ok
    assert "moves a, b, c" in other.detail
    assert check_order(cell, None, None).outcome is Outcome.UNKNOWN


def test_speeds_above_those_of_the_description(cell):
    finding = check_limits(cell, described_joints(urdf_of(velocity=0.8)))
    assert not finding.ok
    assert "base_joint: speed 1.000 rad/s, the driver has 0.800" in finding.detail
    assert "hand_joint" not in finding.detail
    assert check_limits(cell, described_joints(urdf_of())).outcome is Outcome.GOOD
    missing = check_limits(cell, described_joints(urdf_of(("base_joint", "elbow", "hand_joint"))))
    assert "has no elbow_joint" in missing.detail


def test_descriptions_are_read_whatever_they_are():
    turned = (JOINTS[2], JOINTS[0], JOINTS[1])
    assert base_to_tip(described_joints(urdf_of(turned)), JOINTS) == turned
    with pytest.raises(RefusedError, match="cannot be read"):
        described_joints("<robot>")
    endless = (
        '<robot><joint name="a" type="continuous"><parent link="x"/><child link="y"/>'
        '<limit lower="-1" upper="1" velocity="2"/></joint>'
        '<joint name="b" type="fixed"><parent link="y"/><child link="x"/></joint></robot>'
    )
    found = described_joints(endless)
    assert found["a"].lower_rad is None
    assert found["a"].velocity_rad_s == 2.0
    assert set(base_to_tip(found, ["a", "b"])) == {"a", "b"}


def test_a_controller_of_another_kind(cell):
    topic = "/arm_controller/commands"
    wrong = [Endpoint(node="/arm_controller", kind=TRAJECTORIES)]
    finding = check_controller(cell, topic, POSITIONS, wrong, {})
    assert not finding.ok
    assert TRAJECTORIES in finding.detail
    assert "forward_position" in finding.detail
    right = [Endpoint(node="/arm_controller", kind=POSITIONS)]
    assert check_controller(cell, topic, POSITIONS, right, {}).ok


def test_the_gate_may_command_once():
    gate, other = (Endpoint(node=name, kind=POSITIONS) for name in ("/gate", "/servo_node"))
    assert check_commanders("/c", [], ["/gate"]).ok
    assert check_commanders("/c", [gate], ["/gate"]).ok
    assert "/servo_node" in check_commanders("/c", [gate, other], ["/gate"]).detail
    assert not check_commanders("/c", [gate, gate], ["/gate"]).ok


def test_states_that_come_too_slowly(cell):
    assert check_rate(cell, heard((0, 0, 0), rate_hz=30.0)).ok
    slow = check_rate(cell, heard((0, 0, 0), rate_hz=20.0))
    assert not slow.ok
    assert "/joint_states" in slow.detail


def test_arms_that_do_not_tell_their_stops(tmp_path):
    text = "\n".join(row for row in TEXT.splitlines() if "protective_stop" not in row)
    assert check_protective(cell_of(tmp_path, text), None).outcome is Outcome.UNKNOWN
    assert not check_protective(cell_of(tmp_path), None).ok
    assert not check_protective(cell_of(tmp_path), False).ok
    assert check_protective(cell_of(tmp_path), True).ok


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pictures": None}, "nothing came on front/color/image_raw"),
        ({"depths": None}, "nothing came on front/aligned_depth_to_color/image_raw"),
        ({"info_px": None}, "nothing came on front/color/camera_info"),
        ({"depths": (32, 24)}, "front/aligned_depth_to_color/image_raw 32 x 24"),
        ({"info_px": (128, 96)}, "front/color/camera_info 128 x 96"),
        ({"K": None, "problem": "it is distorted"}, "it is distorted"),
        ({"K": K, "problem": "other coefficients"}, "other coefficients"),
        ({"K": 2.0 * K}, "far from the middle of a picture of 64 x 48"),
        ({"K": 0.5 * K}, "far from the middle"),
        ({"K": K * [[1.05], [1.05], [1.0]]}, "the cell says 60, 60, 31.5, 23.5"),
        ({"K": K + np.array([[0, 0, 8], [0, 0, 0], [0, 0, 0]])}, "cx 39.5"),
    ],
)
def test_cameras_that_do_not_fit(cell, changes, words):
    finding = camera_of(cell, **changes)
    assert not finding.ok
    assert words in finding.detail
    assert finding.mend


def test_a_camera_that_fits_and_one_without_depth(tmp_path):
    assert camera_of(cell_of(tmp_path)).ok
    text = TEXT.replace("driver: ros\n", "driver: uvc\n    device: /dev/video0\n")
    cell = cell_of(tmp_path, text)
    assert camera_of(cell, depths=None).ok
    assert "bringup --cell small" in camera_of(cell, pictures=None).mend
