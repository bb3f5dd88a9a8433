"""Everything that is trained: observations are encoded, chunks denoised, the end recognised."""

import torch
from torch import Tensor, nn

from policies.config import NetworkConfig
from policies.contract import (
    CLOUD,
    IMAGE,
    LANGUAGE,
    LANGUAGE_SIZE,
    VECTOR,
    Channels,
    PolicyContract,
    depth_key,
)
from policies.encoders import ObservationEncoder
from policies.trunks import build_denoiser

Inputs = dict[str, Tensor]
"""Named observations of a batch; see `policies.contract`."""


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
    """Encoder, denoiser and termination head.

    Args:
        contract: What is seen and answered.
        vector_size: F, size of the input ``vector``.
        config: Shapes.

    Attributes:
        encoder: Named inputs to features (B, E).
        denoiser: A `Denoiser` that is conditioned on them.
        termination: Sees the same features.
    """

    def __init__(self, contract: PolicyContract, vector_size: int, config: NetworkConfig) -> None:
        super().__init__()
        self.encoder = ObservationEncoder(contract, vector_size, config)
        size = self.encoder.size
        self.denoiser = build_denoiser(size, contract.horizon, len(contract.action.names), config)
        self.termination = Termination(size, config.termination_width)


def example_inputs(
    contract: PolicyContract, vector_size: int, generator: torch.Generator, batch: int = 1
) -> Inputs:
    """Random inputs of the right names, shapes and types."""

    def drawn(*shape: int) -> Tensor:
        return torch.randn(batch, *shape, generator=generator)

    inputs = {VECTOR: drawn(vector_size)}
    for image in contract.images:
        size = (image.steps, image.height, image.width)
        if image.channels is not Channels.DEPTH:
            shape = (batch, image.steps, 3, image.height, image.width)
            pixels = torch.randint(0, 256, shape, generator=generator)
            inputs[IMAGE + image.key] = pixels.to(torch.uint8)
        if image.channels is not Channels.RGB:
            depth = drawn(image.steps, 1, *size[1:]).abs()
            inputs[IMAGE + depth_key(image.key)] = depth
    for cloud in contract.clouds:
        inputs[CLOUD + cloud.key] = drawn(cloud.points, 6 if cloud.colour else 3)
    if contract.language:
        inputs[LANGUAGE] = drawn(LANGUAGE_SIZE)
    return inputs
