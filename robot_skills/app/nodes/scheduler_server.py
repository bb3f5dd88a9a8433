"""Instructions as a ROS 2 action: ``execute_instruction`` plans words, checks, has it done.

What is done, the skill server does; this looks through the perception node, decides, and tells how
far it is. ``plan_task`` says what would be done. One operator: who asks meanwhile is refused.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardware.ros2.managed import ManagedNode
from hardware.ros2.perceiver import RosPerceiver
from hardware.ros2.runtime import RosNode
from hardware.ros2.skill_messages import words_of
from hardware.ros2.times import MachineClock, clock_name
from hardware.ros2.transport import Reach
from hardware.ros2.work import Tell, Work
from robot_skills.app.remote_skills import RemoteSkills
from robot_skills.app.story import call_text
from robot_skills.app.wiring import PLANNERS, load_planner
from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.plan import Plan, Planner, SkillCall, SkillResult
from robot_skills.core.scene import Scene
from robot_skills.scheduler.closed_loop import ClosedLoop
from robot_skills.scheduler.executive import Executive, SkillRunner
from robot_skills.scheduler.runs import SkillRun
from robot_skills.skills.library import SkillLibrary


@dataclass(frozen=True, kw_only=True, slots=True)
class SchedulerSetup:
    """What a scheduler is told.

    Attributes:
        planner: Who plans.
        zoo: Folder of the skills' cards; the shipped ones when None.
        namespace: Of the node.
        reach: Who can hear it.
        domain: Of ROS; None is what the environment says.
    """

    planner: str = PLANNERS[0]
    zoo: Path | None = None
    namespace: str = ""
    reach: Reach = Reach.MACHINE
    domain: int | None = None


class SchedulerServer:
    """Carries out instructions with the skills of another node.

    Args:
        node: That is asked.
        setup: What it is told.
        loaded: Cards and planner, where they have been loaded already.
    """

    def __init__(
        self,
        node: ManagedNode,
        setup: SchedulerSetup,
        loaded: tuple[SkillLibrary, Planner] | None = None,
    ) -> None:
        self._node, self._setup = node, setup
        self._loaded = loaded
        self._work = Work(node)
        self._clock = MachineClock()
        self._cards: SkillLibrary | None = None
        self._planner: Planner | None = None
        self._others: RosNode | None = None
        self._eyes: RosPerceiver | None = None
        self._skills: RemoteSkills | None = None
        self._served = False

    # Stages

    def configure(self) -> None:
        setup = self._setup
        self._cards, self._planner = self._loaded or load_planner(setup.planner, setup.zoo)

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
        self._eyes = RosPerceiver(self._others)
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
        self._cards = self._planner = self._loaded = None

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

        skills, eyes = self._skills, self._eyes
        assert skills is not None
        assert eyes is not None
        progress = _Progress(tell, self._clock)
        runner = skills.runner(request.seed, self._work.stop_requested, progress.tell)
        found = self._executive(progress, progress.counted(runner), skills, eyes).run(
            request.instruction
        )
        result.success, result.reason = found.success, found.reason
        result.skills = [_filled(Message(), run) for run in found.skills]
        return found.success

    def _executive(
        self, progress: "_Progress", run: SkillRunner, skills: RemoteSkills, eyes: RosPerceiver
    ) -> Executive:
        assert self._planner is not None
        assert self._cards is not None
        return Executive(
            strategy=ClosedLoop(),
            planner=self._planner,
            cards=self._cards,
            run=run,
            look=eyes.look_now,
            now_s=self._clock.now_s,
            events=progress,
            stop_requested=self._work.stop_requested,
            prepare=skills.check,
        )

    def _plan(self, request: Any, response: Any) -> None:
        assert self._planner is not None
        assert self._eyes is not None
        plan: Plan = self._planner.plan(request.instruction, self._eyes.look_now())
        response.accepted, response.reason = True, ""
        response.calls = [_text(call) for call in plan.calls]


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

    def emit(self, event: Event) -> None:
        match event.kind:
            case EventKind.PLAN:
                calls = event.data.get("calls", ())
                self._feedback.calls = [call_text(call) for call in calls]
                self._feedback.current = 0
                self._show("planned")
            case EventKind.LOOK:
                self._show("looking")
            case _:
                pass

    def counted(self, run: SkillRunner) -> SkillRunner:
        """The runner, with what it has done counted."""

        def counted(call: SkillCall, scene: Scene, attempt: int) -> tuple[SkillResult, Scene]:
            result, after = run(call, scene, attempt)
            self._feedback.current += result.ok
            return result, after

        return counted

    def tell(self, status: Any) -> None:
        """Pass on how far the skill is."""
        self._feedback.status = status
        self._tell(self._feedback)

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
