"""The expected time to success beside simulated tries; rules that are off where they do not pay."""

from dataclasses import replace

import numpy as np
import pytest

from robot_skills.scheduler.makespan import (
    LEAST_OF_A_KIND,
    Attempt,
    Confusion,
    candidates,
    choose_rule,
    confusion_of,
    expected_makespan_s,
)
from robot_skills.skills.giving_up import GivingUp

LIMIT = GivingUp(below=1.0, after=1, from_s=6.0)
CONFUSION = Confusion(
    success_rate=0.6,
    false_alarms=0.1,
    true_alarms=0.7,
    success_s=5.0,
    failure_s=15.0,
    false_alarm_s=3.0,
    true_alarm_s=4.0,
    failure_again_s=6.0,
    alarm_again_s=1.0,
)


def attempt(success: bool, likely: tuple[float, ...], duration_s: float = 4.0, again_s=0.0):
    """Asked every second."""
    return Attempt(
        success=success,
        duration_s=duration_s + 1.0,
        motion_s=duration_s,
        asked_s=tuple(float(i) for i in range(len(likely))),
        likely=likely,
        again_s=0.0 if success else again_s,
    )


def told(rng: np.random.Generator, count: int, rate: float, telling: bool) -> list[Attempt]:
    """Attempts whose failures a predictor that tells something foresees after two seconds."""
    made = []
    for _ in range(count):
        success = bool(rng.random() < rate)
        seen = (0.9 if success else 0.1) if telling else 0.5
        likely = (0.6, 0.6, *[seen] * (2 if success else 10))
        made.append(attempt(success, likely, 4.0 if success else 12.0, again_s=3.0))
    return made


def played_s(confusion: Confusion, rng: np.random.Generator) -> float:
    """Time until an attempt succeeds, tried once."""
    total_s = 0.0
    while True:
        good = rng.random() < confusion.success_rate
        alarm = rng.random() < (confusion.false_alarms if good else confusion.true_alarms)
        if alarm:
            total_s += confusion.false_alarm_s if good else confusion.true_alarm_s
            total_s += confusion.alarm_again_s
        elif good:
            return total_s + confusion.success_s
        else:
            total_s += confusion.failure_s + confusion.failure_again_s


def test_the_closed_form_is_the_mean_of_many_tries():
    rng = np.random.default_rng(0)
    tried_s = [played_s(CONFUSION, rng) for _ in range(20_000)]
    error_s = float(np.std(tried_s)) / np.sqrt(len(tried_s))
    assert expected_makespan_s(CONFUSION) == pytest.approx(np.mean(tried_s), abs=4.0 * error_s)


def test_without_alarms_it_is_the_time_of_failures_per_success():
    silent = replace(CONFUSION, false_alarms=0.0, true_alarms=0.0)
    assert expected_makespan_s(silent) == pytest.approx(5.0 + 0.4 / 0.6 * (15.0 + 6.0))


def test_what_never_succeeds_takes_for_ever():
    assert expected_makespan_s(replace(CONFUSION, success_rate=0.0)) == float("inf")
    assert expected_makespan_s(replace(CONFUSION, false_alarms=1.0)) == float("inf")


def test_an_alarm_comes_when_so_many_answers_in_a_row_are_low():
    one = attempt(False, (0.1, 0.9, 0.1, 0.1, 0.1))
    assert one.alarm_s(GivingUp(below=0.5, after=1, from_s=0.0)) == 0.0
    assert one.alarm_s(GivingUp(below=0.5, after=1, from_s=1.0)) == 2.0
    assert one.alarm_s(GivingUp(below=0.5, after=2, from_s=0.0)) == 3.0
    assert one.alarm_s(GivingUp(below=0.5, after=4, from_s=0.0)) is None


def test_a_broken_off_attempt_costs_its_time_and_the_way_home():
    confusion = confusion_of([attempt(True, (0.9,) * 4), attempt(False, (0.1,) * 4)], None)
    assert confusion.success_s == confusion.failure_s == 5.0
    rule = GivingUp(below=0.5, after=2, from_s=0.0)
    confusion = confusion_of([attempt(True, (0.9,) * 4), attempt(False, (0.1,) * 4)], rule)
    assert (confusion.true_alarms, confusion.false_alarms) == (1.0, 0.0)
    assert confusion.true_alarm_s == 1.0 + 1.0


def test_a_predictor_that_tells_failures_is_heeded():
    choice = choose_rule(told(np.random.default_rng(1), 120, 0.6, telling=True))
    assert choice.rule is not None
    assert choice.with_rule_s < choice.to_the_end_s
    assert choice.confusion is not None
    assert choice.confusion.true_alarms == 1.0
    assert choice.confusion.false_alarms == 0.0


def test_failures_that_merely_take_long_are_cut_short_by_a_limit_of_time():
    made = told(np.random.default_rng(2), 120, 0.6, telling=False)
    choice = choose_rule(made)
    assert choice.rule is not None
    assert choice.confusion is not None
    assert choice.confusion == confusion_of(made, choice.rule)
    assert choice.confusion.false_alarms == 0.0


def test_with_few_failures_no_rule_is_believed():
    made = told(np.random.default_rng(3), 200, 0.97, telling=True)
    failures = sum(not one.success for one in made)
    assert failures < LEAST_OF_A_KIND
    assert choose_rule(made).rule is None


def test_a_predictor_that_tells_nothing_about_failures_as_short_as_successes_is_not_heeded():
    rng = np.random.default_rng(4)
    made = [
        attempt(bool(rng.random() < 0.6), tuple(rng.random(4)), again_s=2.0) for _ in range(150)
    ]
    assert choose_rule(made).rule is None


def test_nothing_is_decided_without_attempts():
    choice = choose_rule([])
    assert choice.rule is None
    assert choice.attempts == 0
    with pytest.raises(ValueError, match="without attempts"):
        confusion_of([], None)


def test_a_plain_limit_of_time_is_among_the_rules():
    assert LIMIT in set(candidates())


def test_questions_have_answers():
    with pytest.raises(ValueError, match="2 questions have 1 answers"):
        Attempt(success=True, duration_s=1.0, motion_s=1.0, asked_s=(0.0, 1.0), likely=(0.5,))
