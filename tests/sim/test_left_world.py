"""A simulated cell that stays as it was left."""

import logging

import numpy as np
import pytest

from robot_skills.core.errors import RefusedError
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from sim.layout import random_layout
from sim.left_world import LeftWorld
from sim.robot import SimRobot
from sim.truth import truth_scene

NAME = "cell 1"


def connected(seed: int = 0) -> SimRobot:
    layout = random_layout(np.random.default_rng(seed), with_objects=("red_cube",), switch=True)
    robot = SimRobot(layout=layout)
    robot.connect()
    return robot


def lower(robot: SimRobot, opening: float) -> None:
    """Move down a little and close the gripper so far."""
    T = robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix().copy()
    T[2, 3] -= 0.05
    stamps = robot.clock.now_s() + np.array([0.5, 1.0])
    robot.command(single_arm_chunk(stamps, np.stack([T, T]), np.full(2, opening)))
    robot.clock.sleep_until(stamps[-1])


def test_another_process_goes_on_where_the_first_one_was_killed(tmp_path):
    first = connected()
    first.on_step.append(LeftWorld(tmp_path / "left", NAME).keep)
    lower(first, opening=0.4)
    second = connected()
    assert LeftWorld(tmp_path / "left", NAME).restore(second)
    one, other = first.observe().arms[DEFAULT_ARM], second.observe().arms[DEFAULT_ARM]
    np.testing.assert_allclose(other.q_rad, one.q_rad, atol=1e-9)
    assert other.opening == pytest.approx(one.opening, abs=1e-6)
    for entity in truth_scene(first.world, 0.0):
        p = truth_scene(second.world, 0.0)[entity.name].T_base_entity.p
        np.testing.assert_allclose(p, entity.T_base_entity.p, atol=1e-6)


def test_the_gripper_keeps_its_command(tmp_path):
    first = connected()
    lower(first, opening=0.3)
    LeftWorld(tmp_path / "left", NAME).keep(first)
    second = connected()
    LeftWorld(tmp_path / "left", NAME).restore(second)
    before = second.observe().arms[DEFAULT_ARM]
    second.clock.sleep_until(1.0)
    after = second.observe().arms[DEFAULT_ARM]
    assert after.opening == pytest.approx(before.opening, abs=0.02)
    np.testing.assert_allclose(after.q_rad, before.q_rad, atol=0.01)


def test_a_cell_that_was_never_left_begins_as_drawn(tmp_path):
    robot = connected()
    before = robot.world.physics_state()
    assert not LeftWorld(tmp_path / "left", NAME).restore(robot)
    np.testing.assert_array_equal(robot.world.physics_state(), before)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 torn"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "left").write_bytes(content)
    with pytest.raises(RefusedError, match="Remove the file to begin anew"):
        LeftWorld(tmp_path / "left", NAME).restore(connected())


def test_the_file_of_another_cell_is_refused(tmp_path):
    LeftWorld(tmp_path / "left", "cell 2").keep(connected())
    with pytest.raises(RefusedError, match="it is of cell 2"):
        LeftWorld(tmp_path / "left", NAME).restore(connected())


def test_a_world_that_cannot_be_kept_is_said_once(tmp_path, caplog):
    robot, left = connected(), LeftWorld(tmp_path / "missing" / "left", NAME)
    robot.on_step.append(left.keep)
    with caplog.at_level(logging.WARNING):
        robot.clock.sleep_until(0.2)
    assert len([r for r in caplog.records if "not kept from now on" in r.message]) == 1
