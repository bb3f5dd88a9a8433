"""Skills and instructions as ROS 2 actions.

``execute_skill`` runs one skill, ``execute_instruction`` plans words, checks the plan and carries
it out; both tell how far they are, end with a reason, and can be cancelled in mid-motion.
``plan_task`` says what would be done. One goal at a time: whoever asks meanwhile is refused.

The work is done in a thread; the node's executor only carries messages, so that a cancel is heard
while a policy thinks.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from hardware.ros2.messages import arguments_of
from hardware.ros2.robot import Ros2Robot
from hardware.ros2.runtime import RosNode
from hardware.ros2.times import MachineClock, clock_name
from robot_skills.app.story import call_text
from robot_skills.app.trials import looker
from robot_skills.app.wiring import Skills, skill_context
from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.events import Event, EventFanOut, EventKind, EventSink
from robot_skills.core.perceiver import Perceiver
from robot_skills.core.plan import Plan, SkillCall
from robot_skills.scheduler.executive import Executive, context_runner
from robot_skills.skills.runner import SkillContext, run_skill

_OUTCOMES_DONE = frozenset({"success"})


class SkillServer(EventSink):
    """The action servers of one cell.

    Args:
        node: That has them.
        robot: Connected, behind its gate.
        skills: What can be done.
        perceiver: Eyes.
    """

    def __init__(
        self, node: RosNode, robot: Ros2Robot, skills: Skills, perceiver: Perceiver
    ) -> None:
        self._node, self._robot, self._skills = node, robot, skills
        self._look = looker(robot, perceiver)
        self._clock = MachineClock()
        self._busy = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._tell: Callable[[Any], None] = _nobody
        self._now: dict[str, Any] = {"skill": "", "arguments": [], "phase": "idle", "done": -1.0}
        self._calls: list[str] = []
        self._at = 0
        self._make()

    def _make(self) -> None:
        from rclpy.action.server import ActionServer
        from robot_skills_interfaces.action import ExecuteInstruction, ExecuteSkill
        from robot_skills_interfaces.msg import SkillStatus
        from robot_skills_interfaces.srv import PlanTask

        ros = self._node.node
        self._status = ros.create_publisher(SkillStatus, "~/status", 10)
        self._servers = [
            ActionServer(
                ros,
                kind,
                name,
                execute_callback=execute,
                goal_callback=self._goal,
                cancel_callback=self._cancel,
            )
            for kind, name, execute in (
                (ExecuteSkill, "execute_skill", self._execute(ExecuteSkill, self._run_skill)),
                (
                    ExecuteInstruction,
                    "execute_instruction",
                    self._execute(ExecuteInstruction, self._run_instruction),
                ),
            )
        ]
        ros.create_service(PlanTask, "plan_task", self._plan)

    def close(self) -> None:
        """Stop what runs, and wait for it."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10.0)
        for server in self._servers:
            server.destroy()

    # Goals

    def _goal(self, request: Any) -> Any:
        from rclpy.action.server import GoalResponse

        return GoalResponse.REJECT if self._busy.locked() else GoalResponse.ACCEPT

    def _cancel(self, handle: Any) -> Any:
        from rclpy.action.server import CancelResponse

        self._stop.set()
        return CancelResponse.ACCEPT

    def _execute(self, kind: Any, work: Callable[[Any, Any], bool]) -> Callable[[Any], Any]:
        """What an action server calls: the work in a thread, its end awaited."""

        async def execute(handle: Any) -> Any:
            result = kind.Result()
            if not self._busy.acquire(blocking=False):
                handle.abort()
                return result
            self._stop.clear()
            done = self._node.future()
            feedback = kind.Feedback()

            def tell(status: Any) -> None:
                feedback.status = status
                if hasattr(feedback, "calls"):
                    feedback.calls, feedback.current = self._calls, self._at
                handle.publish_feedback(feedback)

            def run() -> None:
                self._tell = tell
                try:
                    good = work(handle.request, result)
                finally:
                    self._tell = _nobody
                    self._show(skill="", arguments=[], phase="idle", done=-1.0)
                    self._busy.release()
                self._node.finish(done, good)

            thread = threading.Thread(target=run, name=kind.__name__)
            self._threads = [one for one in self._threads if one.is_alive()] + [thread]
            thread.start()
            if await done:
                handle.succeed()
            elif handle.is_cancel_requested:
                handle.canceled()
            else:
                handle.abort()
            return result

        return execute

    # Work

    def _run_skill(self, request: Any, result: Any) -> bool:
        try:
            call = SkillCall(skill=request.skill, args=dict(arguments_of(request.arguments)))
            outcome, _ = run_skill(call, self._context(request.seed))
        except (RobotSkillsError, ValueError) as problem:
            _fill(result.result, request.skill, request.arguments, "failed", str(problem))
            return False
        word = outcome.outcome.value
        _fill(result.result, request.skill, request.arguments, word, outcome.reason)
        result.result.attempt, result.result.duration_s = 1, outcome.duration_s
        return word in _OUTCOMES_DONE

    def _run_instruction(self, request: Any, result: Any) -> bool:
        from robot_skills_interfaces.msg import SkillResult

        try:
            found = self._executive(request.seed).run(request.instruction)
        except RobotSkillsError as problem:
            result.success, result.reason = False, str(problem)
            return False
        result.success, result.reason = found.success, found.reason
        result.skills = [_filled(SkillResult(), run) for run in found.skills]
        return found.success

    def _plan(self, request: Any, response: Any) -> Any:
        if self._busy.locked():
            response.accepted, response.reason = False, "something is being carried out"
            return response
        try:
            plan: Plan = self._skills.planner.plan(request.instruction, self._look())
        except RobotSkillsError as problem:
            response.accepted, response.reason = False, str(problem)
            return response
        response.accepted = True
        response.calls = [_text(call) for call in plan.calls]
        return response

    def _context(self, seed: int) -> SkillContext:
        context = skill_context(self._skills, self._robot, self._look, EventFanOut(self), seed)
        return replace(context, stop_requested=self._stop.is_set)

    def _executive(self, seed: int) -> Executive:
        context = self._context(seed)
        return Executive(
            planner=self._skills.planner,
            cards=self._skills.library,
            run=context_runner(context),
            look=self._look,
            now_s=self._robot.clock.now_s,
            events=context.events,
            stop_requested=self._stop.is_set,
        )

    # What happens

    def emit(self, event: Event) -> None:
        """Tell whoever asked, and whoever listens, how far it is."""
        data = event.data
        match event.kind:
            case EventKind.PLAN:
                self._calls = [call_text(call) for call in data.get("calls", ())]
                self._at = 0
            case EventKind.LOOK:
                self._show(phase="looking")
            case EventKind.SKILL_START:
                arguments = [f"{name}={value}" for name, value in data.get("args", {}).items()]
                self._show(skill=str(data["skill"]), arguments=arguments, phase="moving", done=0.0)
            case EventKind.CHUNK:
                self._show(phase="moving", done=float(data.get("done", -1.0)))
            case EventKind.SKILL_END:
                self._at += data.get("outcome") == "success"
                self._show(phase="checking")
            case _:
                pass

    def _show(self, **changes: Any) -> None:
        from robot_skills_interfaces.msg import SkillStatus

        self._now |= changes
        status = SkillStatus(
            clock=clock_name(),
            stamp_s=self._clock.now_s(),
            skill=self._now["skill"],
            arguments=self._now["arguments"],
            phase=self._now["phase"],
            progress=self._now["done"],
            confidence=-1.0,
        )
        self._status.publish(status)
        self._tell(status)


def _nobody(status: Any) -> None:
    """Nobody asked."""


def _fill(message: Any, skill: str, arguments: Sequence[str], outcome: str, reason: str) -> None:
    message.skill, message.arguments = skill, list(arguments)
    message.outcome, message.reason = outcome, reason


def _filled(message: Any, run: Any) -> Any:
    """A `SkillRun` as our own ``SkillResult``."""
    arguments = [f"{name}={value}" for name, value in run.args.items()]
    _fill(message, run.name, arguments, run.outcome.value, run.reason)
    message.attempt, message.duration_s = run.attempts, run.duration_s
    return message


def _text(call: SkillCall) -> str:
    return f"{call.skill}({', '.join(call.args.values())})"
