"""`robot-skills train-depth`: learn to clean the depth of a stereo camera."""

from dataclasses import dataclass
from pathlib import Path

from robot_skills.app.options import CommonOptions
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import RefusedError


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainDepthOptions(CommonOptions):
    """Learn clean depth from pictures and raw depth, on rendered scenes that are made noisy.

    Scenes are rendered once and kept; the noise is drawn anew at every step. An interrupted call
    goes on where it stopped when it is repeated with the same options.
    """

    out: Path
    """Folder for the checkpoint."""
    noise: str = "drawn"
    """drawn: cameras at random; or the file of `robot-skills calibrate depth`: that camera."""
    work: Path = Path("outputs/depth")
    """Folder for rendered scenes and the training as it stands; it is kept, and used again."""
    layouts: int = 100
    """Random layouts to learn from, eight frames each."""
    held_out: int = 10
    """Random layouts to measure on."""
    steps: int = 6000
    """Steps of the optimiser."""
    workers: int = 1
    """Processes that render."""
    threads: int = 1
    """Processor threads of the optimiser."""
    seed: int = 0
    """Of layouts, weights and noise."""


def main(options: TrainDepthOptions) -> CommandResult:
    """Render, train, measure and save."""
    counts = (options.layouts, options.held_out, options.steps, options.workers, options.threads)
    if min(counts) < 1:
        raise RefusedError(
            "--layouts, --held-out, --steps, --workers and --threads must be at least 1."
        )
    from robot_skills.app.depth_training import train_denoiser

    config = train_denoiser(options)
    print(f"{options.out}: denoiser of depth, {config.data['frames']} frames")
    for name, row in config.measured.items():
        print(f"  {name}: {row['raw_mm']:.1f} mm off raw, {row['clean_mm']:.1f} mm cleaned")
    return CommandResult(payload={"checkpoint": str(options.out), "depth": config.to_json()})
