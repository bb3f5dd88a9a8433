"""Long tasks: what they are about, and when another thing of a kind will do."""

import numpy as np
import pytest

from robot_skills.core.scene import Scene
from sim.imagined import fulfilled
from sim.tabletop.long_horizon import LONG_TASKS, LongTask
from sim.truth import layout_scene

CHOICE = next(task for task in LONG_TASKS if task.any_of)


def swapped(scene: Scene, goal, swap: dict[str, str]) -> Scene:
    """The scene in which the goal holds, with some names in the place of others."""
    literals = [
        type(literal)(
            predicate=literal.predicate, args=tuple(swap.get(arg, arg) for arg in literal.args)
        )
        for literal in goal
    ]
    return fulfilled(scene, tuple(literals))


@pytest.mark.parametrize("task", LONG_TASKS, ids=lambda task: task.task.name)
def test_every_task_takes_five_calls_and_more_of_several_skills(task: LongTask):
    assert task.calls >= 5
    assert len(set(task.task.skills)) >= 3


@pytest.mark.parametrize("task", LONG_TASKS, ids=lambda task: task.task.name)
def test_the_goal_is_about_free_things_and_does_not_hold_at_the_start(task: LongTask):
    instance = task.draw(np.random.default_rng(1))
    assert task.things(instance)
    assert not task.reached(instance, layout_scene(instance.layout))


def test_of_a_kind_that_is_spoken_of_one_thing_is_meant_and_others_will_do():
    instance = CHOICE.draw(np.random.default_rng(2))
    named, *more = [thing for thing in CHOICE.things(instance) if thing.endswith(CHOICE.any_of)]
    assert not more
    others = CHOICE.alternatives(instance, named)
    assert others
    assert named not in others
    (other, *_) = others
    scene = swapped(layout_scene(instance.layout), instance.goal, {named: other})
    assert CHOICE.reached(instance, scene)


def test_of_a_thing_that_is_named_no_other_one_will_do():
    for task in LONG_TASKS:
        instance = task.draw(np.random.default_rng(3))
        exact = [thing for thing in task.things(instance) if not thing.endswith(task.any_of or "-")]
        assert exact
        assert all(task.alternatives(instance, thing) == () for thing in exact)
