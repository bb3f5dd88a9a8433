"""From a randomisation to a policy: demonstrations, and a policy that is trained on."""

import hashlib
from pathlib import Path

from calibration.randomisation import Randomisation
from robot_skills.app.demonstrations import generate_dataset
from robot_skills.app.sim2real.randomised import PLACE, RandomisedJob

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
    from policies.config import NoiseConfig, TrainConfig
    from policies.trainer import train

    if not (out / MANIFEST).exists():
        usual, off_m = NoiseConfig(), 0.0
        if randomisation is not None and PLACE in randomisation.parameters:
            off_m = randomisation.parameters[PLACE].mean
        noise = NoiseConfig(
            anchor_m=max(usual.anchor_m, off_m), tool_m=max(usual.tool_m, _TOOL_NOISE * off_m)
        )
        config = TrainConfig(
            seed=seed,
            steps=steps,
            learning_rate=_LEARNING_RATE,
            warmup_steps=_WARMUP_STEPS,
            threads=1,
            noise=noise,
        )
        train(dataset, out, config, resume=True, start=checkpoint)
    return out


def folder_hash(folder: Path) -> str:
    """SHA-256 over the names and contents of all files in a folder."""
    digest = hashlib.sha256()
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
