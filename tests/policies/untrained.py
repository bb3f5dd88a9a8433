"""Checkpoints with random weights: every part of a policy, in no time."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from policies.checkpoint import Checkpoint, save_checkpoint
from policies.checkpoint_files import CheckpointConfig
from policies.config import NetworkConfig, SamplerConfig, TrainConfig
from policies.contract import Frame, PolicyContract, VectorSpec
from policies.frontends import make_frontend
from policies.heads import build_head
from policies.network import PolicyNetwork
from policies.normaliser import Normaliser
from policies.reliability import Calibration

SMALL = NetworkConfig(width=32, blocks=1, termination_width=16, image_width=8, embedding=8)
"""Enough to have every part."""


def given_contract(**changes) -> PolicyContract:
    """Five numbers in, three out, eight steps; fields can be replaced."""
    contract = PolicyContract(
        fps=20.0,
        observation_steps=2,
        horizon=8,
        frame=Frame.GIVEN,
        state=VectorSpec(key="observation.state", names=[f"s{i}" for i in range(5)]),
        action=VectorSpec(key="action", names=[f"a{i}" for i in range(3)]),
    )
    return replace(contract, **changes)


def untrained_checkpoint(
    directory: Path,
    contract: PolicyContract | None = None,
    network: NetworkConfig = SMALL,
    sampler: SamplerConfig | None = None,
) -> Path:
    """Write a checkpoint of the small recipe with random weights everywhere."""
    contract = contract or PolicyContract.of_skills(20.0, 2, 8)
    sampler = sampler or SamplerConfig(inference_steps=3)
    frontend = make_frontend(contract)
    names = frontend.feature_names
    config = CheckpointConfig(
        contract=contract,
        network=network,
        sampler=sampler,
        table=build_head(sampler).table(),
        training=TrainConfig(),
        calibration=Calibration(),
        data={},
        feature_names=list(names),
    )
    torch_seed = torch.Generator().manual_seed(0)
    made = PolicyNetwork(contract, len(names), network).eval().requires_grad_(False)
    for parameter in made.parameters():
        # Layers that begin at zero would hide what is wrong with the ones before them.
        parameter.copy_(0.1 * torch.randn(parameter.shape, generator=torch_seed))
    floors = (frontend.feature_floor(), frontend.action_floor())
    features, actions = (Normaliser(mean=np.zeros_like(floor), std=floor) for floor in floors)
    checkpoint = Checkpoint(config=config, network=made, features=features, actions=actions)
    save_checkpoint(directory, checkpoint)
    return directory
