"""The levels of the tabletop: what is set is what can be done, and was not demonstrated."""

import numpy as np
import pytest

from robot_skills.app.options import EvalOptions
from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import unmet
from robot_skills.scheduler.plan_checker import PlanChecker
from robot_skills.scheduler.rules_planner import RulesPlanner
from sim.objects import OBJECT_NAMES
from sim.tabletop.levels import LEVELS, SEEN_ARM
from sim.tabletop.milestones import Milestones
from sim.tabletop.tasks import TRAINING_TASKS, UNSEEN_TASKS, Task, spoken
from sim.truth import truth_scene
from sim.variation import TRAINING
from sim.world import TabletopWorld
from tests.scheduler.worlds import cube, scene, zoo_cards

CARDS = zoo_cards().values()


@pytest.mark.parametrize("task", [*TRAINING_TASKS, *UNSEEN_TASKS], ids=lambda task: task.name)
def test_what_is_said_is_planned_as_the_skills_that_the_task_names(task: Task):
    instance = task.draw(np.random.default_rng((3, 1)))
    start = truth_scene(TabletopWorld(SEEN_ARM, instance.layout))
    assert unmet(start, instance.goal)
    planned = RulesPlanner(CARDS).plan(instance.instruction, start)
    assert PlanChecker(CARDS).check(planned, start).accepted
    assert tuple(call.skill for call in planned.calls) == task.skills
    assert set(instance.goal) <= set(planned.goal)


def test_unseen_tasks_are_twelve_compositions_or_more_of_three_to_six_skills():
    trained = {task.skills for task in TRAINING_TASKS}
    assert len(UNSEEN_TASKS) >= 12
    for task in UNSEEN_TASKS:
        assert 3 <= len(task.skills) <= 6
        assert task.skills not in trained
    assert all(len(skills) <= 3 for skills in trained)


def test_levels_vary_what_demonstrations_do_not():
    assert LEVELS["I"].variation == LEVELS["IV"].variation == LEVELS["V"].variation == TRAINING
    assert not set(LEVELS["II"].variation.objects.things) & set(OBJECT_NAMES)
    assert LEVELS["III"].variation.room != TRAINING
    assert SEEN_ARM not in LEVELS["V"].arms
    assert not {task.name for task in LEVELS["IV"].tasks} & {task.name for task in TRAINING_TASKS}


@pytest.mark.parametrize("level", sorted(LEVELS))
def test_every_task_of_a_level_has_scenes(level):
    for task in LEVELS[level].tasks:
        instance = task.draw(np.random.default_rng((4, 2)), LEVELS[level].variation)
        assert "{" not in instance.instruction


def test_a_thing_without_a_name_goes_by_its_colour():
    assert spoken("pink_bracket") == "pink thing"
    assert spoken("red_cube") == "red cube"


def test_milestones_have_to_hold_in_their_order():
    first, second = (Literal(predicate="holding", args=(name,)) for name in ("a_cube", "b_cube"))
    way = Milestones((first, second))
    held = {
        name: scene(cube("red", name="a_cube"), cube("blue", name="b_cube"), held=name)
        for name in ("a_cube", "b_cube")
    }
    for name in ("b_cube", "a_cube"):
        for _ in range(8):
            way.look(lambda name=name: held[name])
    assert way.ahead == (second,)
    for _ in range(8):
        way.look(lambda: held["b_cube"])
    assert way.ahead == ()


def test_a_level_is_of_the_tabletop_alone():
    from robot_skills.app import evaluate

    with pytest.raises(RefusedError, match="--suite tabletop"):
        evaluate.main(EvalOptions(skill="grasp", level="II"))
