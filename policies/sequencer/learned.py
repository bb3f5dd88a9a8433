"""A trained sequencer, ready to be asked."""

from pathlib import Path
from typing import Self

import numpy as np
import torch

from policies.sequencer.checkpoint import load_sequencer
from policies.sequencer.graph import graph_of
from policies.sequencer.network import SequencerNetwork, batched
from robot_skills.core.se3 import Array
from robot_skills.core.sequencer import Situation


class LearnedSequencer:
    """Implements `robot_skills.core.sequencer.Sequencer` with a trained network.

    Args:
        network: In evaluation mode.
    """

    def __init__(self, network: SequencerNetwork) -> None:
        self._network = network

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read a checkpoint directory. Raises `CheckpointError`."""
        _, network = load_sequencer(directory)
        return cls(network)

    def scores(self, situation: Situation) -> Array:
        """Log-probability of every option in order, and at last of being done, (options + 1,)."""
        with torch.inference_mode():
            calls, done = self._network(batched([graph_of(situation)]))
        return np.concatenate([calls.numpy(), done.numpy()]).astype(np.float64)
