"""From a randomisation to a policy: demonstrations, and a policy that is trained on."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from calibration.randomisation import Randomisation
from robot_skills.app.demonstrations import generate_dataset
from robot_skills.app.sim2real.randomised import EXPOSURE, PIXEL, PLACE, WHITE, RandomisedJob

if TYPE_CHECKING:
    from policies.config import NoiseConfig

_LEARNING_RATE = 3e-4
_WARMUP_STEPS = 100
_TOOL_NOISE = 1.3
"""The tool's noise stays above that of what is seen, as `NoiseConfig` asks."""


def demonstrate(
    skill: str,
    arm: str,
    randomisation: Randomisation,
    episodes: int,
    seed: int,
    out: Path,
    workers: int = 1,
) -> Path:
    """A dataset of demonstrations under a randomisation; goes on where it was interrupted.

    Raises:
        RobotSkillsError: The expert hardly ever succeeds.
    """
    if not out.exists():
        job = RandomisedJob(
            task=skill, robot=arm, episodes=episodes, seed=seed, randomisation=randomisation
        )
        generate_dataset(job, out, workers)
    return out


def fine_tune(
    dataset: Path,
    checkpoint: Path,
    out: Path,
    steps: int,
    seed: int,
    randomisation: Randomisation | None = None,
) -> Path:
    """A policy that is trained on with a dataset; goes on where it was interrupted.

    Args:
        dataset: Of demonstrations.
        checkpoint: That is trained on.
        out: Folder of the new one.
        steps: Of training.
        seed: Of the order of samples and the noise.
        randomisation: Says how far off things are seen, where that is more than usual.
    """
    from policies.checkpoint_files import MANIFEST
    from policies.config import TrainConfig
    from policies.trainer import train

    if not (out / MANIFEST).exists():
        config = TrainConfig(
            seed=seed,
            steps=steps,
            learning_rate=_LEARNING_RATE,
            warmup_steps=_WARMUP_STEPS,
            threads=1,
            noise=input_noise(randomisation),
        )
        train(dataset, out, config, resume=True, start=checkpoint)
    return out


def input_noise(randomisation: Randomisation | None) -> "NoiseConfig":
    """Noise on a policy's inputs: how far off things are seen, and how colours of pictures differ.

    Args:
        randomisation: Says so; None leaves it as usual.
    """
    from policies.config import NoiseConfig

    usual = NoiseConfig()
    if randomisation is None:
        return usual
    seen = {name: one.mean for name, one in randomisation.parameters.items()}
    off_m = seen.get(PLACE, 0.0)
    return replace(
        usual,
        anchor_m=max(usual.anchor_m, off_m),
        tool_m=max(usual.tool_m, _TOOL_NOISE * off_m),
        exposure=seen.get(EXPOSURE, 0.0),
        white=seen.get(WHITE, 0.0),
        pixel=seen.get(PIXEL, 0.0),
    )


def folder_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of all files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
