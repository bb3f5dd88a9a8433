"""Sequencers on disk: weights in safetensors, settings in JSON, and a manifest of hashes."""

from dataclasses import dataclass, field
from pathlib import Path

import safetensors.torch

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
from policies.sequencer.graph import CALL_FEATURES, LITERAL_FEATURES, RELATIONS
from policies.sequencer.network import SequencerNetwork, SequencerNetworkConfig

FORMAT, VERSION = "robot-skills-sequencer", 2


@dataclass(frozen=True, kw_only=True, slots=True)
class SequencerConfig(JsonConfig):
    """What is needed to rebuild and to judge a sequencer, besides its weights.

    Attributes:
        network: Its shape.
        literal_features: Numbers of a literal that it was trained on.
        call_features: Numbers of a call.
        relations: Kinds of edges.
        training: The recipe.
        data: What it learned from: tasks, runs, situations, the command.
        measured: How often it was right in situations that it did not learn from.
    """

    network: SequencerNetworkConfig
    literal_features: list[str] = field(default_factory=lambda: list(LITERAL_FEATURES))
    call_features: list[str] = field(default_factory=lambda: list(CALL_FEATURES))
    relations: list[str] = field(default_factory=lambda: list(RELATIONS))
    training: dict = field(default_factory=dict)
    data: dict = field(default_factory=dict)
    measured: dict = field(default_factory=dict)


def save_sequencer(directory: Path, config: SequencerConfig, network: SequencerNetwork) -> None:
    """Write a checkpoint directory; an older one in the same place is replaced.

    Raises:
        StorageError: The directory cannot be written.
    """
    tensors = {name: x.detach().contiguous() for name, x in network.state_dict().items()}
    files = {WEIGHTS: safetensors.torch.save(tensors), CONFIG: json_bytes(config.to_json())}
    write_files(directory, files, FORMAT, VERSION)


def load_sequencer(directory: Path) -> tuple[SequencerConfig, SequencerNetwork]:
    """Read and check a checkpoint directory.

    Raises:
        CheckpointError: Anything about it is missing, damaged, foreign or contradicts itself.
    """
    files = read_files(directory, file_format=FORMAT, version=VERSION)
    config = parse_settings(SequencerConfig, directory, files[CONFIG])
    layouts = (
        ("literals", config.literal_features, LITERAL_FEATURES),
        ("calls", config.call_features, CALL_FEATURES),
        ("relations", config.relations, RELATIONS),
    )
    check_layouts(directory, layouts, "robot-skills train-sequencer")
    network = read_network(lambda: SequencerNetwork(config.network), directory, files[WEIGHTS])
    return config, network
