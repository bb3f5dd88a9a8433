"""Learned schedulers on disk: weights in safetensors (float16), settings in JSON, hashes."""

from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch
import torch

from policies.checkpoint import read_network
from policies.checkpoint_files import (
    CONFIG,
    WEIGHTS,
    check_layouts,
    json_bytes,
    parse_settings,
    read_files,
    write_files,
)
from policies.json_config import JsonConfig
from policies.learned_scheduler.encoding import ATTEMPT_NUMBERS, ENTITY_NUMBERS, RELATIONS
from policies.learned_scheduler.network import (
    LearnedSchedulerNetwork,
    LearnedSchedulerNetworkConfig,
)

FORMAT, VERSION = "robot-skills-learned-scheduler", 1


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedSchedulerConfig(JsonConfig):
    """What is needed to rebuild and to judge a learned scheduler, besides its weights.

    Attributes:
        network: Its shape.
        sure_from: Probability of a call below which it does not know what comes next.
        entity_numbers: Numbers of an entity that it was trained on.
        relations: Numbers of a pair.
        attempt_numbers: Numbers of a past call.
        training: The recipe.
        data: What it learned from.
        measured: How often it was right where it did not learn.
    """

    network: LearnedSchedulerNetworkConfig
    sure_from: float = 0.3
    entity_numbers: list[str] = field(default_factory=lambda: list(ENTITY_NUMBERS))
    relations: list[str] = field(default_factory=lambda: list(RELATIONS))
    attempt_numbers: list[str] = field(default_factory=lambda: list(ATTEMPT_NUMBERS))
    training: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    measured: dict = field(default_factory=dict)


def save_learned_scheduler(
    directory: Path, config: LearnedSchedulerConfig, network: LearnedSchedulerNetwork
) -> None:
    """Write a checkpoint directory; an older one in the same place is replaced.

    Raises:
        StorageError: The directory cannot be written.
    """
    tensors = {
        name: x.detach().to(torch.float16).contiguous() for name, x in network.state_dict().items()
    }
    files = {WEIGHTS: safetensors.torch.save(tensors), CONFIG: json_bytes(config.to_json())}
    write_files(directory, files, FORMAT, VERSION)


def load_learned_scheduler(
    directory: Path,
) -> tuple[LearnedSchedulerConfig, LearnedSchedulerNetwork]:
    """Read and check a checkpoint directory.

    Raises:
        CheckpointError: Anything about it is missing, damaged, foreign or contradicts itself.
    """
    files = read_files(directory, file_format=FORMAT, version=VERSION)
    config = parse_settings(LearnedSchedulerConfig, directory, files[CONFIG])
    layouts = (
        ("numbers of entities", config.entity_numbers, ENTITY_NUMBERS),
        ("numbers of pairs", config.relations, RELATIONS),
        ("numbers of past calls", config.attempt_numbers, ATTEMPT_NUMBERS),
    )
    check_layouts(directory, layouts, "robot-skills train-scheduler")
    network = read_network(
        lambda: LearnedSchedulerNetwork(config.network), directory, files[WEIGHTS]
    )
    return config, network
