"""A policy can be trained on from a checkpoint's weights."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from policies.checkpoint import load_checkpoint
from policies.config import NetworkConfig, TrainConfig
from policies.trainer import train
from robot_skills.core.errors import RefusedError


def _apart(one: Path, other: Path) -> float:
    """Largest difference between the weights of two checkpoints."""
    states = [load_checkpoint(folder).network.state_dict() for folder in (one, other)]
    return max(
        float(torch.abs(a.float() - b.float()).max())
        for a, b in zip(states[0].values(), states[1].values(), strict=True)
    )


def test_it_begins_where_the_checkpoint_ended(
    tmp_path: Path, reaching: Path, tiny_config: TrainConfig, tiny_checkpoint: Path
) -> None:
    config = replace(tiny_config, seed=1, learning_rate=1e-9, steps=2)
    train(reaching, tmp_path / "on", config, progress=False, start=tiny_checkpoint)
    assert _apart(tmp_path / "on", tiny_checkpoint) < 1e-3
    train(reaching, tmp_path / "new", config, progress=False)
    assert _apart(tmp_path / "new", tiny_checkpoint) > 1e-2


def test_network_and_scales_are_the_checkpoints(
    tmp_path: Path, reaching: Path, tiny_config: TrainConfig, tiny_checkpoint: Path
) -> None:
    other = replace(tiny_config, network=NetworkConfig(width=16, blocks=2, termination_width=8))
    train(reaching, tmp_path / "on", other, progress=False, start=tiny_checkpoint)
    found, known = (load_checkpoint(folder) for folder in (tmp_path / "on", tiny_checkpoint))
    assert found.config.training.network == known.config.training.network
    assert found.config.contract == known.config.contract


def test_training_on_and_distilling_at_once_is_refused(
    tmp_path: Path, reaching: Path, tiny_config: TrainConfig, tiny_checkpoint: Path
) -> None:
    with pytest.raises(RefusedError, match="choose one"):
        train(
            reaching,
            tmp_path / "on",
            tiny_config,
            progress=False,
            start=tiny_checkpoint,
            teacher=tiny_checkpoint,
        )
