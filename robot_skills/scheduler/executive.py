"""Runs an instruction: look, plan, check, then skill after skill as a strategy has it.

For each call: preconditions, skill, new look, effects. What comes after it (the next call, another
attempt, a new plan) is for the strategy to say: `ClosedLoop`, `FixedOrder` or `Sequencing`. A run
ends when the goal is seen to hold, or with a reason. Everything that is decided is an event.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol

from robot_skills.core.errors import (
    PerceptionError,
    PlanningError,
    RefusedError,
    RobotFault,
    UnusableSkillError,
)
from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.looks import look_data
from robot_skills.core.plan import Outcome, Plan, Planner, SkillCall, SkillResult
from robot_skills.core.scene import Scene
from robot_skills.scheduler.critic import Critic, goal_unmet
from robot_skills.scheduler.plan_checker import PlanChecker, PlanRefusedError, PlanVerdict
from robot_skills.scheduler.runs import (
    Ended,
    Run,
    RunResult,
    end_data,
    milestone_text,
    summary,
    unmet_text,
)
from robot_skills.scheduler.temporal.monitor import Monitor
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


class Strategy(Protocol):
    """How a run goes on from a plan that was accepted."""

    def carry_out(self, executive: "Executive", run: Run) -> NoReturn:
        """Make calls until the run is over. Raises `Ended`."""
        ...


class Executive:
    """Runs instructions, one at a time.

    Args:
        strategy: Decides what comes after the plan, and after every call.
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
            skill cannot run, for example because its checkpoint is corrupt, and `RobotFault` when
            nobody can say.
    """

    def __init__(
        self,
        *,
        strategy: Strategy,
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
        self.cards: Mapping[str, SkillCard] = {card.name: card for card in cards}
        self.planner = planner
        self.config = config or ExecutiveConfig()
        self._strategy = strategy
        self._run = run
        self._look = look
        self._now_s = now_s
        self._events = events
        self._checker = checker or PlanChecker(self.cards.values())
        self._critic = Critic(self.cards.values())
        self._stop_requested = stop_requested
        self._prepare = prepare

    def run(self, instruction: str) -> RunResult:
        """Carry out an instruction.

        Raises:
            RefusedError: The instruction or its first plan is refused; nothing has moved.
            PerceptionError: The first look shows nothing usable; nothing has moved.
            RobotFault: The robot does not say where it is, or who carries out skills is not there;
                nothing has moved.
        """
        self.emit(EventKind.INSTRUCTION, text=instruction)
        try:
            scene = self._new_look()
        except (PerceptionError, RobotFault) as error:
            self._emit_not_begun(error)
            raise
        start = time.perf_counter()
        try:
            plan = self.planner.plan(instruction, scene)
            self.accept(plan, scene)
        except RefusedError as error:
            self.emit(EventKind.REFUSED, reason=str(error), **_in_the_way(error))
            raise
        except RobotFault as error:
            self._emit_not_begun(error)
            raise
        run = Run(
            plan=plan,
            scene=scene,
            plan_ms=1000.0 * (time.perf_counter() - start),
            monitor=Monitor.of(plan.specification, self.cards).saw(scene),
        )
        self.announce(plan, 0)
        ended = self._carry_out(run)
        run.reason, run.success, run.stopped = ended.reason, ended.success, ended.stopped
        self._emit_end(
            success=run.success,
            reason=run.reason,
            replans=len(run.plans) - 1,
            error=ended.__cause__,
            stopped=run.stopped,
        )
        return run.result(instruction)

    def _carry_out(self, run: Run) -> Ended:
        """Follow the strategy to its end: its own, or that of whoever carries out skills."""
        try:
            self._strategy.carry_out(self, run)
        except Ended as ended:
            return ended
        except RobotFault as fault:
            ended = Ended(str(fault), stopped=self._stop_requested())
            ended.__cause__ = fault
            return ended

    # -- what strategies are made of -------------------------------------------------------------

    def attempt(self, run: Run, call: SkillCall) -> tuple[SkillResult, str]:
        """Make one attempt at a call, and compare what is seen afterwards with what was promised.

        A call that the safety gate ended counts as failed once the arm has gone home: the arm is
        sound, only the skill was wrong. After an attempt of which nothing was seen there is another
        look: nobody goes on from what was seen before the motion.

        Returns:
            How it ended, and what is wrong in words; empty when nothing is.

        Raises:
            Ended: Somebody asked to stop, there were too many attempts, or nothing can be seen.
        """
        before = run.scene
        result = self._attempt(run, call)
        if result.error == PerceptionError.__name__:
            self._see(run, self._look_or_end(f"after {call} nothing can be seen"))
        if result.outcome is Outcome.FAULT and result.refused_chunks:
            result = self._recover(run, result)
        criticism = self._critic.judge(call, before, run.scene, result.likely)
        if criticism.surprises:
            self.emit(
                EventKind.EFFECTS,
                skill=call.skill,
                args=dict(call.args),
                surprises=list(criticism.surprises),
            )
        return result, result.reason or str(criticism)

    def finish(self, run: Run) -> str:
        """Look once more whether the goal holds.

        Returns:
            What is missing, in words.

        Raises:
            Ended: The goal holds, or it cannot be seen.
        """
        self._see(run, self._look_or_end("the goal could not be seen"))
        if run.monitor.violation:
            raise Ended(run.monitor.violation)
        run.pass_milestones()
        unmet, pending = goal_unmet(run.scene, run.plan.goal), run.monitor.progress.pending
        self.emit(
            EventKind.GOAL,
            unmet=[str(literal) for literal in unmet],
            ahead=[*(milestone_text(step) for step in run.milestones), *pending],
        )
        if not unmet and not run.milestones and not pending:
            raise Ended("the goal holds" if run.plan.goal else "every call was made", success=True)
        return unmet_text(unmet, run.milestones, pending)

    def check(self, plan: Plan, scene: Scene) -> PlanVerdict:
        """Judge a plan, or what is left of one, for a scene."""
        return self._checker.check(plan, scene)

    def problems(self, call: SkillCall, scene: Scene) -> list[str]:
        """What is wrong with one call in a scene, whatever comes before it."""
        return self._checker.problems(call, scene)

    def end_when_stopped(self) -> None:
        """Raises `Ended` when somebody asked to stop."""
        if self._stop_requested():
            raise Ended("stopped on request", stopped=True)

    def accept(self, plan: Plan, scene: Scene) -> None:
        """Check a plan, and that its skills can run.

        Raises:
            RefusedError: It is not accepted, or one of its skills cannot run.
            RobotFault: Who carries out skills is not there.
        """
        verdict = self.check(plan, scene)
        if not verdict.accepted:
            raise PlanRefusedError(verdict)
        for skill in dict.fromkeys(call.skill for call in plan.calls):
            self._prepare(skill)

    def plan_anew(self, run: Run, reason: str) -> None:
        """Follow a new plan from what is seen now.

        Args:
            run: The run, which has the plan afterwards.
            reason: Why the one before is given up.

        Raises:
            Ended: There is none, or somebody asked to stop meanwhile.
        """
        number = len(run.plans)
        self.emit(EventKind.REPLAN, reason=reason, number=number)
        try:
            plan = self.planner.replan(run.rest(), run.scene)
            self.accept(plan, run.scene)
        except RefusedError as error:
            # Whoever has asked to stop waits for no plan any more.
            self.end_when_stopped()
            self.emit(EventKind.REFUSED, reason=str(error), error=type(error).__name__)
            raise Ended(f"{reason}; no new plan: {error}") from None
        run.follow(plan)
        self.announce(plan, number)

    def retry(
        self, call: SkillCall, result: SkillResult, problem: str, *, attempt: int, of: int
    ) -> None:
        """Tell everybody that a call that failed is tried again."""
        self.emit(
            EventKind.RETRY,
            skill=call.skill,
            args=dict(call.args),
            attempt=attempt,
            of=of,
            reason=problem,
            **({} if result.likely is None else {"likely": result.likely}),
        )

    def announce(self, plan: Plan, number: int) -> None:
        """Tell everybody a plan; the first one has number 0."""
        _log.info("plan %d: %s", number, ", ".join(map(str, plan.calls)) or "nothing to do")
        self.emit(
            EventKind.PLAN,
            number=number,
            planner=plan.planner,
            goal=[str(literal) for literal in plan.goal],
            milestones=[milestone_text(step) for step in plan.milestones],
            calls=[{"skill": call.skill, "args": dict(call.args)} for call in plan.calls],
            wording=list(plan.wording),
            **({} if plan.specification is None else {"specification": str(plan.specification)}),
        )

    def emit(self, kind: EventKind, **data: Any) -> None:
        """Tell everybody a decision; JSON values only."""
        self._events.emit(Event(stamp_s=self._now_s(), kind=kind, data=data))

    # -- helpers ---------------------------------------------------------------------------------

    def _attempt(self, run: Run, call: SkillCall) -> SkillResult:
        self.end_when_stopped()
        if run.attempts >= self.config.max_calls:
            raise Ended(f"gave up after {run.attempts} attempts at skills")
        start_s = self._now_s()
        refusal = run.monitor.refusal(call, run.scene)
        if refusal:
            self.emit(EventKind.SPECIFICATION, refused=str(call), reason=refusal)
            return self._broken(call, Outcome.FAILED, PlanningError(refusal), start_s)
        run.attempts += 1
        run.monitor = run.monitor.began(call, run.scene)
        try:
            result, scene = self._run(call, run.scene, run.attempts - 1)
        except RobotFault as error:
            return self._broken(call, Outcome.FAULT, error, start_s)
        except (PerceptionError, RefusedError) as error:
            return self._broken(call, Outcome.FAILED, error, start_s)
        self._see(run, scene)
        return result

    def _see(self, run: Run, scene: Scene) -> None:
        """Go on from a scene; say so when it shows that the specification is violated."""
        if scene is run.scene:
            return
        known = run.monitor.violation
        run.scene, run.monitor = scene, run.monitor.saw(scene)
        if run.monitor.violation and not known:
            self.emit(EventKind.SPECIFICATION, reason=run.monitor.violation)

    def _broken(
        self, call: SkillCall, outcome: Outcome, error: Exception, start_s: float
    ) -> SkillResult:
        """The result of an attempt that an error ended, of which nobody else has told."""
        result = SkillResult(
            call=call,
            outcome=outcome,
            reason=str(error),
            duration_s=self._now_s() - start_s,
            error=type(error).__name__,
        )
        self.emit(EventKind.SKILL_END, **end_data(result))
        return result

    def _recover(self, run: Run, result: SkillResult) -> SkillResult:
        """Go home; the result as a failure, or as it was when home is not reached."""
        card = self.cards.get(_HOME)
        if card is None or card.parameters:
            return result
        home = SkillCall(skill=_HOME)
        self.emit(EventKind.RETRY, skill=_HOME, args={}, attempt=1, of=1, reason=result.reason)
        way_home = self._attempt(run, home)
        run.skills.append(summary(home, [way_home]))
        return replace(result, outcome=Outcome.FAILED) if way_home.ok else result

    def _new_look(self) -> Scene:
        scene = self._look()
        self.emit(EventKind.LOOK, **look_data(scene))
        return scene

    def _look_or_end(self, otherwise: str) -> Scene:
        """A new look. Raises `Ended` where there is none, and says what that means."""
        try:
            return self._new_look()
        except (PerceptionError, RobotFault) as error:
            # Whoever has asked to stop waits for no picture any more.
            self.end_when_stopped()
            raise Ended(f"{otherwise}: {error}") from error

    def _emit_not_begun(self, error: Exception) -> None:
        stopped = self._stop_requested()
        self._emit_end(success=False, reason=str(error), replans=0, error=error, stopped=stopped)

    def _emit_end(
        self,
        *,
        success: bool,
        reason: str,
        replans: int,
        error: BaseException | None,
        stopped: bool = False,
    ) -> None:
        self.emit(
            EventKind.RUN_END,
            success=success,
            reason=reason,
            replans=replans,
            stopped=stopped,
            error="" if error is None else type(error).__name__,
        )


def _in_the_way(error: RefusedError) -> dict[str, Any]:
    """Of what kind a refusal is, and the skill or call that is in the way of a plan."""
    data: dict[str, Any] = {"error": type(error).__name__}
    if isinstance(error, UnusableSkillError):
        data["skill"] = error.skill
    elif isinstance(error, PlanRefusedError) and error.call is not None:
        data |= {"skill": error.call.skill, "args": dict(error.call.args)}
    return data
