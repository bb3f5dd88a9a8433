"""Transformer over waypoints with adaLN-zero: the trunk for several tasks in one policy."""

import torch
from torch import Tensor, nn

from policies.config import NetworkConfig
from policies.json_config import require
from policies.trunks.conditioning import Conditioning

_SHIFT, _SCALE, _GATE = range(3)


class DiffusionTransformer(nn.Module):
    """Transformer whose tokens are the waypoints of a chunk.

    Observation and noise level scale, shift and gate every sublayer, and all gates start at zero,
    so that the network starts as the identity (adaLN-zero, Peebles & Xie, 2023; for robots Dasari
    et al., "The Ingredients for Robotic Diffusion Transformers", 2024). The modulations are sums,
    see `Conditioning`.

    Args:
        feature_size: E, size of an encoded observation.
        horizon: H, actions in a chunk.
        action_size: A, numbers of an action.
        config: Width, blocks, expansion and attention heads.

    Raises:
        ValueError: When the attention heads do not divide the width.
    """

    def __init__(
        self, feature_size: int, horizon: int, action_size: int, config: NetworkConfig
    ) -> None:
        super().__init__()
        width, heads = config.width, config.attention_heads
        require(width % heads == 0, f"{heads} attention heads do not divide the width {width}.")
        self._sublayers, self._width = 2 * config.blocks, width
        self._film_size = self._sublayers * 3 * width
        self.conditioning = Conditioning(feature_size, width, self._film_size + 2 * width)
        self.enter = nn.Linear(action_size, width)
        self.positions = nn.Parameter(torch.empty(horizon, width))
        self.attention = nn.ModuleList(_Attention(width, heads) for _ in range(config.blocks))
        self.feed = nn.ModuleList(
            nn.Sequential(
                nn.Linear(width, config.expansion * width),
                nn.GELU(approximate="tanh"),
                nn.Linear(config.expansion * width, width),
            )
            for _ in range(config.blocks)
        )
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.leave = nn.Linear(width, action_size)
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        nn.init.normal_(self.positions, std=0.02)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)
        start = torch.zeros(self._sublayers + 1, 3, self._width)
        start[:, _SCALE] = 1.0
        self.conditioning.start_at(start.flatten()[: self._film_size + 2 * self._width])

    def condition(self, features: Tensor) -> Tensor:
        return self.conditioning.observation(features)

    def embed_time(self, timesteps: Tensor) -> Tensor:
        return self.conditioning.level(timesteps)

    def denoise(self, noisy: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        # A token axis of one, so that the modulations broadcast over the waypoints.
        both = (condition + time)[:, None]
        film = both.split(self._width, dim=-1)
        h = self.enter(noisy) + self.positions
        sublayers = [
            layer for pair in zip(self.attention, self.feed, strict=True) for layer in pair
        ]
        for i, layer in enumerate(sublayers):
            y = torch.addcmul(film[3 * i + _SHIFT], self.norm(h), film[3 * i + _SCALE])
            h = torch.addcmul(h, layer(y), film[3 * i + _GATE])
        return self.leave(torch.addcmul(film[-2 + _SHIFT], self.norm(h), film[-2 + _SCALE]))


class _Attention(nn.Module):
    """Every waypoint looks at every other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self._split = (3, heads, width // heads)
        self.enter = nn.Linear(width, 3 * width)
        self.leave = nn.Linear(width, width)

    def forward(self, h: Tensor) -> Tensor:
        query, key, value = self.enter(h).unflatten(-1, self._split).permute(2, 0, 3, 1, 4)
        y = nn.functional.scaled_dot_product_attention(query, key, value)
        return self.leave(y.transpose(1, 2).flatten(2))
