"""`robot-skills tell`: an instruction for a cell that is up, over ROS 2."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tyro.conf import Positional

from robot_skills.app.options import CommonOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RobotFault

_THERE_S = 10.0
_ANSWER_S = 15.0
_PLAN_S = 60.0
_STOPS_S = 20.0
_SILENT_S = 30.0
_LOOKS_S = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class TellOptions(CommonOptions):
    """Have a cell that was brought up with the plan `skills` carry out an instruction.

    Shows plan and progress; Ctrl-C cancels: the arm brakes and holds. Exits 0 when the instruction
    succeeded, 1 when it failed, 2 when it was refused, 130 when it was cancelled.
    """

    instruction: Positional[str]
    """What to do, in words."""
    cell: str
    """The cell: a file, or the name of a shipped one."""
    namespace: str | None = None
    """ROS namespace of the cell's nodes; the cell's when left out."""
    domain: int | None = None
    """ROS domain; the cell's when left out."""
    plan_only: bool = False
    """Show what would be done, and do nothing."""
    seed: int = 0
    """Of every random choice of the skills."""


def main(options: TellOptions) -> CommandResult:
    """Tell the cell, and wait for the end."""
    from hardware.ros2.runtime import ProcessEnd, RosNode
    from robot_skills.app.cells import load_cell

    cell = load_cell(options.cell)
    space = cell.robot.namespace if options.namespace is None else options.namespace
    domain = cell.network.domain if options.domain is None else options.domain
    end = ProcessEnd()
    with (
        RosNode(
            "tell", namespace=space, domain=domain, reach=cell.network.reach, pictures=False
        ) as node,
        end.watched(),
    ):
        node.start()
        told = _Telling(node, lambda: end.asked)
        if options.plan_only:
            return told.plan(options.instruction)
        return told.carry_out(options.instruction, options.seed)


class _Telling:
    """One instruction on its way.

    Args:
        node: That asks; it is spun by a thread of its own.
        asked_to_end: Asked all the time.
    """

    def __init__(self, node: Any, asked_to_end: Callable[[], bool]) -> None:
        self._node, self._asked_to_end = node, asked_to_end
        self._shown = ""
        self._calls: tuple[str, ...] = ()
        self._heard_s = time.monotonic()

    def plan(self, instruction: str) -> CommandResult:
        """What would be done. Raises `RobotFault` when nobody plans."""
        from robot_skills_interfaces.srv import PlanTask

        client = self._node.node.create_client(PlanTask, "plan_task")
        self._wait_for(client.service_is_ready, _THERE_S)
        answer = self._node.call(client, PlanTask.Request(instruction=instruction), _PLAN_S)
        calls = list(answer.calls)
        words = "\n".join(calls) or "Nothing: it is so already."
        print(words if answer.accepted else answer.reason, file=_out(answer.accepted))
        payload = {"instruction": instruction, "accepted": bool(answer.accepted), "plan": calls}
        payload["reason"] = answer.reason
        return CommandResult(payload=payload, exit_code=0 if answer.accepted else 2)

    def carry_out(self, instruction: str, seed: int) -> CommandResult:
        """Send it and follow it to its end. Raises `RobotFault` when nobody is there."""
        from action_msgs.msg import GoalStatus
        from rclpy.action.client import ActionClient
        from robot_skills_interfaces.action import ExecuteInstruction

        begun_s = time.monotonic()
        client = ActionClient(self._node.node, ExecuteInstruction, "execute_instruction")
        self._wait_for(client.server_is_ready, _THERE_S)
        # The server is known before it knows us; what is asked in between would be lost.
        time.sleep(_LOOKS_S * 4)
        goal = ExecuteInstruction.Goal(instruction=instruction, seed=seed)
        sent = client.send_goal_async(goal, self._hear)
        self._node.wait_for(sent.done, _ANSWER_S, "the scheduler to take the instruction")
        handle: Any = sent.result()
        if not handle.accepted:
            reason = "The scheduler carries out something else, or is not active; its log says."
            print(reason, file=sys.stderr)
            payload = {"instruction": instruction, "success": False, "reason": reason, "skills": []}
            return CommandResult(payload=payload, exit_code=2)
        found = self._follow(handle)
        cancelled = found.status == GoalStatus.STATUS_CANCELED
        result = found.result
        skills = [
            {
                "skill": one.skill,
                "arguments": list(one.arguments),
                "outcome": one.outcome,
                "reason": one.reason,
                "attempt": int(one.attempt),
                "duration_s": float(one.duration_s),
            }
            for one in result.skills
        ]
        seconds = time.monotonic() - begun_s
        words = "cancelled" if cancelled else "done" if result.success else "failed"
        reason = f": {result.reason}" if result.reason and not result.success else ""
        print(f"{words} after {seconds:.1f} s{reason}", file=_out(result.success), flush=True)
        payload = {
            "instruction": instruction,
            "success": bool(result.success),
            "cancelled": cancelled,
            "reason": result.reason,
            "plan": list(self._calls),
            "skills": skills,
            "wall_s": seconds,
        }
        # Without a skill nothing was tried: the words, or the plan made of them, were refused.
        failed = 130 if cancelled else 1 if skills else 2
        return CommandResult(payload=payload, exit_code=0 if result.success else failed)

    def _wait_for(self, ready: Callable[[], bool], timeout_s: float) -> None:
        try:
            self._node.wait_for(ready, timeout_s, "the scheduler")
        except RobotFault:
            raise RobotFault(
                "There is no scheduler: bring the cell up with `robot-skills bringup --cell CELL "
                "--plan skills`, and say the same cell, namespace and domain here."
            ) from None

    def _follow(self, handle: Any) -> Any:
        """Wait for the result; cancel when asked to end.

        Raises:
            RobotFault: The scheduler is gone.
        """
        future = handle.get_result_async()
        cancelled_s: float | None = None
        self._heard_s = time.monotonic()
        while not future.done():
            now_s = time.monotonic()
            if self._asked_to_end() and cancelled_s is None:
                print("cancelling", file=sys.stderr, flush=True)
                handle.cancel_goal_async()
                cancelled_s = now_s
            if cancelled_s is not None and now_s - cancelled_s > _STOPS_S:
                raise RobotFault("The scheduler does not say that it has stopped.")
            if now_s - self._heard_s > _SILENT_S:
                raise RobotFault(f"The scheduler has said nothing for {_SILENT_S:g} s.")
            time.sleep(_LOOKS_S)
        return future.result()

    def _hear(self, message: Any) -> None:
        """Show the plan when it is new, and the skill whenever it changes."""
        feedback = message.feedback
        self._heard_s = time.monotonic()
        calls = tuple(feedback.calls)
        if calls and calls != self._calls:
            self._calls = calls
            print("plan: " + ", then ".join(calls), file=sys.stderr, flush=True)
        status = feedback.status
        doing = f"{status.skill}({', '.join(status.arguments)})" if status.skill else ""
        words = f"{status.phase} {doing}".strip()
        if words != self._shown:
            self._shown = words
            step = f"[{min(feedback.current + 1, len(calls))}/{len(calls)}] " if calls else ""
            print(f"{step}{words}", file=sys.stderr, flush=True)


def _out(good: bool) -> Any:
    return sys.stdout if good else sys.stderr
