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

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from policies.config import Prediction
from policies.heads.head import Predict
from policies.sampler import SamplerTable


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


def walk(places: Places) -> SamplerTable:
    """The deterministic sampler that visits these places, from noise on, and ends clean."""
    signal, sigma = places.signal, places.sigma
    after_signal = torch.cat([signal[1:], torch.ones_like(signal[:1])])
    after_sigma = torch.cat([sigma[1:], torch.zeros_like(sigma[:1])])
    clean_state, clean_model = places.clean_coefficients()
    # x_next = after_signal x_0 + after_sigma eps, and eps = (x - signal x_0) / sigma.
    keep = after_sigma / sigma
    renew = after_signal - keep * signal
    return SamplerTable(
        timesteps=places.level.tolist(),
        state=(keep + renew * clean_state).tolist(),
        model=(renew * clean_model).tolist(),
        clean_state=clean_state.tolist(),
        clean_model=clean_model.tolist(),
        signal=signal.tolist(),
        sigma=sigma.tolist(),
    )


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
