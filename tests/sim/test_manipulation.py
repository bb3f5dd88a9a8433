"""Does the cell allow the work? Scripted straight moves, checked against the simulator's truth."""

import numpy as np
import pytest

from robot_skills.core.predicates import closed, hand_empty, holding, in_, on, open_
from robot_skills.core.scene import TABLE
from sim.arms import ARMS
from sim.layout import DrawerStart, random_layout
from sim.objects import HOUSEHOLD
from sim.robot import SimRobot
from sim.truth import truth_scene
from sim.world import TabletopWorld
from tests.sim.cell import (
    LIFT_M,
    at_handle,
    down,
    entity,
    go,
    open_drawer,
    pick,
    push_drawer_shut,
    release,
    wait,
)

ARM_NAMES = sorted(ARMS)


def cell(arm: str, seed: int = 0, **options) -> SimRobot:
    robot = SimRobot(arm, layout=random_layout(np.random.default_rng(seed), **options))
    robot.connect()
    return robot


@pytest.mark.parametrize("arm", ARM_NAMES)
@pytest.mark.parametrize("thing", ["red_cube", *HOUSEHOLD])
def test_grasp_holds_while_the_arm_moves_fast(arm, thing):
    robot = cell(arm, 1, with_objects=(thing,), count=1)
    pick(robot, thing)
    go(robot, down(0.5, -0.2, LIFT_M, 0.4), 0.0, 15)
    go(robot, down(0.5, 0.1, LIFT_M, -0.4), 0.0, 15)
    before = robot.world.T_base_tool().inverse() @ entity(robot, thing).T_base_entity.p
    wait(robot, 1.0)
    after = robot.world.T_base_tool().inverse() @ entity(robot, thing).T_base_entity.p
    assert holding(truth_scene(robot.world), thing)
    assert np.linalg.norm(after - before) < 0.003


@pytest.mark.parametrize("arm", ARM_NAMES)
def test_cube_is_carried_into_the_box(arm):
    # Closed: these straight moves know no way round the handle of an open drawer.
    closed = DrawerStart.CLOSED
    robot = cell(arm, 2, with_objects=("red_cube",), count=2, drawer=closed)
    pick(robot, "red_cube")
    x, y, _ = entity(robot, "box").T_base_entity.p
    release(robot, x, y, 0.10)
    now = truth_scene(robot.world)
    assert in_(now, "red_cube", "box")
    assert hand_empty(now)


@pytest.mark.parametrize("arm", ARM_NAMES)
def test_cube_is_stacked(arm):
    robot = cell(arm, 3, with_objects=("red_cube", "blue_cube"), count=2)
    pick(robot, "red_cube")
    below, above = entity(robot, "blue_cube"), entity(robot, "red_cube")
    hang = robot.world.T_base_tool().p[2] - above.bottom_m
    x, y, _ = below.T_base_entity.p
    release(robot, x, y, below.top_m + hang + 0.003)
    assert on(truth_scene(robot.world), "red_cube", "blue_cube")


@pytest.mark.parametrize("arm", ARM_NAMES)
@pytest.mark.parametrize("seed", [0, 1])
def test_drawer_opens_by_its_handle_and_closes_with_its_load(arm, seed):
    robot = cell(arm, seed, placed={"red_cube": "drawer"}, drawer=DrawerStart.CLOSED)
    open_drawer(robot)
    now = truth_scene(robot.world)
    assert open_(now, "drawer")
    assert in_(now, "red_cube", "drawer")
    push_drawer_shut(robot)
    now = truth_scene(robot.world)
    assert closed(now, "drawer")
    assert in_(now, "red_cube", "drawer")


@pytest.mark.parametrize("arm", ARM_NAMES)
def test_cube_is_put_into_the_open_drawer(arm):
    robot = cell(arm, 4, with_objects=("red_cube",), count=2, drawer=DrawerStart.OPEN)
    pick(robot, "red_cube")
    drawer = entity(robot, "drawer")
    assert drawer.access is not None
    x, y, _ = drawer.T_base_entity @ drawer.access.T_entity_region.p
    release(robot, x, y, 0.11)
    assert in_(truth_scene(robot.world), "red_cube", "drawer")


@pytest.mark.parametrize("seed", range(3))
def test_nothing_overlaps_or_moves_by_itself(seed):
    layout = random_layout(
        np.random.default_rng(seed), placed={"red_cube": "drawer", "blue_cube": "box"}
    )
    world = TabletopWorld("panda", layout)
    world.step(1000)
    assert min(contact.dist for contact in world.data.contact) > -1e-3
    for item in layout.objects:
        moved = world.T_base_body(item.name).p - item.T_base_object.p
        assert np.linalg.norm(moved) < 0.003


def test_drawer_stays_where_it_was_left():
    robot = cell("panda", 0, drawer=DrawerStart.AJAR)
    before = entity(robot, "drawer").articulation
    wait(robot, 2.0)
    after = entity(robot, "drawer").articulation
    assert before is not None
    assert after is not None
    assert after.value_m == pytest.approx(before.value_m, abs=1e-3)


def test_closed_fingers_hold_nothing():
    robot = cell("ur5e", 0)
    go(robot, down(0.4, 0.0, 0.3), 0.0, 20)
    assert hand_empty(truth_scene(robot.world))
    assert robot.world.opening() < 0.05


def test_handle_leaves_room_for_a_finger_behind_it():
    robot = cell("panda", 0, drawer=DrawerStart.CLOSED)
    go(robot, at_handle(robot, above_m=0.12), 0.75, 30)
    reached = go(robot, at_handle(robot), 0.75, 25)
    assert np.linalg.norm(reached.p - at_handle(robot).p) < 0.003
    assert closed(truth_scene(robot.world), "drawer")


def test_button_gives_way_and_comes_back():
    robot = cell("panda", 0, count=1, button=True)
    button = entity(robot, "button")
    x, y, _ = button.T_base_entity.p
    rest = robot.world.joint_value("button_slide")
    go(robot, down(x, y, 0.15), 0.0, 25)
    go(robot, down(x, y, button.top_m + 0.006), 0.0, 15)
    assert robot.world.joint_value("button_slide") > 0.003
    go(robot, down(x, y, 0.15), 0.0, 15)
    assert robot.world.joint_value("button_slide") == pytest.approx(rest, abs=1e-3)


def test_table_carries_what_lies_on_it():
    assert on(truth_scene(cell("panda", 0, with_objects=("can",)).world), "can", TABLE)
