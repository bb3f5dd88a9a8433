"""Scores the calls of a situation by passing messages between calls and literals.

A call hears of the literals that it needs and changes, a literal of the calls that need and change
it, and both together of what is wanted how many steps away: the structure of *Action Schema
Networks: Generalised Policies with Deep Learning* (Toyer et al., 2018), with the same weights for
all predicates, skills and entities, so that it holds for those that come later. What one network
happens to make of situations unlike those that it was shown differs from start to start; several
are averaged (*Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles*,
Lakshminarayanan et al., 2017).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from policies.json_config import JsonConfig, require
from policies.sequencer.graph import CALL_FEATURES, LITERAL_FEATURES, RELATIONS, Graph


@dataclass(frozen=True, kw_only=True, slots=True)
class SequencerNetworkConfig(JsonConfig):
    """Shape of the network.

    Attributes:
        width: Numbers that a node remembers.
        rounds: How often messages are passed both ways; so many steps ahead can be seen.
        members: Networks that are averaged.
    """

    width: int = 32
    rounds: int = 4
    members: int = 5

    def __post_init__(self) -> None:
        sizes = (self.width, self.rounds, self.members)
        require(min(sizes) >= 1, f"Needs width, rounds and members of at least 1, got {sizes}.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batch:
    """Several situations side by side as one graph.

    Attributes:
        literals: Of all, (L, len(LITERAL_FEATURES)).
        calls: Of all, (C, len(CALL_FEATURES)).
        edges: For each relation, call and literal of every edge, (2, E).
        literal_situation: Which situation a literal belongs to, (L,).
        call_situation: Which situation a call belongs to, (C,).
        count: Number of situations, S.
    """

    literals: Tensor
    calls: Tensor
    edges: tuple[Tensor, ...]
    literal_situation: Tensor
    call_situation: Tensor
    count: int


def batched(graphs: Sequence[Graph]) -> Batch:
    """Graphs side by side."""
    sizes = [(len(graph.calls), len(graph.literals)) for graph in graphs]
    counts = torch.tensor(sizes, dtype=torch.long).reshape(-1, 2)
    offsets = counts.cumsum(dim=0) - counts
    edges = tuple(
        torch.cat(
            [
                torch.from_numpy(graph.edges[kind]) + offset[:, None]
                for graph, offset in zip(graphs, offsets, strict=True)
            ],
            dim=1,
        )
        for kind in range(len(RELATIONS))
    )
    which = torch.arange(len(graphs))
    return Batch(
        literals=torch.cat([torch.from_numpy(graph.literals) for graph in graphs]),
        calls=torch.cat([torch.from_numpy(graph.calls) for graph in graphs]),
        edges=edges,
        literal_situation=which.repeat_interleave(counts[:, 1]),
        call_situation=which.repeat_interleave(counts[:, 0]),
        count=len(graphs),
    )


class SequencerNetwork(nn.Module):
    """Log-probabilities of the calls of situations, and of being done.

    Args:
        config: Its shape.
    """

    def __init__(self, config: SequencerNetworkConfig) -> None:
        super().__init__()
        self.members = nn.ModuleList(_Member(config) for _ in range(config.members))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Of the mean probability: of all calls, (C,), and of being done, (S,)."""
        calls, done = zip(*self.each(batch), strict=True)
        return _mean(calls), _mean(done)

    def each(self, batch: Batch) -> Iterator[tuple[Tensor, Tensor]]:
        """What every member says by itself."""
        return (member(batch) for member in self.members)


class _Member(nn.Module):
    """One of the networks.

    Args:
        config: Its shape.
    """

    def __init__(self, config: SequencerNetworkConfig) -> None:
        super().__init__()
        width, self.rounds = config.width, config.rounds
        kinds = len(RELATIONS)
        self.read_literals = _layers(len(LITERAL_FEATURES), width, width)
        self.read_calls = _layers(len(CALL_FEATURES), width, width)
        self.to_call = _layers((1 + kinds) * width + len(CALL_FEATURES), width, width)
        self.to_literal = _layers((1 + kinds) * width + len(LITERAL_FEATURES), width, width)
        self.score_call = _layers(2 * width + len(CALL_FEATURES), width, 1)
        self.score_done = _layers(2 * width, width, 1)

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Log-probabilities of all calls, (C,), and of being done, (S,)."""
        literals = self.read_literals(batch.literals).relu()
        calls = self.read_calls(batch.calls).relu()
        for _ in range(self.rounds):
            heard = [_largest(literals[to], of, len(calls)) for of, to in batch.edges]
            calls = self.to_call(torch.cat([calls, *heard, batch.calls], dim=1)).relu()
            heard = [_largest(calls[of], to, len(literals)) for of, to in batch.edges]
            literals = self.to_literal(torch.cat([literals, *heard, batch.literals], dim=1)).relu()
        overall = _largest(literals, batch.literal_situation, batch.count)
        best = _largest(calls, batch.call_situation, batch.count)
        of_call = torch.cat([calls, overall[batch.call_situation], batch.calls], dim=1)
        return _normalised(
            self.score_call(of_call)[:, 0],
            self.score_done(torch.cat([overall, best], dim=1))[:, 0],
            batch.call_situation,
        )


def _mean(logs: Sequence[Tensor]) -> Tensor:
    """Logarithm of the mean of what logarithms are given of."""
    return torch.stack(tuple(logs)).logsumexp(dim=0) - math.log(len(logs))


def _layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


def _largest(rows: Tensor, groups: Tensor, count: int) -> Tensor:
    """The largest of rows (N, D), none below 0, in every group, (count, D); 0 in empty ones."""
    index = groups[:, None].expand_as(rows)
    return rows.new_zeros(count, rows.shape[1]).scatter_reduce(0, index, rows, "amax")


def _normalised(calls: Tensor, done: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of calls (C,) and of being done (S,) as log-probabilities of each situation."""
    highest = done.detach().scatter_reduce(0, groups, calls.detach(), "amax")
    shares = (done - highest).exp().index_add(0, groups, (calls - highest[groups]).exp())
    total = highest + shares.log()
    return calls - total[groups], done - total
