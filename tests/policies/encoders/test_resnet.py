import pytest
import torch
from safetensors.torch import save_file

from policies.config import NetworkConfig
from policies.contract import Channels, Frame, ImageSpec, PolicyContract, VectorSpec
from policies.encoders import ObservationEncoder, ResNetEncoder, resnet
from robot_skills.core.errors import CheckpointError, MissingDependencyError

SPEC = ImageSpec(key="c", height=32, width=32)


def encoder_of(**parts) -> ResNetEncoder:
    spec = ImageSpec(key="c", height=32, width=32, **parts)
    return ResNetEncoder(spec, embedding=8, width=4)


@pytest.fixture
def weights():
    """Random weights of a narrow ResNet, as a file of the hub names them."""
    draw = torch.Generator().manual_seed(0)
    state = {
        name: torch.rand(value.shape, generator=draw)
        for name, value in encoder_of().trunk.state_dict().items()
    }
    return state | {"fc.weight": torch.zeros(10, 4), "bn1.num_batches_tracked": torch.tensor(3)}


def test_weights_of_a_file_are_taken(weights, tmp_path):
    save_file(weights, tmp_path / "w.safetensors")
    encoder = encoder_of()
    encoder.load_pretrained(tmp_path / "w.safetensors")
    for name, value in encoder.trunk.state_dict().items():
        assert torch.equal(value, weights[name])


def test_depth_does_not_change_what_pretrained_weights_see_at_first(weights, tmp_path):
    save_file(weights, tmp_path / "w.safetensors")
    colours = torch.randint(0, 256, (2, 1, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    inputs = {"image/c": colours.to(torch.uint8), "image/c_depth": torch.ones(2, 1, 1, 32, 32)}
    plain, deep = encoder_of(), encoder_of(channels=Channels.RGBD)
    for encoder in (plain, deep):
        encoder.load_pretrained(tmp_path / "w.safetensors")
    deep.pool.load_state_dict(plain.pool.state_dict())
    torch.testing.assert_close(plain(inputs), deep(inputs))


def test_normalisation_is_frozen():
    encoder = encoder_of().train()
    before = {name: value.clone() for name, value in encoder.named_buffers()}
    colours = torch.full((4, 1, 3, 32, 32), 200, dtype=torch.uint8)
    encoder({"image/c": colours}).sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in encoder.named_buffers())
    assert not any("bn" in name for name, _ in encoder.named_parameters())


def test_weights_of_another_network_are_refused(weights, tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"head.weight": torch.zeros(3)}, path)
    with pytest.raises(CheckpointError, match=r"lack conv1\.weight; a ResNet-18"):
        encoder_of().load_pretrained(path)
    save_file(weights | {"conv1.weight": torch.zeros(8, 3, 7, 7)}, path)
    with pytest.raises(CheckpointError, match=r"conv1\.weight has shape \(8, 3, 7, 7\)"):
        encoder_of().load_pretrained(path)
    path.write_bytes(b"PK\x03\x04 a pickle, perhaps")
    with pytest.raises(CheckpointError, match="cannot be read"):
        encoder_of().load_pretrained(path)


def test_weights_that_cannot_be_had_say_what_to_do(monkeypatch, tmp_path):
    import huggingface_hub

    def unreachable(*_):
        raise huggingface_hub.errors.LocalEntryNotFoundError("No connection.")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", unreachable)
    with pytest.raises(MissingDependencyError, match=rf"{resnet.REPOSITORY}.*name the file"):
        encoder_of().load_pretrained()


def test_depth_alone_is_refused():
    with pytest.raises(ValueError, match="not depth alone"):
        encoder_of(channels=Channels.DEPTH)


def test_a_policy_without_such_an_encoder_takes_no_pretrained_weights(tmp_path):
    contract = PolicyContract(
        fps=20.0,
        observation_steps=2,
        horizon=4,
        frame=Frame.GIVEN,
        state=VectorSpec(key="s", names=["x"]),
        action=VectorSpec(key="a", names=["x"]),
        images=[SPEC],
    )
    encoder = ObservationEncoder(contract, 2, NetworkConfig(image_width=4))
    with pytest.raises(CheckpointError, match="no picture encoder"):
        encoder.load_pretrained(tmp_path / "w.safetensors")


@pytest.mark.slow
def test_features_are_those_of_torchvision(tmp_path):
    import torchvision

    theirs = torchvision.models.resnet18().eval()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2.0)
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    ours = ResNetEncoder(SPEC, embedding=8)
    ours.load_pretrained(tmp_path / "w.safetensors")
    x = torch.randn(2, 3, 64, 64)
    wanted = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(x))))
    wanted = theirs.layer3(theirs.layer2(theirs.layer1(wanted)))
    torch.testing.assert_close(ours.trunk(x), wanted, atol=1e-3, rtol=1e-3)
