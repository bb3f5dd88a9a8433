"""Encoders learn what a policy needs of them, in seconds."""

import numpy as np
import torch
from torch import Tensor, nn

from policies.config import NetworkConfig
from policies.contract import Channels, CloudSpec, Frame, ImageSpec, PolicyContract, VectorSpec
from policies.encoders import CloudEncoder, ImageEncoder, LanguageEncoder, ObservationEncoder

SIDE, BLOCK = 24, 5


def fitted(
    encoder: nn.Module, inputs: list[dict[str, Tensor]], targets: list[Tensor], rate: float = 3e-3
) -> nn.Module:
    """The encoder with a linear read-out, after one pass over batches."""
    model = nn.Sequential(encoder, nn.LazyLinear(targets[0].shape[1]))
    model(inputs[0])
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, len(inputs))
    for given, wanted in zip(inputs, targets, strict=True):
        loss = nn.functional.mse_loss(model(given), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model


def scenes(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pictures of a red block and a blue one on coloured noise, depth, and where the red one is."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(60, 180, (count, 1, 3, SIDE // 4, SIDE // 4), dtype=np.uint8)
    colours = colours.repeat(4, axis=-1).repeat(4, axis=-2)
    depth_m = rng.uniform(0.9, 1.0, (count, 1, 1, SIDE, SIDE)).astype(np.float32)
    depth_m[rng.random(depth_m.shape) < 0.05] = 0.0
    corners = rng.integers(0, SIDE - BLOCK + 1, (count, 2, 2))
    for i, (red, blue) in enumerate(corners):
        for (top, left), colour in ((blue, (20, 30, 230)), (red, (230, 30, 20))):
            where = (i, 0, slice(None), slice(top, top + BLOCK), slice(left, left + BLOCK))
            colours[where] = np.reshape(colour, (3, 1, 1))
        depth_m[where] = 0.5
    middle = (corners[:, 0] + BLOCK / 2) / SIDE
    return colours, depth_m, middle.astype(np.float32)


def position_error(channels: Channels, steps: int = 300) -> float:
    """Mean error of a block's position after a short training, in picture widths."""
    spec = ImageSpec(key="c", height=SIDE, width=SIDE, channels=channels, crop=1.0)

    def inputs(colours: np.ndarray, depth_m: np.ndarray) -> dict[str, Tensor]:
        return {"image/c": torch.from_numpy(colours), "image/c_depth": torch.from_numpy(depth_m)}

    batches = [scenes(32, seed) for seed in range(steps)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = fitted(
            ImageEncoder(spec, width=8, embedding=16),
            [inputs(*batch[:2]) for batch in batches],
            [torch.from_numpy(batch[2]) for batch in batches],
        )
    colours, depth_m, wanted = scenes(200, 1000)
    with torch.inference_mode():
        found = model(inputs(colours, depth_m)).numpy()
    return float(np.abs(found - wanted).mean())


def test_a_coloured_block_is_found_to_a_fiftieth_of_the_picture():
    assert position_error(Channels.RGB) < 0.02


def test_a_block_is_found_by_its_depth_alone():
    assert position_error(Channels.DEPTH, steps=500) < 0.02


def test_a_block_is_found_by_colour_and_depth():
    assert position_error(Channels.RGBD) < 0.02


def test_a_cloud_tells_where_its_box_is():
    spec = CloudSpec(
        key="c",
        K=[1.0] * 9,
        T_base_camera=[0.0] * 16,
        low_m=[0.2, -0.5, 0.0],
        high_m=[1.0, 0.5, 0.5],
        points=64,
    )
    rng = np.random.default_rng(0)

    def boxes(count: int) -> tuple[dict[str, Tensor], Tensor]:
        middle = rng.uniform([0.3, -0.4, 0.05], [0.9, 0.4, 0.3], (count, 3))
        cloud = middle[:, None] + rng.uniform(-0.03, 0.03, (count, 64, 3))
        return (
            {"cloud/c": torch.from_numpy(cloud.astype(np.float32))},
            torch.from_numpy(middle.astype(np.float32)),
        )

    batches = [boxes(64) for _ in range(200)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = fitted(
            CloudEncoder(spec, width=8, embedding=32),
            [given for given, _ in batches],
            [wanted for _, wanted in batches],
        )
    given, wanted = boxes(200)
    with torch.inference_mode():
        assert (model(given) - wanted).abs().mean() < 0.01


def test_sentences_are_told_apart_also_with_noise_on_them():
    rng = torch.Generator().manual_seed(0)
    sentences = nn.functional.normalize(torch.randn(6, 384, generator=rng), dim=1)
    answers = torch.eye(6)

    class Named(LanguageEncoder):
        def forward(self, given: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
            return super().forward(given["language"])

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = fitted(Named(16), [{"language": sentences}] * 100, [answers] * 100)
    near = sentences + 0.02 * torch.randn(6, 384, generator=rng)
    said = model({"language": nn.functional.normalize(near, dim=1)})
    assert said.argmax(dim=1).tolist() == list(range(6))


def test_a_sentence_picks_the_numbers_of_the_thing_that_it_names():
    things = 5
    rng = torch.Generator().manual_seed(0)
    sentences = nn.functional.normalize(torch.randn(things, 384, generator=rng), dim=1)
    contract = PolicyContract(
        fps=20.0,
        observation_steps=1,
        horizon=4,
        frame=Frame.GIVEN,
        state=VectorSpec(
            key="observation.state", names=[f"{k}.{a}" for k in "abcde" for a in "xy"]
        ),
        action=VectorSpec(key="action", names=["x", "y"]),
        language=True,
    )

    def asked(count: int) -> tuple[dict[str, Tensor], Tensor]:
        places = torch.randn(count, things, 2, generator=rng)
        named = torch.randint(things, (count,), generator=rng)
        given = {"vector": places.flatten(1), "language": sentences[named]}
        return given, places[torch.arange(count), named]

    batches = [asked(64) for _ in range(400)]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = fitted(
            ObservationEncoder(contract, 2 * things, NetworkConfig(width=32, embedding=16)),
            [given for given, _ in batches],
            [wanted for _, wanted in batches],
        )
    given, wanted = asked(200)
    with torch.inference_mode():
        assert (model(given) - wanted).abs().mean() < 0.05
