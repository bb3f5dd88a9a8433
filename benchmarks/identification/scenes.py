"""The cell whose physics are hidden, and what is known of it."""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from calibration.identification.motions import Library, Target
from calibration.identification.parameters import Parameter, Prior
from robot_skills.core.excitation import Motion, SensorNoise
from robot_skills.core.se3 import SE3, Array
from sim.arms import ARMS
from sim.identification import IdentificationCell
from sim.kinematics import ArmKinematics
from sim.objects import random_object
from sim.placements import Layout

ARM, THING = "panda", "red_cube"
NOISE = SensorNoise()
MASS, FRICTION, DAMPING = f"mass {THING}", f"friction {THING}", "damping"
PRIOR = Prior(
    parameters=(
        Parameter(name=MASS, low=0.4, high=2.5),
        Parameter(name=FRICTION, low=0.3, high=1.8),
        Parameter(name=DAMPING, low=0.3, high=3.0),
        Parameter(name="dry friction", low=0.3, high=3.0),
    )
)
_MASS_KG = 0.25


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Scene:
    """A cell with one cube.

    Attributes:
        cell: Simulates it.
        library: Motions that can be tried in it.
        T_base_thing: Where the cube is.
    """

    cell: IdentificationCell
    library: Library
    T_base_thing: SE3


@cache
def scene() -> Scene:
    """The one that everything is measured in."""
    cube = replace(random_object(np.random.default_rng(0), THING), mass_kg=_MASS_KG)
    T = SE3.from_yaw(0.3, (0.5, 0.1, 0.5 * float(cube.extents_m[2])))
    arm = ARMS[ARM]
    return Scene(
        cell=IdentificationCell(ARM, Layout(objects=(replace(cube, T_base_object=T),))),
        library=Library(
            kinematics=ArmKinematics(arm),
            limits=arm.limits,
            home_q_rad=np.array(arm.home_q_rad),
            target=Target(T_base_thing=T, extents_m=cube.extents_m),
        ),
        T_base_thing=T,
    )


def with_play(motion: Motion, play_rad: float) -> Motion:
    """What joints with play are really told: the output of each follows only at its ends.

    Args:
        motion: As commanded.
        play_rad: Width of the play.
    """
    told, last = np.empty_like(motion.q_rad), motion.start_q_rad
    for i, q in enumerate(motion.q_rad):
        last = np.clip(last, q - 0.5 * play_rad, q + 0.5 * play_rad)
        told[i] = last
    return replace(motion, q_rad=told)


def held(q_rad: Array, periods: int = 2) -> Motion:
    """The arm at rest in a pose."""
    return Motion(
        name="rest",
        period_s=0.05,
        start_q_rad=q_rad,
        start_opening=1.0,
        q_rad=np.tile(q_rad, (periods, 1)),
        opening=np.ones(periods),
    )
