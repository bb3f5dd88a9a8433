import pytest
import torch

from policies.config import Prediction, SamplerConfig
from policies.heads.diffusion import DiffusionHead, make_scheduler


@pytest.mark.parametrize("prediction", [Prediction.SAMPLE, Prediction.V])
@pytest.mark.parametrize("steps", [1, 5, 10])
def test_table_steps_as_the_diffusers_scheduler_does(prediction, steps):
    config = SamplerConfig(prediction=prediction, inference_steps=steps)
    scheduler, table = make_scheduler(config), DiffusionHead(config).table()
    assert table.timesteps == [int(t) for t in scheduler.timesteps]
    generator = torch.Generator().manual_seed(0)
    theirs = ours = torch.randn(2, 16, 10, generator=generator)
    for t, a, b in zip(table.timesteps, table.state, table.model, strict=True):
        predicted = torch.randn(2, 16, 10, generator=generator)
        theirs = scheduler.step(predicted, int(t), theirs, eta=0.0).prev_sample
        ours = a * ours + b * predicted
        scale = theirs.abs().max()
        torch.testing.assert_close(ours / scale, theirs / scale, rtol=0.0, atol=2e-6)


@pytest.mark.parametrize("prediction", list(Prediction))
def test_a_network_that_knows_the_answer_makes_no_errors(prediction):
    config = SamplerConfig(prediction=prediction)
    scheduler, head = make_scheduler(config), DiffusionHead(config)
    x_0 = torch.randn(8, 16, 10, generator=torch.Generator().manual_seed(0))

    def knows(noisy, level):
        t = level.long()
        signal = scheduler.alphas_cumprod[t].sqrt()[:, None, None]
        eps = (noisy - signal * x_0) / (1.0 - signal**2).sqrt()
        match prediction:
            case Prediction.SAMPLE:
                return x_0
            case Prediction.EPSILON:
                return eps
            case Prediction.V:
                return scheduler.get_velocity(x_0, eps, t)

    errors = head.errors(knows, x_0, torch.Generator().manual_seed(1))
    assert errors.shape == x_0.shape
    assert float(errors.max()) < 1e-6
