from dataclasses import replace

import numpy as np
import pytest
import torch

from policies.config import Backbone, NetworkConfig
from policies.contract import (
    LANGUAGE_SIZE,
    Channels,
    CloudSpec,
    Frame,
    ImageSpec,
    PolicyContract,
    VectorSpec,
)
from policies.encoders import ObservationEncoder
from policies.network import example_inputs

CONFIG = NetworkConfig(image_width=4, embedding=8)
NUMBERS = PolicyContract(
    fps=20.0,
    observation_steps=2,
    horizon=4,
    frame=Frame.GIVEN,
    state=VectorSpec(key="observation.state", names=["x", "y"]),
    action=VectorSpec(key="action", names=["x"]),
)
FRONT = ImageSpec(key="observation.images.front", height=24, width=32, crop=0.85)
WRIST = ImageSpec(key="wrist/left", height=16, width=16, channels=Channels.RGBD, steps=2)
DEPTH = ImageSpec(key="depth", height=16, width=16, channels=Channels.DEPTH)
CLOUD = CloudSpec(
    key="front",
    K=[100.0, 0.0, 48.0, 0.0, 100.0, 48.0, 0.0, 0.0, 1.0],
    T_base_camera=np.eye(4).ravel().tolist(),
    low_m=[-1.0, -1.0, 0.0],
    high_m=[1.0, 1.0, 2.0],
    points=16,
    colour=True,
)
EVERYTHING = replace(NUMBERS, images=[FRONT, WRIST, DEPTH], clouds=[CLOUD], language=True)


def inputs_of(contract, batch=3):
    return example_inputs(contract, 4, torch.Generator().manual_seed(0), batch)


def encoder_of(contract, config=CONFIG):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ObservationEncoder(contract, 4, config).eval()


def test_numbers_alone_pass_through_without_parameters():
    encoder, inputs = encoder_of(NUMBERS), inputs_of(NUMBERS)
    assert encoder(inputs) is inputs["vector"]
    assert encoder.size == 4
    assert not encoder.state_dict()


@pytest.mark.parametrize("backbone", Backbone)
def test_every_sense_adds_an_embedding(backbone):
    contract = EVERYTHING
    if backbone is Backbone.RESNET18:
        contract = replace(EVERYTHING, images=[FRONT, WRIST])
    encoder = encoder_of(contract, replace(CONFIG, backbone=backbone))
    pictures = sum(image.steps for image in contract.images)
    assert encoder.size == 4 + 8 * (pictures + 1 + 1) + CONFIG.width
    assert encoder(inputs_of(contract)).shape == (3, encoder.size)


def test_each_row_is_encoded_by_itself():
    encoder, inputs = encoder_of(EVERYTHING), inputs_of(EVERYTHING)
    alone = encoder({name: value[1:2] for name, value in inputs.items()})
    torch.testing.assert_close(encoder(inputs)[1:2], alone)


def test_a_blanked_goal_is_that_of_no_sentence():
    contract = replace(NUMBERS, language=True)
    encoder, inputs = encoder_of(contract), inputs_of(contract)
    kept = encoder(inputs, torch.tensor([True, False, True]))
    without = encoder(inputs | {"language": torch.zeros(3, LANGUAGE_SIZE)})
    torch.testing.assert_close(kept[[0, 2]], encoder(inputs)[[0, 2]])
    torch.testing.assert_close(kept[1], without[1])
    assert not torch.allclose(kept[1], encoder(inputs)[1])


def test_a_whole_picture_is_seen_as_its_middle():
    contract = replace(NUMBERS, images=[FRONT])
    encoder, inputs = encoder_of(contract), inputs_of(contract)
    name = "image/" + FRONT.key
    middle = inputs | {name: inputs[name][..., 2:22, 2:30]}
    assert middle[name].shape[-2:] == (20, 28)
    torch.testing.assert_close(encoder(inputs), encoder(middle))


def test_pictures_of_another_size_are_refused():
    contract = replace(NUMBERS, images=[FRONT])
    inputs = inputs_of(contract) | {"image/" + FRONT.key: torch.zeros(1, 1, 3, 48, 64)}
    with pytest.raises(ValueError, match=r"24 x 32 px or crops of 20 x 28 px, got 48 x 64"):
        encoder_of(contract)(inputs)


def test_every_parameter_learns():
    encoder = encoder_of(EVERYTHING)
    encoder(inputs_of(EVERYTHING)).square().sum().backward()
    still = [name for name, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert not still


def test_missing_depth_leaves_no_trace_of_its_value():
    contract = replace(NUMBERS, images=[DEPTH])
    encoder = encoder_of(contract)
    depth_m = torch.full((1, 1, 1, 16, 16), 0.7)
    outcomes = []
    for reading in (0.0, torch.nan, torch.inf, -1.0, 50.0):
        depth_m[..., 4:8, 4:8] = reading
        vector = torch.zeros(1, 4)
        outcomes.append(encoder({"vector": vector, "image/depth_depth": depth_m.clone()}))
    for outcome in outcomes:
        assert torch.isfinite(outcome).all()
        assert torch.equal(outcome, outcomes[0])


def test_the_order_of_points_does_not_matter():
    contract = replace(NUMBERS, clouds=[CLOUD])
    encoder, inputs = encoder_of(contract), inputs_of(contract)
    shuffled = inputs | {"cloud/front": inputs["cloud/front"].flip(1)}
    torch.testing.assert_close(encoder(inputs), encoder(shuffled))


def test_onnx_gives_the_same_features(tmp_path):
    import onnxruntime

    encoder, inputs = encoder_of(EVERYTHING), inputs_of(EVERYTHING, batch=1)
    names = list(inputs)

    class Flat(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, *tensors):
            return self.encoder(dict(zip(names, tensors, strict=True)))

    path = tmp_path / "encoder.onnx"
    torch.onnx.export(Flat().eval(), tuple(inputs.values()), path, input_names=names, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = {
        wanted.name: inputs[name].numpy()
        for wanted, name in zip(session.get_inputs(), names, strict=True)
    }
    (found,) = session.run(None, given)
    np.testing.assert_allclose(found, encoder(inputs).detach().numpy(), atol=1e-4, rtol=1e-4)
