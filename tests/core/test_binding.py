"""Binding: the same description of the same situation, for demonstrations and runs alike."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.core.binding import Anchor, AnchorSpec, bind
from robot_skills.core.errors import PlanningError, RefusedError, UnknownNameError
from robot_skills.core.free_spots import free_spot_on_table
from robot_skills.core.predicates import alongside, beside, over
from robot_skills.core.scene import TABLE, canonical_yaw, footprint_gap_m
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM
from tests.fakes import T_HOME, bin_, cube, door, drawer, lamp, make_scene


def spec(entity: str, anchor: Anchor) -> AnchorSpec:
    return AnchorSpec(entity=entity, anchor=anchor)


def test_a_box_is_bound_by_the_axes_that_suit_the_tool():
    turned = replace(cube(), T_base_entity=SE3.from_yaw(2.0, (0.5, 0.1, 0.02)))
    (token,) = bind([spec("red_cube", Anchor.BOX)], make_scene(turned), T_HOME).tokens
    assert token.T_base_anchor.allclose(canonical_yaw(turned, T_HOME).T_base_entity)
    assert token.value == 0.0


def test_a_handle_is_bound_where_it_is_with_its_joint_value():
    thing = drawer(0.05)
    (token,) = bind([spec("drawer", Anchor.HANDLE)], make_scene(thing), T_HOME).tokens
    assert thing.articulation is not None
    T = thing.T_base_entity @ thing.articulation.T_entity_handle
    assert token.T_base_anchor.allclose(T)
    assert np.allclose(token.T_base_anchor.R[:, 0], [0.0, -1.0, 0.0], atol=1e-9)
    assert token.value == 0.05


def test_the_top_of_a_thing_is_the_middle_of_its_upper_face():
    specs = [spec("blue_cube", Anchor.BOX), spec("red_cube", Anchor.TOP)]
    scene = make_scene(cube(), cube("blue_cube", y=0.2))
    token = bind(specs, scene, T_HOME).tokens[1]
    assert np.allclose(token.T_base_anchor.p, [0.5, 0.0, 0.04])
    assert np.allclose(token.extents_m[:2], 0.04)


def test_the_access_of_a_container_lies_within_it():
    specs = [spec("red_cube", Anchor.BOX), spec("box", Anchor.ACCESS)]
    token = bind(specs, make_scene(cube(), bin_()), T_HOME).tokens[1]
    offset = bin_().T_base_entity.inverse() @ token.T_base_anchor.p
    assert np.all(np.abs(offset) <= 0.5 * bin_().extents_m)


def test_only_what_is_held_moves_with_the_tool():
    held = replace(cube(), held_by=DEFAULT_ARM)
    specs = [spec("red_cube", Anchor.BOX), spec("box", Anchor.ACCESS)]
    binding = bind(specs, make_scene(held, bin_()), T_HOME)
    motion = SE3.from_yaw(0.4, (0.1, -0.2, 0.05))
    moved = binding.tokens_at(motion @ T_HOME)
    assert moved[0].T_base_anchor.allclose(motion @ binding.tokens[0].T_base_anchor)
    assert np.allclose(moved[0].extents_m, binding.tokens[0].extents_m)
    assert moved[1].T_base_anchor.allclose(binding.tokens[1].T_base_anchor)
    for now, bound in zip(binding.tokens_at(T_HOME), binding.tokens, strict=True):
        assert now.T_base_anchor.allclose(bound.T_base_anchor)


@pytest.mark.parametrize(
    ("entity", "anchor", "error"),
    [
        ("red_cube", Anchor.HANDLE, RefusedError),
        ("red_cube", Anchor.ACCESS, RefusedError),
        ("drawer", Anchor.ACCESS, RefusedError),
        ("green_cube", Anchor.BOX, UnknownNameError),
    ],
)
def test_what_a_thing_does_not_have_cannot_be_bound(entity, anchor, error):
    with pytest.raises(error, match=entity):
        bind([spec(entity, anchor)], make_scene(cube(), drawer(0.0)), T_HOME)


def test_a_call_binds_no_more_entities_than_a_policy_sees():
    with pytest.raises(RefusedError, match="at most 2"):
        bind([spec("red_cube", Anchor.BOX)] * 3, make_scene(cube()), T_HOME)


def test_a_free_spot_keeps_clear_of_everything_and_lies_on_the_table():
    scene = make_scene(cube(), cube("blue_cube", 0.52, 0.02), bin_(), drawer(0.1))
    thing = scene["red_cube"]
    spot = free_spot_on_table(scene, thing)
    assert spot[2] == scene.table_height_m
    radius = 0.5 * float(np.linalg.norm(thing.extents_m[:2]))
    for other in scene:
        if other.name in (TABLE, thing.name):
            continue
        local = other.T_base_entity.inverse() @ spot
        outside = np.maximum(np.abs(local[:2]) - 0.5 * other.extents_m[:2], 0.0)
        assert np.linalg.norm(outside) >= radius + 0.06 - 1e-9


def test_a_free_spot_leaves_room_for_a_drawer_to_open():
    scene = make_scene(cube(), drawer(0.0))
    joint = scene["drawer"].articulation
    assert joint is not None
    local = scene["drawer"].T_base_entity.inverse() @ free_spot_on_table(scene, scene["red_cube"])
    swept_to_m = joint.T_entity_handle.p[0] + joint.upper_m
    assert local[0] > swept_to_m or abs(local[1]) > 0.12


def test_the_same_scene_gives_the_same_spot_near_the_middle():
    scene = make_scene(cube("blue_cube", 0.7, -0.3))
    a, b = free_spot_on_table(scene, cube()), free_spot_on_table(scene, cube())
    assert np.array_equal(a, b)
    assert np.linalg.norm(a[:2] - [0.52, 0.0]) < 0.02


def test_a_full_table_has_no_free_spot():
    crowd = [cube(f"c{i}", 0.36 + 0.08 * (i % 5), -0.26 + 0.08 * (i // 5)) for i in range(35)]
    with pytest.raises(PlanningError, match="No free spot"):
        free_spot_on_table(make_scene(*crowd), cube())


def test_the_hand_turns_where_its_palm_would_hit_something_tall():
    tall = replace(
        cube("green_cube", x=0.5, y=0.11, size_m=0.06), extents_m=np.array([0.06, 0.06, 0.2])
    )
    near = make_scene(cube("red_cube", x=0.5, y=0.0), tall)
    alone = make_scene(cube("red_cube", x=0.5, y=0.0))
    free = bind([spec("red_cube", Anchor.BOX)], alone, T_HOME).tokens[0].T_base_anchor
    turned = bind([spec("red_cube", Anchor.BOX)], near, T_HOME).tokens[0].T_base_anchor
    assert abs(free.R[:, 1] @ [0.0, 1.0, 0.0]) == pytest.approx(1.0)
    assert abs(turned.R[:, 1] @ [0.0, 1.0, 0.0]) == pytest.approx(0.0, abs=1e-9)


def test_a_thing_in_a_container_tells_how_high_the_walls_around_it_rise():
    box = bin_(x=0.5, y=-0.25)
    floor = box.T_base_entity.p[2] + 0.01 - 0.03
    inside = cube("red_cube", x=0.5, y=-0.25)
    p = np.array([0.5, -0.25, floor + 0.02])
    inside = replace(inside, T_base_entity=SE3.from_translation(p))
    token = bind([spec("red_cube", Anchor.BOX)], make_scene(box, inside), T_HOME).tokens[0]
    assert token.value == pytest.approx(0.06)
    outside = make_scene(box, cube("red_cube"))
    assert bind([spec("red_cube", Anchor.BOX)], outside, T_HOME).tokens[0].value == 0.0


def test_a_second_thing_in_a_container_gets_a_spot_clear_of_the_first():
    box = bin_(x=0.5, y=-0.25)
    first = replace(
        cube("red_cube", x=0.5, y=-0.25),
        T_base_entity=SE3.from_translation(box.T_base_entity.p),
    )
    scene = make_scene(box, first, cube("green_cube"))
    specs = [spec("green_cube", Anchor.BOX), spec("box", Anchor.ACCESS)]
    spot = bind(specs, scene, T_HOME).tokens[1].T_base_anchor.p
    assert np.linalg.norm(spot[:2] - [0.5, -0.25]) > 0.03


# Doors, switches, and places next to things


def test_only_a_door_has_a_hinge():
    specs = [spec("cupboard", Anchor.HANDLE), spec("cupboard", Anchor.HINGE)]
    handle, hinge = bind(specs, make_scene(door(0.05)), T_HOME).tokens
    arm = handle.T_base_anchor.p - hinge.T_base_anchor.p
    assert np.linalg.norm(arm) == pytest.approx(hinge.extents_m[0])
    assert np.allclose(arm / np.linalg.norm(arm), hinge.T_base_anchor.R[:, 0])
    assert (handle.value, hinge.value) == (0.05, 0.05)
    slides = [spec("drawer", Anchor.HANDLE), spec("drawer", Anchor.HINGE)]
    binding = bind(slides, make_scene(drawer(0.05)), T_HOME)
    assert len(binding.tokens) == len(binding.tokens_at(T_HOME)) == 1
    with pytest.raises(RefusedError, match="no hinge"):
        bind([spec("red_cube", Anchor.HINGE)], make_scene(cube()), T_HOME)


def test_what_is_pressed_is_pressed_where_it_says():
    (token,) = bind([spec("lamp", Anchor.PRESS)], make_scene(lamp(True)), T_HOME).tokens
    assert np.allclose(token.T_base_anchor.p, [0.5, 0.0, 0.04])
    assert token.value == 0.01
    with pytest.raises(RefusedError, match="cannot be pressed"):
        bind([spec("red_cube", Anchor.PRESS)], make_scene(cube()), T_HOME)


def test_the_point_over_a_thing_is_one_where_the_tool_is_over_it():
    (token,) = bind([spec("red_cube", Anchor.OVER)], make_scene(cube()), T_HOME).tokens
    reached = replace(make_scene(cube()), tools={DEFAULT_ARM: token.T_base_anchor})
    assert over(reached, "red_cube")


@pytest.mark.parametrize("crowd", [(0.0, 0.09), (0.0, -0.09), (0.09, 0.0), (-0.09, 0.0)])
def test_alongside_is_where_there_is_room(crowd):
    other = cube("blue_cube", x=0.5 + crowd[0], y=crowd[1])
    scene = make_scene(cube(), other)
    (token,) = bind([spec("red_cube", Anchor.ALONGSIDE)], scene, T_HOME).tokens
    reached = replace(scene, tools={DEFAULT_ARM: token.T_base_anchor})
    assert alongside(reached, "red_cube")
    assert np.linalg.norm((token.T_base_anchor.p - other.T_base_entity.p)[:2]) > 0.08


def test_what_is_put_down_at_the_spot_beside_a_thing_is_beside_it():
    held = replace(cube("blue_cube"), held_by=DEFAULT_ARM)
    specs = [spec("blue_cube", Anchor.BOX), spec("red_cube", Anchor.SPOT_BESIDE)]
    for others in ((), (cube("green_cube", y=0.1),), (cube("green_cube", x=0.6),)):
        scene = make_scene(cube(), held, *others)
        spot = bind(specs, scene, T_HOME).tokens[1].T_base_anchor.p
        for turn_rad in (0.0, 0.5, 0.8):
            p = (spot[0], spot[1], 0.02)
            put = replace(held, held_by=None, T_base_entity=SE3.from_yaw(turn_rad, p))
            after = make_scene(cube(), put, *others)
            assert beside(after, "blue_cube", "red_cube")
            assert all(footprint_gap_m(put, other) > 0.02 for other in others)


def test_a_thing_in_a_corner_of_others_has_no_spot_beside_it():
    held = replace(cube("blue_cube"), held_by=DEFAULT_ARM)
    crowd = [
        cube(f"{n}_cube", x=0.5 + 0.09 * np.cos(turn), y=0.09 * np.sin(turn), size_m=0.05)
        for n, turn in enumerate(np.linspace(0.0, 2.0 * np.pi, 9)[:-1])
    ]
    specs = [spec("blue_cube", Anchor.BOX), spec("red_cube", Anchor.SPOT_BESIDE)]
    with pytest.raises(PlanningError, match="No free spot"):
        bind(specs, make_scene(cube(), held, *crowd), T_HOME)


def test_nothing_is_put_where_a_door_swings():
    scene = make_scene(door())
    spot = free_spot_on_table(scene, cube())
    joint = door().articulation
    assert joint is not None
    for value_m in np.linspace(0.0, joint.upper_m, 9):
        handle = door().T_base_entity @ joint.handle_at(float(value_m))
        assert np.linalg.norm((handle.p - spot)[:2]) > 0.06
