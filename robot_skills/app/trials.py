"""One trial of a skill or of an instruction: the unit that evaluation repeats over seeds.

A trial depends on its configuration and index alone, so trials may run in any process in any order.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from robot_skills.app.options import SceneSource
from robot_skills.core.events import EventKind, EventList
from robot_skills.core.perceiver import Perceiver
from robot_skills.core.plan import SkillCall
from robot_skills.core.policy import Policy
from robot_skills.core.predicates import unmet
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.skills.library import SkillLibrary
from robot_skills.skills.policy_skill import PolicySkillConfig
from sim.robot import SimRobot
from sim.variation import TRAINING, Variation

CAMERA_PX = (256, 192)
"""Size of the frames that perception looks at."""
_SAME_M = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialConfig:
    """What is tried.

    Attributes:
        arm: Name of a simulated arm.
        scene: Where the scene comes from.
        seed: Of the whole evaluation; trial i is drawn from ``(seed, i)``.
        zoo: Folder of the skill cards.
        checkpoint: Checkpoint that replaces the card's own, for the skill under test.
        policy_config: How policies are run.
        variation: What scenes of skills are drawn from.
        executive: Who carries out instructions, see `executives.EXECUTIVES`.
        planner: Who plans them, see `deciding.PLANNERS`.
    """

    arm: str
    scene: SceneSource
    seed: int
    zoo: Path
    checkpoint: Path | None = None
    policy_config: PolicySkillConfig = field(default_factory=PolicySkillConfig)
    variation: Variation = TRAINING
    executive: str = "closed-loop"
    planner: str = "rules"


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """How one trial ended.

    Attributes:
        index: Number of the trial.
        task: What was to be done, in words; results are grouped by `group`.
        group: Kind of task.
        success: The goal holds in the simulator's truth.
        believed: The stack says that it succeeded.
        reason: Why it ended as it did, in words.
        sim_s: Simulated time.
        wall_s: Real time.
        chunk_ms: Median latency of a policy chunk.
        attempts: Skill attempts.
    """

    index: int
    task: str
    group: str
    success: bool
    believed: bool
    reason: str
    sim_s: float
    wall_s: float
    chunk_ms: float
    attempts: int


def skill_trial(
    config: TrialConfig,
    skill: str,
    index: int,
    watch: Callable[[SimRobot], None] | None = None,
    wrap: Callable[[Robot], Robot] = lambda robot: robot,
    perceiver: Perceiver | None = None,
) -> Trial:
    """Try a skill once, from a start that it was not trained on.

    What has to be in the hand at the start is put there by the scripted expert; the skill itself
    sees only what the perceiver sees.

    Args:
        config: What is tried.
        skill: Name of the skill.
        index: Number of the trial.
        watch: Called after every control step while the skill runs.
        wrap: Puts something between the robot and what sees and moves through it.
        perceiver: Looks in place of the config's.
    """
    from robot_skills.app.card_scenarios import draw_start
    from robot_skills.app.gating import gate_here
    from robot_skills.skills.runner import SkillContext, run_skill
    from sim.demonstrate import AttemptFailed, move_to, prepare
    from sim.truth import truth_scene

    start_s = time.perf_counter()
    library = _library(config, skill)
    rng = np.random.default_rng((config.seed, index))
    scenario = draw_start(library[skill], rng, config.variation)
    cell = SimRobot(arm=config.arm, layout=scenario.layout, camera_size_px=CAMERA_PX)
    cell.connect()
    events = EventList()
    robot = wrap(gate_here(cell, events))
    try:
        look = looker(robot, perceiver or make_perceiver(config.scene, cell))
        home = robot.home(DEFAULT_ARM)
        move_to(cell, home, 1.0)
        scene = look()
        try:
            prepare(cell, scenario, rng)
        except AttemptFailed as failure:
            raise SetupFailed(str(failure)) from failure
        held = scenario.held is not None
        move_to(cell, home, 0.0 if held else scenario.opening)
        if held:
            scene = look()
        call = SkillCall(skill=skill, args=as_seen(scenario.args, truth_scene(cell.world), scene))
        context = SkillContext(
            robot=robot,
            library=library,
            look=look,
            events=events,
            scene=scene,
            seed=index,
            policy_config=config.policy_config,
        )
        begin_s = robot.clock.now_s()
        if watch is not None:
            cell.on_step.append(watch)
        result, _ = run_skill(call, context)
        missing = unmet(truth_scene(cell.world), scenario.effects)
    finally:
        cell.close()
    reason = result.reason
    if missing and result.ok:
        reason = "in truth not so: " + ", ".join(str(literal) for literal in missing)
    return Trial(
        index=index,
        task=scenario.task,
        group=_group(skill, scenario.args),
        success=not missing,
        believed=result.ok,
        reason=f"{result.outcome.value}: {reason}",
        sim_s=robot.clock.now_s() - begin_s,
        wall_s=time.perf_counter() - start_s,
        chunk_ms=median_chunk_ms(events),
        attempts=1,
    )


def as_seen(args: Mapping[str, str], truth: Scene, seen: Scene) -> dict[str, str]:
    """The arguments of a call by the names that perception has given to the things.

    A thing that has another name there is the nearest one of those that only perception has.
    """
    named = dict(args)
    for name, value in args.items():
        if value in seen or value not in truth:
            continue
        p = truth[value].T_base_entity.p
        others = [entity for entity in seen if entity.name not in truth]
        away = [float(np.linalg.norm(entity.T_base_entity.p - p)) for entity in others]
        if away and min(away) < _SAME_M:
            named[name] = others[int(np.argmin(away))].name
    return named


class SetupFailed(Exception):
    """The start of a trial could not be brought about; the trial says nothing about the skill."""


@cache
def loaded_policy(directory: Path) -> Policy:
    """The policy of a checkpoint folder, loaded once per process."""
    from policies.loading import load_policy

    return load_policy(directory)


@cache
def _library(config: TrialConfig, skill: str) -> SkillLibrary:
    """Cards and policies, read once per process."""

    def load(directory: Path) -> Policy:
        if config.checkpoint is not None and directory.name == skill:
            return loaded_policy(config.checkpoint)
        return loaded_policy(directory)

    return SkillLibrary.load(config.zoo, load)


def make_perceiver(source: SceneSource, cell: SimRobot) -> Perceiver:
    """The perceiver that an option names."""
    if source == "truth":
        from sim.truth import TruthPerceiver

        return TruthPerceiver(cell.world)
    from robot_skills.perception.perceiver import RgbdPerceiver

    return RgbdPerceiver()


def looker(robot: Robot, perceiver: Perceiver) -> Callable[[], Scene]:
    """A function that takes a look through the perceiver's cameras."""

    def look() -> Scene:
        return perceiver.look(robot.observe(perceiver.cameras))

    return look


def median_chunk_ms(events: EventList) -> float:
    """Median latency of the chunks among the events; 0 when there was none."""
    latencies = [event.data["latency_ms"] for event in events.of_kind(EventKind.CHUNK)]
    return float(np.median(latencies)) if latencies else 0.0


def _group(skill: str, args: Mapping[str, str]) -> str:
    from sim.scenarios import SCENARIOS

    if skill == "grasp":
        return str(args["object"]).split("_")[-1]
    if skill == "place":
        return f"{args['relation']} {str(args['target']).split('_')[-1]}"
    kinds = {"reach": "side", "press": "control", "open": "thing", "close": "thing"}
    if skill in kinds:
        return str(args[kinds[skill]])
    return skill if skill in SCENARIOS else next(iter(args.values()), skill)
