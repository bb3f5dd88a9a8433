"""Predicts the next call from words, entities, what they look like, and past calls.

Words, entities and past calls are tokens of one transformer (Vaswani et al., 2017). Pairs of tokens
bias its attention, as in *Do Transformers Really Perform Bad for Graph Representation?* (Ying et
al., 2021): how alike a word is to what an entity is called, and what holds of two entities. So
"cube" finds the cubes from the start, and a label that was never trained on finds its thing too.
Skills and arguments are pointed at (*Pointer Networks*, Vinyals et al., 2015), one after the other;
skills are known by their words, and there is no list of them in the weights.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from policies.encoders.image import ResidualBlock, group_norm
from policies.json_config import JsonConfig, require
from policies.learned_scheduler.encoding import (
    ATTEMPT_NUMBERS,
    ENTITY_NUMBERS,
    MAX_ARGS,
    RELATIONS,
)
from policies.learned_scheduler.wording import WORD_SIZE
from robot_skills.core.next_call import GLIMPSE_PX

MATCHES = 4
"""How alike a word and an entity are: word and label, word and colour, alone and in context."""
_MAX_WORDS = 128
_PATCH = 4
"""Side of the patches that a glimpse is first read in [px]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedSchedulerNetworkConfig(JsonConfig):
    """Shape of the network.

    Attributes:
        width: Numbers of a token.
        layers: Of the transformer.
        heads: Of attention.
        glimpse: Channels of the picture encoder.
        dropout: Share of a layer's numbers that are left out in training.
    """

    width: int = 96
    layers: int = 3
    heads: int = 4
    glimpse: int = 32
    dropout: float = 0.1

    def __post_init__(self) -> None:
        sizes = (self.width, self.layers, self.heads, self.glimpse)
        require(min(sizes) >= 1, f"Needs sizes of at least 1, got {sizes}.")
        require(self.width % self.heads == 0, f"{self.width} numbers in {self.heads} heads.")
        require(0.0 <= self.dropout < 1.0, f"dropout is {self.dropout}.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batch:
    """B moments side by side, with N words, E entities and H past calls at most.

    An argument is the place of an entity, or E plus the place of a closed word.

    Attributes:
        words: (B, N, WORD_SIZE).
        word_there: (B, N).
        labels: (B, E, WORD_SIZE).
        colours: (B, E, WORD_SIZE).
        numbers: (B, E, len(ENTITY_NUMBERS)).
        entity_there: (B, E).
        relations: (B, E, E, len(RELATIONS)).
        glimpses: Pictures, (G, 3, GLIMPSE_PX, GLIMPSE_PX), in [-1, 1].
        glimpse_of: Which moment and which entity they are of, (2, G).
        calls: Skill and arguments of past calls, (B, H, 1 + MAX_ARGS).
        attempts: (B, H, len(ATTEMPT_NUMBERS)).
        call_there: (B, H).
        skills: Words of every skill, (S, WORD_SIZE).
        closed: Closed words, (W, WORD_SIZE).
    """

    words: Tensor
    word_there: Tensor
    labels: Tensor
    colours: Tensor
    numbers: Tensor
    entity_there: Tensor
    relations: Tensor
    glimpses: Tensor
    glimpse_of: Tensor
    calls: Tensor
    attempts: Tensor
    call_there: Tensor
    skills: Tensor
    closed: Tensor


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Reading:
    """What the network makes of a batch.

    Attributes:
        summary: Of each moment as a whole, (B, width).
        skills: Scores of every skill, of being done and of not knowing, (B, S + 2).
        skill_tokens: Of every skill, (S, width).
        arguments: What can be pointed at, (B, E + W, width).
        looks: Every glimpse in the space of names, (G, width).
    """

    summary: Tensor
    skills: Tensor
    skill_tokens: Tensor
    arguments: Tensor
    looks: Tensor


class LearnedSchedulerNetwork(nn.Module):
    """Scores skills, and arguments of a skill one after the other.

    Args:
        config: Its shape.
    """

    def __init__(self, config: LearnedSchedulerNetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.words = _WordProjection(width)
        self.positions = nn.Parameter(0.02 * torch.randn(_MAX_WORDS, width))
        self.kinds = nn.Parameter(0.02 * torch.randn(3, width))
        self.label = nn.Linear(width, width)
        self.colour = nn.Linear(width, width)
        self.numbers = _layers(len(ENTITY_NUMBERS), width, width)
        self.eye = _Eye(config.glimpse, width)
        self.look = nn.Linear(width, width)
        self.attempts = nn.Linear(len(ATTEMPT_NUMBERS), width)
        self.past_skill = nn.Linear(width, width)
        self.past_args = nn.ModuleList(nn.Linear(width, width) for _ in range(MAX_ARGS))
        self.summary = nn.Parameter(0.02 * torch.randn(width))
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(width)
        self.ends = nn.Parameter(0.02 * torch.randn(2, width))
        self.ask_skill = _layers(width, width, width)
        self.skill_key = nn.Linear(width, width)
        self.slots = nn.Parameter(0.02 * torch.randn(MAX_ARGS, width))
        self.chosen = nn.Linear(width, width)
        self.ask_argument = _layers(3 * width, 2 * width, width)
        self.entity_key = nn.Linear(width, width)
        self.closed_key = nn.Linear(width, width)

    def forward(self, batch: Batch) -> Reading:
        """Read moments."""
        words, names = self.words(batch.words), self.words(batch.labels)
        colours = self.words(batch.colours)
        skills, closed = self.words(batch.skills), self.words(batch.closed)
        looks = self.eye(batch.glimpses)
        entities = self.label(names) + self.colour(colours) + self.numbers(batch.numbers)
        entities = entities.index_put(tuple(batch.glimpse_of), self.look(looks), accumulate=True)
        past = self._past(batch, skills, torch.cat([entities, _each(closed, entities)], dim=1))
        count = words.shape[1]
        tokens = torch.cat(
            [
                self.summary.expand(len(words), 1, -1),
                words + self.positions[:count] + self.kinds[0],
                entities + self.kinds[1],
                past + self.kinds[2],
            ],
            dim=1,
        )
        pairs = _Pairs.of(batch)
        for layer in self.layers:
            tokens = layer(tokens, pairs)
        tokens = self.norm(tokens)
        seen = tokens[:, 1 + count : 1 + count + entities.shape[1]]
        summary = tokens[:, 0]
        keys = torch.cat([self.skill_key(skills), self.ends])
        return Reading(
            summary=summary,
            skills=_point(self.ask_skill(summary), keys),
            skill_tokens=skills,
            arguments=torch.cat(
                [self.entity_key(seen), _each(self.closed_key(closed), seen)], dim=1
            ),
            looks=looks,
        )

    def argument_scores(
        self, reading: Reading, moment: Tensor, skill: Tensor, before: Tensor, slot: int
    ) -> Tensor:
        """Scores of everything as an argument, (R, E + W).

        Args:
            reading: Of a batch.
            moment: Which of its moments, (R,).
            skill: Whose argument, (R,).
            before: Arguments that were chosen before, (R, slot).
            slot: Which argument.
        """
        candidates = reading.arguments[moment]
        asked = torch.cat(
            [
                reading.summary[moment],
                reading.skill_tokens[skill] + self.slots[slot],
                self._chosen(candidates, before),
            ],
            dim=1,
        )
        return _point(self.ask_argument(asked)[:, None], candidates)[:, 0]

    def _chosen(self, candidates: Tensor, before: Tensor) -> Tensor:
        if before.shape[1] == 0:
            return torch.zeros_like(candidates[:, 0])
        rows = torch.arange(len(before))[:, None]
        return self.chosen(candidates[rows, before]).sum(dim=1)

    def _past(self, batch: Batch, skills: Tensor, arguments: Tensor) -> Tensor:
        """Tokens of past calls, (B, H, width)."""
        past = self.past_skill(skills[batch.calls[..., 0]]) + self.attempts(batch.attempts)
        rows = torch.arange(len(arguments))[:, None]
        for slot, project in enumerate(self.past_args):
            places = batch.calls[..., 1 + slot]
            there = (places >= 0)[..., None]
            past = past + there * project(arguments[rows, places.clamp(min=0)])
        return past


class _WordProjection(nn.Module):
    """Words from MiniLM's space; unknown ones, zeros, stay zeros."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(WORD_SIZE, width, bias=False)

    def forward(self, words: Tensor) -> Tensor:
        halves = words.unflatten(-1, (2, WORD_SIZE // 2))
        scaled = nn.functional.normalize(halves, dim=-1) * math.sqrt(WORD_SIZE // 2)
        return self.project(scaled.flatten(-2))


class _Eye(nn.Module):
    """What a glimpse shows, in the space of names."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        side = GLIMPSE_PX // _PATCH // 2
        self.trunk = nn.Sequential(
            nn.Conv2d(3, channels, _PATCH, stride=_PATCH, bias=False),
            group_norm(channels),
            nn.SiLU(),
            ResidualBlock(channels, 2 * channels, 2),
        )
        self.out = nn.Linear(2 * channels * side * side, width)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.out(self.trunk(pictures).flatten(1))


class _Layer(nn.Module):
    """Attention biased by pairs, and a perceptron, each with a way around it."""

    def __init__(self, config: LearnedSchedulerNetworkConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.before_attention, self.before_layers = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = nn.Linear(width, 3 * width)
        self.relations = nn.Linear(len(RELATIONS), config.heads, bias=False)
        self.words_to_things = nn.Linear(MATCHES, config.heads, bias=False)
        self.things_to_words = nn.Linear(MATCHES, config.heads, bias=False)
        self.join = nn.Linear(width, width)
        self.layers = _layers(width, 2 * width, width)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, tokens: Tensor, pairs: "_Pairs") -> Tensor:
        asked, keys, values = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.attend(self.before_attention(tokens)).chunk(3, dim=-1)
        )
        bias = self._bias(pairs, tokens)
        heard = nn.functional.scaled_dot_product_attention(asked, keys, values, attn_mask=bias)
        tokens = tokens + self.dropout(self.join(heard.transpose(1, 2).flatten(2)))
        return tokens + self.dropout(self.layers(self.before_layers(tokens)))

    def _bias(self, pairs: "_Pairs", tokens: Tensor) -> Tensor:
        """How much more or less tokens attend to each other, (B, heads, tokens, tokens)."""
        size, count = tokens.shape[:2]
        bias = tokens.new_zeros(size, self.heads, count, count)
        words = slice(1, 1 + pairs.matches.shape[1])
        things = slice(words.stop, words.stop + pairs.relations.shape[1])
        bias[:, :, things, things] = self.relations(pairs.relations).permute(0, 3, 1, 2)
        bias[:, :, words, things] = self.words_to_things(pairs.matches).permute(0, 3, 1, 2)
        bias[:, :, things, words] = self.things_to_words(pairs.matches).permute(0, 3, 2, 1)
        return bias.masked_fill(~pairs.there[:, None, None], -torch.inf)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Pairs:
    """What is known of pairs of tokens.

    Attributes:
        relations: Of two entities, (B, E, E, len(RELATIONS)).
        matches: Of a word and an entity, (B, N, E, MATCHES).
        there: Which tokens there are at all, (B, tokens).
    """

    relations: Tensor
    matches: Tensor
    there: Tensor

    @classmethod
    def of(cls, batch: Batch) -> "_Pairs":
        there = (batch.word_there[:, :1], batch.word_there, batch.entity_there, batch.call_there)
        names = (batch.labels, batch.colours)
        return cls(
            relations=batch.relations,
            matches=torch.cat([_alike(batch.words, name) for name in names], dim=-1),
            there=torch.cat(there, dim=1),
        )


def _alike(words: Tensor, names: Tensor) -> Tensor:
    """Cosines of words (B, N, D) and names (B, E, D), alone and in context, (B, N, E, 2)."""
    one, other = (
        nn.functional.normalize(x.unflatten(-1, (2, WORD_SIZE // 2)), dim=-1)
        for x in (words, names)
    )
    return torch.einsum("bnhd,behd->bneh", one, other)


def _each(shared: Tensor, like: Tensor) -> Tensor:
    """What all moments share, (W, D), once for each, (B, W, D)."""
    return shared.expand(len(like), -1, -1)


def _point(asked: Tensor, keys: Tensor) -> Tensor:
    """Scores of keys (..., K, D) for what is asked (..., D)."""
    return asked @ keys.transpose(-1, -2) / math.sqrt(asked.shape[-1])


def _layers(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))
