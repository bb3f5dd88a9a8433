"""Whole tasks of the tabletop for task-centric policies."""

import numpy as np
import pytest

from robot_skills.core.errors import RefusedError
from robot_skills.core.policy import ACTION_NAMES
from sim.demonstrate import CONTROL_HZ
from sim.suites import Recording, find_task
from sim.suites.suite import STATE
from sim.suites.tabletop import SLOTS, STATE_NAMES, TabletopTask, named_tokens
from sim.tabletop.tasks import TRAINING_TASKS, UNSEEN_TASKS

SPEC = find_task("tabletop:training")
STOW = next(task for task in TRAINING_TASKS if task.name == "into the open drawer")
SEED = (0, 9)
"""Of a demonstration of several skills."""


@pytest.fixture(scope="module")
def shown():
    return SPEC.demonstrate(SEED, Recording())


@pytest.fixture
def task():
    made = TabletopTask(Recording())
    yield made
    made.close()


def column(states, name):
    return states[:, STATE_NAMES.index(name)]


def test_every_training_task_says_how_it_is_shown_and_no_other_does():
    for task in TRAINING_TASKS:
        assert tuple(call[0] for call in task.shown) == task.skills
    assert not any(task.shown for task in UNSEEN_TASKS)


@pytest.mark.parametrize("task", [*TRAINING_TASKS, *UNSEEN_TASKS], ids=lambda task: task.name)
def test_what_the_words_name_is_in_the_scene_and_has_room(task):
    instance = task.draw(np.random.default_rng(3))
    world = TabletopTask(Recording())
    try:
        world.begin(instance)
        slots = named_tokens(world.truth(), instance.named, world.arm_state.T_base_tool)
    finally:
        world.close()
    assert len(slots) == SLOTS
    assert sum(slot is not None for slot in slots) >= len(instance.named)


def test_too_many_things_are_refused(task):
    task.begin(STOW.draw(np.random.default_rng(0)))
    with pytest.raises(RefusedError, match="may name 4 things"):
        named_tokens(task.truth(), ("drawer",) * 5, task.arm_state.T_base_tool)


def test_a_demonstration_is_one_task_from_beginning_to_end(shown):
    assert shown.state.shape == (len(shown.action), len(STATE_NAMES))
    assert shown.action.shape[1] == len(ACTION_NAMES)
    assert len(dict.fromkeys(shown.phases)) >= 3
    assert "home" in shown.phases
    done = np.flatnonzero(shown.done)
    assert len(done) > 5
    assert list(done) == list(range(len(shown.done) - len(done), len(shown.done)))
    # Whoever only moves the hand never picks anything up.
    assert np.ptp(column(shown.state, "tool.opening")) > 0.3


def test_what_is_held_is_seen_where_it_is(shown):
    height_m = column(shown.state, "entity0.z")
    carried = height_m > height_m[0] + 0.05
    away_m = np.linalg.norm(shown.state[:, :3] - shown.state[:, 11 + 1 : 11 + 4], axis=1)
    assert carried.any()
    assert away_m[carried].max() < 0.06


def test_the_same_actions_give_the_same_end(task):
    rng = np.random.default_rng(0)
    instance = STOW.draw(rng)
    states = []
    for _ in range(2):
        sensed = task.begin(instance)
        home = sensed[STATE][:10].copy()
        home[2] -= 0.05
        for _ in range(CONTROL_HZ):
            sensed = task.step(home)
        states.append(sensed[STATE])
        assert not task.succeeded()
    assert np.array_equal(*states)
    assert states[0][2] == pytest.approx(home[2], abs=0.01)
