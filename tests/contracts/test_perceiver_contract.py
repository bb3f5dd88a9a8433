"""What every perceiver does: scenes that plans and skills can rely on."""

import numpy as np
import pytest

from robot_skills.core.scene import TABLE
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.perception.perceiver import RgbdPerceiver
from sim.layout import random_layout
from sim.robot import SimRobot
from sim.truth import TruthPerceiver
from tests.fakes import FakePerceiver, FakeRobot, FakeWorld, bin_, cube, drawer


def fake():
    robot = FakeRobot(FakeWorld(cube(), bin_(), drawer()))
    robot.connect()
    return robot, FakePerceiver(robot.world)


def truth():
    robot = SimRobot("panda", layout=random_layout(np.random.default_rng(0)))
    robot.connect()
    return robot, TruthPerceiver(robot.world)


def rgbd():
    robot = SimRobot("panda", layout=random_layout(np.random.default_rng(0)))
    robot.connect()
    perceiver = RgbdPerceiver()
    perceiver.reset()
    return robot, perceiver


@pytest.fixture(params=[fake, truth, rgbd], ids=["fake", "truth", "rgbd"])
def cell(request):
    robot, perceiver = request.param()
    yield robot, perceiver
    robot.close()


def look(cell):
    robot, perceiver = cell
    return perceiver.look(robot.observe(perceiver.cameras))


def test_it_needs_only_cameras_that_its_robot_has(cell):
    robot, perceiver = cell
    assert set(perceiver.cameras) <= set(robot.cameras)


def test_a_scene_has_the_table_and_the_gripper_and_the_time(cell):
    robot, _ = cell
    scene = look(cell)
    assert TABLE in scene
    assert abs(scene.table_height_m) < 0.05
    assert 0.0 <= scene.opening[DEFAULT_ARM] <= 1.0 + 1e-6
    assert scene.stamp_s == pytest.approx(robot.clock.now_s())


def test_every_entity_is_an_upright_box_of_some_size(cell):
    scene = look(cell)
    assert len(scene) > 1
    for entity in scene:
        assert np.allclose(entity.T_base_entity.R[:, 2], [0.0, 0.0, 1.0], atol=0.05), entity.name
        assert np.all(entity.extents_m > 0.0)
        assert 0.0 <= entity.confidence <= 1.0
        joint = entity.articulation
        if joint is not None:
            assert np.isclose(np.linalg.norm(joint.axis_entity), 1.0)
            assert -0.02 <= joint.value_m <= joint.upper_m + 0.02
            assert np.allclose(joint.T_entity_handle.R[:, 0], joint.axis_entity, atol=1e-6)


def test_looking_twice_gives_the_same_names_and_places(cell):
    first, second = look(cell), look(cell)
    assert list(first.entities) == list(second.entities)
    for a, b in zip(first, second, strict=True):
        assert a.T_base_entity.distance_to(b.T_base_entity)[0] < 0.005


def test_it_can_start_over(cell):
    _, perceiver = cell
    before = look(cell)
    perceiver.reset()
    assert set(look(cell).entities) == set(before.entities)


def test_nothing_is_held_at_the_start(cell):
    assert look(cell).held(DEFAULT_ARM) is None
