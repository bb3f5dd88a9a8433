"""Scenes, predicates, and the axes that suit a tool."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_skills.core.errors import UnknownNameError
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import PREDICATES, holds, unmet
from robot_skills.core.scene import Entity, Region, Scene, canonical_yaw, footprint_gap_m
from robot_skills.core.se3 import SE3
from tests.fakes import R_DOWN, bin_, cube, door, drawer, lamp, make_scene, table

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=60)
settings.load_profile("repeatable")


def at(entity: Entity, *p: float) -> Entity:
    return replace(entity, T_base_entity=SE3(entity.T_base_entity.R, np.array(p)))


def says(scene: Scene, predicate: str, *args: str) -> bool:
    return holds(scene, Literal(predicate=predicate, args=args))


STACKED = make_scene(cube(), at(cube("blue_cube"), 0.5, 0.0, 0.06))
IN_BOX = make_scene(at(cube(), 0.5, -0.25, 0.04), bin_())
IN_SHUT_DRAWER = make_scene(at(cube(), 0.5, 0.36, 0.045), drawer(0.0))
IN_OPEN_DRAWER = make_scene(at(cube(), 0.5, 0.21, 0.045), drawer(0.15))
HELD = make_scene(replace(at(cube(), 0.5, -0.25, 0.04), held_by="arm"), bin_())


@pytest.mark.parametrize(
    ("scene", "predicate", "args", "expected"),
    [
        (STACKED, "on", ("blue_cube", "red_cube"), True),
        (STACKED, "on", ("red_cube", "blue_cube"), False),
        (STACKED, "on", ("red_cube", "table"), True),
        (STACKED, "on", ("red_cube", "red_cube"), False),
        (STACKED, "clear", ("blue_cube",), True),
        (STACKED, "clear", ("red_cube",), False),
        (STACKED, "clear", ("table",), True),
        (IN_BOX, "in", ("red_cube", "box"), True),
        (IN_BOX, "on", ("red_cube", "table"), False),
        (IN_BOX, "accessible", ("red_cube",), True),
        (IN_BOX, "accepts", ("box",), True),
        (IN_BOX, "fits", ("red_cube", "box"), True),
        (IN_BOX, "fits", ("box", "red_cube"), False),
        (IN_BOX, "open", ("box",), False),
        (IN_SHUT_DRAWER, "in", ("red_cube", "drawer"), True),
        (IN_SHUT_DRAWER, "accessible", ("red_cube",), False),
        (IN_SHUT_DRAWER, "accepts", ("drawer",), False),
        (IN_SHUT_DRAWER, "closed", ("drawer",), True),
        (IN_SHUT_DRAWER, "open", ("drawer",), False),
        (IN_OPEN_DRAWER, "in", ("red_cube", "drawer"), True),
        (IN_OPEN_DRAWER, "accessible", ("red_cube",), True),
        (IN_OPEN_DRAWER, "open", ("drawer",), True),
        (IN_OPEN_DRAWER, "closed", ("drawer",), False),
        (HELD, "holding", ("red_cube",), True),
        (HELD, "hand_empty", (), False),
        (HELD, "in", ("red_cube", "box"), False),
        (HELD, "on", ("red_cube", "table"), False),
        (make_scene(cube(), cube("blue_cube", x=0.56)), "near", ("red_cube", "blue_cube"), True),
        (make_scene(cube(), cube("blue_cube", y=0.3)), "near", ("red_cube", "blue_cube"), False),
    ],
)
def test_predicates_say_what_is_so(scene, predicate, args, expected):
    assert says(scene, predicate, *args) is expected
    negated = Literal(predicate=predicate, args=args, negated=True)
    assert holds(scene, negated) is not expected


def test_what_is_too_tall_for_a_drawer_does_not_fit_in_it():
    tall = replace(cube(), extents_m=np.array([0.05, 0.05, 0.12]))
    scene = make_scene(tall, bin_(), drawer(0.15))
    assert not says(scene, "fits", "red_cube", "drawer")
    assert says(scene, "fits", "red_cube", "box")


def test_unmet_keeps_the_order_of_what_does_not_hold():
    literals = tuple(
        Literal(predicate=p, args=a)
        for p, a in [("holding", ("red_cube",)), ("hand_empty", ()), ("open", ("red_cube",))]
    )
    assert unmet(STACKED, literals) == (literals[0], literals[2])


@pytest.mark.parametrize("name", sorted(PREDICATES))
def test_predicates_refuse_entities_that_are_not_there(name):
    if name == "hand_empty":
        pytest.skip("takes no entity")
    pairs = ("on", "in", "fits", "snug", "near", "way_free", "beside", "inserted")
    arity = 2 if name in pairs else 1
    with pytest.raises(UnknownNameError, match="green_cube"):
        says(STACKED, name, *["green_cube"] * arity)


def test_an_unknown_predicate_is_refused():
    with pytest.raises(UnknownNameError, match="Unknown predicate 'under'"):
        says(STACKED, "under", "red_cube")


def test_a_scene_answers_by_name_and_refuses_others():
    assert STACKED["red_cube"].label == "cube"
    assert "red_cube" in STACKED
    assert [entity.name for entity in STACKED] == ["table", "red_cube", "blue_cube"]
    with pytest.raises(UnknownNameError, match="Did you mean 'red_cube'"):
        STACKED["red_cub"]


def test_an_entity_is_filed_under_its_own_name():
    with pytest.raises(ValueError, match="filed under"):
        Scene(stamp_s=0.0, entities={"x": cube()}, opening={})


def test_the_table_tells_its_height():
    scene = make_scene().with_entity(table(height_m=0.07))
    assert np.isclose(scene.table_height_m, 0.07)
    assert Scene(stamp_s=0.0, entities={}, opening={}).table_height_m == 0.0


def test_with_entity_replaces_without_changing_the_original():
    moved = STACKED.with_entity(at(cube(), 0.1, 0.1, 0.02))
    assert moved["red_cube"].T_base_entity.p[0] == 0.1
    assert STACKED["red_cube"].T_base_entity.p[0] == 0.5


SIZES = st.floats(0.02, 0.2)
YAWS = st.floats(-3.1, 3.1)


def box(size_x: float, size_y: float, yaw_rad: float) -> Entity:
    return Entity(
        name="box",
        label="box",
        T_base_entity=SE3.from_yaw(yaw_rad, (0.5, 0.1, 0.05)),
        extents_m=np.array([size_x, size_y, 0.1]),
    )


def tool(yaw_rad: float) -> SE3:
    return SE3(SE3.from_yaw(yaw_rad).R @ R_DOWN, np.array([0.4, 0.0, 0.3]))


def corners(entity: Entity) -> np.ndarray:
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    points = entity.T_base_entity @ (0.5 * signs * entity.extents_m)
    return points[np.lexsort(np.round(points, 9).T)]


@given(SIZES, SIZES, YAWS, YAWS)
def test_canonical_yaw_describes_the_same_box(size_x, size_y, yaw_rad, tool_yaw_rad):
    original = box(size_x, size_y, yaw_rad)
    out = canonical_yaw(original, tool(tool_yaw_rad))
    distances = np.linalg.norm(corners(original)[:, None] - corners(out)[None], axis=-1)
    assert distances.min(axis=1).max() < 1e-9


@given(SIZES, SIZES, YAWS, YAWS)
def test_canonical_yaw_turns_x_towards_the_tool(size_x, size_y, yaw_rad, tool_yaw_rad):
    out = canonical_yaw(box(size_x, size_y, yaw_rad), tool(tool_yaw_rad))
    facing = float(out.T_base_entity.R[:, 0] @ tool(tool_yaw_rad).R[:, 0])
    longer = max(size_x, size_y) > 1.15 * min(size_x, size_y)
    if longer:
        assert out.extents_m[0] >= out.extents_m[1], "y is the shorter side"
    assert facing >= (0.0 if longer else np.cos(np.pi / 4)) - 1e-9


@given(SIZES, SIZES, YAWS, YAWS, st.integers(0, 3))
def test_equivalent_descriptions_become_the_same_one(size_x, size_y, yaw_rad, tool_yaw_rad, turns):
    swapped = (size_y, size_x) if turns % 2 else (size_x, size_y)
    same = box(*swapped, yaw_rad + turns * np.pi / 2)
    T = tool(tool_yaw_rad)
    a, b = canonical_yaw(box(size_x, size_y, yaw_rad), T), canonical_yaw(same, T)
    # Exactly between two descriptions either may be chosen.
    off_rad = abs((a.T_base_entity.yaw_rad() - T.yaw_rad() + np.pi) % (2 * np.pi) - np.pi)
    if min(abs(off_rad - np.pi / 4), abs(off_rad - np.pi / 2)) < 1e-6:
        return
    assert a.T_base_entity.allclose(b.T_base_entity, atol=1e-9)
    assert np.allclose(a.extents_m, b.extents_m)


# Doors, switches, sockets, and where the tool is


@pytest.mark.parametrize("hinge_y", [0.1, -0.1])
def test_the_handle_of_a_door_goes_round_its_hinge(hinge_y):
    shut = door(hinge_y=hinge_y).articulation
    assert shut is not None
    assert shut.hinge_entity is not None
    radius_m = np.linalg.norm((shut.T_entity_handle.p - shut.hinge_entity)[:2])
    before = shut.T_entity_handle
    for value_m in np.linspace(0.005, 0.2, 40):
        now = shut.handle_at(float(value_m))
        assert np.linalg.norm((now.p - shut.hinge_entity)[:2]) == pytest.approx(radius_m)
        step = now.p - before.p
        assert np.linalg.norm(step) == pytest.approx(0.005, abs=1e-5)
        turned_rad = abs(now.yaw_rad())
        assert turned_rad == pytest.approx(value_m / radius_m, abs=1e-6)
        before = now
    assert before.p[0] > shut.T_entity_handle.p[0] + 0.1
    # From where it is now, the way back is the same.
    opened = door(0.2, hinge_y).articulation
    assert opened is not None
    assert opened.handle_at(0.0).allclose(shut.T_entity_handle)


def test_what_slides_goes_straight():
    joint = drawer(0.05).articulation
    assert joint is not None
    assert joint.handle_at(0.15).allclose(drawer(0.15).articulation.T_entity_handle)


@pytest.mark.parametrize(("value_m", "open_"), [(0.0, False), (0.1, False), (0.15, True)])
def test_a_door_is_open_as_a_drawer_is(value_m, open_):
    scene = make_scene(door(value_m))
    assert says(scene, "open", "cupboard") == open_
    assert says(scene, "closed", "cupboard") == (value_m == 0.0)


def test_only_what_can_be_switched_is_on_or_off():
    for on in (True, False):
        scene = make_scene(lamp(on))
        assert says(scene, "turned_on", "lamp") == on
        assert says(scene, "turned_off", "lamp") == (not on)
    assert not says(make_scene(cube()), "turned_on", "red_cube")
    assert not says(make_scene(cube()), "turned_off", "red_cube")


@pytest.mark.parametrize(
    ("gap_m", "turn_rad", "expected"),
    [(0.05, 0.0, True), (0.0, 0.0, False), (0.15, 0.0, False), (0.05, 0.6, True)],
)
def test_beside_is_next_to_and_not_touching(gap_m, turn_rad, expected):
    turned = replace(
        cube("blue_cube"), T_base_entity=SE3.from_yaw(turn_rad, (0.5, 0.04 + gap_m, 0.02))
    )
    scene = make_scene(cube(), turned)
    assert says(scene, "beside", "blue_cube", "red_cube") == expected
    assert says(scene, "beside", "red_cube", "blue_cube") == expected


def test_beside_is_on_the_same_surface():
    assert not says(STACKED, "beside", "blue_cube", "red_cube")
    lifted = make_scene(cube(), at(cube("blue_cube"), 0.5, 0.09, 0.2))
    assert not says(lifted, "beside", "blue_cube", "red_cube")
    held = make_scene(cube(), replace(at(cube("blue_cube"), 0.5, 0.09, 0.02), held_by="arm"))
    assert not says(held, "beside", "blue_cube", "red_cube")
    assert not says(make_scene(cube()), "beside", "red_cube", "red_cube")


@pytest.mark.parametrize(
    ("bottom_m", "x", "expected"), [(0.01, 0.5, True), (0.06, 0.5, False), (0.01, 0.6, False)]
)
def test_inserted_is_at_least_half_way_in(bottom_m, x, expected):
    socket = replace(
        bin_("socket", x=0.5, y=0.0),
        extents_m=np.array([0.1, 0.1, 0.06]),
        T_base_entity=SE3.from_translation((0.5, 0.0, 0.03)),
        cavity=Region(T_entity_region=SE3.identity(), extents_m=np.array([0.032, 0.032, 0.06])),
    )
    peg = replace(
        cube("peg"),
        extents_m=np.array([0.03, 0.03, 0.1]),
        T_base_entity=SE3.from_translation((x, 0.0, bottom_m + 0.05)),
    )
    assert says(make_scene(socket, peg), "inserted", "peg", "socket") == expected


@pytest.mark.parametrize(
    ("p", "over", "alongside"),
    [
        ((0.5, 0.0, 0.12), True, False),
        ((0.5, 0.0, 0.05), False, False),
        ((0.5, 0.05, 0.12), False, False),
        ((0.5, 0.07, 0.03), False, True),
        ((0.5, 0.07, 0.12), False, False),
        ((0.5, 0.15, 0.03), False, False),
    ],
)
def test_where_the_tool_is(p, over, alongside):
    scene = replace(make_scene(cube()), tools={"arm": SE3(R_DOWN, np.array(p))})
    assert says(scene, "over", "red_cube") == over
    assert says(scene, "alongside", "red_cube") == alongside
    unknown = make_scene(cube())
    assert not says(unknown, "over", "red_cube")
    assert not says(unknown, "alongside", "red_cube")


@pytest.mark.parametrize(
    ("place", "turn_rad", "gap_m"),
    [((0.5, 0.10, 0.02), 0.0, 0.06), ((0.5, 0.03, 0.02), 0.0, 0.0), ((0.6, 0.1, 0.02), 0.0, 0.085)],
)
def test_gaps_between_floor_areas(place, turn_rad, gap_m):
    other = replace(cube("blue_cube"), T_base_entity=SE3.from_yaw(turn_rad, place))
    assert footprint_gap_m(cube(), other) == pytest.approx(gap_m, abs=1e-3)


def test_boxes_that_cross_without_a_corner_inside_have_no_gap():
    long = replace(cube(), extents_m=np.array([0.3, 0.02, 0.04]))
    wide = replace(cube("blue_cube"), extents_m=np.array([0.02, 0.3, 0.04]))
    assert footprint_gap_m(long, wide) == 0.0
