"""The stages from a simulation to a robot, each with what it needs and what it finds or makes."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.randomisation import (
    Randomisation,
    make_randomisation,
    save_randomisation,
)
from robot_skills.app.sim2real.artefact import Kept
from robot_skills.app.sim2real.bed import Bed
from robot_skills.app.sim2real.found import Calibration
from robot_skills.app.sim2real.learning import demonstrate, fine_tune, folder_hash
from robot_skills.app.sim2real.physics import PhysicsFound
from robot_skills.app.sim2real.trial import Attempt, Equipment, RobotTrial
from robot_skills.app.sim2real.trial_log import TrialLog
from robot_skills.core.errors import RefusedError

PLAN, BEFORE, AFTER = "plan", "before", "after"
RANDOMISATION = "randomisation.json"
_DATASET, _CHECKPOINT = "dataset", "policy"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a run is about.

    Attributes:
        skill: Name of the skill.
        seed: Of everything that is drawn.
        trials: On the robot, before and after.
        demonstrations: Under the randomisation.
        steps: Of training.
        policy_sha256: Of the policy that is trained on.
    """

    skill: str
    seed: int
    trials: int
    demonstrations: int
    steps: int
    policy_sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Loop:
    """A run on a robot.

    Attributes:
        bed: The robot.
        plan: What the run is about.
        folder: Everything goes there.
        zoo: Folder of the skill cards.
    """

    bed: Bed
    plan: Plan
    folder: Path
    zoo: Path

    def rng(self, stage: int) -> np.random.Generator:
        """Of a stage, by its number."""
        return np.random.default_rng((self.plan.seed, stage))


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """A folder that a stage has made.

    Attributes:
        name: In the run's folder.
        sha256: Over all that is in it.
    """

    name: str
    sha256: str

    @classmethod
    def of(cls, folder: Path) -> "Made":
        """As it is now."""
        return cls(name=folder.name, sha256=folder_hash(folder))

    def checked(self, run: Path) -> Path:
        """The folder.

        Raises:
            RefusedError: It is not as it was made.
        """
        folder = run / self.name
        if not folder.is_dir() or folder_hash(folder) != self.sha256:
            raise RefusedError(
                f"{folder} is not what was made there: remove it and the artefacts made with it."
            )
        return folder


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """Trials on the robot."""

    trials: tuple[RobotTrial, ...]

    @property
    def successes(self) -> tuple[bool, ...]:
        """In the order of the trials."""
        return tuple(trial.success for trial in self.trials)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One stage.

    Attributes:
        name: By which its artefact is known.
        needs: Stages whose artefacts it is made from.
        make: Makes its body.
        summary: What it does, for people.
    """

    name: str
    needs: tuple[str, ...]
    make: Callable[[Loop, Mapping[str, Kept]], object]
    summary: str


def _calibrate(loop: Loop, _: Mapping[str, Kept]) -> Calibration:
    return loop.bed.calibrate(loop.rng(1))


def _identify(loop: Loop, inputs: Mapping[str, Kept]) -> PhysicsFound:
    return loop.bed.identify(inputs["calibrate"].read(Calibration).file, loop.rng(2))


def _randomise(loop: Loop, inputs: Mapping[str, Kept]) -> Randomisation:
    arm = loop.bed.arm
    identified = inputs["identify"].read(PhysicsFound).spreads(arm)
    spreads = inputs["calibrate"].read(Calibration).spreads(arm) | identified
    made = make_randomisation(spreads, {name: one.sha256 for name, one in inputs.items()})
    save_randomisation(loop.folder / RANDOMISATION, made)
    return made


def _demonstrate(loop: Loop, inputs: Mapping[str, Kept]) -> Made:
    plan = loop.plan
    dataset = demonstrate(
        plan.skill,
        loop.bed.arm,
        inputs["randomise"].read(Randomisation),
        plan.demonstrations,
        plan.seed,
        loop.folder / _DATASET,
    )
    return Made.of(dataset)


def _fine_tune(loop: Loop, inputs: Mapping[str, Kept]) -> Made:
    plan = loop.plan
    dataset = inputs["demonstrate"].read(Made).checked(loop.folder)
    start, out = loop.zoo / plan.skill, loop.folder / _CHECKPOINT
    ranges = inputs["randomise"].read(Randomisation)
    return Made.of(fine_tune(dataset, start, out, plan.steps, plan.seed, ranges))


def _before(loop: Loop, inputs: Mapping[str, Kept]) -> Measured:
    return _measured(loop, BEFORE, inputs, Equipment(), None)


def _after(loop: Loop, inputs: Mapping[str, Kept]) -> Measured:
    checkpoint = inputs["fine-tune"].read(Made).checked(loop.folder)
    found = inputs["calibrate"].read(Calibration).file
    return _measured(loop, AFTER, inputs, Equipment(found=found, stereo=True), checkpoint)


def _measured(
    loop: Loop,
    stage: str,
    inputs: Mapping[str, Kept],
    equipment: Equipment,
    checkpoint: Path | None,
) -> Measured:
    """The trials of a stage; those of a call that was interrupted are not made again."""
    plan = loop.plan
    attempt = Attempt(skill=plan.skill, zoo=loop.zoo, seed=plan.seed, checkpoint=checkpoint)
    log = TrialLog(loop.folder, stage, {name: one.sha256 for name, one in inputs.items()})
    done = log.read()[: plan.trials]
    missing, first = plan.trials - len(done), done[-1].index + 1 if done else 0
    for trial in loop.bed.trials(attempt, equipment, missing, first):
        log.add(trial)
        done.append(trial)
        good = sum(one.success for one in done)
        print(f"  {len(done)}/{plan.trials}: {good} succeeded", file=sys.stderr)
    return Measured(trials=tuple(done))


STAGES: tuple[Stage, ...] = (
    Stage(
        name=BEFORE,
        needs=(PLAN,),
        make=_before,
        summary="the policy as it is, on the robot as its drivers claim it to be",
    ),
    Stage(
        name="calibrate",
        needs=(PLAN,),
        make=_calibrate,
        summary="lenses, where cameras are, how late everything is",
    ),
    Stage(
        name="identify",
        needs=("calibrate",),
        make=_identify,
        summary="gains and friction of the joints, and the payload",
    ),
    Stage(
        name="randomise",
        needs=("calibrate", "identify"),
        make=_randomise,
        summary="ranges around what was found",
    ),
    Stage(
        name="demonstrate",
        needs=(PLAN, "randomise"),
        make=_demonstrate,
        summary="demonstrations under these ranges",
    ),
    Stage(
        name="fine-tune",
        needs=(PLAN, "randomise", "demonstrate"),
        make=_fine_tune,
        summary="the policy, trained on with them",
    ),
    Stage(
        name=AFTER,
        needs=(PLAN, "calibrate", "fine-tune"),
        make=_after,
        summary="the new policy, on the calibrated robot, its depth cleaned",
    ),
)
"""In the order in which they are done."""
