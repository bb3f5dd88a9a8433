"""Which runtime carries a checkpoint: ONNX Runtime where it can, torch where it must."""

import logging
from enum import Enum
from pathlib import Path

from policies.checkpoint_files import ONNX
from policies.engine import Engine
from robot_skills.core.errors import CheckpointError, MissingDependencyError

_log = logging.getLogger(__name__)


class EngineKind(Enum):
    """What runs the network."""

    AUTO = "auto"
    """ONNX Runtime for exported checkpoints on the processor, torch for all else."""
    ONNX = "onnx"
    TORCH = "torch"


def load_engine(
    directory: Path, kind: EngineKind = EngineKind.AUTO, device: str = "cpu", threads: int = 1
) -> Engine:
    """The engine of a checkpoint directory.

    Args:
        directory: That training wrote.
        kind: What is to run it.
        device: Where torch runs; ONNX Runtime serves "cpu" only.
        threads: Processor threads; torch's are the whole process's.

    Raises:
        CheckpointError: When the checkpoint is damaged, foreign or does not fit.
        MissingDependencyError: When what is to run it is not installed.
    """
    if kind is EngineKind.ONNX or (kind is EngineKind.AUTO and device == "cpu"):
        from policies.onnx_engine import OnnxEngine

        try:
            return OnnxEngine.load(directory, threads)
        except (CheckpointError, MissingDependencyError) as error:
            if kind is EngineKind.ONNX:
                raise
            engine = _torch_engine(directory, device, threads)
            _say_why(directory, error)
            return engine
    return _torch_engine(directory, device, threads)


def _say_why(directory: Path, error: Exception) -> None:
    """A policy that was never exported is nothing to warn of; one that no longer fits is."""
    level = logging.WARNING if (directory / ONNX).exists() else logging.INFO
    _log.log(level, "%s runs with torch: %s", directory, error)


def _torch_engine(directory: Path, device: str, threads: int) -> Engine:
    try:
        import torch
    except ImportError:
        raise MissingDependencyError(
            f"Checkpoint {directory} has no usable {ONNX}, and torch is not installed."
        ) from None
    from policies.checkpoint import load_checkpoint
    from policies.torch_engine import TorchEngine

    torch.set_num_threads(threads)
    return TorchEngine(load_checkpoint(directory), device)
