"""A trained scheduler, ready to be asked."""

from pathlib import Path
from typing import Self

import numpy as np
import torch

from policies.learned_scheduler.batches import batched
from policies.learned_scheduler.checkpoint import load_learned_scheduler
from policies.learned_scheduler.choices import option_scores
from policies.learned_scheduler.encoding import encode
from policies.learned_scheduler.network import LearnedSchedulerNetwork
from policies.learned_scheduler.wording import Wording
from robot_skills.core.next_call import Moment, Vocabulary
from robot_skills.core.se3 import Array


class LearnedScheduler:
    """Implements `robot_skills.core.next_call.NextCallPredictor` with a trained network.

    Args:
        network: In evaluation mode.
        vocabulary: Of the calls.
        sure_from: Probability of a call below which it does not know what comes next.
        wording: Encodes words.
    """

    def __init__(
        self,
        network: LearnedSchedulerNetwork,
        vocabulary: Vocabulary,
        sure_from: float,
        wording: Wording | None = None,
    ) -> None:
        self.sure_from = sure_from
        self._network, self._vocabulary = network, vocabulary
        self._wording = wording or Wording()

    @classmethod
    def load(cls, directory: Path, vocabulary: Vocabulary) -> Self:
        """Read a checkpoint directory. Raises `CheckpointError`."""
        config, network = load_learned_scheduler(directory)
        return cls(network, vocabulary, config.sure_from)

    def scores(self, moment: Moment) -> Array:
        """Log-probability of every option, of being done, and of not knowing, (options + 2,)."""
        encoded = encode(moment, self._vocabulary)
        with torch.inference_mode():
            reading = self._network(batched([encoded], self._vocabulary, self._wording))
            return option_scores(self._network, reading, encoded).numpy().astype(np.float64)
