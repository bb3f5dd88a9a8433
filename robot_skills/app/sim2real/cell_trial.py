"""One trial of a skill on the robot of a cell, set up and judged by a person."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from robot_skills.app.sim2real.person import Person, sentence
from robot_skills.app.sim2real.trial import Attempt, RobotTrial, library_of
from robot_skills.core.errors import (
    PerceptionError,
    RobotFault,
    RobotSkillsError,
)
from robot_skills.core.events import EventList
from robot_skills.core.plan import Outcome, SkillCall
from robot_skills.core.predicates import unmet
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk
from robot_skills.scheduler.world_model import (
    GroundCall,
    WorldModel,
    card_predicates,
    ground_call,
    ground_calls,
)
from robot_skills.skills.library import SkillLibrary
from robot_skills.skills.runner import HOME, SkillContext, run_skill

_OPEN, _OPENS_S = 0.9, 1.0
_WHYS = 4
"""Reasons that are told."""
_HOLDING, _GRASP, _OBJECT = "holding", "grasp", "object"


@dataclass(frozen=True, kw_only=True, slots=True)
class Workplace:
    """Where a person and a robot try a skill.

    Attributes:
        robot: Connected, behind its gate.
        look: Goes through its cameras and gives the scene as of now.
        person: Beside it.
    """

    robot: Robot
    look: Callable[[], Scene]
    person: Person


def cell_trial(attempt: Attempt, place: Workplace, index: int, number: str) -> RobotTrial:
    """Have a person lay the table, try a skill on what is seen there, and ask what came of it.

    What is to be done is drawn among all that could be done: whoever chose would choose what is
    easy. What has to be in the hand is taken there by the skill for that. A start that cannot be
    brought about, and a trial that is not to count, are begun anew.

    Args:
        attempt: What is tried.
        place: Where.
        index: Number of the trial, which decides what is drawn.
        number: Of the trial, for the person.

    Raises:
        ActionRefused: The gate does not let the arm go to where a trial begins.
        RefusedError: Nobody is there.
        RobotFault: The robot does not do what it should, or its link was lost.
    """
    library = library_of(attempt)
    rng = np.random.default_rng((attempt.seed, index))
    context = SkillContext(
        robot=place.robot, library=library, look=place.look, events=EventList(), seed=index
    )
    why = ""
    while True:
        home, _ = run_skill(SkillCall(skill=HOME), context)
        if not home.ok:
            raise RobotFault(sentence(home.reason))
        _open_hand(place)
        place.person.ready(f"{why}Trial {number}: lay the table anew, and stand back.")
        try:
            call, scene = _start(attempt.skill, context, rng)
        except PerceptionError as problem:
            why = f"{sentence(str(problem))} "
            continue
        trial, fault = _tried(call, replace(context, scene=scene), index)
        # What the stack believes is not told: whoever judges should see for themselves.
        early = f"It ended early ({fault.rstrip('.')}). " if fault else ""
        success = place.person.judge(f"{early}It was to {trial.task}. Did it?")
        if success is not None:
            return replace(trial, success=success)
        why = ""


def _open_hand(place: Workplace) -> None:
    """Let go of what is in the hand, into that of the person."""
    robot = place.robot
    arm = robot.observe().arms[DEFAULT_ARM]
    if arm.opening > _OPEN:
        return
    place.person.ready("The gripper opens: hold what is in it.")
    count = math.ceil(_OPENS_S / robot.control_period_s)
    share: Array = np.arange(1, count + 1, dtype=np.float64) / count
    times: Array = robot.clock.now_s() + robot.control_period_s * count * share
    poses = np.repeat(arm.T_base_tool.matrix()[None], count, axis=0)
    opening: Array = arm.opening + (1.0 - arm.opening) * share
    robot.command(single_arm_chunk(times, poses, opening))
    robot.clock.sleep_until(float(times[-1]) + _OPENS_S)


def _start(skill: str, context: SkillContext, rng: np.random.Generator) -> tuple[SkillCall, Scene]:
    """A call that can begin, and the scene in which it does.

    Raises:
        PerceptionError: Nothing that is seen can be used, or it could not be taken into the hand.
        ActionRefused: Its gate does not let it.
        RobotFault: The robot does not do what it should.
    """
    scene, cards = context.look(), context.library
    card = cards[skill]
    calls = list(ground_calls([card], WorldModel(scene, card_predicates([card]))))
    why_not = {str(one.call): _why_not(one, scene, cards) for one in calls}
    possible = [one for one in calls if not why_not[str(one.call)]]
    if not possible:
        seen = ", ".join(entity.name for entity in scene) or "nothing"
        whys = "; ".join(f"{call}: {why}" for call, why in list(why_not.items())[:_WHYS])
        raise PerceptionError(f"There is nothing to {skill}; seen are {seen}. {whys}".rstrip(" ."))
    chosen = possible[int(rng.integers(len(possible)))]
    for thing in _to_hold(chosen, scene):
        result, scene = run_skill(_taking(thing), replace(context, scene=scene))
        if not result.ok:
            raise PerceptionError(f"{thing} could not be taken into the hand: {result.reason}")
    return chosen.call, scene


def _why_not(one: GroundCall, scene: Scene, cards: SkillLibrary) -> str:
    """Why a call cannot begin, but for things that have to be in the hand; empty when it can."""
    if not unmet(scene, one.effects):
        return "it is so already"
    needed = [literal for literal in one.preconditions if literal.predicate != _HOLDING]
    for thing in _to_hold(one, scene):
        needed += ground_call(cards[_GRASP], _taking(thing).args).preconditions
    missing = ", ".join(str(literal) for literal in unmet(scene, tuple(needed)))
    return f"{missing} does not hold" if missing else ""


def _to_hold(one: GroundCall, scene: Scene) -> list[str]:
    open_ones = unmet(scene, one.preconditions)
    return [literal.args[0] for literal in open_ones if literal.predicate == _HOLDING]


def _taking(thing: str) -> SkillCall:
    return SkillCall(skill=_GRASP, args={_OBJECT: thing})


def _tried(call: SkillCall, context: SkillContext, index: int) -> tuple[RobotTrial, str]:
    """The trial, on which the person has not said anything yet, and what fault ended it, if any."""
    clock = context.robot.clock
    start_s, begin_s = time.perf_counter(), clock.now_s()
    try:
        result, _ = run_skill(call, context)
        believed, reason = result.ok, f"{result.outcome.value}: {result.reason}"
        fault = result.reason if result.outcome is Outcome.FAULT else ""
    except RobotSkillsError as error:
        believed, reason, fault = False, f"error: {error}", str(error)
    trial = RobotTrial(
        index=index,
        task=context.library[call.skill].verbs[0].format(**call.args).replace("_", " "),
        success=False,
        believed=believed,
        reason=reason,
        sim_s=clock.now_s() - begin_s,
        wall_s=time.perf_counter() - start_s,
    )
    return trial, fault
