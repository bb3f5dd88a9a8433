"""Carries out instructions in a session: the skills move the arm until a person wants it.

The executive runs in the session's own thread, on a robot that is lent to it (`lent.py`): whenever
it waits, the session goes through its periods, so that everything is shown and recorded as it is
when a hand drives. An emergency stop, a hand that takes hold, "stop", or whatever else ends the
motion raises `_Ended` out of that wait, through the executive, and back here.
"""

import re
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from robot_skills.app.collect.lent import LentRobot
from robot_skills.app.collect.plan_board import PlanBoard
from robot_skills.app.collect.session import CollectSession, Motion
from robot_skills.app.collect.skill_source import SkillSource, begin_loading
from robot_skills.app.trials import looker
from robot_skills.core.errors import PerceptionError, RefusedError, RobotSkillsError
from robot_skills.core.events import Event, EventFanOut, EventKind, EventSink
from robot_skills.core.perceiver import Perceiver
from robot_skills.core.plan import SkillCall, SkillResult
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.core.types import DEFAULT_ARM, ActionChunk

if TYPE_CHECKING:
    from robot_skills.app.wiring import Skills
    from robot_skills.scheduler.attempts import SkillRunner
    from robot_skills.scheduler.executive import Executive, RunResult

_STOP_WORDS = frozenset({"stop", "halt", "freeze", "abort", "cancel"})
_AT_HOME_M, _AT_HOME_RAD = 0.03, 0.15


def asks_to_stop(words: str) -> bool:
    """Whether a sentence asks to stop, whatever else it says."""
    return not _STOP_WORDS.isdisjoint(re.findall(r"[a-z]+", words.lower()))


class SkillRuns:
    """Instructions of an operator, one at a time.

    Args:
        session: Which lends its arm.
        robot: Of the session, behind its gates.
        source: Where skills come from; None where there are none.
        hand_holds: Whether any hand holds its dead-man switch now.
        seed: Of the first run; each run has the next one.

    Attributes:
        board: The plan.
    """

    def __init__(
        self,
        session: CollectSession,
        robot: Robot,
        source: SkillSource | None,
        hand_holds: Callable[[], bool],
        seed: int = 0,
    ) -> None:
        self._session, self._robot, self._source = session, robot, source
        self._hand_holds = hand_holds
        self._seed = seed
        self.board = PlanBoard()
        self._events = EventFanOut(self.board, _Notes(session))
        self._loading: Future[Skills] | None = None
        self._asked: str | None = None
        self._running = self._stopping = False
        self._after_period: Callable[[], None] = _nothing
        self._perceiver: tuple[int, Perceiver] | None = None
        self._sent: ActionChunk | None = None
        self._taken_in: int | None = None

    # What an operator asks

    def instruct(self, words: str) -> None:
        """Carry out an instruction as soon as the skills are there, or say why not."""
        if asks_to_stop(words):
            self.stop()
            return
        why_not = self._why_not()
        if why_not:
            self._session.tell("warning", why_not)
            return
        assert self._source is not None
        self._asked = words
        self.board.clear(words)
        if not self._session.task:
            # Nobody said what is demonstrated: this is.
            self._session.describe(words, None)
        if self._loading is None:
            known = ", with the scene from the simulator" if self._source.scene == "truth" else ""
            self._session.tell("info", f"Loading skills{known} ...")
            self._load(self._source)

    def stop(self) -> None:
        """End the run, or forget the instruction that waits for its skills."""
        if self._running:
            self._stopping = True
        elif self._asked is not None:
            self._forget("Stopped before anything moved.")

    def _why_not(self) -> str:
        """Why no instruction can be carried out now; empty when one can."""
        if self._source is None:
            return "This station has no skills; it moves by hand."
        if self._asked is not None:
            return f"Still busy with {self._asked!r}; say stop to end that."
        if self._session.motion is Motion.ESTOP:
            return "The emergency stop is on; release it first."
        if self._session.motion is Motion.MOVING or self._hand_holds():
            return "A hand holds the robot; let go first."
        return ""

    # Loading

    def _load(self, source: SkillSource) -> None:
        """Begin to load, in a thread: the session goes on meanwhile."""
        try:
            self._loading = begin_loading(source, self._robot)
        except PerceptionError as error:
            self._forget(f"The skills see nothing: {error}")

    def _skills(self) -> "Skills | None":
        """The skills, if they are there."""
        if self._loading is None or not self._loading.done():
            return None
        try:
            return self._loading.result()
        except RobotSkillsError as error:
            self._loading = None
            self._forget(f"The skills cannot be loaded: {error}")
            return None

    def _forget(self, why: str) -> None:
        """The instruction is not carried out."""
        self._asked = None
        self.board.clear("")
        self._session.tell("warning", why)

    # Running

    def step(self, after_period: Callable[[], None]) -> None:
        """Carry out what was asked for, if anything, to its end. A `session.Borrower`.

        Args:
            after_period: To be called after each control period.
        """
        if self._asked is None:
            return
        if self._session.motion in (Motion.ESTOP, Motion.MOVING) or self._hand_holds():
            self._forget(f"Not carried out: {self._asked!r}. The robot is yours.")
            return
        skills = self._skills()
        if skills is None or self._asked is None:
            return
        self._after_period = after_period
        self._running, self._stopping, self._sent = True, False, None
        start, words = self._session.starts, self._asked
        try:
            self._run(words, self._executive(skills))
        finally:
            self._running, self._asked = False, None
            same_start = self._session.starts == start
            self._session.take_back(self._opening() if same_start else None)
            self._session.end_period()

    def _run(self, words: str, executive: "Executive") -> None:
        session = self._session
        if self._taken_in == session.starts:
            self._emit(EventKind.INTERVENTION, state="gave back")
        self._taken_in = None
        self._seed += 1
        session.lend()
        session.begin_period()
        try:
            self._attend()
            self._tell_end(words, executive.run(words))
        except _Ended as ended:
            self._close(ended)
        except RefusedError as refusal:
            session.tell("warning", str(refusal))
        except RobotSkillsError as error:
            session.tell("error", str(error))

    def _executive(self, skills: "Skills") -> "Executive":
        from robot_skills.app.wiring import make_executive, skill_context
        from robot_skills.scheduler.attempts import context_runner

        robot = LentRobot(self._robot, self._run_period, self._send)
        look = looker(robot, self._eyes())
        context = skill_context(skills, robot, look, self._events, self._seed)
        return make_executive(skills, context, _from_home(context_runner(context), robot))

    def _eyes(self) -> Perceiver:
        """The perceiver of this start, which remembers what earlier runs have put away."""
        assert self._source is not None
        if self._perceiver is None or self._perceiver[0] != self._session.starts:
            self._perceiver = (self._session.starts, self._source.perceiver())
        return self._perceiver[1]

    def _run_period(self) -> None:
        """What waiting does: end the session's period, hear everybody, begin the next one."""
        self._session.end_period()
        self._attend()
        self._session.begin_period()
        self._check()

    def _send(self, chunk: ActionChunk) -> ActionChunk:
        # Looking, planning and a policy take a while, in which somebody may have said stop.
        self._attend()
        self._sent = self._session.send(chunk)
        return self._sent

    def _opening(self) -> float | None:
        """What the gripper is told now; None if nothing was commanded."""
        if self._sent is None:
            return None
        return self._sent.sample(DEFAULT_ARM, self._robot.clock.now_s())[1]

    def _attend(self) -> None:
        """Hear the console and the hands. Raises `_Ended`."""
        self._after_period()
        self._session.hear_wishes()
        self._check()

    def _check(self) -> None:
        """Raises `_Ended` when the arm is the policy's no more."""
        session = self._session
        if session.motion is Motion.ESTOP:
            raise _Ended("emergency stop", by="estop")
        if session.finished:
            raise _Ended("the session ends")
        if session.motion is Motion.HELD:
            raise _Ended(session.why)
        if session.motion is Motion.IDLE:
            raise _Ended("the episode ended")
        if self._stopping:
            session.tell("info", "Stopped.")
            raise _Ended("stopped on request", by="words")
        if self._hand_holds():
            session.interrupt("The arm is yours: let go, then drive.")
            raise _Ended("a hand took hold", by="hand")

    # How it ended

    def _close(self, ended: "_Ended") -> None:
        """Say of what was cut short that it was."""
        board = self.board
        if board.begun is not None:
            self._emit(
                EventKind.SKILL_END,
                skill=board.begun.data["skill"],
                args=board.begun.data["args"],
                outcome="stopped",
                reason=ended.reason,
                duration_s=max(self._robot.clock.now_s() - board.begun.stamp_s, 0.0),
                chunks=board.chunks,
            )
        replans = max(board.plans - 1, 0)
        self._emit(EventKind.RUN_END, success=False, reason=ended.reason, replans=replans)
        if ended.by is not None:
            self._emit(EventKind.INTERVENTION, state="took over", by=ended.by, reason=ended.reason)
            self._taken_in = self._session.starts

    def _tell_end(self, words: str, result: "RunResult") -> None:
        if result.success:
            self._session.tell("info", f"Done: {words}")
        else:
            self._session.tell("warning", f"Not done: {words}. {result.reason}")

    def _emit(self, kind: EventKind, **data: object) -> None:
        self._events.emit(Event(stamp_s=self._robot.clock.now_s(), kind=kind, data=data))


class _Ended(Exception):
    """The arm was taken from a policy.

    Args:
        reason: Why.
        by: Which way a person took it: ``estop``, ``words``, ``hand``; None for no person.
    """

    def __init__(self, reason: str, by: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.by = reason, by


class _Notes(EventSink):
    """Takes events down with the episode; the skill that runs is what is being done."""

    def __init__(self, session: CollectSession) -> None:
        self._session = session

    def emit(self, event: Event) -> None:
        self._session.note(event)
        if event.kind is EventKind.SKILL_START:
            self._session.describe(None, _in_words(event.data))
        elif event.kind is EventKind.SKILL_END and self._session.subtask:
            self._session.describe(None, "")


def _in_words(call: Mapping[str, Any]) -> str:
    """A call of a skill as a subtask: ``grasp red cube``."""
    words = [str(call["skill"]), *(str(value) for value in call.get("args", {}).values())]
    return " ".join(words).replace("_", " ")


def _from_home(run: "SkillRunner", robot: Robot) -> "SkillRunner":
    """Skills begin at the rest pose, and a hand may have left the arm anywhere: go home first."""

    def attempt(call: SkillCall, scene: Scene, number: int) -> tuple[SkillResult, Scene]:
        from robot_skills.skills.runner import HOME, RETREAT

        if call.skill not in (HOME, RETREAT) and not _at_home(robot):
            result, scene = run(SkillCall(skill=HOME), scene, number)
            if not result.ok:
                return result, scene
        return run(call, scene, number)

    return attempt


def _at_home(robot: Robot) -> bool:
    T_base_tool = robot.observe().arms[DEFAULT_ARM].T_base_tool
    distance_m, angle_rad = T_base_tool.distance_to(robot.home(DEFAULT_ARM))
    return distance_m <= _AT_HOME_M and angle_rad <= _AT_HOME_RAD


def _nothing() -> None:
    """Nobody listens."""
