from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.predicates import (
    accepts,
    accessible,
    clear,
    closed,
    fits,
    hand_empty,
    holding,
    in_,
    on,
    open_,
)
from robot_skills.core.scene import TABLE, Scene
from robot_skills.core.se3 import SE3
from sim.layout import DrawerStart, random_layout
from sim.placements import Layout
from sim.robot import SimRobot
from sim.truth import TruthPerceiver, truth_scene, upright_box
from sim.world import TabletopWorld
from tests.sim.cell import entity


def world(seed: int = 0, **options) -> TabletopWorld:
    return TabletopWorld("panda", random_layout(np.random.default_rng(seed), **options))


def scene(seed: int = 0, **options) -> Scene:
    return truth_scene(world(seed, **options))


@pytest.mark.parametrize("seed", range(4))
def test_loose_objects_are_on_the_table_and_nothing_is_held(seed):
    layout = random_layout(np.random.default_rng(seed))
    now = truth_scene(TabletopWorld("panda", layout))
    assert hand_empty(now)
    for item in layout.objects:
        assert on(now, item.name, TABLE)
        assert clear(now, item.name)
        assert accessible(now, item.name)
        assert not holding(now, item.name)


@pytest.mark.parametrize("seed", range(4))
def test_thing_in_the_box_is_in_it_and_not_on_the_table(seed):
    now = scene(seed, placed={"red_cube": "box"})
    assert in_(now, "red_cube", "box")
    assert not on(now, "red_cube", TABLE)
    assert accessible(now, "red_cube")
    assert accepts(now, "box")


@pytest.mark.parametrize("seed", range(4))
def test_stacked_cube_is_on_the_lower_one(seed):
    now = scene(seed, placed={"red_cube": "blue_cube"})
    assert on(now, "red_cube", "blue_cube")
    assert not on(now, "red_cube", TABLE)
    assert not clear(now, "blue_cube")


@pytest.mark.parametrize("seed", range(4))
def test_thing_in_the_closed_drawer_is_in_it_and_shut_away(seed):
    now = scene(seed, placed={"red_cube": "drawer"}, drawer=DrawerStart.CLOSED)
    assert in_(now, "red_cube", "drawer")
    assert closed(now, "drawer")
    assert not open_(now, "drawer")
    assert not accessible(now, "red_cube")
    assert not accepts(now, "drawer")


@pytest.mark.parametrize("seed", range(4))
def test_open_drawer_shows_its_inside(seed):
    now = scene(seed, placed={"red_cube": "drawer"}, drawer=DrawerStart.OPEN)
    assert open_(now, "drawer")
    assert accepts(now, "drawer")
    drawer = now["drawer"]
    assert drawer.articulation is not None
    assert drawer.access is not None
    assert drawer.access.extents_m[0] == pytest.approx(drawer.articulation.value_m)
    front = 0.5 * drawer.extents_m[0]
    assert drawer.access.T_entity_region.p[0] > front


def test_what_fits_the_drawer_is_told_from_what_does_not():
    now = scene(0, with_objects=("red_cube", "milk"))
    assert fits(now, "red_cube", "drawer")
    assert not fits(now, "milk", "drawer")


def test_handle_is_where_the_bar_is():
    for seed in range(3):
        cell = world(seed, drawer=DrawerStart.AJAR)
        drawer = truth_scene(cell)["drawer"]
        assert drawer.articulation is not None
        handle = drawer.T_base_entity @ drawer.articulation.T_entity_handle.p
        bar = cell.model.geom("drawer_handle").id
        assert np.allclose(cell.data.geom_xpos[bar], handle, atol=1e-6)


def test_drawer_faces_the_middle_of_the_table():
    drawer = scene(1)["drawer"]
    assert drawer.T_base_entity.R[1, 0] < -0.9


def test_boxes_of_standing_objects_are_the_objects_own():
    layout = random_layout(np.random.default_rng(2), with_objects=("cereal", "green_cube"))
    now = truth_scene(TabletopWorld("ur5e", layout))
    for item in layout.objects:
        seen = now[item.name]
        assert np.allclose(seen.extents_m, item.extents_m)
        off_m, off_rad = seen.T_base_entity.distance_to(item.T_base_object)
        assert off_m < 0.003
        assert off_rad < 0.02


def test_lying_object_gets_the_upright_box_around_it():
    cell = world(0, with_objects=("can",))
    adr = cell.model.joint("can").qposadr[0]
    cell.data.qpos[adr : adr + 7] = [0.4, -0.1, 0.0255, *SE3.from_rotvec((np.pi / 2, 0, 0)).wxyz()]
    cell.step(100)
    can = truth_scene(cell)["can"]
    assert np.allclose(sorted(can.extents_m[:2]), [0.05, 0.08], atol=0.004)
    assert can.extents_m[2] == pytest.approx(0.05, abs=0.004)
    assert can.bottom_m == pytest.approx(0.0, abs=0.003)


def test_the_box_of_a_tilted_bracket_has_no_corner_where_nothing_is():
    layout = random_layout(
        np.random.default_rng(3), with_objects=("pink_bracket",), count=1, drawer=DrawerStart.ABSENT
    )
    (item,) = layout.objects
    # On the two tips of its arms, its empty corner down.
    tilted = SE3.from_rotvec((np.deg2rad(135.0), 0.0, 0.0)) @ SE3.from_rotvec((0.0, 0.5 * np.pi, 0))
    placed = replace(item, T_base_object=SE3(tilted.R, np.array([0.5, 0.0, 0.10])))
    now = truth_scene(TabletopWorld("panda", replace(layout, objects=(placed,))))["pink_bracket"]
    whole = np.abs(tilted.R) @ item.extents_m
    assert now.extents_m[2] < whole[2] - 0.005


def test_upright_box_of_turned_corners_is_the_box():
    T = SE3.from_yaw(0.4, (0.5, -0.2, 0.03))
    signs = np.stack(np.meshgrid([-0.5, 0.5], [-0.5, 0.5], [-0.5, 0.5]), axis=-1).reshape(-1, 3)
    box, extents = upright_box(T @ (signs * np.array([0.08, 0.04, 0.06])))
    assert np.allclose(box.p, T.p, atol=1e-6)
    assert np.allclose(sorted(extents), [0.04, 0.06, 0.08], atol=1e-6)


def test_fixtures_cannot_be_picked_up_and_the_table_is_flat():
    now = scene(0, button=True)
    assert now.table_height_m == pytest.approx(0.0)
    assert not any(now[name].movable for name in (TABLE, "drawer", "box", "button"))


def test_perceiver_reads_the_world_without_cameras():
    robot = SimRobot("panda", layout=Layout())
    robot.connect()
    perceiver = TruthPerceiver(robot.world)
    perceiver.reset()
    robot.clock.sleep_until(0.5)
    now = perceiver.look(robot.observe(perceiver.cameras))
    assert now.stamp_s == pytest.approx(0.5)
    assert set(now.entities) == {TABLE}
    assert entity(robot, TABLE).top_m == pytest.approx(0.0)
