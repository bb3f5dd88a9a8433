"""The ways to a skill on a robot that are compared, and how each comes by its policy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from calibration.codec import encode
from calibration.randomisation import make_randomisation
from robot_skills.app.demonstrations import generate_dataset
from robot_skills.app.sim2real.artefact import find, keep
from robot_skills.app.sim2real.bed import TwinBed
from robot_skills.app.sim2real.found import Calibration
from robot_skills.app.sim2real.learning import demonstrate, fine_tune
from robot_skills.app.sim2real.physics import PhysicsFound
from robot_skills.app.sim2real.randomised import dynamics_of, unknown_cell
from robot_skills.app.sim2real.trial import Equipment
from robot_skills.app.sim2real.truth import exactly
from robot_skills.app.zoo import zoo_dir
from sim.dataset import Demonstration
from sim.demonstrate import CONTROL_HZ, demonstrate_in
from sim.dynamics import Dynamics
from sim.experts import EXPERTS
from sim.scenarios import draw_scenario
from sim.twin import draw_hidden

DEMONSTRATIONS, STEPS = 30, 500
_CALIBRATE, _IDENTIFY = "calibrate", "identify"


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A skill on a twin.

    Attributes:
        skill: Name of the skill.
        seed: Of the twin, and of what is learned for it.
        work: Folder of datasets, policies and calibrations.
    """

    skill: str
    seed: int
    work: Path

    @property
    def bed(self) -> TwinBed:
        """The twin."""
        return TwinBed(seed=self.seed)

    @property
    def folder(self) -> Path:
        """Of what belongs to this twin."""
        return self.work / f"twin_{self.seed}"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Way:
    """What a skill is tried with.

    Attributes:
        equipment: Of the cell.
        checkpoint: Policy in place of the shipped one.
    """

    equipment: Equipment
    checkpoint: Path | None = None


@cache
def calibration_of(case: Case) -> Calibration:
    """What a twin is found to be like; found once."""
    kept = find(case.folder, _CALIBRATE, case.bed.name, {})
    if kept is None:
        body = case.bed.calibrate(np.random.default_rng((case.seed, 1)))
        kept = keep(case.folder, _CALIBRATE, case.bed.name, {}, body, 0.0)
    return kept.read(Calibration)


@cache
def physics_of(case: Case) -> PhysicsFound:
    """What a calibrated twin's joints are found to be like; found once."""
    found = calibration_of(case).file
    kept = find(case.folder, _IDENTIFY, case.bed.name, {})
    if kept is None:
        body = case.bed.identify(found, np.random.default_rng((case.seed, 2)))
        kept = keep(case.folder, _IDENTIFY, case.bed.name, {}, body, 0.0)
    return kept.read(PhysicsFound)


def nominal(_: Case) -> Way:
    """The shipped policy on a cell as its drivers claim it to be."""
    return Way(equipment=Equipment())


def randomised(case: Case) -> Way:
    """A policy that was trained on in the widest ranges, on the same cell."""
    made = make_randomisation(unknown_cell(case.bed.arm), {})
    folder = case.work / "randomised" / case.skill
    dataset = demonstrate(
        case.skill, case.bed.arm, made, DEMONSTRATIONS, 0, folder.with_name(f"{case.skill}_data")
    )
    checkpoint = fine_tune(dataset, zoo_dir() / case.skill, folder, STEPS, 0, made)
    return Way(equipment=Equipment(), checkpoint=checkpoint)


def calibrated(case: Case) -> Way:
    """The shipped policy on a calibrated cell."""
    return Way(equipment=_equipped(case))


def not_cleaned(case: Case) -> Way:
    """The shipped policy on a calibrated cell with depth as its cameras' drivers smooth it."""
    return Way(equipment=Equipment(found=calibration_of(case).file))


def identified(case: Case) -> Way:
    """A policy that was trained on with the physics that were found, on a calibrated cell."""
    spreads = physics_of(case).spreads(case.bed.arm)
    means = {name: one.mean for name, one in spreads.items()}
    dynamics = dynamics_of(means, case.bed.arm)
    return Way(
        equipment=_equipped(case), checkpoint=_tuned(case, "identified", _shown(case, dynamics))
    )


def loop(case: Case) -> Way:
    """A policy that was trained on around what was found, on a calibrated cell."""
    arm = case.bed.arm
    spreads = calibration_of(case).spreads(arm) | physics_of(case).spreads(arm)
    made = make_randomisation(spreads, {})

    def shown(dataset: Path) -> Path:
        return demonstrate(case.skill, arm, made, DEMONSTRATIONS, case.seed, dataset)

    return Way(equipment=_equipped(case), checkpoint=_tuned(case, "loop", shown))


def on_twin(case: Case) -> Way:
    """A policy that was trained on with the twin's own physics, on a cell that is known exactly.

    Nothing can be better: it is the upper bound.
    """
    hidden = draw_hidden(case.seed, case.bed.arm)
    return Way(
        equipment=Equipment(found=exactly(hidden), stereo=True),
        checkpoint=_tuned(case, "truth", _shown(case, hidden.dynamics)),
    )


SIDES: Mapping[str, Callable[[Case], Way]] = {
    "nominal": nominal,
    "randomised": randomised,
    "not cleaned": not_cleaned,
    "calibrated": calibrated,
    "identified": identified,
    "loop": loop,
    "on twin": on_twin,
}


def _equipped(case: Case) -> Equipment:
    return Equipment(found=calibration_of(case).file, stereo=True)


def _tuned(case: Case, name: str, shown: Callable[[Path], Path]) -> Path:
    """The shipped policy, trained on with demonstrations that are made where one says."""
    folder = case.folder / f"{case.skill}_{name}"
    dataset = shown(folder.with_name(f"{folder.name}_data"))
    return fine_tune(dataset, zoo_dir() / case.skill, folder, STEPS, case.seed)


def _shown(case: Case, dynamics: Dynamics) -> Callable[[Path], Path]:
    """Makes demonstrations with given physics, where they are not made already."""

    def make(dataset: Path) -> Path:
        if not dataset.exists():
            job = GivenJob(
                task=case.skill,
                robot=case.bed.arm,
                episodes=DEMONSTRATIONS,
                seed=case.seed,
                dynamics=dynamics,
            )
            generate_dataset(job, dataset, 1)
        return dataset

    return make


@dataclass(frozen=True, kw_only=True, slots=True)
class GivenJob:
    """`sim.generate.Job`: demonstrations with given physics.

    Attributes:
        task: Name of the skill.
        robot: Key in `sim.arms.ARMS`.
        episodes: Successful demonstrations wanted.
        seed: Of the whole run.
        dynamics: The physics.
    """

    task: str
    robot: str
    episodes: int
    seed: int
    dynamics: Dynamics

    @property
    def fps(self) -> int:
        return CONTROL_HZ

    def demonstrate(self, i: int) -> Demonstration:
        """Attempt i. Raises `AttemptFailed`."""
        rng = np.random.default_rng((self.seed, i))
        scenario = draw_scenario(self.task, rng)
        return demonstrate_in(
            scenario, EXPERTS[self.task], rng, arm=self.robot, dynamics=self.dynamics
        )

    def to_json(self) -> dict[str, Any]:
        return encode(self)
