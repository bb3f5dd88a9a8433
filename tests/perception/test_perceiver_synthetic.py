"""The perceiver and its memory on ray-cast blocks."""

import numpy as np
import pytest

from robot_skills.core.errors import PerceptionError
from robot_skills.core.predicates import on
from robot_skills.core.scene import TABLE
from robot_skills.core.types import DEFAULT_ARM, Observation
from robot_skills.perception import RgbdPerceiver, SightConfig
from tests.perception.raycast import block, observation

RED, GREEN = (0.8, 0.08, 0.08), (0.1, 0.6, 0.15)


def look(*blocks, perceiver=None, **how):
    return (perceiver or RgbdPerceiver()).look(observation(*blocks, **how))


def test_empty_table_is_a_scene_with_nothing_but_the_table():
    assert list(look().entities) == [TABLE]


def test_cube_is_named_by_its_colour():
    scene = look(block(0.5, 0.1, 0.0, 0.045, RED, 0.3))
    cube = scene["red_cube"]
    assert (cube.label, cube.colour, cube.visible, cube.movable) == ("cube", "red", True, True)
    assert np.allclose(cube.T_base_entity.p, [0.5, 0.1, 0.0225], atol=2e-3)


def test_things_stand_on_a_table_of_any_height():
    scene = look(block(0.5, 0.1, 0.03, 0.045, RED), table_z=0.03)
    assert scene.table_height_m == pytest.approx(0.03, abs=1e-3)
    assert scene["red_cube"].bottom_m == pytest.approx(0.03, abs=1e-3)


def test_second_cube_of_a_colour_gets_a_number():
    scene = look(block(0.5, 0.1, 0.0, 0.045, RED), block(0.5, -0.1, 0.0, 0.045, RED))
    assert {"red_cube", "red_cube_2"} <= set(scene.entities)


def test_names_follow_things_that_move():
    perceiver = RgbdPerceiver()
    look(block(0.5, 0.1, 0.0, 0.045, RED), block(0.5, -0.1, 0.0, 0.045, RED), perceiver=perceiver)
    before = look(
        block(0.5, 0.1, 0.0, 0.045, RED), block(0.5, -0.1, 0.0, 0.045, RED), perceiver=perceiver
    )
    high = next(n for n in ("red_cube", "red_cube_2") if before[n].T_base_entity.p[1] > 0.0)
    after = look(
        block(0.53, 0.13, 0.0, 0.045, RED), block(0.5, -0.1, 0.0, 0.045, RED), perceiver=perceiver
    )
    assert np.allclose(after[high].T_base_entity.p[:2], [0.53, 0.13], atol=3e-3)
    assert len(after) == len(before)


def test_stack_is_seen_as_one_thing_on_another():
    scene = look(block(0.5, 0.0, 0.0, 0.045, RED), block(0.5, 0.0, 0.045, 0.04, GREEN, 0.4))
    assert on(scene, "green_cube", "red_cube")
    assert on(scene, "red_cube", TABLE)
    assert not on(scene, "green_cube", TABLE)


def test_a_thing_that_is_gone_stays_known_but_not_visible():
    perceiver = RgbdPerceiver()
    red, green = block(0.5, 0.1, 0.0, 0.045, RED), block(0.5, -0.1, 0.0, 0.045, GREEN)
    look(red, green, perceiver=perceiver)
    look(red, green, perceiver=perceiver, stamp_s=1.0)
    scene = look(green, perceiver=perceiver, stamp_s=2.0)
    assert not scene["red_cube"].visible
    assert scene["red_cube"].gone
    assert scene["red_cube"].stamp_s == 1.0
    assert scene["green_cube"].visible
    assert not scene["green_cube"].gone
    back = look(red, green, perceiver=perceiver, stamp_s=3.0)
    assert back["red_cube"].visible
    assert not back["red_cube"].gone


def test_a_thing_that_something_stands_before_is_not_gone():
    perceiver = RgbdPerceiver()
    red = block(0.5, 0.1, 0.0, 0.045, RED)
    for stamp_s in (0.0, 1.0):
        look(red, perceiver=perceiver, stamp_s=stamp_s)
    lid = block(0.5, 0.1, 0.0, (0.12, 0.12, 0.10), GREEN)
    scene = look(lid, perceiver=perceiver, stamp_s=2.0)
    assert not scene["red_cube"].visible
    assert not scene["red_cube"].gone


def test_what_was_seen_once_and_is_not_there_is_forgotten():
    perceiver = RgbdPerceiver()
    look(block(0.5, 0.1, 0.0, 0.045, RED), perceiver=perceiver)
    assert "red_cube" not in look(perceiver=perceiver)


def test_reset_forgets_everything():
    perceiver = RgbdPerceiver()
    red = block(0.5, 0.1, 0.0, 0.045, RED)
    look(red, perceiver=perceiver)
    look(red, perceiver=perceiver)
    perceiver.reset()
    assert "red_cube" not in look(perceiver=perceiver)


def test_a_thing_between_the_fingers_is_held_and_keeps_its_name():
    perceiver = RgbdPerceiver()
    look(block(0.5, 0.1, 0.0, 0.045, RED), perceiver=perceiver)
    tool, hanging = (0.5, 0.0, 0.20), block(0.5, 0.0, 0.18, 0.045, RED)
    scene = look(hanging, perceiver=perceiver, tool=tool, opening=0.045 / 0.08)
    assert scene.held(DEFAULT_ARM).name == "red_cube"
    assert np.allclose(scene["red_cube"].T_base_entity.p, hanging.T_base_block.p, atol=5e-3)


def test_a_low_thing_that_hardly_hangs_out_of_the_fingers_is_held():
    perceiver = RgbdPerceiver()
    look(block(0.5, 0.1, 0.0, (0.05, 0.028, 0.032), RED), perceiver=perceiver)
    hanging = block(0.5, 0.0, 0.414, (0.05, 0.028, 0.032), RED)
    scene = look(hanging, perceiver=perceiver, tool=(0.5, 0.0, 0.42), opening=0.028 / 0.08)
    held = scene.held(DEFAULT_ARM)
    assert held is not None
    assert np.allclose(held.T_base_entity.p, hanging.T_base_block.p, atol=6e-3)


def test_a_held_thing_moves_with_the_tool_even_unseen():
    perceiver = RgbdPerceiver()
    look(block(0.5, 0.1, 0.0, 0.045, RED), perceiver=perceiver)
    closed = 0.045 / 0.08
    look(
        block(0.5, 0.0, 0.18, 0.045, RED),
        perceiver=perceiver,
        tool=(0.5, 0.0, 0.20),
        opening=closed,
    )
    scene = look(perceiver=perceiver, tool=(0.4, 0.1, 0.30), opening=closed)
    assert np.allclose(scene["red_cube"].T_base_entity.p, [0.4, 0.1, 0.3025], atol=6e-3)
    assert scene["red_cube"].held_by == DEFAULT_ARM


def test_an_opened_hand_holds_nothing():
    perceiver = RgbdPerceiver()
    look(block(0.5, 0.1, 0.0, 0.045, RED), perceiver=perceiver)
    hanging = block(0.5, 0.0, 0.18, 0.045, RED)
    look(hanging, perceiver=perceiver, tool=(0.5, 0.0, 0.20), opening=0.045 / 0.08)
    scene = look(block(0.6, 0.0, 0.0, 0.045, RED), perceiver=perceiver, opening=1.0)
    assert scene.held(DEFAULT_ARM) is None
    assert scene["red_cube"].T_base_entity.p[0] == pytest.approx(0.6, abs=3e-3)


def test_same_observation_gives_the_same_scene_bit_for_bit():
    blocks = (block(0.5, 0.0, 0.0, 0.045, RED), block(0.6, 0.2, 0.0, 0.04, GREEN, 0.4))
    first, second = look(*blocks), look(*blocks)
    assert list(first.entities) == list(second.entities)
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.T_base_entity.matrix(), b.T_base_entity.matrix())
        assert np.array_equal(a.extents_m, b.extents_m)


def test_missing_camera_is_named():
    full = observation()
    without = Observation(stamp_s=0.0, arms=full.arms, cameras={"front": full.cameras["front"]})
    with pytest.raises(PerceptionError, match="wrist"):
        RgbdPerceiver().look(without)


def test_one_camera_suffices_when_the_config_says_so():
    config = SightConfig(cameras=("front",))
    scene = RgbdPerceiver(config).look(observation(block(0.5, 0.1, 0.0, 0.045, RED)))
    assert scene["red_cube"].visible


def test_no_table_is_an_error():
    with pytest.raises(PerceptionError, match="No table plane"):
        RgbdPerceiver().look(observation(table_z=-3.0))


def test_config_without_cameras_is_refused():
    with pytest.raises(ValueError, match="at least one camera"):
        SightConfig(cameras=())


def test_a_thing_let_go_beside_its_like_is_found_in_the_lump_that_they_make():
    perceiver = RgbdPerceiver()
    first, second = block(0.6, 0.1, 0.0, 0.045, RED), block(0.5, -0.1, 0.0, 0.045, RED)
    before = look(first, second, perceiver=perceiver)
    name = next(n for n in ("red_cube", "red_cube_2") if before[n].T_base_entity.p[1] < 0.0)
    other = "red_cube_2" if name == "red_cube" else "red_cube"
    hanging = block(0.5, 0.0, 0.18, 0.045, RED)
    look(first, hanging, perceiver=perceiver, tool=(0.5, 0.0, 0.20), opening=0.045 / 0.08)
    beside = block(0.6, 0.146, 0.0, 0.045, RED)
    scene = look(first, beside, perceiver=perceiver)
    assert scene[name].visible
    assert scene[other].visible
    assert np.allclose(scene[name].T_base_entity.p[:2], [0.6, 0.146], atol=6e-3)
    assert np.allclose(scene[other].T_base_entity.p[:2], [0.6, 0.1], atol=6e-3)


def test_orange_in_the_shade_of_a_hand_is_still_the_orange_cube():
    perceiver = RgbdPerceiver()
    look(block(0.5, 0.0, 0.0, 0.045, (0.95, 0.42, 0.03)), perceiver=perceiver)
    shaded = block(0.5, 0.0, 0.18, 0.045, (0.45, 0.20, 0.02))
    scene = look(shaded, perceiver=perceiver, tool=(0.5, 0.0, 0.20), opening=0.045 / 0.08)
    assert scene.held(DEFAULT_ARM).name == "orange_cube"
