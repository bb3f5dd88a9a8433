"""One attempt at a skill call: preconditions, motion, a new look, effects, and a reason for all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from robot_skills.core.binding import TokenBinding
from robot_skills.core.errors import PerceptionError, PlanningError, RefusedError, RobotFault
from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.looks import look_data
from robot_skills.core.plan import Outcome, SkillCall, SkillResult
from robot_skills.core.policy import Policy, SuccessPredictor
from robot_skills.core.predicates import PASSING
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.skills.binding import bind_case
from robot_skills.skills.card import SafetyEnvelope, SkillCard, SkillCase, SkillKind
from robot_skills.skills.conditions import check_effects, check_preconditions
from robot_skills.skills.giving_up import GivingUp
from robot_skills.skills.guarding import Guard, GuardConfig, guard_of
from robot_skills.skills.heeding import AS_USUAL, Heed, Wanted, goes_to
from robot_skills.skills.library import SkillLibrary
from robot_skills.skills.motion import Ending, MotionResult, Motor
from robot_skills.skills.policy_skill import PolicySkillConfig, run_policy
from robot_skills.skills.scripted import ScriptedConfig, go_home, go_up
from robot_skills.skills.trace import trace_data
from robot_skills.skills.variation import USUAL, Variation

HOME = "home"
RETREAT = "retreat"

_FAR_M = 0.24
"""From the rest pose; demonstrations began nearer."""
_GRIP = 0.0
"""Gripper command that keeps a held thing held."""


def _never() -> bool:
    return False


@dataclass(frozen=True, kw_only=True, slots=True)
class HomingConfig:
    """The way home after each skill, for cells whose library has no card for it."""

    safety: SafetyEnvelope = field(default_factory=lambda: SafetyEnvelope(max_speed_m_s=0.35))
    timeout_s: float = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillContext:
    """What a skill runs with.

    Attributes:
        robot: Connected, behind its safety gates.
        library: Cards and policies.
        look: Goes through the cameras and gives the scene as of now.
        events: Gets every decision.
        scene: Latest scene, on which preconditions are checked; looked at anew when None.
        arm: Name of the arm that moves.
        seed: Of the policy's sampling; another attempt needs another one.
        stop_requested: Asked at every step; a skill ends at once when it says so.
        policy_config: How policies are run.
        scripted_config: How scripted motions move.
        homing: Envelope and timeout of the way home.
        predictors: Who tells how likely a learned skill is to succeed, by name of the skill.
        heed: Who knows how calls are wanted otherwise than usual; nobody when None.
        guarding: What is checked while a learned skill runs.
        giving_up: When attempts end early, by name of the skill, where `policy_config` does not
            say.
        variation: What is otherwise than usual in this attempt.
    """

    robot: Robot
    library: SkillLibrary
    look: Callable[[], Scene]
    events: EventSink
    scene: Scene | None = None
    arm: str = DEFAULT_ARM
    seed: int = 0
    stop_requested: Callable[[], bool] = _never
    policy_config: PolicySkillConfig = field(default_factory=PolicySkillConfig)
    scripted_config: ScriptedConfig = field(default_factory=ScriptedConfig)
    homing: HomingConfig = field(default_factory=HomingConfig)
    predictors: Mapping[str, SuccessPredictor] = field(default_factory=dict)
    heed: Heed | None = None
    guarding: GuardConfig = field(default_factory=GuardConfig)
    giving_up: Mapping[str, GivingUp] = field(default_factory=dict)
    variation: Variation = USUAL


def run_skill(call: SkillCall, context: SkillContext) -> tuple[SkillResult, Scene]:
    """Try a call once.

    A learned skill begins near the rest pose, where its demonstrations began, and succeeds when its
    effects hold in a new look from there, whether its policy said that it was done or its time ran
    out; what brings the hand somewhere leaves it there. The gripper keeps its last command on the
    way.

    Args:
        call: What to do.
        context: What to do it with.

    Returns:
        How it ended and why, and the latest scene: a new one if anything moved and could be seen.

    Raises:
        UnknownNameError: There is no such skill.
        CheckpointError: Its policy cannot be used. Nothing has moved.
        PerceptionError: There was no scene to begin with.
    """
    card = context.library[call.skill]
    policy = context.library.policy(card.name) if card.kind is SkillKind.LEARNED else None
    scene = context.look() if context.scene is None else context.scene
    return _Attempt(call, card, policy, scene, context).run()


class _Attempt:
    """State of one attempt."""

    def __init__(
        self,
        call: SkillCall,
        card: SkillCard,
        policy: Policy | None,
        scene: Scene,
        context: SkillContext,
    ) -> None:
        self._call = call
        self._card = card
        self._policy = policy
        self._scene = scene
        self._context = context
        self._motor = Motor(
            robot=context.robot,
            events=context.events,
            stop_requested=context.stop_requested,
            arm=context.arm,
        )
        self._start_s = self._now_s()
        self._moved: MotionResult | None = None

    def run(self) -> tuple[SkillResult, Scene]:
        problem = self._precondition_problem()
        if problem:
            return self._end(Outcome.FAILED, problem)
        try:
            self._emit(EventKind.SKILL_START, seed=self._context.seed, **self._setting())
            lower_m = self._context.variation.lower_m
            if self._policy is not None and (self._is_far_from_home() or lower_m > 0.0):
                ended = self._come_home(lower_m)
                if ended is not None:
                    return ended
            return self._move_and_check()
        except RobotFault as fault:
            return self._end(Outcome.FAULT, str(fault), fault)

    def _move_and_check(self) -> tuple[SkillResult, Scene]:
        try:
            motion = self._move()
        except RefusedError as error:
            return self._end(Outcome.FAILED, str(error), error)
        except PerceptionError as error:
            # Who goes by pictures cannot go on without; the error names the camera.
            self._context.robot.stop()
            return self._end(Outcome.FAILED, str(error), error)
        self._moved = motion
        if motion.ending is Ending.STOPPED:
            return self._end(Outcome.STOPPED, motion.reason)
        if motion.ending is Ending.FAULT:
            self._try_to_look()
            return self._end(Outcome.FAULT, motion.reason)
        if motion.ending is Ending.OBSOLETE:
            return self._give_way(motion)
        if self._policy is not None and not self._stays():
            ended = self._come_home()
            if ended is not None:
                return ended
        return self._judge(motion)

    def _give_way(self, motion: MotionResult) -> tuple[SkillResult, Scene]:
        """Leave the call, and look from where all can be seen what is to be done instead."""
        ended = self._come_home()
        if ended is not None:
            return ended
        blind = self._try_to_look()
        return self._end(Outcome.STOPPED, motion.reason, blind)

    def _stays(self) -> bool:
        """Whether the hand has to stay where the skill has brought it."""
        effects = self._card.effects(self._call.args)
        return any(literal.predicate in PASSING for literal in effects)

    def _come_home(self, lower_m: float = 0.0) -> tuple[SkillResult, Scene] | None:
        """Go home, or a little lower; how the attempt ends where that fails."""
        homing = self._go_home(self._opening(), lower_m)
        if homing.ending is Ending.STOPPED:
            return self._end(Outcome.STOPPED, homing.reason)
        if homing.ending is not Ending.DONE:
            self._try_to_look()
            reason = f"could not go home: {homing.reason}"
            return self._end(Outcome.FAULT, reason, refused_by=homing.refused_by)
        return None

    def _is_far_from_home(self) -> bool:
        """Whether the hand is where no demonstration began."""
        home = self._motor.robot.home(self._motor.arm)
        return self._motor.state().T_base_tool.distance_to(home)[0] > _FAR_M

    def _judge(self, motion: MotionResult) -> tuple[SkillResult, Scene]:
        """Look again and compare with what the card promises."""
        blind = self._try_to_look()
        if blind is not None:
            return self._end(Outcome.FAILED, f"the effects could not be seen: {blind}", blind)
        check = check_effects(self._card, self._call.args, self._scene)
        unmet = [str(literal) for literal in check.unmet]
        checked = [str(literal) for literal in check.literals]
        self._emit(EventKind.EFFECTS, checked=checked, unmet=unmet, reason=check.reason)
        scripted_late = self._policy is None and motion.ending is Ending.TIMEOUT
        if check.ok and not scripted_late:
            return self._end(Outcome.SUCCESS, motion.reason)
        if motion.ending is Ending.TIMEOUT:
            reason = "; ".join(part for part in (motion.reason, check.reason) if part)
            return self._end(Outcome.TIMEOUT, reason)
        if motion.ending in (Ending.UNLIKELY, Ending.NOTICED):
            return self._end(Outcome.FAILED, f"{motion.reason}; {check.reason}")
        return self._end(Outcome.FAILED, check.reason)

    def _precondition_problem(self) -> str:
        """Why the call may not start; empty when it may."""
        try:
            check = check_preconditions(self._card, self._call.args, self._scene)
        except RefusedError as error:
            self._emit(EventKind.PRECONDITIONS, checked=[], unmet=[], reason=str(error))
            return str(error)
        unmet = [str(literal) for literal in check.unmet]
        checked = [str(literal) for literal in check.literals]
        self._emit(EventKind.PRECONDITIONS, checked=checked, unmet=unmet, reason=check.reason)
        return "" if check.ok else f"cannot start: {check.reason}"

    def _move(self) -> MotionResult:
        if self._policy is not None:
            case = self._card.case(self._call.args)
            T_base_tool = self._motor.state().T_base_tool
            binding = self._bound(case, T_base_tool)
            return run_policy(
                self._policy,
                self._card,
                binding,
                self._scene.table_height_m,
                self._motor,
                self._context.seed,
                self._policy_config(),
                self._context.predictors.get(self._card.name),
                in_words(self._card, self._call.args),
                self._wanted(binding),
                goes_to(case),
                self._guard(),
            )
        opening = self._opening()
        match self._card.name:
            case "home":
                return go_home(
                    self._motor,
                    self._scene,
                    self._card.safety,
                    self._card.timeout_s,
                    opening,
                    self._context.scripted_config,
                )
            case "retreat":
                return go_up(
                    self._motor,
                    self._card.safety,
                    self._card.timeout_s,
                    opening,
                    self._context.scripted_config,
                )
            case name:
                raise RefusedError(
                    f"Skill {name!r} is scripted, but there is no script for it. "
                    f"Available: {HOME}, {RETREAT}."
                )

    def _bound(self, case: SkillCase, T_base_tool: SE3) -> TokenBinding:
        """What the call is about, as this attempt is to see it."""
        args, scene, variation = self._call.args, self._scene, self._context.variation
        if scene.held(self._context.arm) is None:
            T_base_tool = variation.seen_from(T_base_tool)
        try:
            return bind_case(case, args, scene, T_base_tool, variation.free_spot)
        except PlanningError:
            # There is no room where another attempt would go; then where there is any.
            return bind_case(case, args, scene, T_base_tool)

    def _policy_config(self) -> PolicySkillConfig:
        """How the policy is run: gives up as was measured to pay, unless it was told otherwise."""
        config, rule = self._context.policy_config, self._context.giving_up.get(self._card.name)
        if rule is None or config.give_up_below > 0.0:
            return config
        return replace(
            config,
            give_up_below=rule.below,
            give_up_after=rule.after,
            give_up_from_s=rule.from_s,
        )

    def _guard(self) -> Guard:
        """Who checks meanwhile whether going on makes sense."""
        config = self._context.guarding
        return guard_of(
            self._call,
            self._scene,
            self._context.arm,
            lambda: self._motor.frames(config.cameras),
            config,
        )

    def _wanted(self, binding: TokenBinding) -> Callable[[], Wanted]:
        """Who says from now on how the call is wanted."""
        heed, speed = self._context.heed, self._context.variation.speed
        if heed is not None:
            heed.begins(self._call, self._scene, binding)
        if speed == AS_USUAL.speed:
            return heed.wanted if heed is not None else lambda: AS_USUAL

        def slowly() -> Wanted:
            wanted = AS_USUAL if heed is None else heed.wanted()
            return replace(wanted, speed=min(wanted.speed, speed))

        return slowly

    def _go_home(self, opening: float, lower_m: float = 0.0) -> MotionResult:
        context = self._context
        homing: HomingConfig | SkillCard = context.homing
        if HOME in context.library:
            homing = context.library[HOME]
        return go_home(
            self._motor,
            self._scene,
            homing.safety,
            homing.timeout_s,
            opening,
            context.scripted_config,
            lower_m,
        )

    def _opening(self) -> float:
        """The gripper command that changes nothing: the last one given, as far as it is known.

        What is measured while a thing is held is the thing's width; commanding that would drop it.
        """
        if self._moved is not None and self._moved.opening is not None:
            return self._moved.opening
        if self._scene.held(self._context.arm) is not None:
            return _GRIP
        return min(max(self._motor.state().opening, 0.0), 1.0)

    def _try_to_look(self) -> PerceptionError | None:
        """Take a new look; why there is none, or nothing."""
        try:
            self._scene = self._context.look()
        except PerceptionError as error:
            return error
        data = look_data(self._scene)
        self._context.events.emit(Event(stamp_s=self._now_s(), kind=EventKind.LOOK, data=data))
        return None

    def _setting(self) -> dict[str, object]:
        """What the motion may do and where it begins: what its chunks are to be judged by."""
        p_base_tool = self._motor.state().T_base_tool.p
        safety = self._card.safety
        return {"max_speed_m_s": safety.max_speed_m_s, "from_m": p_base_tool.round(4).tolist()}

    def _end(
        self,
        outcome: Outcome,
        reason: str,
        error: Exception | None = None,
        refused_by: str = "",
    ) -> tuple[SkillResult, Scene]:
        moved = self._moved
        if moved is not None and not refused_by:
            refused_by = moved.refused_by
        came_to = {}
        if moved is not None and moved.trace is not None:
            case = self._card.case(self._call.args)
            came_to = trace_data(moved.trace, case, self._call.args)
        result = SkillResult(
            call=self._call,
            outcome=outcome,
            reason=reason,
            duration_s=self._now_s() - self._start_s,
            chunks=0 if moved is None else moved.chunks,
            refused_chunks=0 if moved is None else moved.refused_chunks,
            likely=None if moved is None else moved.likely,
            refused_by=refused_by,
            error="" if error is None else type(error).__name__,
        )
        self._emit(
            EventKind.SKILL_END,
            outcome=outcome.value,
            reason=reason,
            duration_s=result.duration_s,
            chunks=result.chunks,
            refused_chunks=result.refused_chunks,
            refused_by=refused_by,
            error=result.error,
            **came_to,
            **({} if result.likely is None else {"likely": result.likely}),
        )
        return result, self._scene

    def _now_s(self) -> float:
        return self._context.robot.clock.now_s()

    def _emit(self, kind: EventKind, **data: object) -> None:
        data = {"skill": self._call.skill, "args": dict(self._call.args), **data}
        self._context.events.emit(Event(stamp_s=self._now_s(), kind=kind, data=data))


def in_words(card: SkillCard, args: Mapping[str, str]) -> str:
    """A call as its card's first form of words says it."""
    return card.verbs[0].format(**{name: value.replace("_", " ") for name, value in args.items()})
