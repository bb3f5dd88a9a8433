"""`robot-skills train-scheduler`: learn the next call from words, scenes and pictures."""

from dataclasses import dataclass
from pathlib import Path

from robot_skills.app.options import CommonOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSchedulerOptions(CommonOptions):
    """Learn what comes next from the words themselves, for `robot-skills run --planner learned`.

    Learned from imagined runs of random requests in many wordings, in which skills fail at random
    and a teacher shows how to recover; from where a first network comes to by itself, relabelled by
    the teacher; from pictures of rendered layouts; and from recorded runs. An interrupted call goes
    on where it stopped when it is repeated with the same options.
    """

    out: Path
    """Folder for the checkpoint."""
    work: Path = Path("outputs/scheduler")
    """Folder for what is learned from; it is kept, and used again."""
    requests: int = 6000
    """Imagined requests to learn from."""
    relabelled: int = 1000
    """Further requests that a first network carries out and the teacher relabels."""
    runs: tuple[Path, ...] = ()
    """Folders of recorded runs to learn from as well, as `robot-skills run --out` writes them."""
    layouts: int = 250
    """Layouts that are rendered for pictures of things; 0 learns without pictures."""
    held_out: int = 200
    """Requests to measure on, in wordings that are not learned from."""
    failing: float = 0.3
    """How often an attempt at a skill goes wrong."""
    steps: int = 2200
    """Steps of the optimiser."""
    workers: int = 1
    """Processes that imagine."""
    seed: int = 0
    """Of requests, layouts, weights and batches."""
    zoo: Path | None = None
    """Folder of the skill cards; the shipped ones when left out."""


def main(options: TrainSchedulerOptions) -> CommandResult:
    """Imagine, train, relabel, train again, and measure."""
    if min(options.requests, options.held_out, options.steps, options.workers) < 1:
        raise RefusedError("--requests, --held-out, --steps and --workers must be at least 1.")
    if min(options.relabelled, options.layouts) < 0:
        raise RefusedError("--relabelled and --layouts must be at least 0.")
    if not 0.0 <= options.failing < 1.0:
        raise RefusedError("--failing must be at least 0 and below 1.")
    from robot_skills.app.scheduler_training import train_scheduler

    config = train_scheduler(options)
    data, measured = config.data, config.measured
    print(f"{options.out}: scheduler of {data['samples']} moments")
    for name, row in measured.items():
        print(f"  {name}: {row['right']} of {row['n']} next calls right")
    return CommandResult(payload={"checkpoint": str(options.out), "scheduler": config.to_json()})
