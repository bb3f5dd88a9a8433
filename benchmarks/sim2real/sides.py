"""The ways to a skill on a robot that are compared, and how each comes by its policy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from calibration.codec import encode
from calibration.lens import Lens
from calibration.randomisation import make_randomisation
from robot_skills.app.demonstrations import generate_dataset
from robot_skills.app.sim2real.artefact import find, keep
from robot_skills.app.sim2real.bed import MOUNTS, TwinBed
from robot_skills.app.sim2real.boards import BOARD_PX
from robot_skills.app.sim2real.calibrated import Calibrated, CameraFile, CellFile, Latencies
from robot_skills.app.sim2real.latency import measure_latency
from robot_skills.app.sim2real.learning import demonstrate, fine_tune
from robot_skills.app.sim2real.physics import PhysicsFound, identify_physics
from robot_skills.app.sim2real.randomised import around, unknown_cell
from robot_skills.app.sim2real.stages import Calibration
from robot_skills.app.zoo import zoo_dir
from sim.arms import ARMS
from sim.dataset import Demonstration
from sim.demonstrate import CONTROL_HZ, demonstrate_in
from sim.dynamics import Dynamics
from sim.experts import EXPERTS
from sim.placements import Layout
from sim.scenarios import draw_scenario
from sim.twin import Hidden, draw_hidden
from sim.twin.cell import T_tool_wrist, nominal_K
from sim.world import FRONT_CAMERA, T_BASE_FRONT

DEMONSTRATIONS, STEPS = 60, 1_000
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
class Equipped:
    """What a skill is tried with.

    Attributes:
        found: Calibrations of the cell.
        checkpoint: Policy in place of the shipped one.
    """

    found: CellFile
    checkpoint: Path | None


def calibration_of(case: Case) -> Calibration:
    """What a twin is found to be like; found once."""
    kept = find(case.folder, _CALIBRATE, case.bed.name, {})
    if kept is None:
        rng = np.random.default_rng((case.seed, 1))
        cameras = case.bed.calibrate_cameras(rng)
        with case.bed.opened() as (robot, truth):
            truth.begin(Layout())
            latency = measure_latency(robot, rng)
        body = Calibration(cameras=cameras, latency=latency)
        kept = keep(case.folder, _CALIBRATE, case.bed.name, {}, body, 0.0)
    return kept.read(Calibration)


def physics_of(case: Case) -> PhysicsFound:
    """What a calibrated twin's joints are found to be like; found once."""
    found = calibration_of(case)
    kept = find(case.folder, _IDENTIFY, case.bed.name, {})
    if kept is None:
        rng = np.random.default_rng((case.seed, 2))
        with case.bed.opened() as (robot, truth):
            truth.begin(Layout())
            body = identify_physics(Calibrated(robot, found.file), case.bed.arm, rng)
        kept = keep(case.folder, _IDENTIFY, case.bed.name, {}, body, 0.0)
    return kept.read(PhysicsFound)


def nominal(_: Case) -> Equipped:
    """The shipped policy on a cell as its drivers claim it to be."""
    return Equipped(found=CellFile(), checkpoint=None)


def randomised(case: Case) -> Equipped:
    """A policy that was trained on in the widest ranges, on the same cell."""
    spreads = unknown_cell(case.bed.arm)
    made = make_randomisation(spreads, {})
    folder = case.work / "randomised" / case.skill
    dataset = demonstrate(
        case.skill, case.bed.arm, made, DEMONSTRATIONS, 0, folder.with_name(f"{case.skill}_data")
    )
    checkpoint = fine_tune(dataset, zoo_dir() / case.skill, folder, STEPS, 0, made)
    return Equipped(found=CellFile(), checkpoint=checkpoint)


def calibrated(case: Case) -> Equipped:
    """The shipped policy on a calibrated cell."""
    return Equipped(found=calibration_of(case).file, checkpoint=None)


def loop(case: Case) -> Equipped:
    """A policy that was trained on around what was found, on a calibrated cell."""
    found, arm = calibration_of(case), case.bed.arm
    made = make_randomisation(around(arm, found.latency) | physics_of(case).spreads(arm), {})
    dataset = demonstrate(
        case.skill,
        case.bed.arm,
        made,
        DEMONSTRATIONS,
        case.seed,
        case.folder / f"{case.skill}_loop_data",
    )
    return Equipped(
        found=found.file, checkpoint=_tuned(case, dataset, case.folder / f"{case.skill}_loop")
    )


def on_twin(case: Case) -> Equipped:
    """A policy that was trained on with the twin's own physics, on a cell that is known exactly.

    Nothing can be better: it is the upper bound.
    """
    hidden = draw_hidden(case.seed, case.bed.arm)
    dataset = case.folder / f"{case.skill}_truth_data"
    if not dataset.exists():
        job = TruthJob(
            task=case.skill,
            robot=case.bed.arm,
            episodes=DEMONSTRATIONS,
            seed=case.seed,
            dynamics=hidden.dynamics,
        )
        generate_dataset(job, dataset, 1)
    return Equipped(
        found=true_file(hidden),
        checkpoint=_tuned(case, dataset, case.folder / f"{case.skill}_truth"),
    )


SIDES: Mapping[str, Callable[[Case], Equipped]] = {
    "nominal": nominal,
    "randomised": randomised,
    "calibrated": calibrated,
    "loop": loop,
    "on twin": on_twin,
}


def _tuned(case: Case, dataset: Path, out: Path) -> Path:
    return fine_tune(dataset, zoo_dir() / case.skill, out, STEPS, case.seed)


@dataclass(frozen=True, kw_only=True, slots=True)
class TruthJob:
    """`sim.generate.Job`: demonstrations with the physics that a twin truly has.

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


def true_file(hidden: Hidden) -> CellFile:
    """What a calibration without any error would find."""
    width, _ = BOARD_PX
    cameras = {}
    for name, camera in hidden.cameras.items():
        K = camera.lens.K(nominal_K(name, BOARD_PX), width)
        place = T_BASE_FRONT if name == FRONT_CAMERA else T_tool_wrist(ARMS[hidden.arm])
        cameras[name] = CameraFile(
            lens=Lens(
                size_px=BOARD_PX,
                lens_px=(float(K[0, 0]), float(K[1, 1]), float(K[0, 2]), float(K[1, 2])),
                distortion=camera.lens.distortion,
            ),
            mount=MOUNTS[name],
            T_mount_camera=place @ camera.T_nominal_true,
        )
    delays = hidden.delays
    return CellFile(
        cameras=cameras,
        latencies=Latencies(
            camera_s=delays.camera_s,
            state_s=delays.state_s,
            action_s=delays.action_s,
            gripper_s=delays.gripper_s,
        ),
    )
