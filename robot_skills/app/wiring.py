"""Builds a simulated cell from options: robot, gate, eyes, skills, planner and executive.

The only robot today is simulated. Perception is asked what there is, never the simulator; the
simulator's truth is for measuring (`Cell.goal_holds`) and for ``scene="truth"``.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from robot_skills.app.corrections.desk import CorrectionsConfig, open_desk, replanner
from robot_skills.app.deciding import PLANNERS, deciders_of, reach_checker
from robot_skills.app.executives import CLOSED_LOOP, checked_executive
from robot_skills.app.gating import gate_here
from robot_skills.app.learned_deciding import Sight
from robot_skills.app.memory.cell_memory import CellMemory
from robot_skills.app.options import SceneSource
from robot_skills.app.recording import (
    RecordedEvents,
    RecordedPerceiver,
    RecordedPlanner,
    RecordedRobot,
)
from robot_skills.app.trials import CAMERA_PX, looker, make_perceiver
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.errors import CheckpointError, RefusedError, unknown_name
from robot_skills.core.events import EventFanOut, EventSink
from robot_skills.core.plan import Literal, Plan, Planner
from robot_skills.core.policy import Policy, SuccessPredictor
from robot_skills.core.regions import ForbiddenRegion
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.data.episode_log import EpisodeLog
from robot_skills.scheduler.attempts import SkillRunner, context_runner
from robot_skills.scheduler.closed_loop import ClosedLoop
from robot_skills.scheduler.corrections import CorrectionDesk, RememberingPlanner
from robot_skills.scheduler.critic import SecondOpinion
from robot_skills.scheduler.executive import Amender, Executive, Strategy
from robot_skills.scheduler.plan_checker import PlanChecker
from robot_skills.scheduler.runs import RunResult
from robot_skills.scheduler.temporal.specified import SpecifiedPlanner
from robot_skills.skills.card import SkillCard, SkillKind
from robot_skills.skills.conditions import check_literals
from robot_skills.skills.giving_up import GivingUp, read_giving_up
from robot_skills.skills.guarding import GuardConfig
from robot_skills.skills.library import SkillLibrary
from robot_skills.skills.runner import SkillContext
from sim.arms import ARMS
from sim.layout import default_layout
from sim.left_world import LeftWorld
from sim.placements import Layout
from sim.robot import SimRobot
from sim.truth import truth_scene

if TYPE_CHECKING:
    from robot_skills.app.model_planning import Models

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class CellConfig:
    """Which cell to build.

    Attributes:
        arm: Kind of arm.
        scene: Where scenes come from: the cameras, or the simulator.
        seed: Of the layout and of every random choice in a run.
        planner: Who plans.
        executive: Who decides after the plan, and after every call.
        layout: What stands where; drawn from the seed when None.
        zoo: Folder of the skills; the shipped ones when None.
        specification: What every run has to satisfy besides the words; nothing when None.
        models: Language models, for a planner that asks one.
        forbidden: Where nothing may be touched, put down or pushed.
        corrections: What was corrected before, and is said meanwhile; nobody listens when None.
        memory: What was done and seen before, and is kept up to date; nothing when None.
        left_world: Where the simulated world is kept, and gone on with; drawn anew when None.
    """

    arm: str = "panda"
    scene: SceneSource = "rgbd"
    seed: int = 0
    planner: str = "rules"
    executive: str = CLOSED_LOOP
    layout: Layout | None = None
    zoo: Path | None = None
    specification: str | None = None
    models: "Models | None" = None
    forbidden: tuple[ForbiddenRegion, ...] = ()
    corrections: CorrectionsConfig | None = None
    memory: CellMemory | None = None
    left_world: LeftWorld | None = None

    def __post_init__(self) -> None:
        """Refuse names that nothing here has. Raises `UnknownNameError`."""
        if self.arm not in ARMS:
            raise unknown_name("arm", self.arm, ARMS)
        if self.planner not in PLANNERS:
            raise unknown_name("planner", self.planner, PLANNERS)
        checked_executive(self.executive)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Skills:
    """What can be done, loaded and not bound to any robot yet.

    Attributes:
        library: Cards and policies.
        planner: Refuses plans with skills that cannot run.
        predictors: What foresees success, by name of the skill.
        strategy: Decides after the plan, and after every call.
        giving_up: When attempts end early, by name of the skill.
        sight: Shows a learned planner what things look like, once it has met a robot.
    """

    library: SkillLibrary
    planner: Planner
    predictors: Mapping[str, SuccessPredictor]
    strategy: Strategy = field(default_factory=ClosedLoop)
    giving_up: Mapping[str, GivingUp] = field(default_factory=dict)
    sight: Sight | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Cell:
    """A connected cell that carries out instructions.

    Attributes:
        sim: The simulated robot, for films and truth.
        robot: The same behind its safety gate: what skills command.
        executive: Runs instructions.
        looks: What was seen so far.
        desk: Takes corrections in; None where nobody listens.
    """

    sim: SimRobot
    robot: Robot
    executive: Executive
    looks: list[Scene] = field(default_factory=list)
    desk: CorrectionDesk | None = None

    def run(self, instruction: str) -> RunResult:
        """Carry out an instruction. Raises as `Executive.run` does."""
        return self.executive.run(instruction)

    def truth(self) -> Scene:
        """The scene as the simulator knows it."""
        return truth_scene(self.sim.world, self.sim.clock.now_s())

    def goal_holds(self, result: RunResult) -> bool:
        """Whether the simulator agrees that a run reached its goal.

        A plan whose calls are the goal themselves ("go home") has no other truth than that they
        were made.
        """
        goal: tuple[Literal, ...] = result.plans[-1].goal
        if not goal:
            return result.success
        return check_literals(goal, self.truth()).ok


@contextmanager
def simulated_cell(
    config: CellConfig,
    events: Sequence[EventSink] = (),
    log: EpisodeLog | None = None,
    policy_loader: Callable[[Path], Policy] | None = None,
    strategy: Strategy | None = None,
) -> Iterator[Cell]:
    """A connected cell; it stops and closes when the block ends, however it ends.

    Args:
        config: Which cell.
        events: Who gets every decision.
        log: Open episode log that takes down everything.
        policy_loader: Loads the policy of a checkpoint folder; `load_policy` when None.
        strategy: Decides in place of the executive that the configuration names.

    Raises:
        RefusedError: The skills cannot be read.
        MissingDependencyError: Something that the cell needs is not installed.
    """
    skills = load_skills(config.planner, config.zoo, policy_loader, config.executive, config.models)
    if config.memory is not None:
        skills = replace(skills, planner=config.memory.planner(skills.planner))
    if config.specification is not None:
        skills = replace(skills, planner=SpecifiedPlanner(skills.planner, config.specification))
    if strategy is not None:
        skills = replace(skills, strategy=strategy)
    desk = open_desk(config.corrections, skills.library) if config.corrections else None
    plain_planner = skills.planner
    if desk is not None:
        skills = replace(skills, planner=RememberingPlanner(plain_planner, desk))
    layout = config.layout or default_layout(config.seed)
    sim = SimRobot(config.arm, layout=layout, camera_size_px=CAMERA_PX)
    sim.connect()
    if config.left_world is not None:
        config.left_world.restore(sim)
        sim.on_step.append(config.left_world.keep)
    sinks = [*events, RecordedEvents(log)] if log else list(events)
    if config.memory is not None:
        sinks.append(config.memory.journal)
    fan_out = EventFanOut(*sinks)
    robot: Robot = gate_here(sim, fan_out)
    perceiver = make_perceiver(config.scene, sim)
    if config.memory is not None:
        perceiver = config.memory.perceiver(perceiver, sees_all=config.scene == "truth")
    if log is not None:
        sim.on_step.append(lambda robot: log.state(robot.observe()))
        robot = RecordedRobot(robot, log)
        perceiver = RecordedPerceiver(perceiver, log)
        skills = replace(skills, planner=RecordedPlanner(skills.planner, log))
    looks: list[Scene] = []
    look = _kept(looker(robot, perceiver), looks)
    context = replace(
        skill_context(skills, robot, look, fan_out, config.seed),
        guarding=GuardConfig(cameras=perceiver.cameras),
        heed=desk,
    )
    second = None if config.models is None else config.models.critic(skills.library)
    executive = make_executive(
        skills, context, forbidden=config.forbidden, amender=desk, second=second
    )
    if desk is not None:
        desk.meet(executive.emit, sim.clock.now_s, replanner(plain_planner, executive.accept))
    if config.models is not None:
        config.models.meet(robot, executive.check)
    if skills.sight is not None:
        skills.sight.meet(robot, perceiver.cameras)
    try:
        yield Cell(sim=sim, robot=robot, executive=executive, looks=looks, desk=desk)
    finally:
        robot.stop()
        sim.close()
        if desk is not None:
            desk.close()


def _kept(look: Callable[[], Scene], looks: list[Scene]) -> Callable[[], Scene]:
    """A look that is also kept."""

    def kept() -> Scene:
        looks.append(look())
        return looks[-1]

    return kept


def load_skills(
    planner: str = PLANNERS[0],
    zoo: Path | None = None,
    policy_loader: Callable[[Path], Policy] | None = None,
    executive: str = CLOSED_LOOP,
    models: "Models | None" = None,
) -> Skills:
    """Every skill with its policy, and who plans and decides with them.

    Args:
        planner: Who plans.
        zoo: Folder of the skills; the shipped ones when None.
        policy_loader: Loads the policy of a checkpoint folder; `load_policy` when None.
        executive: Who decides after the plan, and after every call.
        models: Language models, for a planner that asks one.

    Raises:
        RefusedError: The skills, or what decides, cannot be read.
        MissingDependencyError: Something that they need is not installed.
    """
    library = SkillLibrary.load(zoo or zoo_dir(), policy_loader or load_policy)
    _load_policies(library)
    deciders = deciders_of(library, zoo or zoo_dir(), planner, executive, models)
    return Skills(
        library=library,
        planner=_ReadyPlanner(deciders.planner, library),
        predictors=load_predictors(library),
        strategy=deciders.strategy,
        giving_up=load_giving_up(library),
        sight=deciders.sight,
    )


def skill_context(
    skills: Skills, robot: Robot, look: Callable[[], Scene], events: EventSink, seed: int
) -> SkillContext:
    """What the skills run with on a connected robot behind its safety gates."""
    return SkillContext(
        robot=robot,
        library=skills.library,
        look=look,
        events=events,
        seed=seed,
        predictors=skills.predictors,
        giving_up=skills.giving_up,
    )


def make_executive(
    skills: Skills,
    context: SkillContext,
    run: SkillRunner | None = None,
    forbidden: Iterable[ForbiddenRegion] = (),
    amender: Amender | None = None,
    second: SecondOpinion | None = None,
) -> Executive:
    """Who carries out instructions with these skills.

    Args:
        skills: What can be done.
        context: What it is done with.
        run: Makes one attempt at a skill; `context_runner` when None.
        forbidden: Where nothing may be touched, put down or pushed.
        amender: May change what a run is to do while it goes on.
        second: Looks at what every call that went well has come to; nobody when None.
    """
    return Executive(
        strategy=skills.strategy,
        planner=skills.planner,
        cards=skills.library,
        run=run or context_runner(context),
        look=context.look,
        now_s=context.robot.clock.now_s,
        events=context.events,
        checker=make_checker(skills.library, context.robot, context.arm, forbidden),
        amender=amender,
        second=second,
    )


def make_checker(
    cards: Iterable[SkillCard],
    robot: Robot,
    arm: str = DEFAULT_ARM,
    forbidden: Iterable[ForbiddenRegion] = (),
) -> PlanChecker:
    """Who accepts plans for an arm of a connected robot, which has to reach what they are about."""
    q_rad, limits = robot.observe().arms[arm].q_rad, robot.arms[arm].cartesian
    return reach_checker(cards, limits, robot.kinematics(arm), q_rad, forbidden)


def load_predictors(library: SkillLibrary) -> dict[str, SuccessPredictor]:
    """What foresees success, for every skill that has such beside its checkpoint.

    A broken one is left out with a warning: it advises, and nothing depends on it.
    """
    from policies.success import SUCCESS_CONFIG
    from policies.success import SuccessPredictor as Learned

    predictors: dict[str, SuccessPredictor] = {}
    for card in library:
        if card.checkpoint is not None and (card.directory / SUCCESS_CONFIG).exists():
            try:
                predictors[card.name] = Learned.load(card.directory)
            except CheckpointError as error:
                _log.warning("Success of %s is not foreseen: %s", card.name, error)
    return predictors


def load_giving_up(library: SkillLibrary) -> dict[str, GivingUp]:
    """When attempts end early, for every skill of which that was measured to pay.

    A broken file is left out with a warning: without it an attempt goes on to its end.
    """
    rules: dict[str, GivingUp] = {}
    for card in library:
        try:
            rule = read_giving_up(card.directory)
        except RefusedError as error:
            _log.warning("%s never gives up early: %s", card.name, error)
            continue
        if rule is not None:
            rules[card.name] = rule
    return rules


def load_policy(directory: Path) -> Policy:
    """The policy of a checkpoint folder: ours, LeRobot's or a remote one. Raises `RefusedError`."""
    from policies.loading import load_policy as load

    return load(directory)


class _ReadyPlanner(Planner):
    """A planner whose plans are refused when a skill in them has no usable checkpoint.

    Without it that would come out only when the skill's turn comes, with the arm halfway through.
    """

    def __init__(self, planner: Planner, library: SkillLibrary) -> None:
        self._planner = planner
        self._library = library

    @property
    def name(self) -> str:
        return self._planner.name

    def plan(self, instruction: str, scene: Scene) -> Plan:
        return self._ready(self._planner.plan(instruction, scene))

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        return self._ready(self._planner.replan(plan, scene))

    def _ready(self, plan: Plan) -> Plan:
        """Raises `CheckpointError`."""
        for call in plan.calls:
            if self._library[call.skill].kind is SkillKind.LEARNED:
                self._library.policy(call.skill)
        return plan


def _load_policies(library: SkillLibrary) -> None:
    """Load every policy that can be loaded, so that no skill waits for its weights in mid-motion.

    A broken checkpoint matters to the plans that need it, and they are refused.
    """
    for card in library:
        if card.kind is SkillKind.LEARNED:
            with suppress(RefusedError):
                library.policy(card.name)
