"""Paths from noise to a clean chunk: how to train anywhere on one, and how to walk along it.

=====================  =======================================================================
``x``                  ``signal x_0 + sigma eps``: a chunk part of the way from noise to clean
``f``                  ``a x_0 + b eps``: what the network predicts of it
``x_0 | x, f``         ``(b x - sigma f) / (b signal - a sigma)``, from the two lines above
=====================  =======================================================================

Heads differ in the path (how signal and sigma go together), in where on it they train, and in what
they predict. The walk is the same: with x_0 and eps as they are estimated in one place,
``x_next = signal_next x_0 + sigma_next eps``. On the variance-preserving path this is DDIM (Song
et al., 2021); seen from ``x / signal`` it is Euler's method on Karras' ODE (2022, algorithm 1),
also known as DPM-Solver-1; on the straight path it is Euler's method on the flow.
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from policies.config import Prediction
from policies.heads.head import Predict
from policies.sampler import SamplerTable

_LOUD, _QUIET = 2.5, 0.2
"""Noise in the state, of what the network is told, after the first step and before the last."""
_FEW = 4
"""Steps up to which noise is that loud and that quiet; with more, it nears what is told."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Places:
    """Places on a path, (n,) float64 each.

    Attributes:
        level: What the network is told, in [0, 100].
        signal: Part of the clean chunk.
        sigma: Part of the noise.
        a: Part of the clean chunk in what is predicted.
        b: Part of the noise in what is predicted.
    """

    level: Tensor
    signal: Tensor
    sigma: Tensor
    a: Tensor
    b: Tensor

    def at(self, index: Tensor) -> "Places":
        """Some of the places, by their index (m,)."""
        columns = {spec.name: getattr(self, spec.name)[index] for spec in fields(self)}
        return Places(**columns)

    def clean_coefficients(self) -> tuple[Tensor, Tensor]:
        """Factors of x and of f in the estimate of the clean chunk, (n,) each."""
        scale = self.b * self.signal - self.a * self.sigma
        # Adding zero turns a negative zero into a plain one.
        return self.b / scale + 0.0, -self.sigma / scale


def preserving_places(
    level: Tensor, signal: Tensor, sigma: Tensor, prediction: Prediction
) -> Places:
    """Places on the variance-preserving path, ``signal^2 + sigma^2 = 1``.

    `Prediction.V` is the velocity along the quarter circle (Salimans & Ho, 2022).
    """
    match prediction:
        case Prediction.SAMPLE:
            a, b = torch.ones_like(signal), torch.zeros_like(signal)
        case Prediction.EPSILON:
            a, b = torch.zeros_like(signal), torch.ones_like(signal)
        case Prediction.V:
            a, b = -sigma, signal
    return Places(level=level, signal=signal, sigma=sigma, a=a, b=b)


def walk(places: Places, loudness: Tensor | None = None) -> SamplerTable:
    """The deterministic sampler that visits these places, from noise on, and ends clean.

    Args:
        places: From the noisiest on.
        loudness: How much more noise than `sigma` says is in the state at each place, (n,); 1
            everywhere when absent. The first is what the state starts with, so it should be 1.
    """
    signal, sigma = places.signal, places.sigma
    noise = sigma if loudness is None else loudness * sigma
    after_signal = torch.cat([signal[1:], torch.ones_like(signal[:1])])
    after_noise = torch.cat([noise[1:], torch.zeros_like(noise[:1])])
    clean_state, clean_model = places.clean_coefficients()
    # x_next = after_signal x_0 + after_noise eps, and eps = (x - signal x_0) / noise.
    keep = after_noise / noise
    renew = after_signal - keep * signal
    return SamplerTable(
        timesteps=places.level.tolist(),
        state=(keep + renew * clean_state).tolist(),
        model=(renew * clean_model).tolist(),
        clean_state=clean_state.tolist(),
        clean_model=clean_model.tolist(),
        signal=signal.tolist(),
        sigma=noise.tolist(),
    )


def loudness(steps: int) -> Tensor:
    """Noise in the state, of what the network is told, for `walk`, (steps,).

    A few plain steps end between two ways to go: the first estimate lies in the middle, and there
    are not enough steps to leave it. So the first step is followed by more noise than the network
    is told, which it takes for a decision; and the last sees less, which leaves no trace of noise
    in the chunk. With many steps this fades. A heuristic of ours: it makes rarer ways somewhat too
    frequent; measured in `policies.heads.presets`.
    """
    fade = min(1.0, _FEW / steps)
    between = torch.linspace(math.log(_LOUD), math.log(_QUIET), steps - 1, dtype=torch.float64)
    return torch.cat([torch.ones(1, dtype=torch.float64), (fade * between).exp()])


def path_errors(predict: Predict, x_0: Tensor, eps: Tensor, places: Places) -> Tensor:
    """Squared errors (B, H, A) of predictions in one place for each chunk (B, H, A)."""
    signal, sigma, a, b = (
        column.to(x_0)[:, None, None]
        for column in (places.signal, places.sigma, places.a, places.b)
    )
    predicted = predict(signal * x_0 + sigma * eps, places.level.to(x_0))
    return (predicted - (a * x_0 + b * eps)).square()


def normal_like(chunk: Tensor, draws: torch.Generator) -> Tensor:
    """Standard normal noise of a chunk's shape, on its device, whatever device draws it."""
    return torch.randn(chunk.shape, generator=draws, device=draws.device).to(chunk)


def uniform(count: int, draws: torch.Generator) -> Tensor:
    """Numbers in [0, 1), (count,), float64."""
    return torch.rand(count, generator=draws, device=draws.device, dtype=torch.float64)
