"""Residual MLP over the whole chunk: the fastest trunk on a processor, for state input."""

import math

import torch
from torch import Tensor, nn

from policies.config import NetworkConfig
from policies.trunks.denoiser import TIME_SIZE, sinusoids


class ResidualMlp(nn.Module):
    """Residual MLP whose blocks are scaled and shifted by observation and noise level.

    Scale and shift (FiLM, Perez et al., 2018) are a sum of one part from the observation and one
    from the noise level, so both can be computed ahead of the sampling loop.

    Args:
        feature_size: E, size of an encoded observation.
        horizon: H, actions in a chunk.
        action_size: A, numbers of an action.
        config: Width, blocks and expansion.
    """

    def __init__(
        self, feature_size: int, horizon: int, action_size: int, config: NetworkConfig
    ) -> None:
        super().__init__()
        width, hidden = config.width, config.expansion * config.width
        self._chunk_shape = (horizon, action_size)
        self._film_shape = (config.blocks, 2, width)
        film_size = math.prod(self._film_shape)
        self.observe = nn.Sequential(
            nn.Linear(feature_size, width), nn.SiLU(), nn.Linear(width, width // 2), nn.SiLU()
        )
        self.film = nn.Linear(width // 2, film_size + width)
        self.time = nn.Sequential(
            nn.Linear(TIME_SIZE, TIME_SIZE), nn.SiLU(), nn.Linear(TIME_SIZE, film_size + width)
        )
        self.enter = nn.Linear(math.prod(self._chunk_shape), width)
        self.norms = nn.ModuleList(
            nn.LayerNorm(width, elementwise_affine=False) for _ in range(config.blocks)
        )
        self.widen = nn.ModuleList(nn.Linear(width, hidden) for _ in range(config.blocks))
        self.narrow = nn.ModuleList(nn.Linear(hidden, width) for _ in range(config.blocks))
        self.leave = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, math.prod(self._chunk_shape))
        )

    def condition(self, features: Tensor) -> Tensor:
        return self.film(self.observe(features))

    def embed_time(self, timesteps: Tensor) -> Tensor:
        return self.time(sinusoids(timesteps))

    def denoise(self, noisy: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        width = self._film_shape[-1]
        both = condition + time
        film = both[:, :-width].unflatten(1, self._film_shape)
        h = self.enter(noisy.flatten(1)) + both[:, -width:]
        layers = zip(self.norms, self.widen, self.narrow, strict=True)
        for i, (norm, widen, narrow) in enumerate(layers):
            y = torch.addcmul(film[:, i, 1], norm(h), 1.0 + film[:, i, 0])
            h = h + narrow(nn.functional.silu(widen(y)))
        return self.leave(h).unflatten(1, self._chunk_shape)
