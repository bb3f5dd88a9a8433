"""Point clouds as conditioning."""

import torch
from torch import Tensor, nn

from policies.contract import CLOUD, CloudSpec

_WIDTHS = (4, 8, 16)
"""Channels per layer, as a multiple of the configured width."""


class CloudEncoder(nn.Module):
    """The same small network on every point, and the largest answer of all points.

    The encoder of 3D Diffusion Policy (DP3, Ze et al., 2024): no batch statistics, no learned
    alignment, layer normalisation, one maximum over the points, one projection.

    Args:
        spec: The cloud.
        width: A quarter of the channels of the first layer.
        embedding: Size of what comes out.

    Attributes:
        size: Length of the features.
    """

    _middle: Tensor
    _half: Tensor

    def __init__(self, spec: CloudSpec, width: int, embedding: int) -> None:
        super().__init__()
        self.size, self._key = embedding, spec.key
        layers, channels = [], 6 if spec.colour else 3
        for multiple in _WIDTHS:
            layers += [
                nn.Linear(channels, multiple * width),
                nn.LayerNorm(multiple * width),
                nn.ReLU(),
            ]
            channels = multiple * width
        self.point = nn.Sequential(*layers)
        self.project = nn.Sequential(nn.Linear(channels, embedding), nn.LayerNorm(embedding))
        low, high = torch.tensor(spec.low_m), torch.tensor(spec.high_m)
        # They follow from the contract, so no checkpoint needs to hold them.
        self.register_buffer("_middle", (low + high) / 2.0, persistent=False)
        self.register_buffer("_half", (high - low) / 2.0, persistent=False)

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        """Features (B, size) of this camera's cloud among the inputs."""
        cloud = inputs[CLOUD + self._key]
        placed = (cloud[..., :3] - self._middle) / self._half
        if cloud.shape[-1] > 3:
            placed = torch.cat([placed, 2.0 * cloud[..., 3:] - 1.0], dim=-1)
        return self.project(self.point(placed).amax(dim=1))
