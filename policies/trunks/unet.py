"""Diffusion Policy's conditional U-Net: convolutions along time, coarse to fine."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from policies.config import NetworkConfig
from policies.json_config import require
from policies.trunks.conditioning import Conditioning

_LEVELS = 3
"""Resolutions; each halves the one before."""
_KERNEL = 5
"""Waypoints that a convolution sees."""
_GROUPS = 8
"""Of the group norms."""


class UNet(nn.Module):
    """Conditional 1-D U-Net (Chi et al., "Diffusion Policy", 2023).

    `config.width` is the number of channels at full resolution, `config.expansion` their growth per
    level, `config.blocks` the residual blocks per level. Each block is scaled and shifted by
    observation and noise level; what the way down saw is handed to the way up.

    Args:
        feature_size: E, size of an encoded observation.
        horizon: H, actions in a chunk; a multiple of 4.
        action_size: A, numbers of an action.
        config: Width, blocks and expansion.

    Raises:
        ValueError: When the horizon cannot be halved twice or the groups do not divide the width.
    """

    def __init__(
        self, feature_size: int, horizon: int, action_size: int, config: NetworkConfig
    ) -> None:
        super().__init__()
        width, step = config.width, 2 ** (_LEVELS - 1)
        require(
            horizon % step == 0,
            f"A U-Net needs a horizon that is a multiple of {step}, got {horizon}.",
        )
        require(
            width % _GROUPS == 0,
            f"A U-Net needs a width that is a multiple of {_GROUPS}, got {width}.",
        )
        fine_to_coarse = [width * config.expansion**level for level in range(_LEVELS)]
        finer, coarser = fine_to_coarse[:-1], fine_to_coarse[1:]
        self.enter = _Stage(action_size, width, config.blocks)
        self.shrink = nn.ModuleList(nn.Conv1d(c, c, 3, stride=2, padding=1) for c in finer)
        self.down = nn.ModuleList(
            _Stage(fine, coarse, config.blocks) for fine, coarse in zip(finer, coarser, strict=True)
        )
        self.middle = _Stage(fine_to_coarse[-1], fine_to_coarse[-1], config.blocks)
        self.up = nn.ModuleList(
            _Stage(2 * coarse, fine, config.blocks)
            for fine, coarse in zip(finer[::-1], coarser[::-1], strict=True)
        )
        self.grow = nn.ModuleList(
            nn.ConvTranspose1d(c, c, 4, stride=2, padding=1) for c in finer[::-1]
        )
        self.leave = nn.Sequential(_convolution(width, width), nn.Conv1d(width, action_size, 1))
        # One scale and one shift for every block of every stage, in the order they are used.
        stages = [width, *coarser, fine_to_coarse[-1], *finer[::-1]]
        self._film_sizes = [size for size in stages for _ in range(2 * config.blocks)]
        self.conditioning = Conditioning(feature_size, 4 * width, sum(self._film_sizes))

    def condition(self, features: Tensor) -> Tensor:
        return self.conditioning.observation(features)

    def embed_time(self, timesteps: Tensor) -> Tensor:
        return self.conditioning.level(timesteps)

    def denoise(self, noisy: Tensor, time: Tensor, condition: Tensor) -> Tensor:
        # A waypoint axis of one, so that the modulations broadcast along time.
        film = iter((condition + time)[..., None].split(self._film_sizes, dim=1))
        h = self.enter(noisy.transpose(1, 2), film)
        seen = []
        for shrink, stage in zip(self.shrink, self.down, strict=True):
            h = stage(shrink(h), film)
            seen.append(h)
        h = self.middle(h, film)
        for stage, grow in zip(self.up, self.grow, strict=True):
            h = grow(stage(torch.cat([h, seen.pop()], dim=1), film))
        return self.leave(h).transpose(1, 2)


class _Stage(nn.Module):
    """Residual blocks at one resolution; the first changes the number of channels."""

    def __init__(self, before: int, after: int, blocks: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            _Block(before if i == 0 else after, after) for i in range(blocks)
        )

    def forward(self, h: Tensor, film: Iterator[Tensor]) -> Tensor:
        for block in self.blocks:
            h = block(h, next(film), next(film))
        return h


class _Block(nn.Module):
    """Two convolutions, scaled and shifted in between, around a skip connection."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first, self.second = _convolution(before, after), _convolution(after, after)
        self.skip = nn.Conv1d(before, after, 1) if before != after else nn.Identity()

    def forward(self, h: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
        y = torch.addcmul(shift, self.first(h), 1.0 + scale)
        return self.second(y) + self.skip(h)


def _convolution(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(before, after, _KERNEL, padding=_KERNEL // 2),
        nn.GroupNorm(_GROUPS, after),
        nn.Mish(),
    )
