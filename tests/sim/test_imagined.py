"""Imagined calls bring about what they promise, or leave a world that could be."""

import numpy as np
import pytest

from robot_skills.core.plan import Literal
from robot_skills.core.predicates import holds, unmet
from robot_skills.core.scene import Scene
from sim.imagined import fulfilled, gone_wrong, imagined_scene
from sim.layout import DrawerStart, random_layout
from sim.objects import PEG
from sim.truth import layout_scene, truth_scene
from sim.world import TabletopWorld


def literal(predicate: str, *args: str) -> Literal:
    return Literal(predicate=predicate, args=args)


HELD = (literal("holding", "red_cube"),)
EMPTY = literal("hand_empty")


@pytest.fixture(scope="module")
def kitchen() -> Scene:
    layout = random_layout(
        np.random.default_rng(3),
        with_objects=("red_cube", "green_cube"),
        count=3,
        drawer=DrawerStart.CLOSED,
        button=True,
    )
    return imagined_scene(layout)


@pytest.fixture(scope="module")
def workshop() -> Scene:
    layout = random_layout(
        np.random.default_rng(4),
        with_objects=(PEG, "red_cube"),
        count=2,
        drawer=DrawerStart.ABSENT,
        box=False,
        zone=True,
        socket=True,
        switch=True,
    )
    return imagined_scene(layout)


@pytest.mark.parametrize(
    ("before", "effects"),
    [
        ((), HELD),
        ((), (literal("open", "drawer"),)),
        ((literal("open", "drawer"),), (literal("closed", "drawer"),)),
        ((), (literal("turned_on", "button"),)),
        ((), (literal("over", "red_cube"),)),
        ((), (literal("alongside", "red_cube"),)),
        (HELD, (literal("on", "red_cube", "table"), EMPTY)),
        (HELD, (literal("on", "red_cube", "green_cube"), EMPTY)),
        (HELD, (literal("in", "red_cube", "box"), EMPTY)),
        ((literal("open", "drawer"), *HELD), (literal("in", "red_cube", "drawer"), EMPTY)),
        (
            HELD,
            (literal("on", "red_cube", "table"), literal("beside", "red_cube", "green_cube")),
        ),
    ],
)
def test_calls_bring_about_what_they_promise(kitchen, before, effects):
    scene = fulfilled(kitchen, before)
    assert unmet(fulfilled(scene, effects), effects) == ()


@pytest.mark.parametrize(
    ("before", "effects"),
    [
        ((), (literal("on", "red_cube", "zone"),)),
        ((literal("holding", PEG),), (literal("inserted", PEG, "socket"), EMPTY)),
        ((), (literal("turned_on", "switch"),)),
    ],
)
def test_pushed_inserted_and_switched(workshop, before, effects):
    scene = fulfilled(workshop, before)
    assert unmet(fulfilled(scene, effects), effects) == ()


def test_what_is_in_a_drawer_moves_with_it(kitchen):
    into = (literal("in", "red_cube", "drawer"), EMPTY)
    scene = fulfilled(fulfilled(kitchen, (literal("open", "drawer"), *HELD)), into)
    shut = fulfilled(scene, (literal("closed", "drawer"),))
    assert holds(shut, into[0])
    assert not holds(shut, literal("accessible", "red_cube"))


@pytest.mark.parametrize(
    ("before", "effects", "spoilt"),
    [
        ((), HELD, "holding"),
        (HELD, (literal("in", "red_cube", "box"), EMPTY), "in"),
        ((), (literal("turned_on", "button"),), "turned_on"),
    ],
)
def test_calls_that_go_wrong_leave_their_work_undone(kitchen, before, effects, spoilt):
    scene = fulfilled(kitchen, before)
    rng = np.random.default_rng(0)
    for _ in range(20):
        after = gone_wrong(scene, effects, rng)
        assert spoilt in {missing.predicate for missing in unmet(after, effects)}
        assert set(after.entities) == set(scene.entities)


def test_things_that_were_dropped_lie_somewhere_in_different_ways(kitchen):
    scene = fulfilled(kitchen, HELD)
    effects = (literal("in", "red_cube", "box"), EMPTY)
    rng = np.random.default_rng(0)
    after = [gone_wrong(scene, effects, rng) for _ in range(30)]
    held = {holds(each, HELD[0]) for each in after}
    on_table = {holds(each, literal("on", "red_cube", "table")) for each in after}
    assert held == on_table == {True, False}


def test_a_drawer_may_stop_half_way(kitchen):
    rng = np.random.default_rng(0)
    effects = (literal("open", "drawer"),)
    values = []
    for _ in range(20):
        joint = gone_wrong(kitchen, effects, rng)["drawer"].articulation
        assert joint is not None
        values.append(joint.value_m)
    assert min(values) == 0.0
    assert len(set(values)) > 3


def test_the_scene_of_a_layout_is_that_of_its_world():
    layout = random_layout(np.random.default_rng(5), drawer=DrawerStart.OPEN, button=True)
    imagined, true = layout_scene(layout), truth_scene(TabletopWorld("panda", layout))
    assert list(imagined.entities) == list(true.entities)
    for entity in true:
        # Things settle by fractions of a millimetre.
        off_m, off_rad = imagined[entity.name].T_base_entity.distance_to(entity.T_base_entity)
        assert off_m < 2e-3
        assert off_rad < 0.02
        np.testing.assert_allclose(imagined[entity.name].extents_m, entity.extents_m, atol=2e-3)
