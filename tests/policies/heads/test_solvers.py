"""Golden tests: the table and its loop against the schedulers of `diffusers` themselves."""

import pytest
import torch

from policies.config import Prediction, SamplerConfig, Solver
from policies.heads.diffusion import DiffusionHead, make_scheduler
from policies.sampler import sample_chunk

SHAPE = (2, 16, 10)


class _Replay:
    """A network that answers with given predictions, one after the other."""

    def __init__(self, predictions) -> None:
        self._predictions = iter(predictions)

    def condition(self, features):
        return features

    def embed_time(self, timesteps):
        return timesteps

    def denoise(self, noisy, time, condition):
        return next(self._predictions)


@pytest.mark.parametrize("prediction", list(Prediction))
@pytest.mark.parametrize(
    ("solver", "steps"),
    [
        *((Solver.DDIM, steps) for steps in (1, 2, 4, 5, 10, 50)),
        *((Solver.DDPM, steps) for steps in (1, 3, 4, 10, 100)),
        *((Solver.DPM, steps) for steps in (1, 2, 3, 4, 10, 30)),
    ],
)
def test_loop_samples_what_the_scheduler_of_diffusers_samples(solver, steps, prediction):
    config = SamplerConfig(solver=solver, inference_steps=steps, prediction=prediction)
    scheduler, table = make_scheduler(config), DiffusionHead(config).table()
    assert table.timesteps == pytest.approx([float(t) for t in scheduler.timesteps])
    generator = torch.Generator().manual_seed(steps)
    noise = torch.randn(SHAPE, generator=generator, dtype=torch.float64)
    predictions = torch.randn(steps, *SHAPE, generator=generator, dtype=torch.float64)
    draws = torch.Generator().manual_seed(7)
    fresh = torch.stack(
        [torch.randn(SHAPE, generator=draws, dtype=torch.float64) for _ in range(steps)]
    )
    levels = torch.tensor(table.timesteps)
    ours = sample_chunk(_Replay(predictions), table, levels, torch.zeros(2, 3), noise, fresh=fresh)
    theirs, draws = noise, torch.Generator().manual_seed(7)
    for t, predicted in zip(scheduler.timesteps, predictions, strict=True):
        theirs = scheduler.step(predicted, t, theirs, generator=draws).prev_sample
    scale = theirs.abs().max()
    torch.testing.assert_close(ours / scale, theirs / scale, rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("levels", [50, 100, 1000])
def test_levels_span_zero_to_a_hundred_however_many_there_are(levels):
    head = DiffusionHead(SamplerConfig(train_timesteps=levels, inference_steps=5))
    seen = []

    def predict(noisy, level):
        seen.append(level)
        return noisy

    head.errors(predict, torch.zeros(4000, 1, 1), torch.Generator().manual_seed(0))
    assert float(seen[0].min()) < 3.0
    assert 97.0 < float(seen[0].max()) < 100.0
    assert head.table().timesteps[0] == pytest.approx(100.0 - 100.0 / levels)


@pytest.mark.parametrize("steps", [3, 6, 7, 30])
def test_ddim_ends_clean_even_where_the_steps_do_not_divide_the_levels(steps):
    table = DiffusionHead(SamplerConfig(inference_steps=steps)).table()
    assert (table.state[-1], table.model[-1]) == (0.0, 1.0)
