"""Denoisers of depth on disk: weights in safetensors (float16), settings in JSON, hashes."""

from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch
import torch

from policies.checkpoint import read_network
from policies.checkpoint_files import (
    CONFIG,
    WEIGHTS,
    json_bytes,
    parse_settings,
    read_files,
    write_files,
)
from policies.depth.network import DepthNetwork, DepthNetworkConfig
from policies.json_config import JsonConfig, require

FORMAT, VERSION = "robot-skills-depth", 1


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthConfig(JsonConfig):
    """What is needed to rebuild and to judge a denoiser, besides its weights.

    Attributes:
        network: Its shape.
        known_from: Probability of being right below which a pixel is a hole.
        training: The recipe.
        data: What it learned from.
        measured: How far it is off where it did not learn.
    """

    network: DepthNetworkConfig = field(default_factory=DepthNetworkConfig)
    known_from: float = 0.75
    training: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    measured: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(0.0 <= self.known_from < 1.0, f"known_from is {self.known_from}.")


def save_depth(directory: Path, config: DepthConfig, network: DepthNetwork) -> None:
    """Write a checkpoint directory; an older one in the same place is replaced.

    Raises:
        StorageError: The directory cannot be written.
    """
    tensors = {
        name: x.detach().to(torch.float16).contiguous() for name, x in network.state_dict().items()
    }
    files = {WEIGHTS: safetensors.torch.save(tensors), CONFIG: json_bytes(config.to_json())}
    write_files(directory, files, FORMAT, VERSION)


def load_depth(directory: Path) -> tuple[DepthConfig, DepthNetwork]:
    """Read and check a checkpoint directory.

    Raises:
        CheckpointError: Anything about it is missing, damaged, foreign or contradicts itself.
    """
    files = read_files(directory, file_format=FORMAT, version=VERSION)
    config = parse_settings(DepthConfig, directory, files[CONFIG])
    network = read_network(lambda: DepthNetwork(config.network), directory, files[WEIGHTS])
    return config, network
