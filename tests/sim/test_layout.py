import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_skills.core.errors import RefusedError, UnknownNameError
from sim.fixtures import CABINET_M, DRAWER_TRAVEL_M, HANDLE_X_M
from sim.layout import REACH_M, DrawerStart, Layout, random_layout
from sim.objects import random_object


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
