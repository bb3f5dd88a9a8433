"""Skills that another process carries out: the runner of an executive, over ``execute_skill``."""

import itertools
import time
from collections.abc import Callable
from typing import Any

from hardware.ros2.runtime import RosNode
from hardware.ros2.scene_messages import scene_message, scene_of
from hardware.ros2.skill_messages import result_of, words_of
from robot_skills.app.nodes.skill_server import ASKERS
from robot_skills.core.errors import CheckpointError, RobotFault, unknown_name
from robot_skills.core.plan import SkillCall, SkillResult
from robot_skills.core.scene import Scene
from robot_skills.scheduler.executive import SkillRunner

SKILL_SERVER = "skill_server"
_PATIENCE_S = 20.0
_ANSWER_S = 5.0
_SILENT_S = 4.0
_STOPPED_S = 15.0
_BEAT_S = 0.3
_ASK_S = 0.02
_ATTEMPTS = 1000
"""Seeds set apart for the attempts of one run."""
_SEEDS = 2**32


def _nobody(status: Any) -> None:
    """Nobody asked."""


class RemoteSkills:
    """What the skill server can do.

    Args:
        node: That asks; a thread of its own spins it (`RosNode.start`).
        patience_s: How long a skill server that is gone is waited for before an attempt.
    """

    def __init__(self, node: RosNode, patience_s: float = _PATIENCE_S) -> None:
        from rclpy.action.client import ActionClient
        from robot_skills_interfaces.action import ExecuteSkill
        from robot_skills_interfaces.msg import SkillStatus
        from robot_skills_interfaces.srv import ListSkills
        from std_msgs.msg import String

        ros = node.node
        self._node, self._patience_s = node, patience_s
        self._client = ActionClient(ros, ExecuteSkill, "execute_skill")
        self._list = ros.create_client(ListSkills, "list_skills")
        self._beat = ros.create_publisher(String, ASKERS, 10)
        ros.create_subscription(SkillStatus, f"{SKILL_SERVER}/status", self._heard, 10)
        ros.create_timer(_BEAT_S, self._say_here)
        self._name = ros.get_fully_qualified_name()
        self._numbers = itertools.count(1)
        self._asker = ""
        self._busy_s = 0.0
        self._tell: Callable[[Any], None] = _nobody

    def check(self, skill: str) -> None:
        """Refuse a skill that the skill server cannot run.

        Raises:
            UnknownNameError: It does not have it.
            CheckpointError: Its policy cannot be used.
            RobotFault: The skill server is not there.
        """
        from robot_skills_interfaces.srv import ListSkills

        try:
            answer = self._node.ask(
                self._list, ListSkills.Request(), answer_s=_ANSWER_S, patience_s=self._patience_s
            )
        except RobotFault as problem:
            raise RobotFault(
                f"The skill server ({SKILL_SERVER}) does not say what it can do: {problem}"
            ) from None
        problems = dict(zip(answer.skills, answer.problems, strict=True))
        if skill not in problems:
            raise unknown_name("skill of the skill server", skill, problems)
        if problems[skill]:
            raise CheckpointError(problems[skill])

    def runner(
        self,
        seed: int,
        stop_requested: Callable[[], bool],
        tell: Callable[[Any], None],
    ) -> SkillRunner:
        """Makes attempts for an executive, every one with a seed of its own.

        Args:
            seed: Of the run.
            stop_requested: Asked all the time; the skill is cancelled when it says so.
            tell: Gets every ``SkillStatus`` of what runs.
        """

        def run(call: SkillCall, scene: Scene, attempt: int) -> tuple[SkillResult, Scene]:
            self._tell = tell
            try:
                return self._attempt(
                    call, scene, (_ATTEMPTS * seed + attempt) % _SEEDS, stop_requested
                )
            finally:
                self._asker, self._tell = "", _nobody

        return run

    # An attempt

    def _attempt(
        self, call: SkillCall, scene: Scene, seed: int, stop_requested: Callable[[], bool]
    ) -> tuple[SkillResult, Scene]:
        """Raises `RobotFault` when the skill server is not there, refuses or falls silent."""
        from robot_skills_interfaces.action import ExecuteSkill

        self._node.wait_for(
            self._client.server_is_ready,
            self._patience_s,
            f"the skill server ({SKILL_SERVER}): it is not there",
        )
        asker = self._asker = f"{self._name}/{next(self._numbers)}"
        goal = ExecuteSkill.Goal(
            skill=call.skill,
            arguments=words_of(call.args),
            seed=seed,
            scene=scene_message(scene),
            asker=asker,
        )
        handle = self._send(goal, call)
        answer = self._follow(handle, call, stop_requested)
        after = scene_of(answer.scene) if answer.scene.entities else scene
        return result_of(answer.result, call), after

    def _send(self, goal: Any, call: SkillCall) -> Any:
        future = self._client.send_goal_async(goal)
        try:
            self._node.wait_for(future.done, _ANSWER_S, "an answer", every_s=0.005)
        except RobotFault:
            raise RobotFault(f"The skill server ({SKILL_SERVER}) does not answer.") from None
        handle: Any = future.result()
        if not handle.accepted:
            raise RobotFault(
                f"The skill server refuses {call}: it is busy with something else, or not active; "
                f"the log of {SKILL_SERVER} says which."
            )
        return handle

    def _follow(self, handle: Any, call: SkillCall, stop_requested: Callable[[], bool]) -> Any:
        """Wait for the result; cancel when asked to."""
        future = handle.get_result_async()
        self._busy_s = time.monotonic()
        cancelled_s: float | None = None
        while not future.done():
            now_s = time.monotonic()
            if cancelled_s is None and stop_requested():
                handle.cancel_goal_async()
                cancelled_s = now_s
            silent = now_s - self._busy_s > _SILENT_S
            late = cancelled_s is not None and now_s - cancelled_s > _STOPPED_S
            if silent or late or not self._node.alive:
                # Should it still be there, it has to stop.
                handle.cancel_goal_async()
                problem = "does not stop" if late else f"has said nothing for {_SILENT_S:g} s"
                raise RobotFault(f"The skill server ({SKILL_SERVER}) {problem} during {call}.")
            time.sleep(_ASK_S)
        return future.result().result

    def _heard(self, status: Any) -> None:
        # One that was started again is idle, and knows nothing of what it was asked before.
        if status.phase != "idle":
            self._busy_s = time.monotonic()
            self._tell(status)

    def _say_here(self) -> None:
        from std_msgs.msg import String

        if self._asker:
            self._beat.publish(String(data=self._asker))
