"""One run of the simulated cell with a fault in it, and what the log says of it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.localisation.injection import GateParts, Injection, Kind
from benchmarks.localisation.perception_faults import FrozenPicture, NoDepth, StalePicture
from benchmarks.localisation.plan_faults import PlanFault
from benchmarks.localisation.skill_faults import Corrupt
from hardware.gated_robot import GatedRobot
from policies.loading import load_policy
from policies.text import MiniLmEncoder
from robot_skills.app.options import SceneSource
from robot_skills.app.trials import CAMERA_PX, looker, make_perceiver
from robot_skills.app.wiring import make_checker
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.events import Event, EventFanOut, EventList
from robot_skills.core.plan import Plan
from robot_skills.core.policy import Policy
from robot_skills.core.predicates import holds
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.scheduler.attempts import context_runner
from robot_skills.scheduler.attribution import Fault, attribute
from robot_skills.scheduler.closed_loop import ClosedLoop
from robot_skills.scheduler.executive import Executive
from robot_skills.scheduler.plan_checker import PlanChecker, PlanVerdict
from robot_skills.scheduler.record_reader import read_record
from robot_skills.scheduler.rules_planner import RulesPlanner
from robot_skills.skills.card import SkillKind
from robot_skills.skills.library import SkillLibrary
from robot_skills.skills.runner import SkillContext
from sim.collision import CollisionGeometry, arm_collisions
from sim.robot import SimRobot
from sim.tabletop.tasks import TRAINING_TASKS, UNSEEN_TASKS, Instance
from sim.truth import truth_scene

ARM = "panda"
_TASKS = {task.name: task for task in (*TRAINING_TASKS, *UNSEEN_TASKS)}
_DRAWS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One run, and what the log says of it.

    Attributes:
        kind: Of fault.
        layer: That was made to go wrong; empty when nothing was.
        skill: Of the call during which it began, or that it spoilt first; empty when none began.
        args: Arguments of that call.
        named_layer: What the log names; empty when nothing.
        named_skill: The same of the skill.
        named_args: The same of its arguments.
        reason: In the log's words.
        instruction: What was asked for.
        success: Whether the goal held in the simulator's truth.
        troubled: Whether anything is seen to have gone wrong.
        without_effect: Runs before this one in which the fault changed nothing.
    """

    kind: str
    layer: str
    skill: str = ""
    args: Mapping[str, str] = field(default_factory=dict)
    named_layer: str = ""
    named_skill: str = ""
    named_args: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    instruction: str = ""
    success: bool = False
    troubled: bool = False
    without_effect: int = 0

    @property
    def layer_right(self) -> bool:
        return self.layer == self.named_layer

    @property
    def right(self) -> bool:
        """Layer and call; a checkpoint is that of a skill, whatever it is called with.

        Without a fault there is no call to name.
        """
        if not self.layer:
            return self.layer_right
        same_call = dict(self.args) == dict(self.named_args) or not self.args
        return self.layer_right and self.skill == self.named_skill and same_call


def try_fault(kind: Kind, seed: int, number: int, repeat: int) -> Outcome:
    """Inject a kind of fault; where it changes nothing, in another scene.

    Args:
        kind: What goes wrong.
        seed: Of the whole benchmark.
        number: Of the kind.
        repeat: How often it was injected before.
    """
    for draw in range(_DRAWS):
        rng = np.random.default_rng((seed, number, repeat, draw))
        instance = _TASKS[str(rng.choice(kind.tasks))].draw(rng)
        injection = kind.make(rng, instance)
        scene: SceneSource = "truth"
        cameras = isinstance(injection, FrozenPicture | StalePicture | NoDepth)
        if cameras or (injection.layer is None and repeat % 2):
            scene = "rgbd"
        success, events = _run(injection, instance, scene, int(rng.integers(2**31)))
        troubled = bool(_troubles(events))
        if injection.layer is None or not success or troubled:
            return _outcome(kind, injection, instance, attribute(events), success, troubled, draw)
    raise RobotSkillsError(f"{kind.name!r} had no effect in {_DRAWS} scenes.")


def _outcome(
    kind: Kind,
    injection: Injection,
    instance: Instance,
    fault: Fault | None,
    success: bool,
    troubled: bool,
    without_effect: int,
) -> Outcome:
    call = injection.call
    skill = injection.skill if isinstance(injection, Corrupt) else ""
    return Outcome(
        kind=kind.name,
        layer="" if injection.layer is None else injection.layer.value,
        skill=skill if call is None else call.skill,
        args={} if call is None else dict(call.args),
        named_layer="" if fault is None else fault.layer.value,
        named_skill="" if fault is None else fault.skill,
        named_args={} if fault is None else dict(fault.args),
        reason="" if fault is None else fault.reason,
        instruction=instance.instruction,
        success=success,
        troubled=troubled,
        without_effect=without_effect,
    )


def _troubles(events: list[Event]) -> bool:
    record = read_record(events)
    return bool(record.troubles) or record.refusal is not None


def _run(
    injection: Injection, instance: Instance, source: SceneSource, seed: int
) -> tuple[bool, list[Event]]:
    """Whether the goal held in the end, and what the log holds."""
    library = _library(injection, instance)
    sim = SimRobot(ARM, layout=instance.layout, camera_size_px=CAMERA_PX)
    sim.connect()
    events = EventList()
    sinks = EventFanOut(events, injection)
    try:
        injection.keep_time(sim.clock.now_s)
        sim.on_step.append(injection.watch)
        robot = _gated(injection.robot(sim), injection, sinks)
        look = looker(robot, injection.perceiver(make_perceiver(source, sim)))
        context = SkillContext(robot=robot, library=library, look=look, events=sinks, seed=seed)
        executive = _executive(injection, library, context)
        # Refused, or nothing could be seen: the events say so.
        with suppress(RobotSkillsError):
            executive.run(instance.instruction)
        truth = truth_scene(sim.world)
        return all(holds(truth, literal) for literal in instance.goal), events.events
    finally:
        sim.close()


def _gated(robot: Robot, injection: Injection, events: EventFanOut) -> GatedRobot:
    parts = GateParts(
        limits=robot.arms[DEFAULT_ARM],
        kinematics=robot.kinematics(DEFAULT_ARM),
        collisions=_collisions(),
    )
    return GatedRobot(robot, {DEFAULT_ARM: injection.gate(parts)}, events)


def _executive(injection: Injection, library: SkillLibrary, context: SkillContext) -> Executive:
    checker = make_checker(library, context.robot)
    if isinstance(injection, PlanFault):
        injection.judge_by(checker)
    return Executive(
        strategy=ClosedLoop(),
        planner=injection.planner(RulesPlanner(library, _encoder())),
        cards=library,
        run=context_runner(context),
        look=context.look,
        now_s=context.robot.clock.now_s,
        events=context.events,
        checker=checker if injection.checks_plans else _Unchecked(library),
        prepare=_preparing(library),
    )


class _Unchecked(PlanChecker):
    """Lets every plan pass."""

    def check(self, plan: Plan, scene: Scene) -> PlanVerdict:
        return PlanVerdict()


def _preparing(library: SkillLibrary) -> Callable[[str], None]:
    """Refuses skills whose policy cannot be used."""

    def prepare(skill: str) -> None:
        if library[skill].kind is SkillKind.LEARNED:
            library.policy(skill)

    return prepare


def _library(injection: Injection, instance: Instance) -> SkillLibrary:
    if isinstance(injection, Corrupt):
        injection.spoil(_TASKS[instance.task].skills)
    return SkillLibrary(
        {card.name: card for card in _cards()},
        lambda folder: injection.policy(folder.name, _policy(folder)),
    )


@cache
def _cards() -> SkillLibrary:
    return SkillLibrary.load(zoo_dir())


@cache
def _policy(folder: Path) -> Policy:
    return load_policy(folder)


@cache
def _encoder() -> MiniLmEncoder:
    return MiniLmEncoder()


@cache
def _collisions() -> CollisionGeometry:
    return arm_collisions(ARM)
