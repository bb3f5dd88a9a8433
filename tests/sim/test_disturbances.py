"""Somebody moves and takes away things, from wherever they are, to where the arm can take them."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.errors import RefusedError
from robot_skills.core.predicates import in_, on
from robot_skills.core.scene import TABLE
from sim.demonstrate import prepare
from sim.disturbances import ChangeKind, Disturbance, disturb, draw_disturbance, free_place
from sim.layout import REACH_M, DrawerStart, random_layout
from sim.robot import SimRobot
from sim.scenarios import draw_scenario
from sim.truth import TruthPerceiver, held_objects, truth_scene


def change(kind: ChangeKind, thing: str = "red_cube") -> Disturbance:
    return Disturbance(kind=kind, thing=thing, call=0, delay_s=0.0)


@pytest.fixture
def cell():
    """A cell with a red cube in its open drawer."""
    layout = random_layout(
        np.random.default_rng(5), placed={"red_cube": "drawer"}, count=3, drawer=DrawerStart.OPEN
    )
    made = SimRobot(layout=layout)
    made.connect()
    yield made
    made.close()


def settle(cell: SimRobot) -> None:
    cell.clock.sleep_until(cell.clock.now_s() + 0.5)


@pytest.mark.parametrize("seed", range(3))
def test_a_thing_is_moved_out_of_the_drawer_to_a_free_place_within_reach(cell, seed):
    before = truth_scene(cell.world)
    assert in_(before, "red_cube", "drawer")
    disturb(cell.world, change(ChangeKind.MOVED), np.random.default_rng(seed))
    settle(cell)
    after = truth_scene(cell.world)
    assert on(after, "red_cube", TABLE)
    p = after["red_cube"].T_base_entity.p
    assert float(np.linalg.norm(p[:2])) <= REACH_M + 0.01
    for entity in before:
        if entity.name != "red_cube":
            assert after[entity.name].T_base_entity.distance_to(entity.T_base_entity)[0] < 0.005


def test_a_thing_is_moved_out_of_the_hand():
    rng = np.random.default_rng(3)
    scenario = draw_scenario("place", rng)
    cell = SimRobot(layout=scenario.layout)
    cell.connect()
    try:
        prepare(cell, scenario, rng)
        thing = scenario.args["object"]
        assert thing in held_objects(cell.world)
        disturb(cell.world, change(ChangeKind.MOVED, thing), rng)
        settle(cell)
        assert thing not in held_objects(cell.world)
        away = truth_scene(cell.world)[thing].T_base_entity.p - cell.world.T_base_tool().p
        assert float(np.linalg.norm(away[:2])) > 0.1
    finally:
        cell.close()


def test_what_is_taken_away_is_gone_for_those_who_look(cell):
    perceiver = TruthPerceiver(cell.world)
    assert not perceiver.look(cell.observe())["red_cube"].gone
    disturb(cell.world, change(ChangeKind.REMOVED), np.random.default_rng(0))
    settle(cell)
    seen = perceiver.look(cell.observe())
    assert seen["red_cube"].gone
    assert not seen["red_cube"].visible
    assert [entity.name for entity in seen if entity.gone] == ["red_cube"]


def test_where_nobody_does_anything_nothing_changes(cell):
    before = cell.world.data.qpos.copy()
    disturb(cell.world, change(ChangeKind.NONE), np.random.default_rng(0))
    assert np.array_equal(cell.world.data.qpos, before)


def test_a_table_without_room_is_refused(cell):
    everywhere = replace(
        next(item for item in cell.world.layout.objects if item.name == "red_cube"),
        extents_m=np.array([2.0, 2.0, 0.04]),
    )
    others = [item for item in cell.world.layout.objects if item.name != "red_cube"]
    cell.world.layout = replace(cell.world.layout, objects=(everywhere, *others))
    with pytest.raises(RefusedError, match="no free place on the table for 'red_cube'"):
        free_place(cell.world, "red_cube", np.random.default_rng(0))


def test_the_same_seed_draws_the_same_disturbance():
    drawn = [
        draw_disturbance(ChangeKind.MOVED, ("a", "b"), 5, np.random.default_rng(7))
        for _ in range(2)
    ]
    assert drawn[0] == drawn[1]
    assert drawn[0].thing in ("a", "b")
    assert 0 <= drawn[0].call < 5
