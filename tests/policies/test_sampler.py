import pytest
import torch

from policies.config import Prediction, SamplerConfig
from policies.sampler import SamplerTable, compile_sampler, make_scheduler, sample_chunk


@pytest.mark.parametrize("prediction", list(Prediction))
@pytest.mark.parametrize("steps", [1, 5, 10])
def test_table_steps_as_the_diffusers_scheduler_does(prediction, steps):
    config = SamplerConfig(prediction=prediction, inference_steps=steps)
    scheduler, (_, table) = make_scheduler(config), compile_sampler(config)
    assert table.timesteps == [int(t) for t in scheduler.timesteps]
    generator = torch.Generator().manual_seed(0)
    theirs = ours = torch.randn(2, 16, 10, generator=generator)
    for t, a, b in zip(table.timesteps, table.state, table.model, strict=True):
        predicted = torch.randn(2, 16, 10, generator=generator)
        theirs = scheduler.step(predicted, t, theirs, eta=0.0).prev_sample
        ours = a * ours + b * predicted
        scale = theirs.abs().max()
        torch.testing.assert_close(ours / scale, theirs / scale, rtol=0.0, atol=2e-6)


@pytest.mark.parametrize("prediction", list(Prediction))
def test_noise_is_added_as_the_diffusers_scheduler_does(prediction):
    config = SamplerConfig(prediction=prediction)
    scheduler, (schedule, _) = make_scheduler(config), compile_sampler(config)
    generator = torch.Generator().manual_seed(0)
    x_0, eps = torch.randn(2, 8, 16, 10, generator=generator)
    t = torch.randint(config.train_timesteps, (8,), generator=generator)
    torch.testing.assert_close(schedule.add(x_0, eps, t), scheduler.add_noise(x_0, eps, t))
    wanted = x_0 if prediction is Prediction.SAMPLE else scheduler.get_velocity(x_0, eps, t)
    torch.testing.assert_close(schedule.target(x_0, eps, t), wanted)


class _Oracle:
    """Knows the clean chunk, whatever it is shown."""

    def __init__(self, clean: torch.Tensor) -> None:
        self._clean = clean

    def condition(self, features):
        return features

    def embed_time(self, timesteps):
        return timesteps

    def denoise(self, noisy, time, condition):
        return self._clean


@pytest.mark.parametrize("steps", [1, 4, 8])
def test_sampling_with_a_perfect_network_gives_the_clean_chunk(steps):
    _, table = compile_sampler(SamplerConfig(inference_steps=steps))
    clean, noise = torch.randn(2, 1, 16, 10, generator=torch.Generator().manual_seed(1))
    time = torch.tensor(table.timesteps)
    out = sample_chunk(_Oracle(clean), table, time, torch.zeros(1, 3), noise)
    torch.testing.assert_close(out, clean, atol=1e-6, rtol=0.0)


def test_table_with_columns_of_different_length_is_refused():
    with pytest.raises(ValueError, match="one length"):
        SamplerTable(timesteps=[9, 4], state=[0.5, 0.0], model=[1.0])
