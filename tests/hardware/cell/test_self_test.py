"""The test before anything may move, over real DDS, against a driver that does things wrong."""

import sys

import pytest

from hardware.cell.findings import Outcome
from hardware.cell.self_test import SelfTestSetup, refuse_unfit, self_test
from robot_skills.core.errors import RobotFault
from tests.hardware.cell.station import JOINTS, TEXT, FakeDriver, cell_of, urdf_of
from tests.ros_domain import claim_domain


@pytest.fixture
def domain():
    """A domain of ROS that no other tests use."""
    pytest.importorskip("rclpy", reason="ROS 2 is not installed")
    return claim_domain()


def examined(folder, domain, text=TEXT, commanders=()):
    """Findings by check."""
    cell = cell_of(folder, f"{text}\nnetwork: {{domain: {domain}}}\n")
    setup = SelfTestSetup(cell=cell, commanders=commanders, patience_s=4.0, listen_s=1.0)
    return {finding.what: finding for finding in self_test(setup)}


def failed(found):
    return {what for what, finding in found.items() if finding.outcome is Outcome.BAD}


def test_a_cell_that_is_what_its_file_says(tmp_path, domain):
    with FakeDriver(domain, urdf=urdf_of(), commanders=("gate",)) as driver:
        found = examined(tmp_path, domain, commanders=("/gate",))
    assert not failed(found), found
    # The states come tip first; the names tell them apart.
    assert all(finding.outcome is Outcome.GOOD for finding in found.values()), found
    assert len(found) == 11
    assert driver.commands == []


def test_degrees_a_stop_strangers_and_another_camera(tmp_path, domain):
    driver = FakeDriver(
        domain,
        q=dict(zip(JOINTS, (10.0, 90.0, -30.0), strict=True)),
        rate_hz=10.0,
        controlled=(JOINTS[0], JOINTS[2], JOINTS[1]),
        running=False,
        lens=(90.0, 90.0, 31.5, 23.5),
        commanders=("joystick", "gate"),
    )
    with driver:
        found = examined(tmp_path, domain, commanders=("/gate",))
    assert failed(found) == {
        "joint order",
        "units",
        "rate of states",
        "one commander",
        "protective stop",
        "camera front",
    }
    assert "hand_joint, elbow_joint, in this order" in found["joint order"].detail
    assert "degrees: elbow_joint is at 90.0" in found["units"].detail
    assert "/joystick" in found["one commander"].detail
    assert "/gate" not in found["one commander"].detail
    assert "/program_running says false" in found["protective stop"].detail
    assert "fx 90.0" in found["camera front"].detail
    assert found["limits"].outcome is Outcome.UNKNOWN
    assert all(found[what].mend for what in failed(found))


def test_an_unknown_controller_no_info_a_pose_outside_and_looser_limits(tmp_path, domain):
    q = dict(zip(JOINTS, (0.0, 2.4, 0.0), strict=True))
    text = TEXT.replace("/arm_controller/commands", "/arm_controler/commands")
    with FakeDriver(
        domain, q=q, urdf=urdf_of((JOINTS[1], JOINTS[0], JOINTS[2]), reach=1.5), lens=None
    ):
        found = examined(tmp_path, domain, text)
    assert failed(found) == {
        "joint order",
        "start pose",
        "limits",
        "controller",
        "camera front",
    }
    assert "from base to tip the arm has elbow_joint, base_joint" in found["joint order"].detail
    assert found["start pose"].detail.startswith("elbow_joint is at 2.400 rad")
    assert "hand_joint: lowest -2.000 rad, the driver has -1.500" in found["limits"].detail
    assert "Did you mean '/arm_controller/commands'?" in found["controller"].detail
    assert found["camera front"].detail == "nothing came on front/color/camera_info"


def test_two_gates_are_one_too_many(tmp_path, domain):
    with FakeDriver(domain, commanders=("gate", "gate")):
        found = examined(tmp_path, domain, commanders=("/gate",))
    assert failed(found) == {"one commander"}
    assert "/gate, /gate" in found["one commander"].detail


def test_joints_that_nobody_tells(tmp_path, domain):
    q = {"base_joint": 0.0, "elbow": 0.0, "hand_joint": 0.0}
    with FakeDriver(domain, q=q, running=None):
        found = examined(tmp_path, domain)
    assert failed(found) == {"joint names", "protective stop"}
    assert "does not tell elbow_joint" in found["joint names"].detail
    assert "Did you mean 'elbow'?" in found["joint names"].detail
    assert "nothing came on /program_running" in found["protective stop"].detail


def test_another_domain_and_what_is_visible_here(tmp_path, domain):
    text = TEXT.replace("joint_states: /joint_states", "joint_states: /arm/joint_states")
    with FakeDriver(domain):
        here = examined(tmp_path, domain, text)["connection"]
        # Tests claim theirs from 20 on.
        empty = 1 + domain % 10
        elsewhere = examined(tmp_path, empty)["connection"]
    assert not here.ok
    assert f"domain {domain}" in here.detail
    assert "/driver" in here.detail
    assert "joint states on /joint_states" in here.detail
    assert not elsewhere.ok
    assert f"domain {empty}" in elsewhere.detail
    assert "nobody is there" in elsewhere.detail
    assert "ROS_DOMAIN_ID" in elsewhere.mend


def test_without_ros_nothing_may_move(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rclpy", None)
    found = examined(tmp_path, 91)
    assert failed(found) == {"ROS 2"}
    assert "robot-skills[ros]" in found["ROS 2"].detail
    with pytest.raises(RobotFault, match=r"small is not fit to move\. ROS 2: "):
        refuse_unfit(SelfTestSetup(cell=cell_of(tmp_path)))
