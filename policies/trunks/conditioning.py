"""How observation and noise level enter a trunk: as scales and shifts that add up."""

import torch
from torch import Tensor, nn

from policies.trunks.denoiser import TIME_SIZE, sinusoids


class Conditioning(nn.Module):
    """One vector of modulations, a sum of a part from the observation and one from the level.

    A sum keeps both parts out of the sampling loop: one is computed once per chunk, the other once
    per policy. Diffusion Policy's FiLM is such a sum already, for it is linear in both; a DiT's is
    usually not (it adds the embeddings before a nonlinearity), but at every level the loop would
    have to compute it anew.

    Args:
        feature_size: E, size of an encoded observation.
        width: Hidden size on the observation's side.
        size: How many numbers come out.
    """

    def __init__(self, feature_size: int, width: int, size: int) -> None:
        super().__init__()
        self.observe = nn.Sequential(
            nn.Linear(feature_size, width), nn.SiLU(), nn.Linear(width, width // 2), nn.SiLU()
        )
        self.film = nn.Linear(width // 2, size)
        self.time = nn.Sequential(
            nn.Linear(TIME_SIZE, TIME_SIZE), nn.SiLU(), nn.Linear(TIME_SIZE, size)
        )

    def observation(self, features: Tensor) -> Tensor:
        """Part of encoded observations (B, E), (B, size)."""
        return self.film(self.observe(features))

    def level(self, timesteps: Tensor) -> Tensor:
        """Part of noise levels (B,) in [0, 100], (B, size)."""
        return self.time(sinusoids(timesteps))

    @torch.no_grad()
    def start_at(self, values: Tensor) -> None:
        """Begin training with these modulations (size,), whatever is observed."""
        level = self.time[-1]
        assert isinstance(level, nn.Linear)
        for layer in (self.film, level):
            layer.weight.zero_()
            layer.bias.zero_()
        self.film.bias.copy_(values)
