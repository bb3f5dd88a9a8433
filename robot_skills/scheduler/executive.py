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
from robot_skills.core.scene import Entity, Scene
from robot_skills.scheduler.attempts import SkillRunner, VaryingRunner
from robot_skills.scheduler.critic import Critic, SecondOpinion, goal_unmet
from robot_skills.scheduler.expected import expect_plan
from robot_skills.scheduler.plan_checker import PlanChecker, PlanRefusedError, PlanVerdict
from robot_skills.scheduler.presence import leaves_choice, present, with_another
from robot_skills.scheduler.runs import (
    Ended,
    Run,
    RunResult,
    ahead_data,
    end_data,
    milestone_text,
    summary,
    unmet_text,
)
from robot_skills.scheduler.temporal.monitor import Monitor
from robot_skills.skills.card import SkillCard
from robot_skills.skills.variation import USUAL, Variation

_log = logging.getLogger(__name__)

_HOME, _RETREAT = "home", "retreat"
"""Skills that bring the arm back to where it can start anew, and up from where it is."""


def _never() -> bool:
    return False


def _nothing(_skill: str) -> None:
    return None


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


class Amender(Protocol):
    """Whoever may change what a run is to do while it goes on."""

    def amended(self, rest: Plan, scene: Scene) -> tuple[Plan, str] | None:
        """Asked before and after every attempt, and before a run may end.

        Args:
            rest: What is left of the plan.
            scene: The latest look.

        Returns:
            A plan, accepted, that is to be followed from now on, and why; None when nothing has
            changed.
        """
        ...


class _Corrected(Exception):
    """The run goes on with another plan, whatever the strategy had in mind."""


class Executive:
    """Runs instructions, one at a time.

    Args:
        strategy: Decides what comes after the plan, and after every call.
        planner: Makes the plans.
        cards: The skills, for example a `SkillLibrary`.
        run: Makes one attempt at a skill; see `robot_skills.scheduler.attempts`.
        look: The scene as of now. Raises `PerceptionError`.
        now_s: Time on the project clock, for events.
        events: Gets every decision.
        checker: Accepts or refuses plans; the default one has the default limits.
        config: How long it goes on trying.
        stop_requested: Asked before every step; the runner asks inside skills.
        amender: May change what a run is to do; nobody may when None.
        prepare: Told every skill of a plan before anything moves; raises `RefusedError` when the
            skill cannot run, for example because its checkpoint is corrupt, and `RobotFault` when
            nobody can say.
        second: Looks at what every call that went well has come to; nobody when None.
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
        amender: Amender | None = None,
        prepare: Callable[[str], None] = _nothing,
        second: SecondOpinion | None = None,
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
        self._amender = amender
        self._prepare = prepare
        self._second = second

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
        self.announce(run, 0)
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
        while True:
            try:
                self._strategy.carry_out(self, run)
            except _Corrected:
                continue
            except Ended as ended:
                return ended
            except RobotFault as fault:
                ended = Ended(str(fault), stopped=self._stop_requested())
                ended.__cause__ = fault
                return ended

    def _heed(self, run: Run) -> None:
        """Go on with another plan when somebody wants it. Raises `_Corrected`."""
        amendment = None if self._amender is None else self._amender.amended(run.rest(), run.scene)
        if amendment is None:
            return
        plan, reason = amendment
        number = len(run.plans)
        self.emit(EventKind.REPLAN, reason=reason, number=number, corrected=True)
        run.monitor = Monitor.of(plan.specification, self.cards)
        run.follow(plan)
        self.announce(run, number)
        raise _Corrected

    # -- what strategies are made of -------------------------------------------------------------

    def attempt(
        self, run: Run, call: SkillCall, variation: Variation = USUAL
    ) -> tuple[SkillResult, str]:
        """Make one attempt at a call, and compare what is seen afterwards with what was promised.

        A call that the safety gate ended counts as failed once the arm has gone home: the arm is
        sound, only the skill was wrong. After an attempt of which nothing was seen there is another
        look: nobody goes on from what was seen before the motion.

        Returns:
            How it ended, and what is wrong in words; empty when nothing is.

        Raises:
            Ended: Somebody asked to stop, there were too many attempts, or nothing can be seen.
        """
        self._heed(run)
        before = run.scene
        result = self._attempt(run, call, variation)
        if result.outcome is Outcome.STOPPED and self._amender and not self._stop_requested():
            # It was given up for a correction, so what comes after it is another plan's to say.
            run.skills.append(summary(call, [result]))
            self._heed(run)
            raise _Corrected
        if result.error == PerceptionError.__name__:
            self._see(run, self._look_or_end(f"after {call} nothing can be seen"))
        if result.outcome is Outcome.FAULT and result.refused_chunks:
            result = self._recover(run, result)
        doubt = ""
        if result.ok and self._second is not None:
            doubt = self._second.doubt(call, before, run.scene)
        if doubt:
            self._see(run, self._look_or_end(f"after {call} nothing can be seen"))
        criticism = self._critic.judge(call, before, run.scene, result.likely)
        surprises = [*criticism.surprises, *([doubt] if doubt else [])]
        if surprises:
            self.emit(
                EventKind.EFFECTS, skill=call.skill, args=dict(call.args), surprises=surprises
            )
        if result.ok and doubt and criticism.missing:
            result = replace(result, outcome=Outcome.FAILED, reason=str(criticism))
        return result, result.reason or str(criticism)

    def recover(self, run: Run, calls: Iterable[SkillCall]) -> bool:
        """Make calls that are to set right what another attempt needs, each once.

        Returns:
            Whether all of them went well; the first that does not ends them.

        Raises:
            Ended: As `attempt` does.
        """
        for call in calls:
            if self.problems(call, run.scene):
                return False
            result, _ = self.attempt(run, call)
            run.skills.append(summary(call, [result]))
            if not result.ok:
                return False
        return True

    def look_from_home(self, run: Run) -> None:
        """Go home, where nothing is in the way of the cameras, and look again.

        Raises:
            Ended: As `attempt` does, or nothing can be seen.
        """
        card = self.cards.get(_HOME)
        if card is not None and not card.parameters:
            self.recover(run, (SkillCall(skill=_HOME),))
        self._see(run, self._look_or_end("nothing can be seen any more"))

    def settle_for_another(self, run: Run, gone: Entity) -> bool:
        """Wish for another thing of the same kind than one that is gone, where the words let.

        Returns:
            Whether there is one; the run has no calls then.
        """
        rest = run.rest()
        if not leaves_choice(rest, gone):
            return False
        try:
            meant = self.planner.plan(rest.instruction, run.scene)
        except RefusedError:
            return False
        found = with_another(rest, gone, run.scene, meant.goal)
        if found is None:
            return False
        wishes, _ = found
        run.wish(wishes)
        run.monitor = Monitor.of(wishes.specification, self.cards)
        return True

    def finish(self, run: Run) -> str:
        """Look once more whether the goal holds.

        Returns:
            What is missing, in words.

        Raises:
            Ended: The goal holds, or it cannot be seen.
        """
        self._heed(run)
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
        self.announce(run, number)

    def retry(
        self,
        call: SkillCall,
        result: SkillResult,
        problem: str,
        *,
        attempt: int,
        of: int,
        variation: Variation = USUAL,
    ) -> None:
        """Tell everybody that a call that failed is tried again, and how."""
        self.emit(
            EventKind.RETRY,
            skill=call.skill,
            args=dict(call.args),
            attempt=attempt,
            of=of,
            reason=problem,
            **({} if variation == USUAL else {"variation": str(variation)}),
            **({} if result.likely is None else {"likely": result.likely}),
        )

    def announce(self, run: Run, number: int) -> None:
        """Tell everybody the plan that a run follows from now on; the first one has number 0."""
        plan = run.plan
        _log.info("plan %d: %s", number, ", ".join(map(str, plan.calls)) or "nothing to do")
        run.told = ahead_data(run)
        self.emit(
            EventKind.PLAN,
            number=number,
            planner=plan.planner,
            goal=[str(literal) for literal in plan.goal],
            milestones=[milestone_text(step) for step in plan.milestones],
            calls=[{"skill": call.skill, "args": dict(call.args)} for call in plan.calls],
            expected=[step.to_json() for step in expect_plan(plan, run.scene, self.cards)],
            wording=list(plan.wording),
            ahead=run.told,
            **({} if plan.specification is None else {"specification": str(plan.specification)}),
        )

    def emit(self, kind: EventKind, **data: Any) -> None:
        """Tell everybody a decision; JSON values only."""
        self._events.emit(Event(stamp_s=self._now_s(), kind=kind, data=data))

    # -- helpers ---------------------------------------------------------------------------------

    def _attempt(self, run: Run, call: SkillCall, variation: Variation = USUAL) -> SkillResult:
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
        self._tell_progress(run)
        try:
            result, scene = self._made(call, run.scene, run.attempts - 1, variation)
        except RobotFault as error:
            return self._broken(call, Outcome.FAULT, error, start_s)
        except (PerceptionError, RefusedError) as error:
            return self._broken(call, Outcome.FAILED, error, start_s)
        self._see(run, scene)
        return result

    def _made(
        self, call: SkillCall, scene: Scene, attempt: int, variation: Variation
    ) -> tuple[SkillResult, Scene]:
        """One attempt, varied where whoever makes it knows how."""
        if variation != USUAL and isinstance(self._run, VaryingRunner):
            return self._run.varied(call, scene, attempt, variation)
        return self._run(call, scene, attempt)

    def _tell_progress(self, run: Run) -> None:
        """Tell everybody what is still ahead on the way to the goal, where that is news."""
        ahead = ahead_data(run)
        if ahead != run.told:
            run.told = ahead
            self.emit(EventKind.PROGRESS, **ahead)

    def _see(self, run: Run, scene: Scene) -> None:
        """Go on from a scene; say so when it shows that the specification is violated."""
        if scene is run.scene:
            return
        run.note(scene)
        scene = present(scene)
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
        up = self.cards.get(_RETREAT)
        refused = way_home.outcome is Outcome.FAULT and way_home.refused_chunks > 0
        if refused and up is not None and not up.parameters:
            # From a little higher up there may be another way.
            rise = self._attempt(run, SkillCall(skill=_RETREAT))
            run.skills.append(summary(SkillCall(skill=_RETREAT), [rise]))
            if rise.ok:
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
