"""`robot-skills generate`: demonstrations of one skill, or of one task of a suite."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from robot_skills.app.options import GenerateOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError, unknown_name

if TYPE_CHECKING:
    from sim.generate import Job

_DEFAULT_ARM = "panda"


def main(options: GenerateOptions) -> CommandResult:
    """Make the dataset that the options ask for."""
    task = _task_of(options)
    if options.workers < 1:
        raise RefusedError(f"--workers must be at least 1, got {options.workers}.")
    from robot_skills.app.demonstrations import generate_dataset

    job = _usual(options, task) if options.randomise is None else _randomised(options, task)
    report = generate_dataset(job, options.out, options.workers)
    print(
        f"{report.episodes} demonstrations, {report.frames} frames, in {report.dataset} "
        f"({report.attempts} attempts)"
    )
    for reason, count in sorted(report.failures.items(), key=lambda item: -item[1]):
        print(f"  {count} attempts failed: {reason}")
    return CommandResult(payload=asdict(report))


def _usual(options: GenerateOptions, task: str) -> "Job":
    """The simulation as it is."""
    from sim.generate import GenerateConfig

    return GenerateConfig(
        task=task,
        arm=options.arm,
        episodes=options.episodes,
        seed=options.seed,
        cameras=options.cameras,
        camera_px=options.camera_px,
    )


def _randomised(options: GenerateOptions, task: str) -> "Job":
    """The simulation with other physics, and another room, for every demonstration.

    Raises:
        RefusedError: The file cannot be used, or not with the other options.
    """
    from calibration.randomisation import load_randomisation
    from robot_skills.app.sim2real.randomised import RandomisedJob
    from sim.arms import ARMS
    from sim.world import CAMERAS

    assert options.randomise is not None
    if options.suite is not None:
        raise RefusedError("--randomise is of --skill: the physics of a suite are its own.")
    for camera in options.cameras:
        if camera not in CAMERAS:
            raise unknown_name("camera", camera, CAMERAS)
    if options.episodes < 1:
        raise RefusedError(f"At least one episode has to be asked for, got {options.episodes}.")
    arm = options.arm or _DEFAULT_ARM
    if arm not in ARMS:
        raise unknown_name("arm", arm, ARMS)
    return RandomisedJob(
        task=task,
        robot=arm,
        episodes=options.episodes,
        seed=options.seed,
        randomisation=load_randomisation(options.randomise)[0],
        cameras=options.cameras,
        camera_px=options.camera_px,
    )


def _task_of(options: GenerateOptions) -> str:
    """Name of what is to be demonstrated, as `GenerateConfig` takes it."""
    if options.skill is not None and options.suite is None:
        from sim.experts import EXPERTS

        if options.skill not in EXPERTS:
            raise unknown_name("skill with an expert", options.skill, EXPERTS)
        return options.skill
    if options.suite is not None and options.skill is None:
        from sim.suites import find_task

        return find_task(options.suite).name
    raise RefusedError(
        "Say what to demonstrate: either --skill NAME or --suite SUITE:TASK (metaworld:reach)."
    )
