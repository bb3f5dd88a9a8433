"""One trial of a skill on a twin, judged by those who know its truth."""

import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np

from hardware.compensated_robot import compensated
from hardware.gated_robot import gate_robot
from robot_skills.app.card_scenarios import draw_start
from robot_skills.app.sim2real.calibrated import CellFile, CorrectedCameras
from robot_skills.app.stereo_sight import StereoPerceiver
from robot_skills.app.trials import SetupFailed, as_seen, loaded_policy, looker
from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.events import EventList
from robot_skills.core.plan import SkillCall
from robot_skills.core.policy import Policy
from robot_skills.core.types import DEFAULT_ARM
from robot_skills.perception.perceiver import RgbdPerceiver
from robot_skills.skills.library import SkillLibrary
from robot_skills.skills.runner import SkillContext, run_skill
from sim.collision import arm_collisions
from sim.demonstrate import AttemptFailed
from sim.twin import TwinRobot, TwinTruth

_SETTLED_S = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """What is tried on a robot.

    Attributes:
        skill: Name of the skill.
        zoo: Folder of the skill cards.
        seed: Trial i is drawn from ``(seed, i)``.
        checkpoint: Policy in place of the card's own.
    """

    skill: str
    zoo: Path
    seed: int
    checkpoint: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Equipment:
    """What a robot is equipped with.

    Attributes:
        found: Calibrations of the cell; an empty one leaves it as it claims to be.
        stereo: Whether the cameras' own filters are off, a network cleans their depth, and things
            are told apart by what has learned from such depth.
    """

    found: CellFile = field(default_factory=CellFile)
    stereo: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RobotTrial:
    """How one trial ended.

    Attributes:
        index: Number of the trial.
        task: What was to be done, in words.
        success: The goal holds in truth.
        believed: The stack says that it succeeded.
        reason: Why it ended as it did, in words.
        sim_s: Time on the robot.
        wall_s: Real time.
    """

    index: int
    task: str
    success: bool
    believed: bool
    reason: str
    sim_s: float
    wall_s: float


def twin_trial(
    attempt: Attempt,
    robot: TwinRobot,
    truth: TwinTruth,
    equipment: Equipment,
    index: int,
) -> RobotTrial:
    """Try a skill once on a twin.

    The truth sets the episode up and judges it, as a person does beside a real robot; whatever acts
    gets the robot alone.

    Args:
        attempt: What is tried.
        robot: The twin.
        truth: Who knows it.
        equipment: With what; a twin for stereo equipment is opened without filters.
        index: Number of the trial.

    Raises:
        SetupFailed: The start could not be brought about.
    """
    start_s = time.perf_counter()
    library = library_of(attempt)
    rng = np.random.default_rng((attempt.seed, index))
    scenario = draw_start(library[attempt.skill], rng)
    events = EventList()
    truth.begin(scenario.layout, index)
    shapes = {DEFAULT_ARM: arm_collisions(robot.kind)}
    found = equipment.found
    gated = gate_robot(CorrectedCameras(robot, found), events, collisions=shapes)
    timed = compensated(gated, found.latencies)
    look = looker(timed, StereoPerceiver() if equipment.stereo else RgbdPerceiver())
    truth.go_home(1.0)
    held = scenario.held is not None
    try:
        scene = look()
        try:
            truth.prepare(scenario, (attempt.seed, index))
        except AttemptFailed as failure:
            raise SetupFailed(str(failure)) from failure
        truth.go_home(0.0 if held else scenario.opening)
        if held:
            scene = look()
        args = as_seen(scenario.args, truth.scene(), scene)
        context = SkillContext(
            robot=timed, library=library, look=look, events=events, scene=scene, seed=index
        )
        begin_s = robot.clock.now_s()
        result, _ = run_skill(SkillCall(skill=attempt.skill, args=args), context)
        believed, reason = result.ok, f"{result.outcome.value}: {result.reason}"
        robot.clock.sleep_until(robot.clock.now_s() + _SETTLED_S)
    except RobotSkillsError as error:
        # A cell that is far off makes perception or the gate refuse; that is a failed trial.
        begin_s, believed, reason = robot.clock.now_s(), False, f"error: {error}"
    missing = truth.missing(scenario.effects)
    if missing and believed:
        reason = "in truth not so: " + ", ".join(str(literal) for literal in missing)
    return RobotTrial(
        index=index,
        task=scenario.task,
        success=not missing,
        believed=believed,
        reason=reason,
        sim_s=robot.clock.now_s() - begin_s,
        wall_s=time.perf_counter() - start_s,
    )


@cache
def library_of(attempt: Attempt) -> SkillLibrary:
    """Cards and policies, read once per process."""

    def load(directory: Path) -> Policy:
        if attempt.checkpoint is not None and directory.name == attempt.skill:
            return loaded_policy(attempt.checkpoint)
        return loaded_policy(directory)

    return SkillLibrary.load(attempt.zoo, load)
