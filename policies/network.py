"""Networks: one denoises a chunk, given the observation; a small one says whether work is done."""

import math
from typing import Protocol

import torch
from torch import Tensor, nn

from policies.config import NetworkConfig, Trunk
from policies.features import ACTION_SIZE

_TIME_SIZE = 64


class Denoiser(Protocol):
    """A network that predicts from a noisy chunk, split so that a sampler repeats little.

    `condition` runs once per chunk, `embed_time` once per policy, `denoise` at every step.
    """

    def condition(self, features: Tensor) -> Tensor:
        """Conditioning of normalised features (B, F), in whatever shape `denoise` takes."""
        ...

    def embed_time(self, timesteps: Tensor) -> Tensor:
        """Conditioning of noise levels (B,), in whatever shape `denoise` takes."""
        ...

    def denoise(self, noisy: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """Prediction (B, H, A) from chunks (B, H, A)."""
        ...


class ResidualMlp(nn.Module):
    """Residual MLP over the whole chunk; observation and noise level scale and shift each block.

    Scale and shift (FiLM, Perez et al., 2018) are a sum of one part from the observation and one
    from the noise level, so both can be computed ahead of the sampling loop.
    """

    def __init__(self, feature_size: int, horizon: int, config: NetworkConfig) -> None:
        super().__init__()
        width, hidden = config.width, config.expansion * config.width
        self._chunk_shape = (horizon, ACTION_SIZE)
        self._film_shape = (config.blocks, 2, width)
        film_size = math.prod(self._film_shape)
        self.observe = nn.Sequential(
            nn.Linear(feature_size, width), nn.SiLU(), nn.Linear(width, width // 2), nn.SiLU()
        )
        self.film = nn.Linear(width // 2, film_size + width)
        self.time = nn.Sequential(
            nn.Linear(_TIME_SIZE, _TIME_SIZE), nn.SiLU(), nn.Linear(_TIME_SIZE, film_size + width)
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
        return self.time(_sinusoids(timesteps))

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


class Termination(nn.Module):
    """Logit (B,) of "the work is done", from the observation alone."""

    def __init__(self, feature_size: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(feature_size, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 1),
        )

    def forward(self, features: Tensor) -> Tensor:
        return self.layers(features)[:, 0]


class PolicyNetwork(nn.Module):
    """Everything that is trained.

    Attributes:
        denoiser: A `Denoiser`.
        termination: Head that sees the same features.
    """

    def __init__(self, feature_size: int, horizon: int, config: NetworkConfig) -> None:
        super().__init__()
        self.denoiser = build_denoiser(feature_size, horizon, config)
        self.termination = Termination(feature_size, config.termination_width)


def build_denoiser(feature_size: int, horizon: int, config: NetworkConfig) -> ResidualMlp:
    """The denoiser that a config asks for."""
    match config.trunk:
        case Trunk.RESIDUAL_MLP:
            return ResidualMlp(feature_size, horizon, config)


def _sinusoids(timesteps: Tensor) -> Tensor:
    """Sines and cosines of noise levels (B,) at geometric frequencies, (B, 64)."""
    half = _TIME_SIZE // 2
    frequency = torch.exp(torch.arange(half) * (-math.log(1000.0) / (half - 1)))
    angle = timesteps[:, None].float() * frequency.to(timesteps.device)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
