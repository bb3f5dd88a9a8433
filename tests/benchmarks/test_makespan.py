"""What is published of giving up in time, and one task that is tried until it succeeds."""

import numpy as np

from benchmarks.makespan import page
from benchmarks.makespan.__main__ import (
    after_alarm_s,
    attempts_of,
    permutation_p,
    summary,
)
from benchmarks.makespan.trial import SETTINGS, Row, Tried, makespan_trial
from robot_skills.scheduler.makespan import choose_rule
from robot_skills.skills.giving_up import GivingUp

INSERT = SETTINGS["insert"]


def tried(success: bool, broken_off=False, again_s=0.0) -> Tried:
    return Tried(
        success=success,
        duration_s=5.0,
        motion_s=4.0,
        broken_off=broken_off,
        reason="",
        asked_s=[0.0, 2.0],
        likely=[0.5, 0.9 if success else 0.1],
        again_s=again_s,
    )


def row(index: int, makespan_s: float, *attempts: Tried) -> Row:
    return Row(
        setting="insert",
        seed=0,
        index=index,
        rule=False,
        success=True,
        makespan_s=makespan_s,
        attempts=list(attempts),
    )


def test_every_attempt_of_every_task_counts():
    found = attempts_of([row(0, 10.0, tried(False, again_s=4.0), tried(True)), row(1, 5.0)])
    assert [attempt.success for attempt in found] == [False, True]
    assert found[0].again_s == 4.0


def test_what_an_alarm_leaves_behind_is_the_mean_over_those_that_failed():
    made = [
        row(0, 9.0, tried(False, broken_off=True, again_s=2.0), tried(True)),
        row(1, 9.0, tried(False, broken_off=True, again_s=0.0), tried(False, again_s=9.0)),
    ]
    assert after_alarm_s(made) == 1.0
    assert after_alarm_s([]) == 0.0


def test_only_tasks_of_both_sides_are_compared():
    off = [row(i, 10.0 + i, tried(True)) for i in range(8)]
    on = [row(i, 8.0 + i, tried(True)) for i in range(1, 8)]
    line = summary(INSERT, choose_rule(attempts_of(off)), 8, off, on)
    assert line["n"] == 7
    assert line["off_s"] - line["on_s"] == 2.0
    assert line["rule"] is None
    assert "| insert | 100 | off |" in page.chapter([line])


def test_the_permutation_test_tells_a_difference_from_none():
    rng = np.random.default_rng(0)
    assert permutation_p(rng.normal(1.0, 1.0, 60)) < 0.001
    assert permutation_p(rng.normal(0.0, 1.0, 60)) > 0.05


def test_a_task_is_tried_until_it_succeeds_and_the_same_seed_is_the_same_task():
    first, again = (makespan_trial(INSERT, 5, None, 0) for _ in range(2))
    assert first is not None
    assert first == again
    assert first.success
    assert first.attempts[-1].success
    assert len(first.attempts[0].asked_s) == len(first.attempts[0].likely) > 3


def test_a_rule_that_is_always_alarmed_breaks_off_every_attempt():
    found = makespan_trial(INSERT, 5, GivingUp(below=1.0, after=1, from_s=1.0), 0)
    assert found is not None
    assert not found.success
    assert all(attempt.broken_off for attempt in found.attempts if attempt.likely)
