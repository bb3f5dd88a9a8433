"""Skills that another process carries out: the runner of an executive, over ``execute_skill``."""

import itertools
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hardware.ros2.heard_events import HeardEvents
from hardware.ros2.runtime import RosNode, never
from hardware.ros2.scene_messages import scene_message, scene_of
from hardware.ros2.skill_messages import result_of, words_of
from robot_skills.app.nodes.skill_server import ASKERS
from robot_skills.core.errors import (
    PerceptionError,
    RobotFault,
    SkillServerFault,
    UnusableSkillError,
    unknown_name,
)
from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.plan import Outcome, SkillCall, SkillResult
from robot_skills.core.scene import Scene
from robot_skills.scheduler.attempts import SkillRunner
from robot_skills.scheduler.runs import end_data

SKILL_SERVER = "skill_server"
_PATIENCE_S = 20.0
_ANSWER_S = 5.0
_SILENT_S = 4.0
_STOPPED_S = 15.0
_BEAT_S = 0.3
_ASK_S = 0.02
_LAST_EVENT_S = 1.0
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
        self._decided = HeardEvents(node, f"{SKILL_SERVER}/events")
        self._beat = ros.create_publisher(String, ASKERS, 10)
        ros.create_subscription(SkillStatus, f"{SKILL_SERVER}/status", self._heard, 10)
        ros.create_timer(_BEAT_S, self._say_here)
        self._name = ros.get_fully_qualified_name()
        self._numbers = itertools.count(1)
        self._asker = ""
        self._busy_s = 0.0
        self._tell: Callable[[Any], None] = _nobody

    def check(self, skill: str, stop_requested: Callable[[], bool] = never) -> None:
        """Refuse a skill that the skill server cannot run.

        Args:
            skill: Its name.
            stop_requested: Asked while the skill server is waited for.

        Raises:
            UnknownNameError: It does not have it.
            UnusableSkillError: Its policy cannot be used.
            SkillServerFault: The skill server is not there.
        """
        from robot_skills_interfaces.srv import ListSkills

        try:
            answer = self._node.ask(
                self._list,
                ListSkills.Request(),
                answer_s=_ANSWER_S,
                patience_s=self._patience_s,
                stop_requested=stop_requested,
            )
        except RobotFault as problem:
            raise SkillServerFault(
                f"The skill server ({SKILL_SERVER}) does not say what it can do: {problem}"
            ) from None
        problems = dict(zip(answer.skills, answer.problems, strict=True))
        if skill not in problems:
            raise unknown_name("skill of the skill server", skill, problems)
        if problems[skill]:
            raise UnusableSkillError(problems[skill], skill=skill)

    def runner(
        self,
        seed: int,
        stop_requested: Callable[[], bool],
        tell: Callable[[Any], None],
        events: EventSink,
    ) -> SkillRunner:
        """Makes attempts for an executive, every one with a seed of its own.

        Args:
            seed: Of the run.
            stop_requested: Asked all the time; the skill is cancelled when it says so.
            tell: Gets every ``SkillStatus`` of what runs.
            events: Gets what the skill server decides.
        """

        def run(call: SkillCall, scene: Scene, attempt: int) -> tuple[SkillResult, Scene]:
            relay = _Relay(self._decided, events)
            seed_here = (_ATTEMPTS * seed + attempt) % _SEEDS
            self._tell = tell
            try:
                return self._attempt(call, scene, seed_here, stop_requested, relay)
            finally:
                self._asker, self._tell = "", _nobody

        return run

    # An attempt

    def _attempt(
        self,
        call: SkillCall,
        scene: Scene,
        seed: int,
        stop_requested: Callable[[], bool],
        relay: "_Relay",
    ) -> tuple[SkillResult, Scene]:
        """Raises `SkillServerFault` when the server is not there, refuses or falls silent."""
        from robot_skills_interfaces.action import ExecuteSkill

        if not self._is_there(stop_requested):
            outcome, reason = Outcome.STOPPED, "stopped on request"
            found = SkillResult(call=call, outcome=outcome, reason=reason, duration_s=0.0)
            relay.tell_end(found)
            return found, scene
        asker = self._asker = f"{self._name}/{next(self._numbers)}"
        goal = ExecuteSkill.Goal(
            skill=call.skill,
            arguments=words_of(call.args),
            seed=seed,
            scene=scene_message(scene),
            asker=asker,
        )
        handle = self._send(goal, call)
        answer = self._follow(handle, call, stop_requested, relay)
        if not answer.result.skill:
            raise SkillServerFault(
                f"The skill server ({SKILL_SERVER}) has not carried out {call}: "
                f"{answer.result.reason}."
            )
        relay.wait_for_end()
        # What was seen before a motion is no scene to go on from.
        blind = not answer.scene.entities
        error = relay.error or (PerceptionError.__name__ if blind else "")
        found = replace(result_of(answer.result, call), error=error)
        relay.tell_end(found)
        return found, scene if blind else scene_of(answer.scene)

    def _is_there(self, stop_requested: Callable[[], bool]) -> bool:
        """Wait for the skill server; False when somebody has asked to stop before it came."""
        ready = self._client.server_is_ready
        try:
            self._node.wait_for(
                lambda: ready() or stop_requested(),
                self._patience_s,
                f"the skill server ({SKILL_SERVER}): it is not there",
            )
        except RobotFault as problem:
            raise SkillServerFault(str(problem)) from None
        return ready()

    def _send(self, goal: Any, call: SkillCall) -> Any:
        future = self._client.send_goal_async(goal)
        try:
            self._node.wait_for(future.done, _ANSWER_S, "an answer", every_s=0.005)
        except RobotFault:
            raise SkillServerFault(f"The skill server ({SKILL_SERVER}) does not answer.") from None
        handle: Any = future.result()
        if not handle.accepted:
            raise SkillServerFault(
                f"The skill server refuses {call}: it is busy with something else, or not active; "
                f"the log of {SKILL_SERVER} says which."
            )
        return handle

    def _follow(
        self,
        handle: Any,
        call: SkillCall,
        stop_requested: Callable[[], bool],
        relay: "_Relay",
    ) -> Any:
        """Wait for the result; cancel when asked to."""
        future = handle.get_result_async()
        self._busy_s = time.monotonic()
        cancelled_s: float | None = None
        while not future.done():
            now_s = time.monotonic()
            relay.pass_on()
            if cancelled_s is None and stop_requested():
                handle.cancel_goal_async()
                cancelled_s = now_s
            silent = now_s - self._busy_s > _SILENT_S
            late = cancelled_s is not None and now_s - cancelled_s > _STOPPED_S
            if silent or late or not self._node.alive:
                # Should it still be there, it has to stop.
                handle.cancel_goal_async()
                problem = "does not stop" if late else f"has said nothing for {_SILENT_S:g} s"
                raise SkillServerFault(
                    f"The skill server ({SKILL_SERVER}) {problem} during {call}."
                )
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


class _Relay:
    """Passes on what the skill server decides during one attempt, and tells of its end once.

    Args:
        decided: What is heard of the skill server.
        events: Gets it.
    """

    def __init__(self, decided: HeardEvents, events: EventSink) -> None:
        self._decided, self._events = decided, events
        self._since_s = time.monotonic()
        self._end: Event | None = None
        # What came before is of other attempts.
        decided.take()

    @property
    def error(self) -> str:
        """Name of the type of the error that ended the attempt, as far as the server told one."""
        return "" if self._end is None else str(self._end.data.get("error", ""))

    def pass_on(self) -> None:
        """Pass on what has come; the end is kept back, as a result may never come."""
        for event in self._decided.take():
            if event.stamp_s < self._since_s:
                continue
            if event.kind is EventKind.SKILL_END:
                self._end = event
            else:
                self._events.emit(event)

    def wait_for_end(self) -> None:
        """Let the last event come, which may be slower than the result."""
        until_s = time.monotonic() + _LAST_EVENT_S
        self.pass_on()
        while self._end is None and time.monotonic() < until_s:
            time.sleep(_ASK_S)
            self.pass_on()

    def tell_end(self, found: SkillResult) -> None:
        """Tell how the attempt ended, with all that the server said of it."""
        told = {} if self._end is None else self._end.data
        stamp_s = time.monotonic() if self._end is None else self._end.stamp_s
        data = {**end_data(found), **told, "error": found.error}
        self._events.emit(Event(stamp_s=stamp_s, kind=EventKind.SKILL_END, data=data))
