"""A problem whose answer is known: chunks around one of two ways, and the network that is right."""

import torch
from torch import Tensor

from policies.sampler import SamplerTable

WAYS = (-1.0, 1.0)
SPREAD = 0.2


class ExactNetwork:
    """Predicts what a perfectly trained network would, at the levels of a table.

    A state ``signal x_0 + sigma eps`` tells of each way how likely it is and where on it x_0 lies;
    the mean over both is the best estimate of x_0.
    """

    def __init__(self, table: SamplerTable, sigma: list[float] | None = None) -> None:
        self._table, self._sigma = table, sigma or table.sigma

    def condition(self, features: Tensor) -> Tensor:
        return features

    def embed_time(self, timesteps: Tensor) -> Tensor:
        return timesteps

    def denoise(self, noisy: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        table = self._table
        i = table.timesteps.index(float(time[0]))
        clean = posterior_mean(noisy, table.signal[i], self._sigma[i])
        # The table says x_0 = clean_state x + clean_model f.
        state = table.clean_state[i] if table.clean_state else 0.0
        model = table.clean_model[i] if table.clean_model else 1.0
        return (clean - state * noisy) / model


def posterior_mean(noisy: Tensor, signal: float, sigma: float) -> Tensor:
    """Mean of clean chunks (B, H, A) that may have led to noisy ones."""
    variance = (signal * SPREAD) ** 2 + sigma**2
    far = torch.stack([(noisy - signal * way).square().sum((1, 2)) for way in WAYS])
    weights = (-far / (2.0 * variance)).softmax(0)
    gain = signal * SPREAD**2 / variance
    means = [way + gain * (noisy - signal * way) for way in WAYS]
    return sum(w[:, None, None] * mean for w, mean in zip(weights, means, strict=True))
