"""One contract for every trunk, then what is special about each."""

import pytest
import torch

from policies.config import NetworkConfig, Preset, Trunk
from policies.trunks import build_denoiser
from policies.trunks.presets import preset

E, H, A = 30, 16, 7
TRUNKS = pytest.mark.parametrize("trunk", list(Trunk))


def small(trunk: Trunk, **sizes):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_denoiser(E, H, A, NetworkConfig(trunk=trunk, width=32, blocks=2, **sizes))


def inputs(batch: int):
    generator = torch.Generator().manual_seed(1)
    noisy = torch.randn(batch, H, A, generator=generator)
    features = torch.randn(batch, E, generator=generator)
    return noisy, 100.0 * torch.rand(batch, generator=generator), features


def run(net, noisy, levels, features):
    return net.denoise(noisy, net.embed_time(levels), net.condition(features))


def trained_a_little(net):
    """A few steps, so that no gate is zero any more."""
    noisy, levels, features = inputs(16)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    for _ in range(3):
        optimiser.zero_grad()
        (run(net, noisy, levels, features) - features[:, None, :A]).square().mean().backward()
        optimiser.step()
    return net


@TRUNKS
def test_prediction_has_the_shape_of_the_chunk(trunk):
    assert run(small(trunk), *inputs(5)).shape == (5, H, A)


@TRUNKS
def test_one_noise_level_serves_a_whole_batch(trunk):
    net, (noisy, levels, features) = trained_a_little(small(trunk)), inputs(5)
    condition = net.condition(features)
    one = net.denoise(noisy, net.embed_time(levels[:1]), condition)
    each = net.denoise(noisy, net.embed_time(levels[:1].expand(5)), condition)
    torch.testing.assert_close(one, each)


@TRUNKS
def test_chunks_of_a_batch_do_not_see_each_other(trunk):
    net, (noisy, levels, features) = trained_a_little(small(trunk)), inputs(4)
    alone = run(net, noisy[2:3], levels[2:3], features[2:3])
    torch.testing.assert_close(run(net, noisy, levels, features)[2:3], alone, rtol=1e-4, atol=1e-5)


@TRUNKS
def test_observation_level_and_every_waypoint_matter(trunk):
    net, (noisy, levels, features) = trained_a_little(small(trunk)), inputs(1)
    before = run(net, noisy, levels, features)
    for changed in (
        (noisy + torch.eye(H)[0][:, None], levels, features),
        (noisy + torch.eye(H)[-1][:, None], levels, features),
        (noisy, levels + 20.0, features),
        (noisy, levels, features + 1.0),
    ):
        assert float((run(net, *changed) - before).detach().abs().max()) > 1e-4


@TRUNKS
def test_all_weights_are_trained(trunk):
    net = trained_a_little(small(trunk))
    net.zero_grad()
    run(net, *inputs(16)).square().mean().backward()
    idle = [
        name
        for name, weight in net.named_parameters()
        if weight.grad is None or not bool(weight.grad.abs().sum() > 0.0)
    ]
    assert idle == []


@TRUNKS
def test_a_batch_can_be_learned_by_heart(trunk):
    noisy, levels, features = inputs(8)
    net, wanted = small(trunk), torch.randn(8, H, A, generator=torch.Generator().manual_seed(2))
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(150):
        optimiser.zero_grad()
        loss = (run(net, noisy, levels, features) - wanted).square().mean()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.3


@TRUNKS
def test_weights_fit_a_network_made_without_memory(trunk):
    net = small(trunk)
    with torch.device("meta"):
        empty = build_denoiser(E, H, A, NetworkConfig(trunk=trunk, width=32, blocks=2))
    empty.load_state_dict(net.state_dict(), assign=True)
    torch.testing.assert_close(run(empty, *inputs(2)), run(net, *inputs(2)))


def test_transformer_starts_out_saying_nothing_whatever_it_sees():
    assert float(run(small(Trunk.DIT), *inputs(3)).detach().abs().max()) == 0.0


@pytest.mark.parametrize("horizon", [6, 10, 15])
def test_unet_refuses_a_horizon_that_cannot_be_halved_twice(horizon):
    with pytest.raises(ValueError, match=f"multiple of 4, got {horizon}"):
        build_denoiser(E, horizon, A, NetworkConfig(trunk=Trunk.UNET, width=32))


@pytest.mark.parametrize("horizon", [4, 8, 12, 32])
def test_unet_takes_any_horizon_that_can(horizon):
    net = build_denoiser(E, horizon, A, NetworkConfig(trunk=Trunk.UNET, width=16, blocks=1))
    assert run(net, torch.zeros(2, horizon, A), *inputs(2)[1:]).shape == (2, horizon, A)


def test_unet_refuses_a_width_that_its_groups_do_not_divide():
    with pytest.raises(ValueError, match="multiple of 8, got 20"):
        build_denoiser(E, H, A, NetworkConfig(trunk=Trunk.UNET, width=20))


def test_transformer_refuses_heads_that_do_not_divide_its_width():
    with pytest.raises(ValueError, match="3 attention heads do not divide the width 32"):
        build_denoiser(E, H, A, NetworkConfig(trunk=Trunk.DIT, width=32, attention_heads=3))


@TRUNKS
def test_presets_grow_within_their_bounds(trunk):
    bounds = {Preset.TINY: (0.3e6, 0.6e6), Preset.BASE: (1e6, 3e6), Preset.LARGE: (8e6, 20e6)}
    for size, (least, most) in bounds.items():
        with torch.device("meta"):
            net = build_denoiser(64, 16, 10, preset(trunk, size))
        assert least <= sum(weight.numel() for weight in net.parameters()) <= most


def test_settings_by_default_are_the_base_preset():
    assert preset(Trunk.RESIDUAL_MLP, Preset.BASE) == NetworkConfig()
