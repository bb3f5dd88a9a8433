"""Walks against plain samplers, written down as their papers do."""

import pytest
import torch

from policies.config import Head, Prediction, SamplerConfig
from policies.heads import build_head
from policies.heads.path import loudness
from policies.sampler import sample_chunk


class _Smooth:
    """A network that is a smooth function of chunk and level."""

    def condition(self, features):
        return features

    def embed_time(self, timesteps):
        return timesteps

    def denoise(self, noisy, time, condition):
        return torch.tanh(noisy) * (1.0 + time / 100.0) + 0.3


def sampled(head: Head, prediction: Prediction, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
    table = build_head(
        SamplerConfig(head=head, prediction=prediction, inference_steps=steps)
    ).table()
    noise = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    levels = torch.tensor(table.timesteps, dtype=torch.float64)
    return noise, sample_chunk(_Smooth(), table, levels, torch.zeros(3, 1), noise)


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_flow_is_eulers_method_along_the_predicted_velocity(steps):
    noise, ours = sampled(Head.FLOW, Prediction.V, steps)
    x, loud = noise, [*loudness(steps).tolist(), 0.0]
    for i in range(steps):
        tau, after = i / steps, (i + 1) / steps
        velocity = _Smooth().denoise(x, torch.tensor(100.0 * (1.0 - tau)), None)
        clean = x + (1.0 - tau) * velocity
        eps = (x - tau * clean) / ((1.0 - tau) * loud[i])
        x = after * clean + (1.0 - after) * loud[i + 1] * eps
    torch.testing.assert_close(ours, x)


def test_many_flow_steps_are_plain_ones():
    steps = 100
    noise, ours = sampled(Head.FLOW, Prediction.V, steps)
    x = noise
    for i in range(steps):
        x = x + _Smooth().denoise(x, torch.tensor(100.0 * (1.0 - i / steps)), None) / steps
    torch.testing.assert_close(ours, x, rtol=0.0, atol=0.05)


@pytest.mark.parametrize("steps", [1, 3, 10])
def test_score_is_eulers_method_on_the_preconditioned_denoiser_of_karras(steps):
    noise, ours = sampled(Head.SCORE, Prediction.V, steps)
    table = build_head(
        SamplerConfig(head=Head.SCORE, prediction=Prediction.V, inference_steps=steps)
    ).table()
    loud = [*loudness(steps).tolist(), 0.0]
    told = [
        sigma / k / signal
        for sigma, signal, k in zip(table.sigma, table.signal, loud, strict=False)
    ]
    told.append(0.0)
    # Karras' state is x_0 + s eps; ours is that at unit variance.
    y = noise / table.signal[0]
    for i in range(steps):
        s, after = told[i], told[i + 1]
        total = (1.0 + s * s) ** 0.5
        output = -_Smooth().denoise(y / total, torch.tensor(table.timesteps[i]), None)
        clean = y / total**2 + s / total * output
        slope = (y - clean) / (s * loud[i])
        y = clean + after * loud[i + 1] * slope
    torch.testing.assert_close(ours, y)


def test_few_steps_are_loud_then_quiet_and_many_are_plain():
    few, many = loudness(4), loudness(400)
    assert few[0] == 1.0
    assert few[1] > 2.0 > few[2] > few[3]
    assert few[3] < 0.5
    assert float((many - 1.0).abs().max()) < 0.02
    assert loudness(1).tolist() == [1.0]
