"""What every face of a trained policy stands on: something that samples normalised chunks.

`policies.torch_engine` runs checkpoints, `policies.onnx_engine` what was exported from them.
Nothing heavy is imported here, so a face costs only the engine it is given.
"""

from typing import Protocol

import numpy as np

from policies.checkpoint_files import CheckpointConfig
from policies.features import Float32
from policies.normaliser import Normaliser

Arrays = dict[str, np.ndarray]
"""Named observations of one sample, batch of one; see `policies.contract`."""


class Engine(Protocol):
    """Samples chunks, with torch or without."""

    @property
    def config(self) -> CheckpointConfig:
        """Settings, recipe and data summary of the checkpoint."""
        ...

    @property
    def features(self) -> Normaliser:
        """Normaliser of the input ``vector``."""
        ...

    @property
    def actions(self) -> Normaliser:
        """Normaliser of the chunks."""
        ...

    def reset(self, seed: int) -> None:
        """Start a new episode; the seed chooses the noise that chunks are denoised from."""
        ...

    def run(self, inputs: Arrays, prefix: Float32 | None = None) -> tuple[Float32, float]:
        """Normalised chunk (H, A) and the probability that the work is done.

        Args:
            inputs: Named observations, batch of one.
            prefix: Normalised actions that are already being carried out, (k, A).
        """
        ...


def held_prefix(known: Float32, shape: tuple[int, ...]) -> tuple[Float32, Float32]:
    """A chunk (1, H, A) that begins with known actions (k, A), and how firmly each is held (H, 1).

    Args:
        known: Normalised actions; at most H of them count.
        shape: Of a chunk, (H, A).
    """
    steps = min(len(known), shape[0])
    chunk = np.zeros((1, *shape), dtype=np.float32)
    weight = np.zeros((shape[0], 1), dtype=np.float32)
    chunk[0, :steps] = known[:steps]
    weight[:steps] = 1.0
    return chunk, weight
