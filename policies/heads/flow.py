"""Flow matching on straight paths: the head of pi0 (Black et al., 2024).

=============  =================================================================
``tau``        along the path, 0 is noise and 1 is clean
``x``          ``tau x_0 + (1 - tau) eps`` (Lipman et al., 2023; Liu et al., 2023)
``u``          velocity ``dx / dtau = x_0 - eps``
=============  =================================================================
"""

import torch
from torch import Tensor

from policies.config import Prediction, SamplerConfig
from policies.heads.head import Predict
from policies.heads.path import Places, loudness, normal_like, path_errors, uniform, walk
from policies.json_config import require
from policies.sampler import SamplerTable

_SKEW = 1.5
"""Training draws ``1 - tau`` from Beta(_SKEW, 1): more often where it is noisy, as pi0 does,
because there the observation has the most to say."""


class FlowHead:
    """Velocity, or the clean chunk, along straight paths; sampled with Euler steps of equal size.

    Few steps are loud at first and quiet at last, see `loudness`; with that, `noise_scale` should
    be 1. Where the trunk has no way past its bottleneck for the noise (`RESIDUAL_MLP`), predicting
    the clean chunk is far more precise than predicting the velocity, as pi0 does.

    Args:
        config: Prediction type (`V` is the velocity u, `SAMPLE` the clean chunk) and steps.

    Raises:
        ValueError: For `Prediction.EPSILON`: at the start, the noise says nothing of the chunk.
    """

    def __init__(self, config: SamplerConfig) -> None:
        require(
            config.prediction is not Prediction.EPSILON,
            "Head 'flow' cannot predict 'epsilon'. Available: 'v_prediction', 'sample'.",
        )
        self._config = config

    def table(self) -> SamplerTable:
        """Euler's method on the flow, loud at first and quiet at last."""
        steps = self._config.inference_steps
        return walk(self._places(torch.arange(steps, dtype=torch.float64) / steps), loudness(steps))

    def errors(
        self, predict: Predict, x_0: Tensor, draws: torch.Generator, teacher: Predict | None = None
    ) -> Tensor:
        # The inverse of Beta(k, 1)'s distribution function is u^(1/k).
        tau = 1.0 - uniform(len(x_0), draws) ** (1.0 / _SKEW)
        return path_errors(predict, x_0, normal_like(x_0, draws), self._places(tau))

    def _places(self, tau: Tensor) -> Places:
        one = torch.ones_like(tau)
        velocity = self._config.prediction is Prediction.V
        return Places(
            level=100.0 * (1.0 - tau),
            signal=tau,
            sigma=1.0 - tau,
            a=one,
            b=-one if velocity else torch.zeros_like(tau),
        )
