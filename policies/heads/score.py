"""Score-based head: noise levels without end, three steps to sample (BESO, Reuss et al., 2023).

=============  ======================================================================
``s``          noise level, of Karras et al. (2022): a chunk is seen as ``x_0 + s eps``
``x``          the same at unit variance, ``(x_0 + s eps) / sqrt(1 + s^2)``
=============  ======================================================================

Chunks are standardised, so Karras' sigma_data is 1, and his preconditioning (table 1) becomes:
show the network x, and let ``c_skip`` and ``c_out`` turn its output into the clean chunk exactly as
for a network that predicts the velocity v on the variance-preserving path; his loss weight is then
1 for every level. So the state that is carried is x, and `Prediction.V` *is* his preconditioning.
"""

import math

import torch
from torch import Tensor

from policies.config import SamplerConfig
from policies.heads.head import Predict
from policies.heads.path import (
    Places,
    loudness,
    normal_like,
    path_errors,
    preserving_places,
    uniform,
    walk,
)
from policies.sampler import SamplerTable

_MOST, _LEAST = 80.0, 0.005
"""Range of s: pure noise, to less than what an arm can carry out, in standard deviations."""
_TYPICAL = 0.6
"""Median of s in sampling, and in training for a chunk of one action."""


class ScoreHead:
    """Denoising at levels drawn from a log-logistic distribution (as BESO does), Euler steps.

    The actions of a chunk are much alike, so noise that is drawn for each of H averages out, and
    what it hides it hides ``sqrt(H)`` times less (Hoogeboom et al., 2023, of neighbouring pixels).
    Training draws levels that much higher: only where the chunk cannot be guessed from its noisy
    self does the network learn what the observation says of it. Sampling visits even quantiles of
    the distribution for one action, and begins at pure noise. Few steps are loud at first and quiet
    at last, see `loudness`; with that, `noise_scale` should be 1.

    Args:
        config: Prediction type and inference steps.
    """

    def __init__(self, config: SamplerConfig) -> None:
        self._config = config

    def table(self) -> SamplerTable:
        """Euler's method on Karras' ODE, loud at first and quiet at last."""
        steps = self._config.inference_steps
        chance = 1.0 - torch.arange(steps, dtype=torch.float64) / steps
        return walk(self._places(_log_logistic(chance, _TYPICAL)), loudness(steps))

    def errors(
        self, predict: Predict, x_0: Tensor, draws: torch.Generator, teacher: Predict | None = None
    ) -> Tensor:
        typical = _TYPICAL * math.sqrt(x_0.shape[1])
        places = self._places(_log_logistic(uniform(len(x_0), draws), typical))
        return path_errors(predict, x_0, normal_like(x_0, draws), places)

    def _places(self, log_s: Tensor) -> Places:
        """Places with these logarithms of s; the network is told how far that is in the range."""
        least, most = math.log(_LEAST), math.log(_MOST)
        s = log_s.exp()
        total = (1.0 + s.square()).sqrt()
        return preserving_places(
            level=(100.0 * (log_s - least) / (most - least)).clamp(0.0, 100.0),
            signal=1.0 / total,
            sigma=s / total,
            prediction=self._config.prediction,
        )


def _log_logistic(chance: Tensor, typical: float) -> Tensor:
    """log s at these values of its distribution function, which is cut off at the range's ends."""
    middle, least, most = (math.log(s) for s in (typical, _LEAST, _MOST))
    low, high = (1.0 / (1.0 + math.exp(middle - end)) for end in (least, most))
    return (middle + torch.logit(low + chance * (high - low))).clamp(least, most)
