"""A training that was interrupted, on disk: it goes on bit for bit where it stopped."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

from policies.checkpoint_files import read_files, write_files
from robot_skills.core.errors import CheckpointError

_FORMAT, _VERSION = "robot-skills-training", 1
_TENSORS, _STATE = "training.safetensors", "training.json"
_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW remembers of every weight."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Snapshots:
    """Where a training is written down now and then.

    Attributes:
        folder: Of the snapshot; each replaces the one before.
        recipe: What is trained, and how; a snapshot of anything else is not gone on from.
        every: Steps between two.
    """

    folder: Path
    recipe: dict[str, Any]
    every: int = 200

    def save(
        self,
        step: int,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        rng: np.random.Generator,
    ) -> None:
        """Write down a training after a step. Raises `StorageError`."""
        tensors = {f"network.{name}": x for name, x in network.state_dict().items()}
        for i, moments in optimiser.state_dict()["state"].items():
            tensors |= {f"{name}.{i}": moments[name] for name in _MOMENTS}
        tensors["draws"] = torch.get_rng_state()
        state = {"step": step, "recipe": self.recipe, "rng": rng.bit_generator.state}
        packed = {name: x.detach().contiguous().clone() for name, x in tensors.items()}
        files = {
            _TENSORS: safetensors.torch.save(packed),
            _STATE: json.dumps(state).encode(),
        }
        write_files(self.folder, files, _FORMAT, _VERSION)

    def restore(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        rng: np.random.Generator,
    ) -> int:
        """Go on from the snapshot; the step that it was taken after, 0 where there is none."""
        try:
            files = read_files(self.folder, (_TENSORS, _STATE), _FORMAT, _VERSION)
        except CheckpointError:
            return 0
        state, tensors = json.loads(files[_STATE]), safetensors.torch.load(files[_TENSORS])
        if state["recipe"] != self.recipe:
            return 0
        weights = network.state_dict()
        network.load_state_dict({name: tensors[f"network.{name}"] for name in weights})
        optimiser.load_state_dict(
            {**optimiser.state_dict(), "state": _moments(tensors, len(list(network.parameters())))}
        )
        torch.set_rng_state(tensors["draws"])
        rng.bit_generator.state = state["rng"]
        return int(state["step"])


def _moments(tensors: dict[str, Tensor], count: int) -> dict[int, dict[str, Tensor]]:
    """What AdamW remembers; weights that never had a gradient have nothing."""
    known = [i for i in range(count) if f"{_MOMENTS[0]}.{i}" in tensors]
    return {i: {name: tensors[f"{name}.{i}"] for name in _MOMENTS} for i in known}
