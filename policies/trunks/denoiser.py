"""What every trunk is to the rest: a denoiser of chunks, split so that a sampler repeats little."""

import math
from typing import Protocol

import torch
from torch import Tensor

TIME_SIZE = 64
"""Size of the sinusoidal embedding of a noise level."""


class Denoiser(Protocol):
    """A network that predicts from a noisy chunk.

    `condition` runs once per chunk, `embed_time` once per policy, `denoise` at every step.
    """

    def condition(self, features: Tensor) -> Tensor:
        """Conditioning of encoded observations (B, E), in whatever shape `denoise` takes."""
        ...

    def embed_time(self, timesteps: Tensor) -> Tensor:
        """Conditioning of noise levels (B,) in [0, 100], in whatever shape `denoise` takes."""
        ...

    def denoise(self, noisy: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        """Prediction (B, H, A) from chunks (B, H, A); `time` may be one row for all."""
        ...


def sinusoids(timesteps: Tensor) -> Tensor:
    """Sines and cosines of noise levels (B,) at geometric frequencies, (B, `TIME_SIZE`)."""
    half = TIME_SIZE // 2
    frequency = torch.exp(torch.arange(half) * (-math.log(1000.0) / (half - 1)))
    angle = timesteps[:, None].float() * frequency.to(timesteps.device)
    return torch.cat([angle.sin(), angle.cos()], dim=-1)
