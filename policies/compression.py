"""Checkpoints stored in fewer bits, and what that changes of their answers."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from policies.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from policies.checkpoint_files import MANIFEST, WEIGHTS
from policies.network import example_inputs
from policies.precision import Precision
from policies.torch_engine import TorchEngine
from robot_skills.core.errors import RefusedError

_DRAWN = 256
"""Inputs that answers are compared on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Compression:
    """How a checkpoint was stored anew.

    Attributes:
        checkpoint: Its folder.
        bytes_before: Size of the weights' file that it was made from.
        bytes_after: Size of its own.
        off_mean: Mean difference of what is predicted, in standard deviations of the
            demonstrations, over random inputs.
        off_max: Largest such difference.
    """

    checkpoint: Path
    bytes_before: int
    bytes_after: int
    off_mean: float
    off_max: float


def compress(directory: Path, out: Path, precision: Precision) -> Compression:
    """Store a checkpoint in fewer bits, in another folder.

    Args:
        directory: Of a checkpoint that is stored in more bits.
        out: Folder for the new one, without a graph for ONNX Runtime.
        precision: In what its weights are to be stored.

    Raises:
        CheckpointError: The checkpoint is damaged, foreign or does not fit.
        RefusedError: It is stored in as few bits already, a weight is too large, or `out` holds a
            checkpoint.
        StorageError: `out` cannot be written.
    """
    if (out / MANIFEST).exists():
        raise RefusedError(f"{out} holds a finished checkpoint; choose another --out or remove it.")
    whole = load_checkpoint(directory)
    stored = whole.config.precision
    if stored is not Precision.FLOAT32 and stored.bits <= precision.bits:
        raise RefusedError(
            f"{directory} is stored as {stored.value} already, and {precision.value} is not "
            "smaller; compress the checkpoint that it was made from."
        )
    save_checkpoint(out, replace(whole, config=replace(whole.config, precision=precision)))
    off = _differences(whole, load_checkpoint(out))
    return Compression(
        checkpoint=out,
        bytes_before=(directory / WEIGHTS).stat().st_size,
        bytes_after=(out / WEIGHTS).stat().st_size,
        off_mean=float(off.mean()),
        off_max=float(off.max()),
    )


def _differences(one: Checkpoint, other: Checkpoint) -> np.ndarray:
    """How far two checkpoints differ in their normalised chunks, (n, H, A)."""
    config = one.config
    generator = torch.Generator().manual_seed(0)
    engines = TorchEngine(one), TorchEngine(other)
    off = []
    for seed in range(_DRAWN):
        drawn = example_inputs(config.contract, len(config.feature_names), generator)
        inputs = {name: value.numpy() for name, value in drawn.items()}
        for engine in engines:
            engine.reset(seed)
        (chunk, _), (rounded, _) = (engine.run(inputs) for engine in engines)
        off.append(np.abs(chunk - rounded))
    return np.stack(off)
