"""Behaviour cloning: the mean of what demonstrators did. The baseline of all other heads."""

import torch
from torch import Tensor

from policies.config import SamplerConfig
from policies.heads.head import Predict
from policies.json_config import require
from policies.sampler import SamplerTable

_LEVEL = 100.0
"""What the network is told, always: nothing is known of the chunk yet."""


class RegressionHead:
    """The chunk from the observation alone, in one step, by least squares.

    Where demonstrators went left or right, this goes in between. Noise plays no part, so
    `keep_noise` and `noise_scale` change nothing.

    Args:
        config: Not used beyond its steps.

    Raises:
        ValueError: When more than one step is asked for.
    """

    def __init__(self, config: SamplerConfig) -> None:
        require(
            config.inference_steps == 1,
            f"Head 'regression' takes 1 inference step, got {config.inference_steps}.",
        )

    def table(self) -> SamplerTable:
        """One step that forgets where it started."""
        return SamplerTable(timesteps=[_LEVEL], state=[0.0], model=[1.0], scale=[0.0])

    def errors(
        self, predict: Predict, x_0: Tensor, draws: torch.Generator, teacher: Predict | None = None
    ) -> Tensor:
        level = torch.full((len(x_0),), _LEVEL, device=x_0.device)
        return (predict(torch.zeros_like(x_0), level) - x_0).square()
