"""Fixtures as cameras show them, against the simulator's truth."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.scene import Entity, Scene
from robot_skills.core.types import Observation
from robot_skills.perception.fixtures import (
    CupboardKind,
    SocketKind,
    SwitchKind,
    cupboard_entity,
)
from robot_skills.perception.perceiver import RgbdPerceiver
from sim.layout import DrawerStart, random_layout
from sim.placements import Layout
from sim.robot import SimRobot
from sim.truth import truth_scene

CAMERA_PX = (320, 240)


def look(layout: Layout, arm: str = "panda") -> tuple[Observation, Scene]:
    robot = SimRobot(arm, layout=layout, camera_size_px=CAMERA_PX)
    robot.connect()
    try:
        return robot.observe(RgbdPerceiver().cameras), truth_scene(robot.world)
    finally:
        robot.close()


def seen_and_true(layout: Layout, name: str, arm: str = "panda") -> tuple[Entity, Entity]:
    observation, truth = look(layout, arm)
    scene = RgbdPerceiver().look(observation)
    fixed = [{e.name for e in one if not e.movable} for one in (scene, truth)]
    assert fixed[0] <= fixed[1], "seen, and not there"
    return scene[name], truth[name]


def handle(entity: Entity) -> np.ndarray:
    assert entity.articulation is not None
    return (entity.T_base_entity @ entity.articulation.T_entity_handle).matrix()


@pytest.mark.parametrize("start", [DrawerStart.CLOSED, DrawerStart.AJAR, DrawerStart.OPEN])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_cupboard_is_measured_by_its_bar(seed, start):
    absent = DrawerStart.ABSENT
    rng = np.random.default_rng(seed)
    layout = random_layout(rng, drawer=absent, cupboard=start, count=2)
    seen, true = seen_and_true(layout, "cupboard", "ur5e" if seed % 2 else "panda")
    assert np.linalg.norm(seen.T_base_entity.p - true.T_base_entity.p) < 0.004
    assert seen.articulation.value_m == pytest.approx(true.articulation.value_m, abs=0.006)
    assert np.allclose(seen.articulation.hinge_entity, true.articulation.hinge_entity)
    assert np.linalg.norm((handle(seen) - handle(true))[:3, 3]) < 0.006
    assert handle(seen)[:3, 0] @ handle(true)[:3, 0] > np.cos(0.06)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_switch_shows_which_way_it_leans_and_where_to_press(seed):
    rng = np.random.default_rng(seed)
    layout = random_layout(rng, drawer=DrawerStart.ABSENT, switch=True, button=False, count=2)
    for on in (False, True):
        seen, true = seen_and_true(replace(layout, switch_on=on), "switch")
        assert seen.control.on is on
        assert seen.control.travel_m == pytest.approx(true.control.travel_m)
        press = [(e.T_base_entity @ e.control.T_entity_press).p for e in (seen, true)]
        assert np.linalg.norm(press[0] - press[1]) < 0.004


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_buttons_lamp_says_whether_it_is_on(seed):
    rng = np.random.default_rng(seed)
    layout = random_layout(rng, drawer=DrawerStart.CLOSED, button=True, count=3)
    for on in (False, True):
        seen, true = seen_and_true(replace(layout, button_on=on), "button")
        assert seen.control.on is on
        press = [(e.T_base_entity @ e.control.T_entity_press).p for e in (seen, true)]
        assert np.linalg.norm(press[0] - press[1]) < 0.004


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_zone_is_found_on_the_table(seed):
    rng = np.random.default_rng(seed)
    layout = random_layout(rng, drawer=DrawerStart.ABSENT, box=False, zone=True, count=3)
    seen, true = seen_and_true(layout, "zone")
    assert seen.painted
    assert np.linalg.norm((seen.T_base_entity.p - true.T_base_entity.p)[:2]) < 0.004


@pytest.mark.parametrize("table_rgb", [(0.50, 0.12, 0.31), (0.62, 0.33, 0.77)])
def test_a_zone_is_found_on_a_table_that_is_pink_or_lilac(table_rgb):
    rng = np.random.default_rng(1)
    layout = random_layout(rng, drawer=DrawerStart.ABSENT, box=False, zone=True, count=2)
    seen, true = seen_and_true(replace(layout, table_rgb=np.array(table_rgb)), "zone")
    assert np.linalg.norm((seen.T_base_entity.p - true.T_base_entity.p)[:2]) < 0.004


@pytest.mark.parametrize("name", ["pink_roll", "pink_hexagon", "pink_bracket"])
def test_a_pink_thing_is_no_button(name):
    layout = random_layout(np.random.default_rng(2), with_objects=(name,), count=2, button=False)
    observation, _ = look(layout)
    scene = RgbdPerceiver().look(observation)
    assert "button" not in scene
    assert [entity.colour for entity in scene if entity.movable].count("pink") == 1


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_socket_is_found_to_the_millimetre(seed):
    rng = np.random.default_rng(seed)
    absent = DrawerStart.ABSENT
    layout = random_layout(
        rng, with_objects=("peg",), drawer=absent, box=False, socket=True, count=2
    )
    seen, true = seen_and_true(layout, "socket")
    assert np.linalg.norm((seen.T_base_entity.p - true.T_base_entity.p)[:2]) < 0.002
    turned = seen.T_base_entity.yaw_rad() - true.T_base_entity.yaw_rad()
    assert abs(np.sin(2.0 * turned)) < 0.05


def test_the_catalogue_agrees_with_what_is_simulated():
    absent = DrawerStart.ABSENT
    layout = random_layout(
        np.random.default_rng(8),
        drawer=absent,
        box=False,
        cupboard=DrawerStart.AJAR,
        switch=True,
        socket=True,
        count=1,
    )
    _, truth = look(layout)
    cupboard, true = layout.cupboard, truth["cupboard"]
    assert cupboard is not None
    made = cupboard_entity(
        CupboardKind(), cupboard.T_base_cupboard, true.articulation.value_m, cupboard.left
    )
    assert np.allclose(handle(made), handle(true), atol=1e-6)
    assert np.allclose(made.extents_m, true.extents_m)
    assert made.articulation.upper_m == pytest.approx(true.articulation.upper_m)
    assert made.cavity.T_entity_region.allclose(true.cavity.T_entity_region)
    assert np.allclose(made.cavity.extents_m, true.cavity.extents_m)
    half = 0.5 * truth["switch"].extents_m[2]
    for on in (False, True):
        press = SwitchKind().press_m(on) - [0.0, 0.0, half]
        if on == truth["switch"].control.on:
            assert np.allclose(press, truth["switch"].control.T_entity_press.p)
    assert np.allclose(SocketKind().hole_m, truth["socket"].cavity.extents_m)
    assert np.allclose(SocketKind().size_m, truth["socket"].extents_m)
