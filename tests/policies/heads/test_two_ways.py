"""Learning: demonstrations go around a post on either side. Heads keep both ways, least squares
goes straight into the post."""

import math

import pytest
import torch

from policies.config import Head, NetworkConfig, SamplerConfig
from policies.heads import build_head
from policies.heads.presets import suggested
from policies.sampler import sample_chunk
from policies.trunks import ResidualMlp

H, BATCH, STEPS = 4, 128, 400


def way(states: torch.Tensor, side: torch.Tensor) -> torch.Tensor:
    """Chunks (B, H, 2): along the state's first number, around the post on a side."""
    along = torch.linspace(-1.0, 1.0, H)
    bend = torch.cos(along * math.pi / 3.0)
    y = side[:, None] * bend + 0.3 * states[:, 1:2]
    x = along + 0.3 * states[:, :1]
    return torch.stack([x, y], dim=-1)


def drawn(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    states = 2.0 * torch.rand(count, 2, generator=generator) - 1.0
    side = 2.0 * torch.randint(2, (count,), generator=generator).float() - 1.0
    return states, way(states, side)


def network() -> ResidualMlp:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return ResidualMlp(2, H, 2, NetworkConfig(width=64, blocks=2))


def learned(config: SamplerConfig, teacher: ResidualMlp | None = None) -> ResidualMlp:
    net, head, draws = network(), build_head(config), torch.Generator().manual_seed(0)
    if teacher is not None:
        net.load_state_dict(teacher.state_dict())
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        states, clean = drawn(BATCH, draws)
        errors = head.errors(
            predictor(net, states), clean, draws, teacher and predictor(teacher, states)
        )
        optimiser.zero_grad()
        errors.mean().backward()
        optimiser.step()
        decay.step()
    return net


def predictor(net: ResidualMlp, states: torch.Tensor):
    condition = net.condition(states)
    return lambda noisy, level: net.denoise(noisy, net.embed_time(level), condition)


@torch.no_grad()
def judged(net: ResidualMlp, config: SamplerConfig) -> tuple[float, float]:
    """Part of the chunks that take one of the ways, and part of those that go left."""
    table, draws = build_head(config).table(), torch.Generator().manual_seed(1)
    states, _ = drawn(1000, draws)
    noise = config.noise_scale * torch.randn(1000, H, 2, generator=draws)
    levels = net.embed_time(torch.tensor(table.timesteps))
    out = sample_chunk(net, table, levels, net.condition(states), noise, generator=draws)
    ends = [way(states, torch.full((1000,), side)) for side in (1.0, -1.0)]
    left, right = ((out - end).norm(dim=-1).amax(1) for end in ends)
    good = torch.minimum(left, right) < 0.35
    return float(good.float().mean()), float((left < right)[good].float().mean())


@pytest.fixture(scope="module")
def teacher() -> ResidualMlp:
    return learned(SamplerConfig(noise_scale=1.0))


def test_diffusion_keeps_both_ways(teacher):
    assert_both_ways(*judged(teacher, suggested(Head.DIFFUSION)))


@pytest.mark.parametrize("head", [Head.SCORE, Head.FLOW])
def test_few_steps_keep_both_ways(head):
    assert_both_ways(*judged(learned(suggested(head)), suggested(head)))


def test_one_step_of_a_student_keeps_both_ways(teacher):
    config = suggested(Head.CONSISTENCY)
    assert_both_ways(*judged(learned(config, teacher), config))


def test_regression_takes_neither_way():
    config = suggested(Head.REGRESSION)
    good, _ = judged(learned(config), config)
    assert good < 0.05


def assert_both_ways(good: float, left: float) -> None:
    assert good > 0.85
    assert 0.4 < left < 0.6
