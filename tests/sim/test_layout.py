import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_skills.core.errors import RefusedError, UnknownNameError
from robot_skills.core.scene import footprint_gap_m
from robot_skills.core.se3 import SE3
from sim.fixtures import CABINET_M, DOOR_TRAVEL_M, DRAWER_TRAVEL_M, HANDLE_X_M
from sim.layout import REACH_M, DrawerStart, random_layout
from sim.objects import random_object
from sim.placements import CupboardPlacement, Layout
from sim.truth import truth_scene
from sim.world import TabletopWorld


def draw(seed: int, **options) -> Layout:
    return random_layout(np.random.default_rng(seed), **options)


def as_numbers(layout: Layout) -> np.ndarray:
    poses = [item.T_base_object.matrix() for item in layout.objects]
    return np.concatenate([np.stack(poses).ravel(), layout.table_rgb])


def test_same_seed_gives_the_same_layout_and_another_seed_another():
    assert np.array_equal(as_numbers(draw(1)), as_numbers(draw(1)))
    assert draw(1).entity_names != draw(2).entity_names


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_objects_are_apart_and_within_reach(seed):
    layout = draw(seed)
    assert 1 <= len(layout.objects) <= 5
    for item in layout.objects:
        assert np.linalg.norm(item.T_base_object.p[:2]) <= REACH_M
    for i, a in enumerate(layout.objects):
        for b in layout.objects[:i]:
            apart = np.linalg.norm(a.T_base_object.p[:2] - b.T_base_object.p[:2])
            radii = 0.5 * min(a.extents_m[:2]) + 0.5 * min(b.extents_m[:2])
            assert apart > radii + 0.03


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_way_of_the_drawer_and_its_handle_is_free(seed):
    layout = draw(seed)
    assert layout.drawer is not None
    for item in layout.objects:
        p = layout.drawer.T_base_cabinet.inverse() @ item.T_base_object.p
        radius = 0.5 * min(item.extents_m[:2])
        beside = abs(p[1]) - radius > 0.5 * CABINET_M[1]
        before = p[0] - radius > HANDLE_X_M + DRAWER_TRAVEL_M
        behind = p[0] + radius < -0.5 * CABINET_M[0]
        assert beside or before or behind


def test_wanted_objects_and_their_number_are_kept():
    for seed in range(20):
        layout = draw(seed, with_objects=("red_cube", "can"), count=3)
        names = [item.name for item in layout.objects]
        assert len(names) == 3
        assert {"red_cube", "can"} <= set(names)


@pytest.mark.parametrize(
    ("start", "lower_m", "upper_m"),
    [
        (DrawerStart.CLOSED, 0.0, 0.0),
        (DrawerStart.AJAR, 0.03, 0.10),
        (DrawerStart.OPEN, 0.12, 0.16),
    ],
)
def test_drawer_starts_as_asked(start, lower_m, upper_m):
    for seed in range(10):
        drawer = draw(seed, drawer=start).drawer
        assert drawer is not None
        assert lower_m <= drawer.opening_m <= upper_m


def test_fixtures_can_be_left_out():
    layout = draw(0, drawer=DrawerStart.ABSENT, box=False, button=False, count=2)
    assert layout.drawer is None
    assert set(layout.entity_names) == {item.name for item in layout.objects}


def test_unknown_object_is_refused_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="red_cube"):
        draw(0, with_objects=("red_cubes",))
    with pytest.raises(UnknownNameError):
        random_object(np.random.default_rng(0), "lemon")


def test_contradictory_wishes_are_refused():
    with pytest.raises(RefusedError, match="drawer"):
        draw(0, drawer=DrawerStart.ABSENT, placed={"red_cube": "drawer"})
    with pytest.raises(RefusedError, match="box"):
        draw(0, box=False, placed={"red_cube": "box"})
    with pytest.raises(RefusedError):
        draw(0, with_objects=("red_cube", "can"), count=1)
    with pytest.raises(RefusedError, match="circle"):
        draw(0, placed={"red_cube": "blue_cube", "blue_cube": "red_cube"})


def test_too_many_things_for_the_table_are_refused():
    with pytest.raises(RefusedError, match="room"):
        draw(0, count=10)


def test_two_objects_of_one_name_are_refused():
    item = random_object(np.random.default_rng(0), "can")
    with pytest.raises(ValueError, match="unique"):
        Layout(objects=(item, item))


CROWD = {
    "door": {"cupboard": DrawerStart.ANY, "drawer": DrawerStart.ABSENT},
    "opposite": {"cupboard": DrawerStart.OPEN, "drawer": DrawerStart.CLOSED, "box": False},
    "flat": {"switch": True, "zone": True, "drawer": DrawerStart.ABSENT, "count": 2},
    "peg": {"socket": True, "count": 2},
}


@pytest.mark.parametrize("options", CROWD.values(), ids=CROWD)
@pytest.mark.parametrize("seed", range(5))
def test_things_keep_away_from_fixtures_and_what_they_sweep(options, seed):
    layout = random_layout(np.random.default_rng(seed), **options)
    names = {"cupboard", "switch", "zone", "socket"} & set(options)
    assert names <= set(layout.entity_names)
    scene = truth_scene(TabletopWorld("panda", layout))
    for thing in layout.objects:
        for name in names - {"cupboard"}:
            assert footprint_gap_m(scene[thing.name], scene[name]) > 0.03
        if layout.cupboard is not None:
            joint = scene["cupboard"].articulation
            assert joint is not None
            for value_m in np.linspace(0.0, joint.upper_m, 7):
                bar = scene["cupboard"].T_base_entity @ joint.handle_at(float(value_m))
                assert np.linalg.norm((bar.p - scene[thing.name].T_base_entity.p)[:2]) > 0.05


@pytest.mark.parametrize(
    ("start", "lowest", "highest"),
    [(DrawerStart.CLOSED, 0.0, 0.0), (DrawerStart.AJAR, 0.1, 0.6), (DrawerStart.OPEN, 0.7, 1.0)],
)
def test_a_cupboard_begins_as_asked(start, lowest, highest):
    for seed in range(8):
        layout = random_layout(
            np.random.default_rng(seed), cupboard=start, drawer=DrawerStart.ABSENT
        )
        assert layout.cupboard is not None
        assert lowest <= layout.cupboard.opening_m / DOOR_TRAVEL_M <= highest


def test_drawer_box_and_cupboard_have_no_room_together():
    with pytest.raises(RefusedError, match="cupboard together"):
        random_layout(np.random.default_rng(0), cupboard=DrawerStart.ANY, drawer=DrawerStart.OPEN)
    with pytest.raises(ValueError, match="opens"):
        CupboardPlacement(T_base_cupboard=SE3.identity(), opening_m=0.5, left=True)
