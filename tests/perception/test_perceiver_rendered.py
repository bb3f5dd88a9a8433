"""The perceiver on the simulated cell's cameras, against the simulator's truth."""

import numpy as np
import pytest

from robot_skills.core.predicates import in_, on
from robot_skills.core.scene import Scene
from robot_skills.core.types import DEFAULT_ARM, Observation
from robot_skills.perception import RgbdPerceiver
from robot_skills.perception.fixtures import DrawerKind, drawer_entity
from robot_skills.perception.labels import load_labels
from sim.layout import DrawerStart, random_layout
from sim.placements import Layout
from sim.robot import SimRobot
from sim.truth import truth_scene

CAMERA_PX = (256, 192)


def look(layout: Layout, arm: str = "panda") -> tuple[Observation, Scene]:
    """One observation of a layout, and the truth about it."""
    robot = SimRobot(arm, layout=layout, camera_size_px=CAMERA_PX)
    robot.connect()
    try:
        return robot.observe(RgbdPerceiver().cameras), truth_scene(robot.world)
    finally:
        robot.close()


def assert_same(seen: Scene, truth: Scene, within_m: float = 0.006) -> None:
    assert set(seen.entities) == set(truth.entities)
    for entity in truth:
        other = seen[entity.name]
        assert other.label == entity.label
        if entity.movable:
            assert np.allclose(other.T_base_entity.p, entity.T_base_entity.p, atol=within_m)
            assert other.extents_m[2] == pytest.approx(entity.extents_m[2], abs=within_m)


@pytest.mark.parametrize("arm", ["panda", "ur5e"])
def test_household_things_cube_and_fixtures_are_all_found(arm):
    names = ("red_cube", "can", "bottle", "cereal", "milk")
    layout = random_layout(
        np.random.default_rng(11), with_objects=names, count=5, drawer=DrawerStart.CLOSED, box=False
    )
    observation, truth = look(layout, arm)
    assert_same(RgbdPerceiver().look(observation), truth)


def test_bread_and_button_are_found():
    layout = random_layout(
        np.random.default_rng(3), with_objects=("bread", "orange_cube"), count=2, button=True
    )
    observation, truth = look(layout)
    assert_same(RgbdPerceiver().look(observation), truth)


def test_stack_box_and_open_drawer_hold_what_they_hold():
    layout = random_layout(
        np.random.default_rng(5),
        count=4,
        placed={"red_cube": "green_cube", "blue_cube": "box", "yellow_cube": "drawer"},
        drawer=DrawerStart.OPEN,
        button=False,
    )
    observation, truth = look(layout)
    scene = RgbdPerceiver().look(observation)
    assert_same(scene, truth)
    assert on(scene, "red_cube", "green_cube")
    assert in_(scene, "blue_cube", "box")
    assert in_(scene, "yellow_cube", "drawer")


@pytest.mark.parametrize("start", [DrawerStart.CLOSED, DrawerStart.AJAR, DrawerStart.OPEN])
def test_drawer_is_measured_by_its_handle(start):
    layout = random_layout(np.random.default_rng(8), drawer=start, count=2)
    observation, truth = look(layout)
    seen, true = RgbdPerceiver().look(observation)["drawer"], truth["drawer"]
    assert seen.articulation is not None
    assert true.articulation is not None
    assert seen.articulation.value_m == pytest.approx(true.articulation.value_m, abs=0.003)
    handle = [(e.T_base_entity @ e.articulation.T_entity_handle).p for e in (seen, true)]
    assert np.allclose(*handle, atol=0.003)
    assert (seen.access is None) == (true.access is None)


def test_catalogue_agrees_with_the_simulated_drawer():
    layout = random_layout(np.random.default_rng(8), drawer=DrawerStart.OPEN, count=2)
    _, truth = look(layout)
    true = truth["drawer"]
    assert layout.drawer is not None
    made = drawer_entity(
        DrawerKind(), layout.drawer.T_base_cabinet, true.articulation.value_m, name="drawer"
    )
    assert np.allclose(made.extents_m, true.extents_m)
    assert made.T_base_entity.allclose(true.T_base_entity)
    assert made.articulation.T_entity_handle.allclose(true.articulation.T_entity_handle)
    for mine, theirs in ((made.cavity, true.cavity), (made.access, true.access)):
        assert mine.T_entity_region.allclose(theirs.T_entity_region)
        assert np.allclose(mine.extents_m, theirs.extents_m)


def test_what_lies_in_a_drawer_stays_in_it_when_it_closes():
    perceiver = RgbdPerceiver()
    layout = random_layout(
        np.random.default_rng(5),
        placed={"blue_cube": "drawer"},
        drawer=DrawerStart.OPEN,
        count=2,
    )
    robot = SimRobot("panda", layout=layout, camera_size_px=CAMERA_PX)
    robot.connect()
    try:
        perceiver.look(robot.observe(perceiver.cameras))
        _push_drawer_shut(robot)
        scene = perceiver.look(robot.observe(perceiver.cameras))
        truth = truth_scene(robot.world)
    finally:
        robot.close()
    assert scene["drawer"].articulation.value_m < 0.01
    assert not scene["blue_cube"].visible
    assert in_(scene, "blue_cube", "drawer") == in_(truth, "blue_cube", "drawer")
    assert in_(scene, "blue_cube", "drawer")


def test_same_frames_give_the_same_scene_bit_for_bit():
    observation, _ = look(random_layout(np.random.default_rng(2)))
    first, second = RgbdPerceiver().look(observation), RgbdPerceiver().look(observation)
    assert list(first.entities) == list(second.entities)
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.T_base_entity.matrix(), b.T_base_entity.matrix())


def test_hand_over_the_table_is_not_a_thing():
    layout = random_layout(np.random.default_rng(4), count=2)
    robot = SimRobot("panda", layout=layout, camera_size_px=CAMERA_PX)
    robot.connect()
    try:
        observation = robot.observe(RgbdPerceiver().cameras)
    finally:
        robot.close()
    scene = RgbdPerceiver().look(observation)
    assert scene.held(DEFAULT_ARM) is None
    assert set(scene.entities) <= {"table", *layout.entity_names}


def test_classifier_is_read_once():
    assert load_labels() is load_labels()


def _push_drawer_shut(robot: SimRobot) -> None:
    """Slide the drawer and what lies in it as a hand would, without waiting for one."""
    world = robot.world
    slide = world.model.joint("drawer_slide")
    before = float(world.data.qpos[slide.qposadr[0]])
    axis = world.data.xaxis[slide.id]
    world.data.qpos[slide.qposadr[0]] = 0.0
    cube = world.model.joint("blue_cube").qposadr[0]
    world.data.qpos[cube : cube + 3] -= before * axis
    world.step(5)
