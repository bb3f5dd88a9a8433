"""Skills on an arm that is late in everything, with and without taking that off."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from benchmarks.latency_matching.gliding import Knowledge, gliding_trial
from hardware.compensated_robot import CompensatedRobot
from robot_skills.app.trials import SetupFailed, TrialConfig, skill_trial
from robot_skills.app.zoo import zoo_dir
from robot_skills.core.latencies import ArmLatencies
from robot_skills.core.robot import Robot
from sim.latency import DelayedRobot, Delays

LATE_S = 0.1
"""Of arm, gripper, states and cameras alike."""
_OFF_S = 0.002
"""By as much as this, known latencies are off."""
_SEED = 100_000
GLIDING = "grasp of a gliding cube"
SKILLS = ("grasp", "push", "place", GLIDING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One way of running a skill.

    Attributes:
        late: Whether the arm is late.
        compensated: Whether that is taken off.
    """

    late: bool
    compensated: bool


SIDES: Mapping[str, Side] = {
    "not late": Side(late=False, compensated=False),
    "late": Side(late=True, compensated=False),
    "late, compensated": Side(late=True, compensated=True),
}


def attempt(skill: str, side: Side, index: int) -> bool | None:
    """Whether a trial succeeds; None where its start could not be brought about.

    Args:
        skill: One of `SKILLS`.
        side: How it is run.
        index: Of the start.
    """
    rng = np.random.default_rng((_SEED, index))
    off_s = rng.uniform(-_OFF_S, _OFF_S, 4)
    wrap = partial(_wrapped, side, off_s, rng)
    if skill == GLIDING:
        knowledge = Knowledge(
            camera_s=LATE_S if side.late else 0.0,
            known_camera_s=LATE_S + off_s[3] if side.compensated else 0.0,
            known_state_s=LATE_S + off_s[2] if side.compensated else 0.0,
        )
        return gliding_trial(_SEED + index, wrap, knowledge)
    config = TrialConfig(arm="panda", scene="truth", seed=_SEED, zoo=zoo_dir())
    try:
        return skill_trial(config, skill, index, wrap=wrap).success
    except SetupFailed:
        return None


def _wrapped(side: Side, off_s: np.ndarray, rng: np.random.Generator, robot: Robot) -> Robot:
    if not side.late:
        return robot
    delays = Delays(state_s=LATE_S, action_s=LATE_S, gripper_s=LATE_S)
    late = DelayedRobot(robot, delays, rng)
    if not side.compensated:
        return late
    action_s, gripper_s, state_s = LATE_S + off_s[:3]
    return CompensatedRobot(
        late, ArmLatencies(action_s=action_s, gripper_s=gripper_s, state_s=state_s)
    )
