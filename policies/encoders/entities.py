"""Things among the numbers of an observation, told apart by their names."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

_HEADS = 2
"""Things attended to at once: what to act on, and what with or where."""
_ALIKE = 2
"""Attributes that groups of numbers must share to be things of one kind."""


def entity_rows(names: Sequence[str], observation_steps: int) -> Tensor | None:
    """Where the attributes of every thing are in an observation's numbers.

    Numbers belong together when their names do, as ``cup.x`` and ``cup.y``. Groups that share two
    or more attributes with another one are things.

    Args:
        names: Of the state's numbers; a history has them once per step, oldest first.
        observation_steps: n, length of the history.

    Returns:
        Indices (G, n * A), where -1 stands for an attribute that a thing has not; None with fewer
        than two things.
    """
    groups: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for i, name in enumerate(names):
        thing, dot, attribute = name.rpartition(".")
        if dot:
            groups[thing][attribute] = i
    things = [
        group
        for group in groups.values()
        if any(
            len(group.keys() & other.keys()) >= _ALIKE
            for other in groups.values()
            if other is not group
        )
    ]
    if len(things) < 2:
        return None
    attributes = sorted({attribute for thing in things for attribute in thing})
    present = torch.tensor([[thing.get(name, -1) for name in attributes] for thing in things])
    ages = len(names) * torch.arange(observation_steps)
    rows = torch.where(present[:, None] >= 0, present[:, None] + ages[None, :, None], -1)
    return rows.flatten(1)


class EntityAttention(nn.Module):
    """The attributes of the thing that a sentence names.

    Soft attention (Bahdanau et al., 2015) in which words ask and things answer. What is learned to
    do with a thing is then learned for all of them at once.

    Args:
        rows: Where things are, of `entity_rows`.
        seen: Length of the numbers.
        embedding: Length of an encoded sentence.

    Attributes:
        size: Length of the result.
    """

    rows: Tensor

    def __init__(self, rows: Tensor, seen: int, embedding: int) -> None:
        super().__init__()
        # One past the end is where a zero will be.
        self.register_buffer("rows", torch.where(rows < 0, seen, rows), persistent=False)
        self.scale = nn.Parameter(torch.ones(seen))
        self.shift = nn.Parameter(torch.zeros(seen))
        self.ask = nn.Linear(embedding, _HEADS * len(rows))
        self.size = _HEADS * rows.shape[1]

    def forward(self, numbers: Tensor, sentence: Tensor) -> Tensor:
        """Attributes (B, size) of what a sentence (B, E) asks for among numbers (B, F)."""
        # Every number was brought to unit spread by itself; alike attributes need one scale.
        numbers = nn.functional.pad(numbers * self.scale + self.shift, (0, 1))
        things = numbers[:, self.rows]
        chosen = self.ask(sentence).unflatten(1, (_HEADS, -1)).softmax(dim=-1)
        return (chosen @ things.to(chosen.dtype)).flatten(1)
