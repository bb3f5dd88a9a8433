"""The noise that chunks are made of: the same numbers for the same seed, whatever runs the network.

numpy draws it for every engine, so a policy does the same with torch and with ONNX Runtime.
"""

import numpy as np

from policies.config import SamplerConfig
from policies.features import Float32
from policies.sampler import SamplerTable


class ChunkNoise:
    """Noise of one policy, episode by episode.

    Args:
        sampler: Whether chunks of an episode share their noise, and how large it is.
        table: Which steps need fresh noise.
        shape: Of a chunk, (H, A).
    """

    def __init__(self, sampler: SamplerConfig, table: SamplerTable, shape: tuple[int, ...]) -> None:
        self._sampler, self._table, self._shape = sampler, table, shape
        self.reset(seed=0)

    def reset(self, seed: int) -> None:
        """Start a new episode."""
        self._rng = np.random.default_rng(seed)
        self._kept = self._draw_start()

    def start(self) -> Float32:
        """Where the next chunk begins, (1, H, A)."""
        if not self._sampler.keep_noise:
            self._kept = self._draw_start()
        return self._kept

    def fresh(self) -> Float32 | None:
        """Noise of the steps of the next chunk, (steps, 1, H, A); None where none is needed."""
        return fresh_noise(self._table, self._shape, self._rng)

    def _draw_start(self) -> Float32:
        noise = self._rng.standard_normal((1, *self._shape), dtype=np.float32)
        return np.float32(self._sampler.noise_scale) * noise


def fresh_noise(
    table: SamplerTable, shape: tuple[int, ...], rng: np.random.Generator
) -> Float32 | None:
    """Noise (steps, 1, H, A) for a sampler that draws at its steps; None for any other."""
    if not table.draws:
        return None
    return rng.standard_normal((table.steps, 1, *shape), dtype=np.float32)
