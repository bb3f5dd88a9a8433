import json
import math
import sys

import numpy as np
import pytest

from hardware.teleop import (
    SO101_MAP,
    DynamixelConfig,
    DynamixelSource,
    GripperMap,
    JointMap,
    LeaderDevice,
    LeaderMap,
    LeRobotLeader,
    LeRobotSource,
    MailboxDevice,
    ServoMap,
    TriggerMap,
    Unit,
)
from robot_skills.core.clock import ManualClock
from robot_skills.core.errors import MissingDependencyError, RefusedError
from robot_skills.core.teleop import DeviceLost, TeleopSample, Wish
from tests.hardware.teleop.fakes import FakeLeRobotArm, until
from tests.hardware.teleop.servos import TORQUE, FakeServos

IDS = (1, 2, 3)


def read_all(device):
    """The first sample with a motion in it."""
    until(lambda: (sample := device.read()) is not None and sample.motion is not None)
    return device.read()


@pytest.fixture
def desk():
    """An arm, its companion, and the leader device of both."""
    clock, arm, companion = ManualClock(10.0), FakeLeRobotArm(), MailboxDevice("pedal")
    device = LeaderDevice(LeRobotSource(arm, SO101_MAP), companion, clock)
    device.connect()
    yield device, arm, companion, clock
    device.close()


def held(companion, clock, *wishes, held=True):
    companion.push(TeleopSample(stamp_s=clock.now_s(), held=held, wishes=wishes))


def test_degrees_become_the_followers_joints(desk):
    device, arm, companion, clock = desk
    arm.action |= {"shoulder_pan.pos": 90.0, "wrist_roll.pos": -45.0}
    held(companion, clock)
    read_all(device)
    until(lambda: device.read().motion.q_rad[0] > 1.0)
    sample = device.read()
    assert sample.held
    assert sample.opening == pytest.approx(0.5)
    assert np.allclose(sample.motion.q_rad, (math.pi / 2, 0.0, 0.0, 0.0, -math.pi / 4))


def test_the_companion_holds_the_switch_and_its_wishes_pass(desk):
    device, _, companion, clock = desk
    assert device.read() is None
    held(companion, clock, Wish.START, held=False)
    until(lambda: device._reader.newest() is not None)
    sample = device.read()
    assert not sample.held
    assert sample.wishes == (Wish.START,)
    held(companion, clock)
    assert device.read().held


def test_a_sample_is_as_old_as_the_older_of_the_two(desk):
    device, _, companion, clock = desk
    held(companion, clock)
    clock.sleep_until(20.0)
    until(lambda: device._reader.newest()[0] == 20.0)
    assert device.read().stamp_s == 10.0


def test_an_arm_or_a_companion_that_is_gone_is_lost(desk):
    device, arm, companion, clock = desk
    held(companion, clock, Wish.ESTOP)
    arm.gone = True
    until(lambda: not device._reader._thread.is_alive())
    with pytest.raises(DeviceLost, match="no status packet"):
        device.read()
    device.close()
    with pytest.raises(MissingDependencyError, match="no motor answers"):
        device.connect()
    arm.gone = False
    device.connect()
    held(companion, clock)
    assert device.read().wishes == (Wish.ESTOP,)
    companion.lose("The pedal is gone.")
    with pytest.raises(DeviceLost, match="pedal is gone"):
        device.read()


def test_an_arm_that_is_not_calibrated_is_refused_and_asks_nothing():
    arm = FakeLeRobotArm()
    arm.is_calibrated = False
    with pytest.raises(RefusedError, match="lerobot-calibrate"):
        LeaderDevice(LeRobotSource(arm, SO101_MAP), MailboxDevice(), ManualClock()).connect()
    assert not arm.connected


def test_joint_maps_turn_units_signs_and_offsets():
    assert JointMap(key="a").q_rad(180.0) == pytest.approx(math.pi)
    assert JointMap(key="a", sign=-1, offset_rad=0.1).q_rad(180.0) == pytest.approx(0.1 - math.pi)
    assert JointMap(key="a", unit=Unit.RADIANS).q_rad(0.7) == pytest.approx(0.7)
    normalized = JointMap(key="a", unit=Unit.NORMALIZED, half_range_rad=2.0)
    assert normalized.q_rad(-50.0) == pytest.approx(-1.0)
    for bad in ({"sign": 0}, {"unit": Unit.NORMALIZED}, {"half_range_rad": 1.0}):
        with pytest.raises(ValueError):
            JointMap(key="a", **bad)


def test_a_gripper_is_linear_between_its_ends_and_no_farther():
    gripper = GripperMap(closed=30.0, open=10.0)
    assert gripper.opening(20.0) == pytest.approx(0.5)
    assert gripper.opening(0.0) == 1.0
    assert gripper.opening(90.0) == 0.0
    with pytest.raises(ValueError):
        GripperMap(closed=1.0, open=1.0)


def test_missing_and_broken_values_are_refused():
    mapping = LeaderMap(joints=(JointMap(key="a.pos"),))
    with pytest.raises(RefusedError, match=r"no 'a.pos'. Available: b.pos"):
        mapping.reading({"b.pos": 1.0})
    with pytest.raises(RefusedError, match="finite"):
        mapping.reading({"a.pos": math.nan})


# Servos without LeRobot.


@pytest.fixture
def servos():
    servos = FakeServos((1, 2, 3))
    yield servos
    servos.unplug()


def dynamixel(servos, **kwargs) -> DynamixelSource:
    joints = (ServoMap(id=1), ServoMap(id=2, sign=-1, offset_rad=math.pi))
    trigger = TriggerMap(id=3, closed_rad=0.0, open_rad=math.pi / 2)
    return DynamixelSource(
        DynamixelConfig(port=servos.path, joints=joints, gripper=trigger, **kwargs)
    )


def test_dynamixels_go_limp_and_tell_their_positions(servos):
    source = dynamixel(servos)
    assert servos.tables[1][TORQUE] == 1
    source.connect()
    assert [servos.tables[i][TORQUE] for i in IDS] == [0, 0, 0]
    servos.put(1, -1024)
    servos.put(2, 3072)
    servos.put(3, 512)
    reading = source.read()
    assert np.allclose(reading.q_rad, (-math.pi / 2, -math.pi / 2))
    assert reading.opening == pytest.approx(0.5)
    source.close()
    source.close()


def test_positions_that_look_like_a_header_are_read_right(servos):
    source = dynamixel(servos)
    source.connect()
    counts = int.from_bytes(b"\xff\xff\xfd\x00", "little")
    servos.put(1, counts)
    assert source.read().q_rad[0] == pytest.approx(counts * math.tau / 4096)
    source.close()


def test_a_servo_that_is_missing_is_named(servos):
    config = DynamixelConfig(port=servos.path, joints=(ServoMap(id=1), ServoMap(id=9)))
    with pytest.raises(MissingDependencyError, match="Servo 9"):
        DynamixelSource(config).connect()


def test_servos_that_fall_silent_are_lost_and_a_lost_packet_is_not(servos):
    source = dynamixel(servos)
    source.connect()
    servos.silent = True
    with pytest.raises(DeviceLost, match="in a row"):
        source.read()
    servos.silent = False
    assert source.read().q_rad.shape == (2,)
    source.close()


def test_a_cable_that_is_pulled_is_lost(servos):
    companion, clock = MailboxDevice(), ManualClock()
    device = LeaderDevice(dynamixel(servos), companion, clock)
    device.connect()
    held(companion, clock)
    assert read_all(device).held
    servos.unplug()
    until(lambda: not device._reader._thread.is_alive())
    with pytest.raises(DeviceLost):
        device.read()
    device.close()


def test_a_port_that_is_not_there_or_servos_that_clash_are_refused():
    with pytest.raises(MissingDependencyError, match="/dev/nowhere"):
        DynamixelSource(DynamixelConfig(port="/dev/nowhere", joints=(ServoMap(id=1),))).connect()
    with pytest.raises(ValueError):
        DynamixelConfig(port="/dev/x", joints=(ServoMap(id=1), ServoMap(id=1)))
    with pytest.raises(ValueError):
        ServoMap(id=300)
    with pytest.raises(ValueError):
        TriggerMap(id=1, closed_rad=1.0, open_rad=1.0)


# LeRobot's own leader on the same servos.

KOCH = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")


@pytest.mark.slow
def test_lerobots_koch_leader_is_followed(tmp_path):
    servos = FakeServos(tuple(range(1, 7)))
    calibration = {}
    for servo, name in enumerate((*KOCH, "gripper"), start=1):
        servos.set(servo, 48, "<I", 4095)
        servos.put(servo, 2048 + 100 * servo)
        calibration[name] = {
            "id": servo,
            "drive_mode": 0,
            "homing_offset": 0,
            "range_min": 0,
            "range_max": 4095,
        }
    (tmp_path / "desk.json").write_text(json.dumps(calibration))
    joints = tuple(
        JointMap(key=f"{name}.pos", unit=Unit.NORMALIZED, half_range_rad=math.pi) for name in KOCH
    )
    source = LeRobotSource(
        LeRobotLeader(type="koch_leader", port=servos.path, id="desk", calibration_dir=tmp_path),
        LeaderMap(joints=joints, gripper=GripperMap()),
    )
    source.connect()
    reading = source.read()
    expected = 100.0 * np.arange(1.0, 6.0) * math.tau / 4096
    assert np.allclose(reading.q_rad, expected, atol=2e-3)
    assert reading.opening == pytest.approx((2048 + 600) / 4095, abs=1e-3)
    source.close()
    servos.unplug()


@pytest.mark.slow
def test_a_leader_that_lerobot_does_not_know_is_refused():
    with pytest.raises(RefusedError, match="so101_leader"):
        LeRobotSource(LeRobotLeader(type="hand", port="/dev/x", id="a"), SO101_MAP).connect()


def test_nothing_of_vendors_is_imported_with_the_package():
    import subprocess

    code = (
        "import sys, hardware.teleop\n"
        "vendors = {'pygame', 'hid', 'dynamixel_sdk', 'serial', 'lerobot', 'torch'}\n"
        "raise SystemExit(bool(vendors & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
