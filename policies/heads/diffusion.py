"""Denoising diffusion (Ho et al., 2020), with three ways to sample.

=============  ================================================================
``t``          noise level, 0 to T - 1
``abar_t``     cumulative product of alphas at level t (Ho et al., 2020, eq. 4)
``x_t``        ``sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps``
=============  ================================================================
"""

import math
from typing import Any

import torch
from torch import Tensor

from policies.config import SamplerConfig, Solver
from policies.heads.head import Predict
from policies.heads.path import Places, normal_like, path_errors, preserving_places, walk
from policies.sampler import SamplerTable


class DiffusionHead:
    """Squared cosine noise schedule (Nichol & Dhariwal, 2021), levels drawn evenly.

    `Solver.DDIM` is deterministic (Song et al., 2021, sigma = 0), `Solver.DDPM` draws fresh noise
    at every step (Ho et al., 2020), and `Solver.DPM` is the second-order multistep DPM-Solver++
    (Lu et al., 2022), whose steps also use the clean chunk estimated before.

    Args:
        config: Noise levels, prediction type, solver and inference steps.
    """

    def __init__(self, config: SamplerConfig) -> None:
        self._config = config
        abar = _cumulative_alphas(config.train_timesteps)
        self._places = preserving_places(
            level=torch.arange(len(abar), dtype=torch.float64) * (100.0 / len(abar)),
            signal=abar.sqrt(),
            sigma=(1.0 - abar).sqrt(),
            prediction=config.prediction,
        )

    def table(self) -> SamplerTable:
        """DDIM by its formula, the others read off the schedulers of `diffusers`."""
        if self._config.solver is Solver.DDIM:
            return walk(self.visited())
        return _read_off(make_scheduler(self._config), self._places)

    def visited(self) -> Places:
        """Where DDIM goes: levels of equal distance, the noisiest one first (Lin et al., 2024)."""
        levels, steps = self._config.train_timesteps, self._config.inference_steps
        back = torch.arange(steps, dtype=torch.float64) * (levels / steps)
        return self._places.at((levels - back).round().long() - 1)

    def errors(
        self, predict: Predict, x_0: Tensor, draws: torch.Generator, teacher: Predict | None = None
    ) -> Tensor:
        levels = self._config.train_timesteps
        t = torch.randint(levels, (len(x_0),), generator=draws, device=draws.device)
        return path_errors(predict, x_0, normal_like(x_0, draws), self._places.at(t.cpu()))


def make_scheduler(config: SamplerConfig) -> Any:
    """The scheduler of `diffusers` that a config means, with its inference steps set."""
    common = {
        "num_train_timesteps": config.train_timesteps,
        "beta_schedule": "squaredcos_cap_v2",
        "prediction_type": config.prediction.value,
        "timestep_spacing": "trailing",
    }
    match config.solver:
        case Solver.DDIM:
            from diffusers.schedulers.scheduling_ddim import DDIMScheduler

            scheduler = DDIMScheduler(clip_sample=False, set_alpha_to_one=True, **common)
        case Solver.DDPM:
            from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

            scheduler = DDPMScheduler(clip_sample=False, **common)
        case Solver.DPM:
            from diffusers.schedulers.scheduling_dpmsolver_multistep import (
                DPMSolverMultistepScheduler,
            )

            scheduler = DPMSolverMultistepScheduler(
                algorithm_type="dpmsolver++", solver_order=2, **common
            )
    scheduler.set_timesteps(config.inference_steps)
    return scheduler


def _cumulative_alphas(levels: int) -> Tensor:
    """abar_t, (T,) float64, from Nichol & Dhariwal's equation 17; no step loses all signal.

    In single precision, like in `diffusers`: at the noisiest level that makes a difference.
    """
    t = torch.arange(levels + 1, dtype=torch.float64) / levels
    whole = torch.cos((t + 0.008) / 1.008 * math.pi / 2.0).square()
    betas = (1.0 - whole[1:] / whole[:-1]).clamp(max=0.999).float()
    return (1.0 - betas).cumprod(0).double()


def _read_off(scheduler: Any, places: Places) -> SamplerTable:
    timesteps = [int(t) for t in scheduler.timesteps]
    visited = places.at(torch.tensor(timesteps))
    clean_state, clean_model = visited.clean_coefficients()
    steps = [_probe(scheduler, t) for t in timesteps]
    state, model, previous, noise = (list(column) for column in zip(*steps, strict=True))
    return SamplerTable(
        timesteps=visited.level.tolist(),
        state=state,
        model=model,
        clean_state=clean_state.tolist(),
        clean_model=clean_model.tolist(),
        previous=previous,
        noise=noise,
        signal=visited.signal.tolist(),
        sigma=visited.sigma.tolist(),
    )


def _probe(scheduler: Any, t: int) -> tuple[float, float, float, float]:
    """Factors of state, prediction, previous clean chunk and fresh noise in one step at level t.

    A step is linear in all of them and acts on every element alike, so one step with unit vectors
    in their places shows three; the fourth element sees nothing but the noise.
    """
    unit = torch.eye(4, dtype=torch.float64)[:, None]
    if hasattr(scheduler, "model_outputs"):
        # The multistep solver keeps the clean chunk that it estimated last.
        scheduler.model_outputs[-1] = unit[2]
    after = scheduler.step(unit[1], t, unit[0], generator=_seeded()).prev_sample[0]
    z = torch.randn(1, 4, generator=_seeded(), dtype=after.dtype)[0]
    noise = float(after[3] / z[3])
    state, model, previous, _ = (after - noise * z).tolist()
    # Without noise, diffusers still takes the root of its smallest variance, 1e-20.
    return state, model, previous, noise if noise > 1e-9 else 0.0


def _seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)
