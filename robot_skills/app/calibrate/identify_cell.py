"""The simulated cell that motions are tried in, and what a recording was made of."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from calibration.identification.motions import Library, Target
from calibration.identification.parameters import Prior
from calibration.identification.recording import Recording, ThingModel
from robot_skills.core.errors import unknown_name
from robot_skills.core.excitation import Rollout, SensorNoise
from robot_skills.core.se3 import SE3, Array
from sim.arms import ARMS
from sim.identification import IdentificationCell
from sim.kinematics import ArmKinematics
from sim.objects import ObjectPlacement, random_object
from sim.placements import Layout

THING = "red_cube"
_MASS_KG, _SIDE_M = 0.25, 0.042
_AT_M = (0.5, 0.1)
_YAW_RAD = 0.3


def new_recording(arm: str, serial: str, rollouts: tuple[Rollout, ...] = ()) -> Recording:
    """A recording of a simulated arm with a cube."""
    cube = ThingModel(extents_m=np.full(3, _SIDE_M), mass_kg=_MASS_KG)
    return Recording(
        robot=arm, serial=serial, things={THING: cube}, noise=SensorNoise(), rollouts=rollouts
    )


def cell_of(recording: Recording) -> IdentificationCell:
    """The simulator of a recording, with the model's physics.

    Raises:
        UnknownNameError: There is no model of its arm, or of its things.
    """
    if recording.robot not in ARMS:
        raise unknown_name("arm", recording.robot, ARMS)
    things = tuple(_placed(name, one) for name, one in recording.things.items())
    return IdentificationCell(recording.robot, Layout(objects=things))


def _placed(name: str, thing: ThingModel) -> ObjectPlacement:
    T = SE3.from_yaw(_YAW_RAD, (*_AT_M, 0.5 * float(thing.extents_m[2])))
    return replace(
        random_object(np.random.default_rng(0), name),
        extents_m=thing.extents_m,
        mass_kg=thing.mass_kg,
        T_base_object=T,
    )


def library_of(cell: IdentificationCell) -> Library:
    """Motions that a cell's arm can try."""
    arm, (thing, *_) = cell.arm, cell.things
    home: Array = np.array(arm.home_q_rad)
    return Library(
        kinematics=ArmKinematics(arm),
        limits=arm.limits,
        home_q_rad=home,
        target=Target(T_base_thing=thing.T_base_object, extents_m=thing.extents_m),
    )


def hidden_values(prior: Prior, seed: int) -> Mapping[str, float]:
    """Values that a simulated robot has and nobody is told."""
    return prior.values(0.6 * prior.draw(np.random.default_rng(seed), 1)[0])
