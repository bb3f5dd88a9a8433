"""With a perfect network, every generative head samples the distribution it was trained on."""

import pytest
import torch

from policies.config import Head, Prediction, SamplerConfig, Solver
from policies.heads import build_head
from policies.heads.path import loudness
from policies.sampler import sample_chunk
from tests.policies.heads.mixture import SPREAD, ExactNetwork


def sampled(config: SamplerConfig) -> torch.Tensor:
    table = build_head(config).table()
    told = table.sigma
    if config.head in (Head.SCORE, Head.FLOW):
        loud = loudness(table.steps).tolist()
        told = [sigma / k for sigma, k in zip(table.sigma, loud, strict=True)]
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(4000, 1, 2, generator=generator, dtype=torch.float64)
    levels = torch.tensor(table.timesteps, dtype=torch.float64)
    network, features = ExactNetwork(table, told), torch.zeros(4000, 1)
    return sample_chunk(network, table, levels, features, noise, generator=generator)


@pytest.mark.parametrize(
    ("head", "solver", "prediction"),
    [
        *((Head.DIFFUSION, solver, p) for solver in Solver for p in Prediction),
        *((Head.SCORE, Solver.DDIM, p) for p in Prediction),
        *((Head.FLOW, Solver.DDIM, p) for p in (Prediction.SAMPLE, Prediction.V)),
    ],
)
def test_samples_are_spread_like_the_clean_chunks(head, solver, prediction):
    chunks = sampled(
        SamplerConfig(head=head, solver=solver, prediction=prediction, inference_steps=50)
    )
    way = chunks.mean((1, 2)).sign()
    within = chunks - way[:, None, None]
    assert float((way > 0.0).double().mean()) == pytest.approx(0.5, abs=0.03)
    assert float(chunks.mean((1, 2)).abs().mean()) == pytest.approx(1.0, abs=0.04)
    assert float(within.std()) == pytest.approx(SPREAD, abs=0.04)


@pytest.mark.parametrize("head", [Head.SCORE, Head.FLOW])
def test_four_steps_end_on_one_of_the_ways(head):
    chunks = sampled(SamplerConfig(head=head, inference_steps=4))
    nearest = (chunks.abs() - 1.0).abs().amax((1, 2))
    same_side = chunks.sign().mean((1, 2)).abs() == 1.0
    assert float(((nearest < 3.0 * SPREAD) & same_side).double().mean()) > 0.97
