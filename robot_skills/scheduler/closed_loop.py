"""Checks after every call what is left of the plan; tries again, and plans again."""

from dataclasses import replace
from typing import NoReturn

from robot_skills.core.errors import RefusedError
from robot_skills.core.events import EventKind
from robot_skills.core.plan import Outcome, Plan, SkillCall, SkillResult
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
            verdict = executive.check(self._rest(), run.scene)
            if not verdict.accepted:
                self._replan("; ".join(verdict.reasons))
                continue
            self._call(run.calls[0])

    def _call(self, call: SkillCall) -> None:
        """Attempt one call as often as it is worth it, then go on or make a new plan."""
        executive, run = self._executive, self._run
        results: list[SkillResult] = []
        most = executive.cards[call.skill].attempts
        while True:
            result, problem = executive.attempt(run, call)
            results.append(result)
            if result.ok or not self._worth_retrying(call, result, len(results) < most):
                break
            executive.retry(call, result, problem, attempt=len(results) + 1, of=most)
        run.skills.append(summary(call, results))
        if result.ok:
            run.made(call)
            return
        self._give_up_or_replan(call, result, len(results))

    def _worth_retrying(self, call: SkillCall, result: SkillResult, left: bool) -> bool:
        """Whether the same call can be tried again from what is seen now."""
        if not left or result.outcome in (Outcome.STOPPED, Outcome.FAULT):
            return False
        if self._executive.problems(call, self._run.scene):
            return False
        preconditions = self._executive.cards[call.skill].preconditions(call.args)
        return not goal_unmet(self._run.scene, preconditions)

    def _give_up_or_replan(self, call: SkillCall, result: SkillResult, attempts: int) -> None:
        end_for_good(call, result)
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
        executive.emit(EventKind.REPLAN, reason=reason, number=count)
        try:
            plan = executive.planner.replan(self._rest(), run.scene)
            executive.accept(plan, run.scene)
        except RefusedError as error:
            executive.emit(EventKind.REFUSED, reason=str(error), error=type(error).__name__)
            raise Ended(f"{reason}; no new plan: {error}") from None
        run.follow(plan)
        executive.announce(plan, count)

    def _rest(self) -> Plan:
        """What is left of the plan."""
        run = self._run
        return replace(run.plan, calls=tuple(run.calls), milestones=tuple(run.milestones))
