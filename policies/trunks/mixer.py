"""MLP-mixer over waypoints: keeps what a waypoint is apart from when it is, without attention."""

import torch
from torch import Tensor, nn

from policies.config import NetworkConfig
from policies.trunks.conditioning import Conditioning


class Mixer(nn.Module):
    """Layers that mix waypoints take turns with layers that mix channels.

    MLP-Mixer (Tolstikhin et al., 2021), with the chunk's waypoints in the place of patches;
    observation and noise level scale and shift the input of every layer (FiLM).

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
        width, blocks, expansion = config.width, config.blocks, config.expansion
        self._width = width
        self.conditioning = Conditioning(feature_size, width, (4 * blocks + 1) * width)
        self.enter = nn.Linear(action_size, width)
        self.positions = nn.Parameter(torch.empty(horizon, width))
        nn.init.normal_(self.positions, std=0.02)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        # A convolution of one element over waypoints-as-channels: mixing without a transpose.
        self.waypoints = nn.ModuleList(
            nn.Sequential(
                nn.Conv1d(horizon, expansion * horizon, 1),
                nn.SiLU(),
                nn.Conv1d(expansion * horizon, horizon, 1),
            )
            for _ in range(blocks)
        )
        self.channels = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, expansion * width),
                nn.SiLU(),
                nn.Linear(expansion * width, width),
            )
            for _ in range(blocks)
        )
        self.leave = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, action_size))

    def condition(self, features: Tensor) -> Tensor:
        return self.conditioning.observation(features)

    def embed_time(self, timesteps: Tensor) -> Tensor:
        return self.conditioning.level(timesteps)

    def denoise(self, noisy: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        # A token axis of one, so that the modulations broadcast over the waypoints.
        film = (condition + time)[:, None].split(self._width, dim=-1)
        h = self.enter(noisy) + self.positions + film[-1]
        pairs = zip(self.waypoints, self.channels, strict=True)
        for i, mix in enumerate(layer for pair in pairs for layer in pair):
            h = h + mix(torch.addcmul(film[2 * i], self.norm(h), 1.0 + film[2 * i + 1]))
        return self.leave(h)
