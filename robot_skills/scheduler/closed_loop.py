"""Checks after every call what is left of the plan; tries again, and plans again."""

from typing import NoReturn

from robot_skills.core.plan import Outcome, SkillCall, SkillResult
from robot_skills.scheduler.critic import goal_unmet
from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.runs import Ended, Run, end_for_good, summary


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

    def go(self) -> NoReturn:
        executive, run = self._executive, self._run
        while True:
            executive.end_when_stopped()
            run.pass_milestones()
            if not run.calls:
                self._replan(executive.finish(run))
                continue
            # Whether what is left of the plan still leads to the goal from what is seen now.
            verdict = executive.check(run.rest(), run.scene)
            if not verdict.accepted:
                self._replan("; ".join(verdict.reasons))
                continue
            self._call(run.calls[0])

    def _call(self, call: SkillCall) -> None:
        """Attempt one call as often as it is worth it, then go on or make a new plan."""
        run = self._run
        results = attempts_at(self._executive, run, call)
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
        executive.plan_anew(run, reason)


def attempts_at(executive: Executive, run: Run, call: SkillCall) -> list[SkillResult]:
    """Attempt one call until it goes well or another attempt is not worth it. Raises `Ended`."""
    results: list[SkillResult] = []
    most = executive.cards[call.skill].attempts
    while True:
        result, problem = executive.attempt(run, call)
        results.append(result)
        left = len(results) < most
        if result.ok or not left or not _worth_retrying(executive, run, call, result):
            return results
        executive.retry(call, result, problem, attempt=len(results) + 1, of=most)


def _worth_retrying(executive: Executive, run: Run, call: SkillCall, result: SkillResult) -> bool:
    """Whether the same call can be tried again from what is seen now."""
    if result.outcome in (Outcome.STOPPED, Outcome.FAULT) or executive.problems(call, run.scene):
        return False
    if run.monitor.refusal(call, run.scene):
        return False
    return not goal_unmet(run.scene, executive.cards[call.skill].preconditions(call.args))
