"""Trains a sequencer by imitation: what was done next in runs that succeeded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from policies.json_config import JsonConfig, require
from policies.sequencer.graph import Graph, graph_of
from policies.sequencer.network import (
    Batch,
    SequencerNetwork,
    SequencerNetworkConfig,
    batched,
)
from robot_skills.core.errors import RefusedError
from robot_skills.core.sequencer import Situation


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Choice:
    """What was done in one situation.

    Attributes:
        graph: The situation.
        chosen: Place of the call among the options; their number when the run was done.
    """

    graph: Graph
    chosen: int

    @classmethod
    def of(cls, situation: Situation, chosen: int) -> "Choice":
        """Raises `RefusedError` when there is no such option."""
        if not 0 <= chosen <= len(situation.options):
            raise RefusedError(f"There are {len(situation.options)} options, none is {chosen}.")
        return cls(graph=graph_of(situation), chosen=chosen)


@dataclass(frozen=True, kw_only=True, slots=True)
class SequencerTraining(JsonConfig):
    """The recipe. The same values on the same choices give the same weights, bit for bit."""

    seed: int = 0
    """Seeds weights and batches."""
    steps: int = 1500
    """Optimiser steps."""
    batch_size: int = 32
    """Situations per step."""
    learning_rate: float = 3e-3
    """Peak of the cosine schedule."""
    weight_decay: float = 1e-2
    """Of AdamW."""
    threads: int = 1
    """Processor threads."""

    def __post_init__(self) -> None:
        sizes = (self.steps, self.batch_size, self.threads)
        require(min(sizes) >= 1, f"Sizes must be positive, got {sizes}.")


def train_sequencer(
    choices: Sequence[Choice],
    recipe: SequencerTraining | None = None,
    shape: SequencerNetworkConfig | None = None,
) -> SequencerNetwork:
    """Fit a network to choices.

    Args:
        choices: What was done, and in which situations.
        recipe: How to train.
        shape: Of the network.

    Raises:
        RefusedError: There are no choices.
    """
    if not choices:
        raise RefusedError("A sequencer needs choices to learn from; no run succeeded.")
    recipe = recipe or SequencerTraining()
    torch.set_num_threads(recipe.threads)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = SequencerNetwork(shape or SequencerNetworkConfig())
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=recipe.learning_rate, total_steps=recipe.steps
    )
    rng = np.random.default_rng(recipe.seed)
    for _ in range(recipe.steps):
        picked = [choices[i] for i in rng.integers(len(choices), size=recipe.batch_size)]
        loss = -_log_likelihoods(network, picked).sum(dim=0).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for member in network.members:
            torch.nn.utils.clip_grad_norm_(member.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return network.eval().requires_grad_(False)


def share_right(network: SequencerNetwork, choices: Sequence[Choice]) -> float:
    """How often what a network would do first is what was done."""
    right = 0
    with torch.inference_mode():
        for choice in choices:
            calls, done = network(batched([choice.graph]))
            right += int(torch.cat([calls, done]).argmax()) == choice.chosen
    return right / len(choices)


def _log_likelihoods(network: SequencerNetwork, choices: Sequence[Choice]) -> Tensor:
    """Of what was done, as each member has it, (members, len(choices))."""
    batch = batched([choice.graph for choice in choices])
    said = torch.stack([torch.cat(answer) for answer in network.each(batch)])
    return said[:, _places(batch, choices)]


def _places(batch: Batch, choices: Sequence[Choice]) -> Tensor:
    """Where the choices stand among all calls of a batch, followed by all its dones."""
    sizes = torch.bincount(batch.call_situation, minlength=batch.count)
    chosen = torch.tensor([choice.chosen for choice in choices])
    done = len(batch.calls) + torch.arange(batch.count)
    return torch.where(chosen < sizes, sizes.cumsum(0) - sizes + chosen, done)
