"""Sampling a chunk from noise: one loop over a table, whatever taught the network.

=================  ===========================================================================
``x_0``            a clean chunk
``x_t``            chunk at noise level t, ``signal_t x_0 + sigma_t eps``
``f(x_t, t)``      what the network predicts: ``x_0``, the noise, a velocity, ...
=================  ===========================================================================

A step of DDIM (Song et al., 2021), of DPM-Solver++ (Lu et al., 2022), of Karras' ODE (2022) or of
a flow is linear in the state, in the prediction and in the one before. So every head (see
`policies.heads`) is compiled into a `SamplerTable` at training time, which the checkpoint carries:
running a policy needs neither the head nor diffusers, which takes seconds to import.
"""

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from policies.config import JsonConfig, require

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from policies.trunks import Denoiser


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplerTable(JsonConfig):
    """Coefficients of few-step sampling, one row per step, in the order they are taken.

    Row i turns the state x into the next one::

        f    = network(scale x, timestep, observation)
        x0_i = clean_state x + clean_model f
        x    = state x + model f + previous x0_(i-1) + noise z,    z ~ N(0, 1)

    An empty column stands for its usual value.

    Attributes:
        timesteps: Noise level that the network is told, in [0, 100].
        state: Factor of the state.
        model: Factor of the prediction.
        scale: Factor of the state on its way into the network; 1.
        clean_state: Part of the state in the estimate of the clean chunk; 0.
        clean_model: Part of the prediction in that estimate; 1.
        previous: Factor of the clean chunk estimated one step before; 0.
        noise: Factor of fresh noise; 0.
        signal: Part of the clean chunk in the state before the step, for inpainting.
        sigma: Part of the noise in the state before the step, for inpainting.
        start: Size of the noise that the first state is made of, before `noise_scale`; 1.
    """

    timesteps: list[float]
    state: list[float]
    model: list[float]
    scale: list[float] = field(default_factory=list)
    clean_state: list[float] = field(default_factory=list)
    clean_model: list[float] = field(default_factory=list)
    previous: list[float] = field(default_factory=list)
    noise: list[float] = field(default_factory=list)
    signal: list[float] = field(default_factory=list)
    sigma: list[float] = field(default_factory=list)
    start: float = 1.0

    def __post_init__(self) -> None:
        columns = [getattr(self, spec.name) for spec in fields(self) if spec.name != "start"]
        sizes = {len(column) for column in columns} - {0}
        require(
            len(sizes) == 1 and bool(self.timesteps and self.state and self.model),
            "Sampler table needs columns of one length.",
        )
        require(all(0.0 <= t <= 100.0 for t in self.timesteps), "Levels must be in [0, 100].")

    @property
    def steps(self) -> int:
        """Denoising steps per chunk."""
        return len(self.timesteps)

    @property
    def can_inpaint(self) -> bool:
        """Whether a known part of a chunk can be held fixed."""
        return bool(self.signal and self.sigma)

    @property
    def draws(self) -> bool:
        """Whether steps add fresh noise."""
        return any(self.noise)

    def rows(self) -> list["Row"]:
        """The table, row by row, with the usual values filled in."""

        def column(values: list[float], usual: float) -> list[float]:
            return values or [usual] * self.steps

        return [
            Row(*row)
            for row in zip(
                self.state,
                self.model,
                column(self.scale, 1.0),
                column(self.clean_state, 0.0),
                column(self.clean_model, 1.0),
                column(self.previous, 0.0),
                column(self.noise, 0.0),
                column(self.signal, 0.0),
                column(self.sigma, 1.0),
                strict=True,
            )
        ]


@dataclass(frozen=True, slots=True)
class Row:
    """One step; see `SamplerTable`."""

    state: float
    model: float
    scale: float
    clean_state: float
    clean_model: float
    previous: float
    noise: float
    signal: float
    sigma: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Guidance:
    """Classifier-free guidance (Ho & Salimans, 2022).

    Attributes:
        weight: How far to go beyond the prediction with the goal, away from the one without.
        blank: The denoiser's condition without the goal.
    """

    weight: float
    blank: "Tensor"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Prefix:
    """The part of a chunk that is already being carried out (real-time chunking).

    At every step it is replaced by what it would be at that noise level, so that the rest is drawn
    to go on from it (RePaint, Lugmayr et al., 2022; Black et al., 2025).

    Attributes:
        chunk: Normalised chunk, (B, H, A).
        weight: How firmly each of its steps is held, (H, 1): 1 fixed, 0 free.
    """

    chunk: "Tensor"
    weight: "Tensor"

    def held(self, chunk: "Tensor", known: "Tensor") -> "Tensor":
        """A chunk (B, H, A), as far towards `known` as its steps are held."""
        return chunk + self.weight * (known - chunk)


def sample_chunk(
    denoiser: "Denoiser",
    table: SamplerTable,
    time: "Tensor",
    condition: "Tensor",
    noise: "Tensor",
    *,
    guidance: Guidance | None = None,
    prefix: Prefix | None = None,
    generator: "torch.Generator | None" = None,
    fresh: "Tensor | None" = None,
) -> "Tensor":
    """Denoise normalised chunks, (B, H, A).

    Args:
        denoiser: The trained network.
        table: Coefficients of the steps.
        time: `denoiser.embed_time` of the table's levels, (steps, ...).
        condition: `denoiser.condition` of the observation.
        noise: Where to start, (B, H, A).
        guidance: Push towards the goal.
        prefix: Hold the beginning fixed; the table must be able to (`can_inpaint`).
        generator: Of the fresh noise of stochastic samplers ...
        fresh: ... or that noise itself, (steps, B, H, A).
    """
    import torch

    chunk = noise * table.start if table.start != 1.0 else noise
    clean = torch.zeros_like(chunk)
    for step, row in enumerate(table.rows()):
        if prefix is not None:
            chunk = prefix.held(chunk, row.signal * prefix.chunk + row.sigma * noise)
        shown = chunk if row.scale == 1.0 else row.scale * chunk
        now = time[step : step + 1]
        predicted = denoiser.denoise(shown, now, condition)
        if guidance is not None:
            blank = denoiser.denoise(shown, now, guidance.blank)
            predicted = predicted + guidance.weight * (predicted - blank)
        following = row.state * chunk + row.model * predicted
        if row.previous != 0.0:
            following = following + row.previous * clean
        if row.noise != 0.0:
            drawn = _drawn(chunk, generator) if fresh is None else fresh[step]
            following = following + row.noise * drawn
        clean = row.clean_model * predicted
        if row.clean_state != 0.0:
            clean = clean + row.clean_state * chunk
        chunk = following
    return chunk if prefix is None else prefix.held(chunk, prefix.chunk)


def _drawn(chunk: "Tensor", generator: "torch.Generator | None") -> "Tensor":
    import torch

    return torch.randn(chunk.shape, generator=generator).to(chunk.device)
