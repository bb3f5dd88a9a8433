"""Whether to end an attempt that seems to fail: the expected time to success, in closed form.

After *Optimal Decision Making in Robotic Assembly and Other Trial-and-Error Tasks* (Watson and
Correll, 2023): attempts are repeated until one succeeds, each independently of the others, and an
imperfect predictor raises an alarm in some that will fail and in some that would not.

=========  =====================================================================================
``s``      probability that an attempt succeeds when it is left to run to its end
``T_s``    mean duration of an attempt that succeeds, ``T_f`` of one that fails
``R_f``    mean time from the end of a failed attempt until the next one can begin; ``R_a`` from
           the end of one that was broken off
``a``      share of the successes in which the rule raises an alarm, at time ``t_a`` in the mean
``b``      share of the failures in which it does, at time ``t_b`` in the mean
=========  =====================================================================================

Run to the end, and try again: every attempt costs ``s T_s + (1 - s) (T_f + R_f)`` in the mean, and
``1 / s`` of them are made (Wald's equation)::

    E_end  = [s T_s + (1 - s) (T_f + R_f)] / s

Break off at an alarm: an attempt succeeds with probability ``s (1 - a)``::

    E_rule = [s (1 - a) T_s + s a (t_a + R_a) + (1 - s) b (t_b + R_a)
              + (1 - s) (1 - b) (T_f + R_f)] / [s (1 - a)]

where ``T_s`` and ``T_f`` are those of the attempts without an alarm. A rule is a threshold, how
many questions in a row have to fall below it, and from when on (`GivingUp`), so that one with a
threshold of 1 is a plain limit of time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.se3 import Array
from robot_skills.skills.giving_up import GivingUp

LEAST_OF_A_KIND = 10
"""Successes and failures that there must be of each before a rule is believed to pay."""
LEAST_SAVED = 0.02
"""Part of the expected time that a rule has to save ..."""
CONFIDENCE = 0.95
"""... in this share of the attempts drawn anew with replacement."""
THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.0)
IN_A_ROW = (1, 2, 3)
FROM_S = (0.0, 1.0, 1.5, 2.0, 2.4, 2.8, 3.2, 4.0, 5.0, 6.0, 8.0, 10.0)
_DRAWS = 400
_SEED = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One attempt that was left to run to its end, and what the predictor said meanwhile.

    Attributes:
        success: Whether it did what it should.
        duration_s: From its start until its end, the way home included.
        motion_s: Of it, the motion without the way home.
        asked_s: Times from the start of the motion at which the predictor was asked.
        likely: What it said, a probability of success each.
        again_s: Time from its end until the next attempt could begin; of a success 0.
    """

    success: bool
    duration_s: float
    motion_s: float
    asked_s: tuple[float, ...]
    likely: tuple[float, ...]
    again_s: float = 0.0

    def __post_init__(self) -> None:
        if len(self.asked_s) != len(self.likely):
            raise ValueError(f"{len(self.asked_s)} questions have {len(self.likely)} answers.")

    def alarm_s(self, rule: GivingUp) -> float | None:
        """When a rule would have ended the motion; None where it would not."""
        hopeless = 0
        for at_s, likely in zip(self.asked_s, self.likely, strict=True):
            low = at_s >= rule.from_s and likely < rule.below
            hopeless = hopeless + 1 if low else 0
            if hopeless >= rule.after:
                return at_s
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Confusion:
    """What a rule does to attempts; times are means, 0 where there is nothing to take one of.

    Attributes:
        success_rate: Of attempts that run to their end.
        false_alarms: Share of the successes that the rule ends.
        true_alarms: Share of the failures that it ends.
        success_s: Duration of a success without an alarm.
        failure_s: Duration of a failure without one.
        false_alarm_s: Duration of a success until it is broken off, the way home included.
        true_alarm_s: The same of a failure.
        failure_again_s: Time from the end of a failure until another attempt can begin.
        alarm_again_s: The same after an alarm.
    """

    success_rate: float
    false_alarms: float
    true_alarms: float
    success_s: float
    failure_s: float
    false_alarm_s: float
    true_alarm_s: float
    failure_again_s: float
    alarm_again_s: float


def expected_makespan_s(confusion: Confusion) -> float:
    """Expected time until an attempt succeeds; infinite where none ever does."""
    c, s = confusion, confusion.success_rate
    succeeds = s * (1.0 - c.false_alarms)
    if succeeds <= 0.0:
        return float("inf")
    per_attempt_s = (
        succeeds * c.success_s
        + s * c.false_alarms * (c.false_alarm_s + c.alarm_again_s)
        + (1.0 - s) * c.true_alarms * (c.true_alarm_s + c.alarm_again_s)
        + (1.0 - s) * (1.0 - c.true_alarms) * (c.failure_s + c.failure_again_s)
    )
    return per_attempt_s / succeeds


def confusion_of(
    attempts: Sequence[Attempt], rule: GivingUp | None, alarm_again_s: float = 0.0
) -> Confusion:
    """What a rule would have done to attempts.

    Args:
        attempts: That were left to run to their end.
        rule: To be judged; None ends nothing early.
        alarm_again_s: Time after an alarm until another attempt can begin.

    Raises:
        ValueError: There is no attempt.
    """
    if not attempts:
        raise ValueError("Nothing can be said of a rule without attempts.")
    return _Outcomes.of(attempts, rule).confusion(alarm_again_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The rule that pays most, and by how much.

    Attributes:
        rule: To go by; None where no rule pays for sure.
        attempts: By which it was chosen.
        successes: Of them.
        to_the_end_s: Expected time to success when attempts run to their end.
        with_rule_s: The same with the best rule, whether it pays for sure or not.
        saved: Part of the time that the best rule saves, at least, with the wanted confidence.
        best: The best rule; None where there were too few attempts of a kind to look for one.
        confusion: What it does; None without one.
    """

    rule: GivingUp | None
    attempts: int
    successes: int
    to_the_end_s: float
    with_rule_s: float
    saved: float
    best: GivingUp | None = None
    confusion: Confusion | None = None


def choose_rule(attempts: Sequence[Attempt], alarm_again_s: float = 0.0) -> Choice:
    """The rule with the shortest expected time to success, where it pays for sure.

    It does when at least `LEAST_SAVED` of the time is saved in `CONFIDENCE` of the draws; with few
    attempts of a kind no rule does.

    Args:
        attempts: That were left to run to their end, of the same kind as those to come.
        alarm_again_s: Time after an alarm until another attempt can begin.
    """
    successes = sum(attempt.success for attempt in attempts)
    to_the_end_s = expected_makespan_s(confusion_of(attempts, None)) if attempts else float("inf")
    nothing = Choice(
        rule=None,
        attempts=len(attempts),
        successes=successes,
        to_the_end_s=to_the_end_s,
        with_rule_s=to_the_end_s,
        saved=0.0,
    )
    if min(successes, len(attempts) - successes) < LEAST_OF_A_KIND:
        return nothing
    outcomes = {rule: _Outcomes.of(attempts, rule) for rule in candidates()}
    best = min(
        outcomes, key=lambda rule: expected_makespan_s(outcomes[rule].confusion(alarm_again_s))
    )
    without = _Outcomes.of(attempts, None)
    saved = _surely_saved(without, outcomes[best], alarm_again_s)
    confusion = outcomes[best].confusion(alarm_again_s)
    return Choice(
        rule=best if saved >= LEAST_SAVED else None,
        attempts=len(attempts),
        successes=successes,
        to_the_end_s=to_the_end_s,
        with_rule_s=expected_makespan_s(confusion),
        saved=saved,
        best=best,
        confusion=confusion,
    )


def candidates() -> Iterator[GivingUp]:
    """Every rule that is considered."""
    for below, after, from_s in product(THRESHOLDS, IN_A_ROW, FROM_S):
        yield GivingUp(below=below, after=after, from_s=from_s)


def _surely_saved(without: "_Outcomes", with_rule: "_Outcomes", alarm_again_s: float) -> float:
    """Part of the time that a rule saves, in all but a few draws of the same attempts."""
    rng = np.random.default_rng(_SEED)
    count = len(without.success)
    saved = []
    for rows in rng.integers(count, size=(_DRAWS, count)):
        end_s = expected_makespan_s(without.confusion(alarm_again_s, rows))
        rule_s = expected_makespan_s(with_rule.confusion(alarm_again_s, rows))
        saved.append(1.0 - rule_s / end_s if np.isfinite(end_s) else 0.0)
    return float(np.quantile(saved, 1.0 - CONFIDENCE))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Outcomes:
    """What a rule makes of attempts, one row each.

    Attributes:
        success: How they ended by themselves, (N,).
        alarm: Whether the rule ends them, (N,).
        cost_s: Duration until the end by itself or by the rule, (N,).
        again_s: Time after the end by itself until the next can begin, (N,).
    """

    success: NDArray[np.bool_]
    alarm: NDArray[np.bool_]
    cost_s: Array
    again_s: Array

    @classmethod
    def of(cls, attempts: Sequence[Attempt], rule: GivingUp | None) -> "_Outcomes":
        alarms_s = [None if rule is None else attempt.alarm_s(rule) for attempt in attempts]
        costs_s = [
            attempt.duration_s if at_s is None else at_s + attempt.duration_s - attempt.motion_s
            for attempt, at_s in zip(attempts, alarms_s, strict=True)
        ]
        return cls(
            success=np.array([attempt.success for attempt in attempts]),
            alarm=np.array([at_s is not None for at_s in alarms_s]),
            cost_s=np.array(costs_s),
            again_s=np.array([attempt.again_s for attempt in attempts]),
        )

    def confusion(self, alarm_again_s: float, rows: NDArray[np.int64] | None = None) -> Confusion:
        """Rates and means of all attempts, or of those in `rows`."""
        picked = np.arange(len(self.success)) if rows is None else rows
        good, alarm = self.success[picked], self.alarm[picked]
        cost_s, again_s = self.cost_s[picked], self.again_s[picked]
        return Confusion(
            success_rate=float(good.mean()),
            false_alarms=_mean(alarm[good]),
            true_alarms=_mean(alarm[~good]),
            success_s=_mean(cost_s[good & ~alarm]),
            failure_s=_mean(cost_s[~good & ~alarm]),
            false_alarm_s=_mean(cost_s[good & alarm]),
            true_alarm_s=_mean(cost_s[~good & alarm]),
            failure_again_s=_mean(again_s[~good & ~alarm]),
            alarm_again_s=alarm_again_s,
        )


def _mean(values: Array | NDArray[np.bool_]) -> float:
    return float(values.mean()) if len(values) else 0.0
