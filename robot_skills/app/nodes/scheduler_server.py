"""Instructions as a ROS 2 action: ``execute_instruction`` plans words, checks, has it done.

What is done, the skill server does; this looks through the perception node, decides, and tells how
far it is. ``plan_task`` says what would be done. One operator: who asks meanwhile is refused.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hardware.ros2.managed import ManagedNode
from hardware.ros2.perceiver import RosPerceiver
from hardware.ros2.runtime import RosNode
from hardware.ros2.skill_messages import words_of
from hardware.ros2.times import MachineClock, clock_name
from hardware.ros2.transport import Reach
from hardware.ros2.work import Tell, Work
from robot_skills.app.deciding import PLANNERS, Deciders, load_deciders, reach_checker
from robot_skills.app.executives import CLOSED_LOOP
from robot_skills.app.options import MODEL_PLANNERS, VLM, ModelOptions
from robot_skills.app.remote_skills import RemoteSkills
from robot_skills.app.run_files import keep_run, told_error, told_fault, told_result
from robot_skills.app.story import call_text
from robot_skills.core.errors import RefusedError, RobotSkillsError, StorageError
from robot_skills.core.events import Event, EventFanOut, EventKind, EventList, EventSink
from robot_skills.core.limits import CartesianLimits
from robot_skills.core.plan import SkillCall, SkillResult
from robot_skills.core.regions import ForbiddenRegion
from robot_skills.core.robot import Kinematics
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.data.storage import storage_errors
from robot_skills.scheduler.attempts import SkillRunner
from robot_skills.scheduler.attribution import Fault, attribute
from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.plan_checker import PlanChecker
from robot_skills.scheduler.runs import RunResult, SkillRun

if TYPE_CHECKING:
    from robot_skills.app.model_planning import Models


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArmAtRest:
    """The arm that is planned for: what it can get to is judged from its rest pose.

    Attributes:
        limits: Of its tool.
        make_kinematics: Makes its kinematics.
        home_q_rad: Joints of the rest pose, (n,).
    """

    limits: CartesianLimits
    make_kinematics: Callable[[], Kinematics]
    home_q_rad: Array


@dataclass(frozen=True, kw_only=True, slots=True)
class SchedulerSetup:
    """What a scheduler is told.

    Attributes:
        arm: That is planned for.
        planner: Who plans.
        models: Of a planner that asks a language model, which one.
        forbidden: Where nothing may be touched, put down or pushed.
        executive: Who decides after the plan, and after every call.
        zoo: Folder of the skills' cards; the shipped ones when None.
        runs: Folder in which every run is kept; None keeps none.
        namespace: Of the node.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
    """

    arm: ArmAtRest
    planner: str = PLANNERS[0]
    models: ModelOptions = field(default_factory=ModelOptions)
    forbidden: tuple[ForbiddenRegion, ...] = ()
    executive: str = CLOSED_LOOP
    zoo: Path | None = None
    runs: Path | None = None
    namespace: str = ""
    reach: Reach = Reach.MACHINE
    domain: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SchedulerParts:
    """What a scheduler loads.

    Attributes:
        deciders: Who plans and decides.
        checker: Accepts plans.
    """

    deciders: Deciders
    checker: PlanChecker


def load_parts(
    setup: SchedulerSetup, stop_requested: Callable[[], bool] | None = None
) -> SchedulerParts:
    """Load what a scheduler needs before it can begin.

    Args:
        setup: What it is told.
        stop_requested: Asked while a language model is waited for.

    Raises:
        RefusedError: The cards, or what decides, cannot be read, or no model is named.
        MissingDependencyError: Something that they need is not installed.
    """
    models = _models(setup, stop_requested)
    deciders, arm = load_deciders(setup.planner, setup.executive, setup.zoo, models), setup.arm
    checker = reach_checker(
        deciders.cards, arm.limits, arm.make_kinematics(), arm.home_q_rad, setup.forbidden
    )
    if models is not None:
        models.judge_by(checker.check)
    return SchedulerParts(deciders=deciders, checker=checker)


def _models(setup: SchedulerSetup, stop_requested: Callable[[], bool] | None) -> "Models | None":
    if setup.planner not in MODEL_PLANNERS:
        return None
    if setup.planner == VLM:
        raise RefusedError(
            f"The scheduler has no cameras, so there is nothing to show to the planner {VLM!r}. "
            "Take the planner 'llm', which is told what perception sees."
        )
    from robot_skills.app.model_planning import Models

    return Models(setup.models, stop_requested=stop_requested)


class SchedulerServer:
    """Carries out instructions with the skills of another node.

    Args:
        node: That is asked.
        setup: What it is told.
        loaded: What it needs, where that has been loaded already.
    """

    def __init__(
        self, node: ManagedNode, setup: SchedulerSetup, loaded: SchedulerParts | None = None
    ) -> None:
        self._node, self._setup = node, setup
        self._loaded = loaded
        self._work = Work(node)
        self._clock = MachineClock()
        self._parts: SchedulerParts | None = None
        self._others: RosNode | None = None
        self._eyes: RosPerceiver | None = None
        self._skills: RemoteSkills | None = None
        self._served = False

    # Stages

    def configure(self) -> None:
        setup = self._setup
        if setup.runs is not None:
            with storage_errors(setup.runs):
                setup.runs.mkdir(parents=True, exist_ok=True)
        self._parts = self._loaded or load_parts(setup, self._work.stop_requested)
        self._node.node.get_logger().info(
            f"plans by {setup.planner}, goes on by {setup.executive}, "
            + ("keeps no runs" if setup.runs is None else f"keeps runs in {setup.runs}")
        )

    def activate(self) -> None:
        setup = self._setup
        # What comes from others must not wait for what we are asked ourselves.
        self._others = RosNode(
            f"{self._node.node.get_name()}_asks",
            namespace=setup.namespace,
            reach=setup.reach,
            domain=setup.domain,
            pictures=False,
        )
        self._eyes = RosPerceiver(self._others, stop_requested=self._work.stop_requested)
        self._skills = RemoteSkills(self._others)
        self._others.start()
        if not self._served:
            self._serve()
        self._work.open()

    def deactivate(self) -> None:
        self._work.shut()
        if self._others is not None:
            self._others.close()
        self._others = self._eyes = self._skills = None

    def cleanup(self) -> None:
        self._work.close()
        self._served = False
        # Whoever configures it anew has perhaps changed them.
        self._parts = self._loaded = None

    def _serve(self) -> None:
        from robot_skills_interfaces.action import ExecuteInstruction
        from robot_skills_interfaces.srv import PlanTask

        self._served = True
        self._work.action(
            ExecuteInstruction, "execute_instruction", self._run_instruction, _refuse_instruction
        )
        self._work.service(PlanTask, "plan_task", self._plan, _refuse_plan)

    # Work

    def _run_instruction(self, request: Any, result: Any, tell: Tell) -> bool:
        from robot_skills_interfaces.msg import SkillResult as Message

        progress, events = _Progress(tell, self._clock), EventList()
        executive = self._executive(request.seed, progress, events)
        try:
            found = executive.run(request.instruction)
        except RobotSkillsError as error:
            self._keep(request, told_error(error), events)
            raise
        self._keep(request, told_result(found), events)
        result.success = found.success
        result.reason = _reason(found, attribute(events.events))
        result.skills = [_filled(Message(), run) for run in found.skills]
        return found.success

    def _plan(self, request: Any, response: Any) -> None:
        eyes = self._eyes
        assert eyes is not None
        executive = self._executive(0, _Progress(_nobody, self._clock), EventList())
        scene = eyes.look_now()
        plan = executive.planner.plan(request.instruction, scene)
        executive.accept(plan, scene)
        response.accepted, response.reason = True, ""
        response.calls = [_text(call) for call in plan.calls]

    def _executive(self, seed: int, progress: "_Progress", events: EventSink) -> Executive:
        """Who carries out one instruction.

        Args:
            seed: Of the run.
            progress: Told how far it is.
            events: Gets every decision, those of the skill server among them.
        """
        parts, skills, eyes = self._parts, self._skills, self._eyes
        assert parts is not None
        assert skills is not None
        assert eyes is not None
        stop = self._work.stop_requested
        runner = skills.runner(seed, stop, progress.tell, events)
        return Executive(
            strategy=parts.deciders.strategy,
            planner=parts.deciders.planner,
            cards=parts.deciders.cards,
            run=progress.counted(runner),
            look=eyes.look_now,
            now_s=self._clock.now_s,
            events=EventFanOut(progress, events),
            checker=parts.checker,
            stop_requested=stop,
            prepare=lambda skill: skills.check(skill, stop),
        )

    def _keep(self, request: Any, told: Mapping[str, Any], events: EventList) -> None:
        """Keep a run that is over, where runs are kept; no instruction fails because of that."""
        setup, log = self._setup, self._node.node.get_logger()
        if setup.runs is None:
            return
        asked = {
            "instruction": request.instruction,
            "seed": request.seed,
            "planner": setup.planner,
            "executive": setup.executive,
        }
        fault = {"fault": told_fault(events.events)}
        try:
            log.info(f"run kept in {keep_run(setup.runs, asked, {**told, **fault}, events.events)}")
        except StorageError as problem:
            log.warning(f"the run is not kept: {problem}")


class _Progress(EventSink):
    """How far an instruction is, told to whoever asked for it.

    Args:
        tell: Sends it.
        clock: Of the stamps.
    """

    def __init__(self, tell: Tell, clock: MachineClock) -> None:
        from robot_skills_interfaces.action import ExecuteInstruction
        from robot_skills_interfaces.msg import SkillStatus

        self._tell, self._clock = tell, clock
        self._feedback = ExecuteInstruction.Feedback()
        self._status = SkillStatus
        self._calls: tuple[str, ...] = ()
        self._current = 0

    def emit(self, event: Event) -> None:
        match event.kind:
            case EventKind.PLAN:
                self._calls = tuple(call_text(call) for call in event.data.get("calls", ()))
                self._current = 0
                self._show("planned")
            case EventKind.LOOK:
                self._show("looking")
            case _:
                pass

    def counted(self, run: SkillRunner) -> SkillRunner:
        """The runner, with where its calls stand in the plan told."""

        def counted(call: SkillCall, scene: Scene, attempt: int) -> tuple[SkillResult, Scene]:
            text = _text(call)
            # Calls that failed and are not tried again are behind it.
            if text in self._calls[self._current :]:
                self._current = self._calls.index(text, self._current)
            result, after = run(call, scene, attempt)
            if result.ok and text in self._calls[self._current : self._current + 1]:
                self._current += 1
            return result, after

        return counted

    def tell(self, status: Any) -> None:
        """Pass on how far the skill is."""
        feedback = self._feedback
        feedback.calls, feedback.current = list(self._calls), self._current
        feedback.status = status
        self._tell(feedback)

    def _show(self, phase: str) -> None:
        self.tell(
            self._status(
                clock=clock_name(),
                stamp_s=self._clock.now_s(),
                phase=phase,
                progress=-1.0,
                confidence=-1.0,
            )
        )


def _nobody(feedback: Any) -> None:
    """Nobody wants to know."""


def _reason(found: RunResult, fault: Fault | None) -> str:
    """Why a run ended; of one that failed, also whose fault it was."""
    if found.success or fault is None:
        return found.reason
    at_fault = fault.place if fault.reason in found.reason else str(fault)
    return f"{found.reason.removesuffix('.')}; at fault: {at_fault}"


def _filled(message: Any, run: SkillRun) -> Any:
    """A `SkillRun` as our own ``SkillResult``."""
    message.skill, message.arguments = run.name, words_of(run.args)
    message.outcome, message.reason = run.outcome.value, run.reason
    message.attempt, message.duration_s = run.attempts, run.duration_s
    message.chunks, message.refused_chunks = run.chunks, run.refused_chunks
    message.likely = -1.0
    return message


def _text(call: SkillCall) -> str:
    return f"{call.skill}({', '.join(call.args.values())})"


def _refuse_instruction(result: Any, reason: str) -> None:
    result.success, result.reason = False, reason


def _refuse_plan(response: Any, reason: str) -> None:
    response.accepted, response.reason = False, reason
