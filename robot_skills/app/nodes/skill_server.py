"""Skills as a ROS 2 action: ``execute_skill`` runs one, tells how far it is, and can be cancelled.

It ends with a reason and with the scene as seen afterwards, which is empty where nothing could be
seen. One goal at a time: whoever asks meanwhile is refused. Every decision is told on ``~/events``.
``list_skills`` says what there is and what of it can run.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hardware.cell.self_test import SelfTestSetup, refuse_unfit
from hardware.compensated_robot import compensated
from hardware.judged_robot import JudgedRobot
from hardware.ros2.event_messages import event_message
from hardware.ros2.heard_events import event_qos
from hardware.ros2.managed import ManagedNode
from hardware.ros2.perceiver import RosPerceiver
from hardware.ros2.robot import Ros2Robot, Ros2RobotConfig
from hardware.ros2.runtime import RosNode
from hardware.ros2.scene_messages import scene_message, scene_of
from hardware.ros2.skill_messages import call_of, fill_result, words_of
from hardware.ros2.times import MachineClock, clock_name
from hardware.ros2.work import Tell, Work
from robot_skills.app.trials import looker
from robot_skills.app.wiring import Skills, load_skills, skill_context
from robot_skills.core.errors import PerceptionError, RefusedError, RobotFault, RobotSkillsError
from robot_skills.core.events import Event, EventKind, EventSink
from robot_skills.core.plan import Outcome, SkillCall, SkillResult
from robot_skills.core.policy import SeeingPolicy
from robot_skills.core.robot import Robot
from robot_skills.scheduler.runs import end_data
from robot_skills.skills.card import SkillKind
from robot_skills.skills.library import SkillLibrary
from robot_skills.skills.runner import SkillContext, run_skill

_TELL_S = 0.2
_ASKER_GONE_S = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class SkillServerSetup:
    """What a skill server is told.

    Attributes:
        robot: The arm behind its gate; of its cameras those are kept that a policy looks through.
        self_test: What has to be in order before anything moves; None for no test.
        zoo: Folder of the skills; the shipped ones when None.
    """

    robot: Ros2RobotConfig
    self_test: SelfTestSetup | None = None
    zoo: Path | None = None


class SkillServer(EventSink):
    """The skills of one cell. While it is active it has the command of the arm.

    Args:
        node: That is asked.
        setup: What it is told.
        ready: The skills, where they have been loaded already.
    """

    def __init__(
        self, node: ManagedNode, setup: SkillServerSetup, ready: Skills | None = None
    ) -> None:
        self._node, self._setup = node, setup
        self._ready = ready
        self._work = Work(node)
        self._clock = MachineClock()
        self._skills: Skills | None = None
        self._robot: Ros2Robot | None = None
        self._judged: Robot | None = None
        self._eyes: RosNode | None = None
        self._perceiver: RosPerceiver | None = None
        self._entities: list[tuple[Callable[[Any], Any], Any]] = []
        self._lock = threading.Lock()
        self._now: dict[str, Any] = dict(_IDLE)
        self._tell: Tell | None = None
        self._asker, self._heard_s = "", 0.0

    # Stages

    def configure(self) -> None:
        # Nothing moves before names, limits, units, rates and cameras are what the cell says. Most
        # of that is waiting for messages, and skills are loaded meanwhile.
        with ThreadPoolExecutor(max_workers=1) as pool:
            test = self._setup.self_test
            fit = None if test is None else pool.submit(refuse_unfit, test)
            skills = self._ready or load_skills(zoo=self._setup.zoo)
            if fit is not None:
                fit.result()
        self._skills = skills

    def activate(self) -> None:
        assert self._skills is not None
        config, name = self._setup.robot, self._node.node.get_name()
        seen = cameras_of(self._skills.library)
        cameras = tuple(camera for camera in config.cameras if camera.name in seen)
        robot = Ros2Robot(replace(config, cameras=cameras), name=f"{name}_robot")
        robot.connect()
        self._robot = robot
        self._judged = compensated(JudgedRobot(robot, self), config.latencies)
        self._eyes = RosNode(
            f"{name}_eyes", namespace=config.namespace, reach=config.reach, domain=config.domain
        )
        self._perceiver = RosPerceiver(self._eyes, stop_requested=self._stop_requested)
        self._eyes.start()
        if not self._entities:
            self._serve()
        self._work.open()

    def deactivate(self) -> None:
        self._work.shut()
        if self._robot is not None:
            self._robot.close()
        if self._eyes is not None:
            self._eyes.close()
        self._robot = self._judged = self._eyes = self._perceiver = None

    def cleanup(self) -> None:
        self._work.close()
        for destroy, entity in self._entities:
            destroy(entity)
        self._entities = []
        # Whoever configures it anew has perhaps changed them.
        self._skills = self._ready = None

    # What is served

    def _serve(self) -> None:
        from robot_skills_interfaces.action import ExecuteSkill
        from robot_skills_interfaces.msg import EpisodeEvent, SkillStatus
        from robot_skills_interfaces.srv import ListSkills
        from std_msgs.msg import String

        ros = self._node.node
        self._status = ros.create_publisher(SkillStatus, "~/status", 10)
        self._events = ros.create_publisher(EpisodeEvent, "~/events", event_qos())
        self._entities = [
            (ros.destroy_publisher, self._status),
            (ros.destroy_publisher, self._events),
            (ros.destroy_timer, ros.create_timer(_TELL_S, self._say_how_far)),
            (ros.destroy_subscription, ros.create_subscription(String, ASKERS, self._hear, 10)),
            (ros.destroy_service, ros.create_service(ListSkills, "list_skills", self._list)),
        ]
        self._work.action(ExecuteSkill, "execute_skill", self._run_skill, _refuse)

    def _list(self, request: Any, response: Any) -> Any:
        if self._skills is not None:
            library = self._skills.library
            response.skills = list(library.names)
            response.problems = [_problem(library, name) for name in library.names]
        return response

    def _hear(self, message: Any) -> None:
        if message.data == self._asker:
            self._heard_s = time.monotonic()

    # Work

    def _run_skill(self, request: Any, result: Any, tell: Tell) -> bool:
        from robot_skills_interfaces.action import ExecuteSkill

        feedback = ExecuteSkill.Feedback()

        def tell_status(status: Any) -> None:
            feedback.status = status
            tell(feedback)

        self._asker, self._heard_s = request.asker, time.monotonic()
        self._tell = tell_status
        self._show(phase="looking")
        call = SkillCall(skill=request.skill)
        start_s = self._clock.now_s()
        try:
            call = call_of(request.skill, request.arguments)
            found, scene = run_skill(call, self._context(request))
            if found.error != PerceptionError.__name__:
                result.scene = scene_message(scene)
        except RobotSkillsError as problem:
            found = SkillResult(
                call=call,
                outcome=Outcome.FAULT if isinstance(problem, RobotFault) else Outcome.FAILED,
                reason=str(problem),
                duration_s=self._clock.now_s() - start_s,
                error=type(problem).__name__,
            )
            self._tell_end(found)
        finally:
            self._tell = None
            self._show(**_IDLE)
        if found.outcome is Outcome.STOPPED and self._asker_gone():
            found = replace(found, reason=f"{found.reason}: nothing was heard of {self._asker}")
            self._node.node.get_logger().warning(f"{call}: {found.reason}")
        fill_result(result.result, found)
        return found.ok

    def _tell_end(self, found: SkillResult) -> None:
        """Tell of the end of an attempt that an error ended, of which nobody else tells."""
        now_s = self._clock.now_s()
        self.emit(Event(stamp_s=now_s, kind=EventKind.SKILL_END, data=end_data(found)))

    def _context(self, request: Any) -> SkillContext:
        robot, judged, perceiver = self._robot, self._judged, self._perceiver
        skills = self._skills
        assert robot is not None
        assert judged is not None
        assert perceiver is not None
        assert skills is not None
        if robot.lost or robot.status.owner != self._setup.robot.owner:
            # Whoever asks now, after the gate was gone, has decided to go on.
            robot.resume()
        look = looker(judged, perceiver)
        context = skill_context(skills, judged, look, self, request.seed)
        scene = scene_of(request.scene) if request.scene.entities else None
        return replace(context, scene=scene, stop_requested=self._stop_requested)

    def _stop_requested(self) -> bool:
        return self._work.stop_requested() or self._asker_gone()

    def _asker_gone(self) -> bool:
        return bool(self._asker) and time.monotonic() - self._heard_s > _ASKER_GONE_S

    # What happens

    def emit(self, event: Event) -> None:
        """Tell whoever listens, and whoever asked how far it is."""
        self._events.publish(event_message(event))
        data = event.data
        match event.kind:
            case EventKind.SKILL_START:
                arguments = words_of(data.get("args", {}))
                self._show(skill=str(data["skill"]), arguments=arguments, phase="moving", done=0.0)
            case EventKind.CHUNK:
                self._show(phase="moving", done=float(data.get("done", -1.0)))
            case EventKind.EFFECTS | EventKind.SKILL_END:
                self._show(phase="checking")
            case _:
                pass

    def _show(self, **changes: Any) -> None:
        with self._lock:
            self._now |= changes
        self._say_how_far()

    def _say_how_far(self) -> None:
        from robot_skills_interfaces.msg import SkillStatus

        with self._lock:
            now = dict(self._now)
        status = SkillStatus(
            clock=clock_name(),
            stamp_s=self._clock.now_s(),
            skill=now["skill"],
            arguments=now["arguments"],
            phase=now["phase"],
            progress=now["done"],
            confidence=-1.0,
        )
        self._status.publish(status)
        if (tell := self._tell) is not None:
            tell(status)


ASKERS = "askers"
"""Topic on which those who ask for skills say that they are still there."""
_IDLE: dict[str, Any] = {"skill": "", "arguments": [], "phase": "idle", "done": -1.0}


def cameras_of(library: SkillLibrary) -> set[str]:
    """Cameras that the policies of a library look through by themselves."""
    found: set[str] = set()
    for card in library:
        if card.kind is SkillKind.LEARNED:
            with suppress(RefusedError):
                policy = library.policy(card.name)
                found |= set(policy.cameras) if isinstance(policy, SeeingPolicy) else set()
    return found


def _problem(library: SkillLibrary, name: str) -> str:
    """Why a skill cannot run; empty where it can."""
    if library[name].kind is SkillKind.LEARNED:
        try:
            library.policy(name)
        except RefusedError as problem:
            return str(problem)
    return ""


def _refuse(result: Any, reason: str) -> None:
    result.result.outcome, result.result.reason = Outcome.FAILED.value, reason
