"""`robot-skills generate`: demonstrations of one skill."""

from dataclasses import asdict

from robot_skills.app.options import GenerateOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError


def main(options: GenerateOptions) -> CommandResult:
    """Make the dataset that the options ask for."""
    from sim.generate import GenerateConfig, generate

    if options.workers < 1:
        raise RefusedError(f"--workers must be at least 1, got {options.workers}.")
    config = GenerateConfig(
        skill=options.skill,
        arm=options.arm,
        episodes=options.episodes,
        seed=options.seed,
        cameras=options.cameras,
        camera_px=options.camera_px,
    )
    report = generate(config, options.out, options.workers)
    print(
        f"{report.episodes} demonstrations, {report.frames} frames, in {report.dataset} "
        f"({report.attempts} attempts)"
    )
    for reason, count in sorted(report.failures.items(), key=lambda item: -item[1]):
        print(f"  {count} attempts failed: {reason}")
    return CommandResult(payload=asdict(report))
