"""What sequencers learn from, and that the shipped one knows the training tasks by it."""

from dataclasses import replace

import numpy as np
import pytest

from policies.sequencer import LearnedSequencer
from policies.sequencer.graph import CALL_FEATURES
from robot_skills.app.executives import SEQUENCER
from robot_skills.app.imagined import demonstrated, imagine
from robot_skills.app.zoo import zoo_dir
from robot_skills.scheduler.fixed_order import FixedOrder
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.scheduler.sequencing import Sequencing
from robot_skills.scheduler.words.language import LanguageParser
from robot_skills.skills.library import SkillLibrary
from sim.layout import DrawerStart
from sim.tabletop.tasks import LESSONS, TRAINING_TASKS, Task

INTO_DRAWER = next(task for task in TRAINING_TASKS if task.name == "into the open drawer")


@pytest.fixture(scope="module")
def cards() -> SkillLibrary:
    return SkillLibrary.load(zoo_dir())


@pytest.fixture(scope="module")
def sequencing(cards) -> Sequencing:
    sequencer = LearnedSequencer.load(zoo_dir() / SEQUENCER)
    return Sequencing(sequencer, LanguageParser(cards).parse, cards)


def carried_out(task: Task, cards, sequencing: Sequencing, failing: float, seed: int):
    rng = np.random.default_rng((7_000, seed))
    return imagine(task.draw(rng), cards, sequencing, sequencing, failing, rng)


@pytest.mark.parametrize("task", LESSONS, ids=lambda task: task.name)
def test_the_shipped_sequencer_completes_its_lessons(task, cards, sequencing):
    result, cell = carried_out(task, cards, sequencing, 0.0, 0)
    assert result.success
    assert tuple(step.call.skill for step in cell.steps) == task.skills


def test_the_shipped_sequencer_recovers_from_failures(cards, sequencing):
    succeeded, troubled = 0, 0
    for seed in range(10):
        result, cell = carried_out(INTO_DRAWER, cards, sequencing, 0.35, seed)
        succeeded += result.success
        troubled += any(not step.ok for step in cell.steps)
    assert succeeded >= 9
    assert troubled >= 5


@pytest.mark.parametrize("seed", range(3))
def test_the_shipped_sequencer_opens_what_is_to_be_shut_in_the_end(cards, sequencing, seed):
    shut = {"drawer": DrawerStart.CLOSED}
    skills = ("open", *INTO_DRAWER.skills)
    task = replace(INTO_DRAWER, scene=shut, skills=skills)
    result, cell = carried_out(task, cards, sequencing, 0.0, seed)
    assert result.success
    assert tuple(step.call.skill for step in cell.steps) == skills


def test_a_fixed_order_does_not_recover(cards):
    rng = np.random.default_rng(0)
    instance, planner = INTO_DRAWER.draw(rng), RulesPlanner(cards)
    result, cell = imagine(instance, cards, planner, FixedOrder(), 1.0, rng)
    assert not result.success
    assert [step.call for step in cell.steps] == list(result.plans[0].calls)


def test_demonstrations_end_with_being_done_and_tell_what_failed(cards):
    planner, failed = RulesPlanner(cards), CALL_FEATURES.index("last_failed")
    recovered = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        shown = demonstrated(TRAINING_TASKS[0], cards, planner, 0.4, rng)
        if shown is None:
            # Too much went wrong even for the closed loop.
            continue
        *calls, done = shown.choices
        assert done.chosen == len(done.graph.calls)
        assert all(choice.chosen < len(choice.graph.calls) for choice in calls)
        assert len(calls) == 2 or shown.failures > 0
        told = [choice for choice in calls if choice.graph.calls[:, failed].any()]
        assert len(told) == shown.failures
        recovered += shown.failures > 0
    assert recovered > 0


def test_runs_that_miss_the_goal_teach_nothing(cards):
    rng = np.random.default_rng(0)
    assert demonstrated(TRAINING_TASKS[0], cards, RulesPlanner(cards), 1.0, rng) is None


def test_the_same_seed_imagines_the_same_run(cards, sequencing):
    runs = [carried_out(INTO_DRAWER, cards, sequencing, 0.35, 3) for _ in range(2)]
    told = [[(str(step.call), step.ok) for step in cell.steps] for _, cell in runs]
    assert told[0] == told[1]
    assert replace(runs[0][0], plan_ms=0.0, scene=runs[1][0].scene) == replace(
        runs[1][0], plan_ms=0.0
    )
