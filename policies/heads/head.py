"""The training side of a head: what the network is taught, and the table it is sampled with."""

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from policies.sampler import SamplerTable

Predict = Callable[[Tensor, Tensor], Tensor]
"""The network for given observations: noisy chunks (B, H, A) and levels (B,) in [0, 100] to
predictions (B, H, A)."""


class ChunkHead(Protocol):
    """How chunks are learned and sampled. Heads share network, data and checkpoint format."""

    def table(self) -> SamplerTable:
        """The sampler."""
        ...

    def errors(
        self,
        predict: Predict,
        x_0: Tensor,
        draws: torch.Generator,
        teacher: Predict | None = None,
    ) -> Tensor:
        """Weighted squared errors of the network, (B, H, A), whose mean is the loss.

        Args:
            predict: The network that learns.
            x_0: Clean normalised chunks, (B, H, A).
            draws: Source of all noise.
            teacher: A trained network, for heads that are distilled from one.
        """
        ...
