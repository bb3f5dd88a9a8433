"""A cell under joint setpoints, and its pictures drawn from a pose."""

import mujoco
import numpy as np
import pytest

from robot_skills.core.errors import RefusedError, UnknownNameError
from sim.layout import default_layout
from sim.robot import SimRobot
from sim.servo_cell import CellEyes, ServoCell


@pytest.fixture(scope="module")
def layout():
    return default_layout(3)


def test_the_arm_follows_its_setpoints_and_stays_where_it_was_told(layout):
    cell = ServoCell("panda", layout)
    start = cell.setpoint_rad
    for i in range(100):
        cell.step(start + 0.002 * (i + 1))
    for _ in range(60):
        cell.step()
    state = cell.state(stamp_s=1.6)
    np.testing.assert_allclose(state.q_rad, start + 0.2, atol=0.01)
    assert np.abs(state.dq_rad_s).max() < 0.01
    assert cell.time_s == pytest.approx(1.6)


def test_a_servo_is_no_faster_than_its_joint_may_move(layout):
    cell = ServoCell("panda", layout)
    start = cell.setpoint_rad
    cell.step(start + 1.0)
    moved = (cell.setpoint_rad - start) / 0.01
    assert (moved <= cell.arm.limits.joint.velocity_rad_s + 1e-6).all()


def test_things_are_put_back_and_the_arm_stays(layout):
    cell = ServoCell("panda", layout)
    before = cell.pose()
    start = cell.setpoint_rad
    for i in range(60):
        cell.step(start + 0.002 * (i + 1))
    arm = cell.state(0.6).q_rad
    things = np.ones(len(before), dtype=bool)
    things[cell.world.servos.qpos] = False
    cell.world.data.qpos[things] += 0.05
    cell.rearrange()
    np.testing.assert_array_equal(cell.state(0.6).q_rad, arm)
    assert not np.allclose(arm, before[cell.world.servos.qpos], atol=0.05)
    for _ in range(100):
        cell.step()
    model = cell.world.model
    free = model.jnt_qposadr[model.jnt_type == mujoco.mjtJoint.mjJNT_FREE]
    assert len(free) >= 4
    for adr in free:
        np.testing.assert_allclose(cell.pose()[adr : adr + 3], before[adr : adr + 3], atol=0.01)


def test_the_gripper_closes(layout):
    cell = ServoCell("panda", layout)
    for _ in range(100):
        cell.step(opening=0.0)
    assert cell.state(0.0).opening < 0.05


def test_pictures_from_a_pose_are_those_of_the_cell(layout):
    robot = SimRobot("panda", layout=layout, camera_size_px=(64, 64))
    robot.connect()
    cell, eyes = ServoCell("panda", layout), CellEyes.of("panda", layout, (64, 64))
    try:
        want = robot.observe(["front"]).cameras["front"]
        found = eyes.draw(cell.pose(), "front", 1.0)
        assert np.abs(found.rgb.astype(int) - want.rgb.astype(int)).mean() < 1.0
        assert np.abs(found.depth_m - want.depth_m).max() < 0.01
        np.testing.assert_allclose(found.K, want.K)
        assert found.T_base_camera.allclose(want.T_base_camera)
        with pytest.raises(UnknownNameError, match="front"):
            eyes.draw(cell.pose(), "frnt", 1.0)
    finally:
        eyes.close()
        robot.close()


def test_what_cannot_be_is_refused(layout):
    with pytest.raises(UnknownNameError, match="panda"):
        ServoCell("pnda", layout)
    with pytest.raises(RefusedError, match="multiple"):
        ServoCell("panda", layout, period_s=0.0011)
