"""What varies between episodes, and what does not."""

import numpy as np
import pytest

from robot_skills.core.predicates import unmet
from robot_skills.core.se3 import SE3
from sim.appearance import USUAL, Appearance, Texture
from sim.layout import DrawerStart, random_layout
from sim.objects import OBJECT_NAMES, UNSEEN_NAMES, random_object
from sim.placements import Layout, raised
from sim.robot import SimRobot
from sim.scenarios import SCENARIOS, draw_scenario
from sim.truth import truth_scene
from sim.variation import FACTORS, TRAINING, UNSEEN, Variation, vary
from sim.world import T_BASE_FRONT, TabletopWorld

MOVED = SE3.from_translation((0.04, 0.02, 0.0))


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_training_changes_nothing_of_a_layout():
    layout = random_layout(rng())
    same = vary(layout, TRAINING, rng(1))
    assert same.appearance is USUAL
    assert (same.friction, same.table_height_m) == (1.0, 0.0)
    assert np.array_equal(same.table_rgb, layout.table_rgb)
    assert [item.mass_kg for item in same.objects] == [item.mass_kg for item in layout.objects]


@pytest.mark.parametrize("name", sorted(FACTORS))
def test_each_factor_makes_another_world_and_only_that(name):
    usual, other = (draw_scenario("grasp", rng(12), v).layout for v in (TRAINING, FACTORS[name]))
    looks = usual.appearance is other.appearance
    table = np.array_equal(usual.table_rgb, other.table_rgb)
    seen = {item.name for item in other.objects} <= set(OBJECT_NAMES)
    masses = [item.mass_kg for item in usual.objects], [item.mass_kg for item in other.objects]
    match name:
        case "light" | "camera pose":
            assert not looks
            assert table
            assert seen
        case "texture":
            assert not table
        case "object" | "distractors":
            assert not seen
        case "table height":
            assert other.table_height_m != 0.0
        case "friction":
            assert other.friction != 1.0
        case "mass":
            assert masses[0] != masses[1]
        case "size":
            cubes = [
                item
                for seed in range(8)
                for item in draw_scenario("grasp", rng(seed), FACTORS[name]).layout.objects
                if item.label == "cube"
            ]
            assert not all(0.038 <= item.extents_m[0] <= 0.050 for item in cubes)


def test_unseen_things_are_other_things():
    assert not set(UNSEEN_NAMES) & set(OBJECT_NAMES)
    colours = {random_object(rng(), name).colour for name in UNSEEN_NAMES}
    assert not colours & {random_object(rng(), name).colour for name in OBJECT_NAMES}


@pytest.mark.parametrize("name", UNSEEN.things[:4])
def test_unseen_things_stand_where_they_are_put_and_weigh_what_they_say(name):
    layout = random_layout(rng(2), with_objects=(name,), count=1, drawer=DrawerStart.ABSENT)
    world = TabletopWorld("panda", layout)
    item = layout.objects[0]
    assert world.model.body(name).mass[0] == pytest.approx(item.mass_kg, rel=1e-6)
    world.step(200)
    truth = truth_scene(world)[name]
    assert np.allclose(truth.T_base_entity.p, item.T_base_object.p, atol=0.002)
    assert np.allclose(truth.extents_m, item.extents_m, atol=1e-6)


@pytest.mark.parametrize("by_m", [-0.05, 0.06])
def test_a_raised_table_raises_everything_on_it(by_m):
    absent = DrawerStart.ABSENT
    layout = random_layout(
        rng(4), drawer=absent, cupboard=DrawerStart.AJAR, box=False, switch=True, zone=True, count=2
    )
    higher = raised(layout, by_m)
    low, high = (truth_scene(TabletopWorld("panda", one)) for one in (layout, higher))
    assert list(low.entities) == list(high.entities)
    for entity in low:
        there = high[entity.name].T_base_entity.p - entity.T_base_entity.p
        assert np.allclose(there, [0.0, 0.0, by_m], atol=0.003), entity.name
    assert high.table_height_m == pytest.approx(by_m)


def test_friction_is_scaled_for_everything():
    layout = random_layout(rng(5), count=2, drawer=DrawerStart.ABSENT)
    usual = TabletopWorld("panda", layout).model
    other = TabletopWorld("panda", vary(layout, Variation(friction=(0.5, 0.5)), rng())).model
    assert np.allclose(other.geom_friction[:, 0], 0.5 * usual.geom_friction[:, 0])
    assert np.allclose(other.geom_friction[:, 1:], usual.geom_friction[:, 1:])


@pytest.mark.parametrize("texture", list(Texture))
def test_a_table_is_covered_and_a_camera_moves_with_its_pose_known(texture):
    moved = Appearance(texture=texture, second_rgb=np.array([0.9, 0.1, 0.1]), T_front_moved=MOVED)
    layout = Layout(appearance=moved)
    robot = SimRobot("panda", layout=layout, camera_size_px=(160, 120))
    robot.connect()
    try:
        frame = robot.observe(("front",)).cameras["front"]
    finally:
        robot.close()
    assert frame.T_base_camera.allclose(T_BASE_FRONT @ MOVED)
    table = frame.rgb[80:110, 30:130].astype(float).reshape(-1, 3)
    other = np.abs(table - np.median(table, axis=0)).max(axis=1) > 30.0
    assert other.any() == (texture is not Texture.PLAIN)


@pytest.mark.parametrize("skill", sorted(SCENARIOS))
def test_every_skill_has_scenes_with_unseen_things(skill):
    scenario = draw_scenario(skill, rng(6), FACTORS["object"])
    world = TabletopWorld("panda", scenario.layout)
    assert unmet(truth_scene(world), scenario.effects)
