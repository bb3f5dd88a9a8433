"""`robot-skills train`: one skill from its demonstrations."""

from robot_skills.app.options import TrainOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import DatasetError, RefusedError


def main(options: TrainOptions) -> CommandResult:
    """Train on the dataset that the options name."""
    if not (options.dataset / "meta" / "info.json").is_file():
        raise DatasetError(
            f"{options.dataset} is not a LeRobot dataset: it has no meta/info.json. "
            "`robot-skills generate` makes one."
        )
    from policies.config import TrainConfig
    from policies.trainer import train

    try:
        config = TrainConfig(seed=options.seed, steps=options.steps, max_minutes=options.minutes)
    except ValueError as error:
        raise RefusedError(str(error)) from error
    result = train(
        options.dataset,
        options.out,
        config,
        resume=options.resume,
        log_dir=options.out / "logs" if options.log else None,
    )
    print(
        f"{result.checkpoint}: {result.steps} steps in {result.seconds:.0f} s, "
        f"loss {result.loss:.4f}, termination loss {result.done_loss:.4f}"
    )
    return CommandResult(
        payload={
            "checkpoint": str(result.checkpoint),
            "steps": result.steps,
            "seconds": result.seconds,
            "loss": result.loss,
            "done_loss": result.done_loss,
        }
    )
