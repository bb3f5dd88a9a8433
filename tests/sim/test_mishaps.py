"""Mishaps do what their names say, and nothing when it is too late."""

import numpy as np
import pytest

from robot_skills.core.errors import UnknownNameError
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import unmet
from robot_skills.core.types import DEFAULT_ARM
from sim.demonstrate import move_to, prepare
from sim.mishaps import SHARES, Blur, Mishap, MishapKind, draw_mishap, happen
from sim.robot import SimRobot
from sim.scenarios import draw_scenario
from sim.truth import held_objects, truth_scene


def mishap(kind: MishapKind, strength: float = 0.5) -> Mishap:
    return Mishap(kind=kind, tick=5, strength=strength)


@pytest.fixture
def holding():
    """A cell whose hand holds what a place is about, and the call's arguments."""
    rng = np.random.default_rng(3)
    scenario = draw_scenario("place", rng)
    cell = SimRobot(layout=scenario.layout)
    cell.connect()
    prepare(cell, scenario, rng)
    yield cell, scenario.args["object"], scenario.args["target"]
    cell.close()


@pytest.mark.parametrize(
    "kind", [MishapKind.REMOVED, MishapKind.SLIPPERY, MishapKind.WEAK], ids=lambda kind: kind.value
)
def test_a_held_thing_is_lost(holding, kind):
    cell, thing, target = holding
    happen(mishap(kind, 0.0), cell.world, thing, target, np.random.default_rng(0))
    cell.clock.sleep_until(cell.clock.now_s() + 1.0)
    assert thing not in held_objects(cell.world)


def test_a_stuck_gripper_keeps_its_opening(holding):
    cell, thing, target = holding
    before = cell.observe().arms[DEFAULT_ARM].opening
    happen(mishap(MishapKind.STUCK), cell.world, thing, target, np.random.default_rng(0))
    move_to(cell, cell.home(DEFAULT_ARM), 1.0)
    assert cell.observe().arms[DEFAULT_ARM].opening == pytest.approx(before, abs=0.05)


def test_nothing_happens_once_the_thing_has_left_the_hand(holding):
    cell, thing, target = holding
    move_to(cell, cell.home(DEFAULT_ARM), 1.0)
    before = cell.world.data.qpos.copy()
    happen(mishap(MishapKind.REMOVED), cell.world, thing, target, np.random.default_rng(0))
    assert np.array_equal(cell.world.data.qpos, before)


def test_a_thing_is_pushed_by_as_much_as_it_says(holding):
    cell, thing, _ = holding
    other = next(item.name for item in cell.world.layout.objects if item.name != thing)
    before = cell.world.T_base_body(other).p
    happen(mishap(MishapKind.MOVED, 0.5), cell.world, other, None, np.random.default_rng(0))
    cell.world.step(1)
    shift = cell.world.T_base_body(other).p - before
    assert np.linalg.norm(shift[:2]) == pytest.approx(0.07, abs=2e-3)


def test_sight_is_wrong_in_the_same_way_in_every_look(holding):
    cell, thing, _ = holding
    scene = truth_scene(cell.world)
    blur = Blur(mishap(MishapKind.BLURRED, 1.0), thing, np.random.default_rng(0))
    first, second = blur.believed(scene), blur.believed(scene)
    for entity in first:
        assert np.array_equal(entity.T_base_entity.p, second[entity.name].T_base_entity.p)
    off = [np.linalg.norm(first[e.name].T_base_entity.p - e.T_base_entity.p) for e in scene]
    assert 0.003 < np.median(off) < 0.08


def test_blurred_sight_is_worse_than_usual():
    rng = np.random.default_rng(1)
    scenario = draw_scenario("grasp", rng)
    cell = SimRobot(layout=scenario.layout)
    cell.connect()
    scene = truth_scene(cell.world)
    cell.close()
    off = {}
    for kind in (MishapKind.NONE, MishapKind.BLURRED):
        seen = Blur(mishap(kind, 1.0), "", np.random.default_rng(0)).believed(scene)
        off[kind] = np.mean(
            [np.linalg.norm(seen[e.name].T_base_entity.p - e.T_base_entity.p) for e in scene]
        )
    assert off[MishapKind.BLURRED] > 4.0 * off[MishapKind.NONE]


def test_a_mistaken_thing_is_believed_where_another_one_is():
    rng = np.random.default_rng(1)
    scenario = draw_scenario("grasp", rng)
    cell = SimRobot(layout=scenario.layout)
    cell.connect()
    scene = truth_scene(cell.world)
    cell.close()
    thing = scenario.args["object"]
    seen = Blur(mishap(MishapKind.MISTAKEN), thing, np.random.default_rng(0)).believed(scene)
    distance = np.linalg.norm(seen[thing].T_base_entity.p - scene[thing].T_base_entity.p)
    assert distance > 0.03
    assert set(seen.entities) == set(scene.entities)
    assert unmet(seen, (Literal(predicate="hand_empty", args=()),)) == ()


def test_mishaps_are_drawn_from_the_generator_alone():
    drawn = [draw_mishap("grasp", np.random.default_rng(7)) for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_every_mishap_has_its_share():
    rng = np.random.default_rng(0)
    for skill, shares in SHARES.items():
        assert {draw_mishap(skill, rng).kind for _ in range(600)} == set(shares)
        assert sum(shares.values()) == pytest.approx(1.0)


def test_a_skill_without_mishaps_is_refused():
    with pytest.raises(UnknownNameError, match="grasp, insert, place"):
        draw_mishap("wave", np.random.default_rng(0))
