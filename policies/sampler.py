"""Noise in training and denoising at run time, compiled from a `diffusers` scheduler.

=================  ===========================================================
``x_0``            a clean chunk
``x_t``            chunk at noise level t, ``sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps``
``abar_t``         cumulative product of alphas (Ho et al., 2020, eq. 4)
``f(x_t, t)``      what the network predicts: ``x_0``, or ``v`` (Salimans & Ho, 2022)
=================  ===========================================================

A deterministic DDIM step (Song et al., 2021, eq. 12, sigma = 0) is linear in the state and in the
prediction, so one step is ``x_next = a_t x_t + b_t f``. The pairs (a_t, b_t) are read off the
scheduler once, at training time, and stored in the checkpoint: running a policy does not need to
import diffusers, which takes seconds.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from policies.config import JsonConfig, Prediction, SamplerConfig, require

if TYPE_CHECKING:
    import torch

    from policies.network import Denoiser


@dataclass(frozen=True, kw_only=True, slots=True)
class SamplerTable(JsonConfig):
    """Coefficients of few-step sampling, in the order in which the steps are taken.

    Attributes:
        timesteps: Noise level t at each step.
        state: a_t.
        model: b_t.
    """

    timesteps: list[int]
    state: list[float]
    model: list[float]

    def __post_init__(self) -> None:
        sizes = {len(self.timesteps), len(self.state), len(self.model)}
        require(len(sizes) == 1 and 0 not in sizes, "Sampler table needs columns of one length.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NoiseSchedule:
    """Noise levels of training.

    Attributes:
        signal: sqrt(abar_t), (T,).
        noise: sqrt(1 - abar_t), (T,).
        prediction: What the network predicts.
    """

    signal: "torch.Tensor"
    noise: "torch.Tensor"
    prediction: Prediction

    def add(self, x_0: "torch.Tensor", eps: "torch.Tensor", t: "torch.Tensor") -> "torch.Tensor":
        """x_t, (B, H, A), at levels t, (B,)."""
        return self.signal[t, None, None] * x_0 + self.noise[t, None, None] * eps

    def target(self, x_0: "torch.Tensor", eps: "torch.Tensor", t: "torch.Tensor") -> "torch.Tensor":
        """What the network should predict, (B, H, A)."""
        match self.prediction:
            case Prediction.SAMPLE:
                return x_0
            case Prediction.V:
                return self.signal[t, None, None] * eps - self.noise[t, None, None] * x_0


def make_scheduler(config: SamplerConfig) -> Any:
    """The `diffusers.DDIMScheduler` that a config means, with its inference steps set."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler

    scheduler = DDIMScheduler(
        num_train_timesteps=config.train_timesteps,
        beta_schedule="squaredcos_cap_v2",
        clip_sample=False,
        set_alpha_to_one=True,
        prediction_type=config.prediction.value,
        timestep_spacing="trailing",
    )
    scheduler.set_timesteps(config.inference_steps)
    return scheduler


def compile_sampler(config: SamplerConfig) -> tuple[NoiseSchedule, SamplerTable]:
    """Noise schedule for training and table for sampling."""
    import torch

    scheduler = make_scheduler(config)
    abar = scheduler.alphas_cumprod
    schedule = NoiseSchedule(
        signal=abar.sqrt(), noise=(1.0 - abar).sqrt(), prediction=config.prediction
    )
    zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    timesteps = [int(t) for t in scheduler.timesteps]
    table = SamplerTable(
        timesteps=timesteps,
        state=[float(scheduler.step(zero, t, one, eta=0.0).prev_sample) for t in timesteps],
        model=[float(scheduler.step(one, t, zero, eta=0.0).prev_sample) for t in timesteps],
    )
    return schedule, table


def sample_chunk(
    denoiser: "Denoiser",
    table: SamplerTable,
    time: "torch.Tensor",
    features: "torch.Tensor",
    noise: "torch.Tensor",
) -> "torch.Tensor":
    """Denoise normalised chunks, (B, H, A).

    Args:
        denoiser: The trained network.
        table: Coefficients of the steps.
        time: `denoiser.embed_time` of the table's timesteps, (steps, ...).
        features: Normalised observation features, (B, F).
        noise: Where to start, (B, H, A).
    """
    condition = denoiser.condition(features)
    chunk = noise
    for step, (a, b) in enumerate(zip(table.state, table.model, strict=True)):
        predicted = denoiser.denoise(chunk, time[step : step + 1], condition)
        chunk = a * chunk + b * predicted
    return chunk
