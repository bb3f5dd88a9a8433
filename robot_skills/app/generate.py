"""`robot-skills generate`: demonstrations of one skill."""

from dataclasses import asdict

from robot_skills.app.options import GenerateOptions
from robot_skills.app.outcome import CommandResult


def main(options: GenerateOptions) -> CommandResult:
    """Make the dataset that the options ask for."""
    from sim.generate import GenerateConfig, generate

    config = GenerateConfig(
        skill=options.skill, arm=options.arm, episodes=options.episodes, seed=options.seed
    )
    report = generate(config, options.out, options.workers)
    print(
        f"{report.episodes} demonstrations, {report.frames} frames, in {report.dataset} "
        f"({report.attempts} attempts)"
    )
    for reason, count in sorted(report.failures.items(), key=lambda item: -item[1]):
        print(f"  {count} attempts failed: {reason}")
    return CommandResult(payload=asdict(report))
