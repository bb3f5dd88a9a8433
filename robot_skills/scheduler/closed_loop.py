"""Checks before and after every call what is left of the plan; tries again, and plans again.

As in *CLEA: Closed-Loop Embodied Agent* (Lei et al., 2025) a critic is asked before a call, while
it runs (`robot_skills.skills.guarding`) and after it; as in *Multi-Stage Cable Routing through
Hierarchical Imitation Learning* (Luo et al., 2023) a stage that failed is tried again, otherwise
than before. Everything is bounded: attempts by the skill's card, recoveries by `MOST_RECOVERIES`,
plans and calls by the executive's configuration; so every run ends, with a reason.
"""

from typing import NoReturn

from robot_skills.core.errors import RefusedError
from robot_skills.core.plan import Outcome, SkillCall, SkillResult
from robot_skills.core.scene import Entity, Scene
from robot_skills.scheduler.critic import goal_unmet
from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.expected import ExpectedStep, expect_plan
from robot_skills.scheduler.premises import Premises, examine
from robot_skills.scheduler.presence import gone_text, wanted_things
from robot_skills.scheduler.recovery import (
    MOST_RECOVERIES,
    failure_of,
    recovery_calls,
    variation_after,
)
from robot_skills.scheduler.runs import Ended, Run, end_for_good, summary
from robot_skills.skills.variation import USUAL


class ClosedLoop:
    """The strategy that gives up last: retries, and new plans from what is seen."""

    def carry_out(self, executive: Executive, run: Run) -> NoReturn:
        """Make calls until the run is over. Raises `Ended`."""
        _Loop(executive, run).go()


class _Loop:
    """One run."""

    def __init__(self, executive: Executive, run: Run) -> None:
        self._executive = executive
        self._run = run
        self._exhausted: list[SkillCall] = []
        self._looked_for: set[str] = set()
        self._expected: tuple[ExpectedStep, ...] = ()
        self._planned: Scene = run.scene
        self._touched: set[str] = set()

    def go(self) -> NoReturn:
        executive, run = self._executive, self._run
        self._expect()
        while True:
            executive.end_when_stopped()
            run.pass_milestones()
            gone = self._gone()
            if gone:
                self._replan("; ".join(map(gone_text, gone)))
                continue
            if not run.calls:
                self._replan(executive.finish(run))
                continue
            # Whether what is left of the plan still leads to the goal from what is seen now.
            verdict = executive.check(run.rest(), run.scene)
            if not verdict.accepted:
                premises = self._premises(run.calls[0])
                reasons = verdict.reasons if premises.hold else (str(premises),)
                self._replan("; ".join(reasons))
                continue
            self._call(run.calls[0])

    def _expect(self) -> None:
        """Keep in mind what the plan expects of its calls, and of which look."""
        run = self._run
        self._planned, self._touched = run.scene, set()
        try:
            self._expected = expect_plan(run.plan, run.scene, self._executive.cards)
        except RefusedError:
            self._expected = ()

    def _premises(self, call: SkillCall) -> Premises:
        """What the next call relies on, and what of it is not so any more."""
        run, number = self._run, len(self._run.plan.calls) - len(self._run.calls)
        step = self._expected[number] if number < len(self._expected) else None
        card = self._executive.cards[call.skill]
        return examine(call, card, step, self._planned, run.scene, self._touched)

    def _gone(self) -> tuple[Entity, ...]:
        """Things that what is left to be done is about, and that are not there any more."""
        run = self._run
        named = [name for call in run.calls for name in call.args.values()]
        return run.gone((*wanted_things(run.rest()), *named))

    def _call(self, call: SkillCall) -> None:
        """Attempt one call as often as it is worth it, then go on or make a new plan."""
        run = self._run
        results = attempts_at(self._executive, run, call)
        self._touched |= set(call.args.values())
        run.skills.append(summary(call, results))
        end_for_good(run, call, results[-1])
        if results[-1].ok:
            run.made(call)
            return
        self._give_up_or_replan(call, results[-1], len(results))

    def _give_up_or_replan(self, call: SkillCall, result: SkillResult, attempts: int) -> None:
        exhausted = attempts >= self._executive.cards[call.skill].attempts
        if exhausted and call in self._exhausted:
            raise Ended(f"{call} failed again after a new plan: {result.reason}")
        if exhausted:
            self._exhausted.append(call)
        self._replan(f"{call} failed: {result.reason}")

    def _replan(self, reason: str) -> None:
        """Make a new plan from what is seen now, or end the run."""
        executive, run = self._executive, self._run
        count = len(run.plans)
        if count > executive.config.max_replans:
            raise Ended(f"gave up after {count - 1} new plans: {reason}")
        if self._found_after_all():
            return
        executive.plan_anew(run, reason)
        self._expect()

    def _found_after_all(self) -> bool:
        """Look again for what is gone, and do with another thing where the words let.

        Returns:
            Whether a new look shows that the plan may do as it is.

        Raises:
            Ended: What is wanted is gone for good.
        """
        executive, run = self._executive, self._run
        wanted = wanted_things(run.rest())
        missing = {thing.name for thing in run.gone(wanted)}
        if missing - self._looked_for:
            self._looked_for |= missing
            executive.look_from_home(run)
            if not run.gone(missing):
                return True
        for thing in run.gone(wanted):
            if not executive.settle_for_another(run, thing):
                raise Ended(gone_text(thing))
        return False


def attempts_at(executive: Executive, run: Run, call: SkillCall) -> list[SkillResult]:
    """Attempt one call until it goes well or another attempt is not worth it. Raises `Ended`.

    No attempt is made like the one before (`robot_skills.scheduler.recovery`).
    """
    results: list[SkillResult] = []
    card, variation, recoveries = executive.cards[call.skill], USUAL, MOST_RECOVERIES
    while True:
        before = run.scene
        result, problem = executive.attempt(run, call, variation)
        results.append(result)
        if result.ok or len(results) >= card.attempts or _ends_attempts(result):
            return results
        if not _can_be_retried(executive, run, call):
            return results
        failure = failure_of(result, before, run.scene, card.effects(call.args))
        calls = recovery_calls(failure, call, run.scene, executive.cards)
        if calls and recoveries > 0:
            recoveries -= 1
            executive.recover(run, calls)
        if not _worth_retrying(executive, run, call):
            return results
        variation = variation_after(failure, len(results))
        executive.retry(
            call, result, problem, attempt=len(results) + 1, of=card.attempts, variation=variation
        )


def _ends_attempts(result: SkillResult) -> bool:
    """Whether nothing more is to be tried, whatever is seen."""
    return result.outcome in (Outcome.STOPPED, Outcome.FAULT)


def _can_be_retried(executive: Executive, run: Run, call: SkillCall) -> bool:
    """Whether what the call is about is there, and nothing forbids it for good."""
    here = not run.gone(call.args.values())
    return (
        here
        and not executive.problems(call, run.scene)
        and not run.monitor.refusal(call, run.scene)
    )


def _worth_retrying(executive: Executive, run: Run, call: SkillCall) -> bool:
    """Whether the same call can be tried again from what is seen now."""
    if not _can_be_retried(executive, run, call):
        return False
    return not goal_unmet(run.scene, executive.cards[call.skill].preconditions(call.args))
