from pathlib import Path

import pytest

from policies.config import NetworkConfig, NoiseConfig, SamplerConfig, TrainConfig
from tests.policies.synthetic import reaching_dataset


@pytest.fixture(scope="session")
def reaching(tmp_path_factory) -> Path:
    """A dataset of 60 reaches."""
    return reaching_dataset(tmp_path_factory.mktemp("data") / "reaching")


@pytest.fixture(scope="session")
def tiny_config() -> TrainConfig:
    """A recipe that takes a second: enough to have every part, too little to be good."""
    return TrainConfig(
        steps=12,
        batch_size=32,
        warmup_steps=2,
        threads=1,
        save_every=5,
        network=NetworkConfig(width=32, blocks=1, termination_width=16),
        sampler=SamplerConfig(inference_steps=3),
        noise=NoiseConfig(),
    )


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory, reaching, tiny_config) -> Path:
    """A checkpoint of the tiny recipe. Tests that damage it work on a copy."""
    from policies.trainer import train

    out = tmp_path_factory.mktemp("checkpoint") / "tiny"
    train(reaching, out, tiny_config, progress=False)
    return out
