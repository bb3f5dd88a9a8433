"""Runs an instruction: plan, check, then skill after skill with retries and new plans.

Look, plan, check; then for each call: preconditions, skill, new look, effects, and on to the next
call, another attempt, or a new plan; until the goal is seen to hold or there is a reason to stop.
Everything it decides is an event.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from robot_skills.core.errors import PerceptionError, PlanningError, RefusedError, RobotFault
from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.plan import (
    Literal,
    Milestone,
    Outcome,
    Plan,
    Planner,
    SkillCall,
    SkillResult,
)
from robot_skills.core.scene import Scene
from robot_skills.scheduler.critic import Critic, goal_unmet
from robot_skills.scheduler.plan_checker import PlanChecker, PlanVerdict
from robot_skills.skills.card import SkillCard
from robot_skills.skills.runner import SkillContext, run_skill

_log = logging.getLogger(__name__)

SkillRunner = Callable[[SkillCall, Scene, int], tuple[SkillResult, Scene]]
"""Makes one attempt at a call on the latest scene; also given how many attempts the run made before
it. Answers with how it ended and the scene as seen afterwards."""


_HOME = "home"
"""Skill that brings the arm back to where it can start anew."""
_ATTEMPTS = 1000
"""Seeds set apart for the attempts of one run, so that runs with other seeds have other ones."""


def _never() -> bool:
    return False


def _nothing(_skill: str) -> None:
    return None


def context_runner(context: SkillContext) -> SkillRunner:
    """The runner of a skill context; every attempt gets a seed of its own."""

    def run(call: SkillCall, scene: Scene, attempt: int) -> tuple[SkillResult, Scene]:
        return run_skill(
            call, replace(context, scene=scene, seed=_ATTEMPTS * context.seed + attempt)
        )

    return run


@dataclass(frozen=True, kw_only=True, slots=True)
class ExecutiveConfig:
    """How long it goes on trying.

    Attributes:
        max_replans: Most new plans after the first.
        max_calls: Most attempts at skills in one run, whatever the plans say.
    """

    max_replans: int = 3
    max_calls: int = 100

    def __post_init__(self) -> None:
        if self.max_replans < 0 or self.max_calls < 1:
            raise ValueError("An executive needs max_replans >= 0 and max_calls >= 1.")


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillRun:
    """One call of a plan with all its attempts.

    Attributes:
        name: Skill.
        args: Its arguments.
        outcome: Of the last attempt.
        reason: Of the last attempt.
        attempts: How many there were.
        duration_s: Of all attempts together, on the project clock.
        chunks: Of all attempts together.
        refused_chunks: Of all attempts together.
    """

    name: str
    args: dict[str, str]
    outcome: Outcome
    reason: str
    attempts: int
    duration_s: float
    chunks: int = 0
    refused_chunks: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class RunResult:
    """How a run ended, as far as the executive can see.

    Attributes:
        instruction: The words.
        plans: The first plan and every later one.
        skills: Calls in the order in which they were made.
        success: Whether the goal held in the last look.
        reason: Why it ended.
        replans: Plans after the first.
        plan_ms: Wall time of making and checking the first plan.
        scene: The last look.
        stopped: Whether somebody asked it to stop.
    """

    instruction: str
    plans: tuple[Plan, ...]
    skills: tuple[SkillRun, ...]
    success: bool
    reason: str
    replans: int
    plan_ms: float
    scene: Scene
    stopped: bool = False


class Executive:
    """Runs instructions, one at a time.

    Args:
        planner: Makes the plans.
        cards: The skills, for example a `SkillLibrary`.
        run: Makes one attempt at a skill; see `context_runner`.
        look: The scene as of now. Raises `PerceptionError`.
        now_s: Time on the project clock, for events.
        events: Gets every decision.
        checker: Accepts or refuses plans; the default one has the default limits.
        config: How long it goes on trying.
        stop_requested: Asked before every step; the runner asks inside skills.
        prepare: Told every skill of a plan before anything moves; raises `RefusedError` when the
            skill cannot run, for example because its checkpoint is corrupt.
    """

    def __init__(
        self,
        *,
        planner: Planner,
        cards: Iterable[SkillCard],
        run: SkillRunner,
        look: Callable[[], Scene],
        now_s: Callable[[], float],
        events: EventSink,
        checker: PlanChecker | None = None,
        config: ExecutiveConfig | None = None,
        stop_requested: Callable[[], bool] = _never,
        prepare: Callable[[str], None] = _nothing,
    ) -> None:
        self._cards = {card.name: card for card in cards}
        self._planner = planner
        self._run = run
        self._look = look
        self._now_s = now_s
        self._events = events
        self._checker = checker or PlanChecker(self._cards.values())
        self._critic = Critic(self._cards.values())
        self._config = config or ExecutiveConfig()
        self._stop_requested = stop_requested
        self._prepare = prepare

    def run(self, instruction: str) -> RunResult:
        """Carry out an instruction.

        Raises:
            RefusedError: The instruction or its first plan is refused; nothing has moved.
            PerceptionError: The first look shows nothing usable; nothing has moved.
        """
        self._emit(EventKind.INSTRUCTION, text=instruction)
        scene = self._new_look()
        start = time.perf_counter()
        try:
            plan = self._planner.plan(instruction, scene)
            self._accept(plan, scene)
        except RefusedError as error:
            self._emit(EventKind.REFUSED, reason=str(error), error=type(error).__name__)
            raise
        run = _Run(plan=plan, scene=scene, plan_ms=1000.0 * (time.perf_counter() - start))
        self._announce(plan, 0)
        try:
            self._carry_out(run)
        except _Ended as ended:
            run.reason, run.success, run.stopped = ended.reason, ended.success, ended.stopped
        self._emit(
            EventKind.RUN_END, success=run.success, reason=run.reason, replans=len(run.plans) - 1
        )
        return run.result(instruction)

    # -- the loop --------------------------------------------------------------------------------

    def _carry_out(self, run: "_Run") -> None:
        while True:
            self._refuse_to_go_on_when_stopped()
            run.pass_milestones()
            if not run.calls:
                self._finish(run)
                continue
            verdict = self._check_rest(run)
            if not verdict.accepted:
                self._replan(run, "; ".join(verdict.reasons))
                continue
            self._call(run, run.calls[0])

    def _finish(self, run: "_Run") -> None:
        """The plan is done: look once more whether the goal holds."""
        try:
            run.scene = self._new_look()
        except PerceptionError as error:
            raise _Ended(f"the goal could not be seen: {error}") from None
        run.pass_milestones()
        unmet = goal_unmet(run.scene, run.plan.goal)
        if not unmet and not run.milestones:
            raise _Ended("the goal holds" if run.plan.goal else "every call was made", success=True)
        self._replan(run, _unmet_text(unmet, run.milestones))

    def _call(self, run: "_Run", call: SkillCall) -> None:
        """Attempt one call as often as it is worth it, then go on or make a new plan."""
        results: list[SkillResult] = []
        most = self._cards[call.skill].attempts
        while True:
            before = run.scene
            result, run.scene = self._attempt(run, call)
            if result.outcome is Outcome.FAULT and result.refused_chunks:
                result = self._recover(run, result)
            results.append(result)
            criticism = self._critic.judge(call, before, run.scene, result.likely)
            if criticism.surprises:
                self._emit(
                    EventKind.EFFECTS,
                    skill=call.skill,
                    args=dict(call.args),
                    surprises=list(criticism.surprises),
                )
            problem = result.reason or str(criticism)
            if result.ok or not self._worth_retrying(run, call, result, len(results) < most):
                break
            self._emit(
                EventKind.RETRY,
                skill=call.skill,
                args=dict(call.args),
                attempt=len(results) + 1,
                of=most,
                reason=problem,
                **({} if result.likely is None else {"likely": result.likely}),
            )
        run.skills.append(_summary(call, results))
        if result.ok:
            run.made(call)
            return
        self._give_up_or_replan(run, call, result, len(results))

    def _attempt(self, run: "_Run", call: SkillCall) -> tuple[SkillResult, Scene]:
        self._refuse_to_go_on_when_stopped()
        if run.attempts >= self._config.max_calls:
            raise _Ended(f"gave up after {run.attempts} attempts at skills")
        start_s = self._now_s()
        run.attempts += 1
        try:
            return self._run(call, run.scene, run.attempts - 1)
        except RobotFault as error:
            outcome, reason = Outcome.FAULT, str(error)
        except (PerceptionError, RefusedError) as error:
            outcome, reason = Outcome.FAILED, str(error)
        duration_s = self._now_s() - start_s
        result = SkillResult(call=call, outcome=outcome, reason=reason, duration_s=duration_s)
        return result, run.scene

    def _recover(self, run: "_Run", result: SkillResult) -> SkillResult:
        """Go home after the safety gate ended a skill: the arm is sound, only the skill was wrong.

        Returns:
            The result as a failure that may be tried again, or as it was when home is not reached.
        """
        card = self._cards.get(_HOME)
        if card is None or card.parameters:
            return result
        home = SkillCall(skill=_HOME)
        self._emit(EventKind.RETRY, skill=_HOME, args={}, attempt=1, of=1, reason=result.reason)
        way_home, run.scene = self._attempt(run, home)
        run.skills.append(_summary(home, [way_home]))
        return replace(result, outcome=Outcome.FAILED) if way_home.ok else result

    def _worth_retrying(
        self, run: "_Run", call: SkillCall, result: SkillResult, left: bool
    ) -> bool:
        """Whether the same call can be tried again from what is seen now."""
        if not left or result.outcome in (Outcome.STOPPED, Outcome.FAULT):
            return False
        return not goal_unmet(run.scene, self._cards[call.skill].preconditions(call.args))

    def _give_up_or_replan(
        self, run: "_Run", call: SkillCall, result: SkillResult, attempts: int
    ) -> None:
        match result.outcome:
            case Outcome.STOPPED:
                raise _Ended(f"stopped during {call}: {result.reason}", stopped=True)
            case Outcome.FAULT:
                raise _Ended(f"{call} ended in a fault: {result.reason}")
        exhausted = attempts >= self._cards[call.skill].attempts
        if exhausted and call in run.exhausted:
            raise _Ended(f"{call} failed again after a new plan: {result.reason}")
        if exhausted:
            run.exhausted.append(call)
        self._replan(run, f"{call} failed: {result.reason}")

    def _replan(self, run: "_Run", reason: str) -> None:
        """Make a new plan from what is seen now, or end the run."""
        count = len(run.plans)
        if count > self._config.max_replans:
            raise _Ended(f"gave up after {count - 1} new plans: {reason}")
        self._emit(EventKind.REPLAN, reason=reason, number=count)
        rest = replace(run.plan, calls=tuple(run.calls), milestones=tuple(run.milestones))
        try:
            plan = self._planner.replan(rest, run.scene)
            self._accept(plan, run.scene)
        except RefusedError as error:
            self._emit(EventKind.REFUSED, reason=str(error), error=type(error).__name__)
            raise _Ended(f"{reason}; no new plan: {error}") from None
        run.follow(plan)
        self._announce(plan, count)

    # -- checks and events -----------------------------------------------------------------------

    def _check_rest(self, run: "_Run") -> PlanVerdict:
        """Whether what is left of the plan still leads to the goal from what is seen now."""
        rest = replace(run.plan, calls=tuple(run.calls), milestones=tuple(run.milestones))
        return self._checker.check(rest, run.scene)

    def _accept(self, plan: Plan, scene: Scene) -> None:
        verdict = self._checker.check(plan, scene)
        if not verdict.accepted:
            raise PlanningError(f"The plan is refused: {'; '.join(verdict.reasons)}.")
        for skill in dict.fromkeys(call.skill for call in plan.calls):
            self._prepare(skill)

    def _refuse_to_go_on_when_stopped(self) -> None:
        if self._stop_requested():
            raise _Ended("stopped on request", stopped=True)

    def _new_look(self) -> Scene:
        scene = self._look()
        self._emit(EventKind.LOOK, entities=list(scene.entities), stamp_s=scene.stamp_s)
        return scene

    def _announce(self, plan: Plan, number: int) -> None:
        _log.info("plan %d: %s", number, ", ".join(map(str, plan.calls)) or "nothing to do")
        self._emit(
            EventKind.PLAN,
            number=number,
            planner=plan.planner,
            goal=[str(literal) for literal in plan.goal],
            milestones=[_milestone_text(step) for step in plan.milestones],
            calls=[{"skill": call.skill, "args": dict(call.args)} for call in plan.calls],
            wording=list(plan.wording),
        )

    def _emit(self, kind: EventKind, **data: Any) -> None:
        self._events.emit(Event(stamp_s=self._now_s(), kind=kind, data=data))


class _Ended(Exception):
    """The run is over."""

    def __init__(self, reason: str, success: bool = False, stopped: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.success = success
        self.stopped = stopped


@dataclass(kw_only=True)
class _Run:
    """Where a run stands."""

    plan: Plan
    scene: Scene
    plan_ms: float
    calls: list[SkillCall] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    skills: list[SkillRun] = field(default_factory=list)
    exhausted: list[SkillCall] = field(default_factory=list)
    attempts: int = 0
    success: bool = False
    reason: str = ""
    stopped: bool = False

    def __post_init__(self) -> None:
        self.follow(self.plan)

    def follow(self, plan: Plan) -> None:
        """Start with a new plan."""
        self.plan = plan
        self.plans.append(plan)
        self.calls = list(plan.calls)
        self.milestones = list(plan.milestones)

    def made(self, call: SkillCall) -> None:
        """Go on behind a call that succeeded."""
        self.calls.pop(0)
        if self.milestones and self.milestones[0] == call:
            self.milestones.pop(0)

    def pass_milestones(self) -> None:
        """Leave behind what was to hold on the way and holds now."""
        while self.milestones:
            step = self.milestones[0]
            if isinstance(step, SkillCall) or goal_unmet(self.scene, step):
                return
            self.milestones.pop(0)

    def result(self, instruction: str) -> RunResult:
        return RunResult(
            instruction=instruction,
            plans=tuple(self.plans),
            skills=tuple(self.skills),
            success=self.success,
            reason=self.reason,
            replans=len(self.plans) - 1,
            plan_ms=self.plan_ms,
            scene=self.scene,
            stopped=self.stopped,
        )


def _summary(call: SkillCall, results: list[SkillResult]) -> SkillRun:
    last = results[-1]
    return SkillRun(
        name=call.skill,
        args=dict(call.args),
        outcome=last.outcome,
        reason=last.reason,
        attempts=len(results),
        duration_s=sum(result.duration_s for result in results),
        chunks=sum(result.chunks for result in results),
        refused_chunks=sum(result.refused_chunks for result in results),
    )


def _milestone_text(step: Milestone) -> str:
    return str(step) if isinstance(step, SkillCall) else " and ".join(map(str, step))


def _unmet_text(unmet: Iterable[Literal], milestones: Iterable[Milestone]) -> str:
    missing = [f"{literal} does not hold" for literal in unmet]
    missing += [f"{_milestone_text(step)} did not come about" for step in milestones]
    return "; ".join(missing)
