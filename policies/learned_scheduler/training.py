"""Trains a learned scheduler by imitation: the right call at every moment, and the end.

Every sample is seen in any of its wordings, with pictures of other things of the same kinds, and
now and then without the names of things that have a picture: so that looks are learned to count.
Looks are trained to lie where the names lie in the frozen space of words, as in *LiT: Zero-Shot
Transfer with Locked-image text Tuning* (Zhai et al., 2022), the sides exchanged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policies.json_config import JsonConfig, require
from policies.learned_scheduler.batches import batched
from policies.learned_scheduler.choices import Target, losses, option_scores
from policies.learned_scheduler.encoding import ENTITY_NUMBERS, Encoded
from policies.learned_scheduler.network import (
    Batch,
    LearnedSchedulerNetwork,
    LearnedSchedulerNetworkConfig,
    Reading,
)
from policies.learned_scheduler.samples import Sample
from policies.learned_scheduler.wording import Wording
from policies.schedule import warm_cosine
from policies.snapshot import Snapshots
from robot_skills.core.errors import RefusedError
from robot_skills.core.next_call import Vocabulary

Looks = Mapping[str, NDArray[np.uint8]]
"""Pictures of things by kind, (n, GLIMPSE_PX, GLIMPSE_PX, 3) each."""

_SEEN = ENTITY_NUMBERS.index("seen")
_UNKNOWN = "thing"
"""What something is called of which nothing but its look is known."""
_TEMPERATURE = 0.1
_WARM_UP = 0.1
"""Share of the steps in which the learning rate rises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LearnedSchedulerTraining(JsonConfig):
    """The recipe. The same values on the same samples give the same weights, bit for bit."""

    seed: int = 0
    """Seeds weights and batches."""
    steps: int = 2200
    """Optimiser steps."""
    batch_size: int = 64
    """Samples per step."""
    learning_rate: float = 2e-3
    """Peak of the schedule: linearly up in the first tenth, then down with a cosine."""
    weight_decay: float = 1e-2
    """Of AdamW."""
    pictured: float = 0.5
    """Share of the samples that come with pictures, where there are any."""
    nameless: float = 0.2
    """Share of the pictured things whose names are withheld."""
    unheard: float = 0.1
    """Share of the words that are left out, so that no single one decides."""
    looks: float = 0.2
    """Weight of the loss that brings looks to names."""
    threads: int = 1
    """Processor threads."""

    def __post_init__(self) -> None:
        sizes = (self.steps, self.batch_size, self.threads)
        require(min(sizes) >= 1, f"Sizes must be positive, got {sizes}.")
        shares = (self.pictured, self.nameless, self.unheard)
        require(all(0.0 <= share <= 1.0 for share in shares), f"Shares are {shares}.")

    def rate_at(self, step: int) -> float:
        """Learning rate of a step; the first is 1."""
        return warm_cosine(step, self.steps, self.learning_rate, _WARM_UP)


def train_learned_scheduler(
    samples: Sequence[Sample],
    vocabulary: Vocabulary,
    looks: Looks,
    recipe: LearnedSchedulerTraining | None = None,
    shape: LearnedSchedulerNetworkConfig | None = None,
    start: LearnedSchedulerNetwork | None = None,
    snapshots: Snapshots | None = None,
    progress: Callable[[int, float], None] = lambda step, loss: None,
) -> LearnedSchedulerNetwork:
    """Fit a network to samples.

    Args:
        samples: What was right, at which moments.
        vocabulary: Of the calls.
        looks: Pictures of things.
        recipe: How to train.
        shape: Of the network.
        start: A network of that shape to go on from; a new one when None.
        snapshots: Where it is written down now and then, to go on after an interruption.
        progress: Told the step and the loss after every step.

    Raises:
        RefusedError: There are no samples.
    """
    if not samples:
        raise RefusedError("A scheduler needs samples to learn from; no run came to its goal.")
    recipe = recipe or LearnedSchedulerTraining()
    torch.set_num_threads(recipe.threads)
    rng = np.random.default_rng(recipe.seed)
    wording = Wording(remembered=None)
    sizes = len(vocabulary.skills), len(vocabulary.words)
    targets = [Target.of(sample.moment, sample.place, *sizes) for sample in samples]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = LearnedSchedulerNetwork(shape or LearnedSchedulerNetworkConfig())
        if start is not None:
            network.load_state_dict(start.state_dict())
        optimiser = torch.optim.AdamW(
            network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        done = 0 if snapshots is None else snapshots.restore(network, optimiser, rng)
        network.train()
        for step in range(done + 1, recipe.steps + 1):
            for group in optimiser.param_groups:
                group["lr"] = recipe.rate_at(step)
            drawn = rng.integers(len(samples), size=recipe.batch_size)
            picked = [(samples[i], targets[i]) for i in drawn]
            loss = _loss(network, picked, vocabulary, wording, looks, recipe, rng)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            progress(step, loss.item())
            if snapshots is not None and step % snapshots.every == 0:
                snapshots.save(step, network, optimiser, rng)
    return network.eval().requires_grad_(False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """How well a network predicts.

    Attributes:
        n: Samples.
        right: Of which what is likeliest was right.
        per_kind: The same by skill, for the end and for not knowing: how many there are, are right.
    """

    n: int
    right: int
    per_kind: dict[str, tuple[int, int]]


def score(
    network: LearnedSchedulerNetwork,
    samples: Sequence[Sample],
    vocabulary: Vocabulary,
    wording: Wording,
) -> Score:
    """How often what a network would do first is right, in the first wording of every sample."""
    per_kind: dict[str, tuple[int, int]] = {}
    for sample in samples:
        best = predicted(network, sample.moment, vocabulary, wording)
        kind = _kind(sample, vocabulary)
        of_kind, good = per_kind.get(kind, (0, 0))
        per_kind[kind] = of_kind + 1, good + (best == sample.place)
    return Score(
        n=len(samples), right=sum(good for _, good in per_kind.values()), per_kind=per_kind
    )


def predicted(
    network: LearnedSchedulerNetwork, moment: Encoded, vocabulary: Vocabulary, wording: Wording
) -> int:
    """Place of the likeliest option; behind them the end, and not knowing."""
    with torch.inference_mode():
        reading = network(batched([moment], vocabulary, wording))
        return int(option_scores(network, reading, moment).argmax())


def _kind(sample: Sample, vocabulary: Vocabulary) -> str:
    options = sample.moment.options
    behind = sample.place - len(options)
    if behind >= 0:
        return ("done", "unknown")[behind]
    return vocabulary.names[int(options[sample.place, 0])]


def _loss(
    network: LearnedSchedulerNetwork,
    picked: Sequence[tuple[Sample, Target]],
    vocabulary: Vocabulary,
    wording: Wording,
    looks: Looks,
    recipe: LearnedSchedulerTraining,
    rng: np.random.Generator,
) -> Tensor:
    samples, targets = zip(*picked, strict=True)
    moments = [_varied(sample, looks, recipe, rng) for sample in samples]
    batch = batched(moments, vocabulary, wording)
    heard = torch.from_numpy(rng.random(batch.word_there.shape) >= recipe.unheard)
    heard[:, 0] = True
    batch = replace(batch, word_there=batch.word_there & heard)
    reading = network(batch)
    loss = losses(network, reading, targets, [len(moment.labels) for moment in moments]).mean()
    if not len(reading.looks):
        return loss
    return loss + recipe.looks * _look_loss(network, batch, reading, samples, wording)


def _varied(
    sample: Sample, looks: Looks, recipe: LearnedSchedulerTraining, rng: np.random.Generator
) -> Encoded:
    """A moment in one of its wordings, maybe with pictures, and then without some names."""
    moment = replace(sample.moment, instruction=str(rng.choice(sample.wordings)))
    glimpses = dict(moment.glimpses)
    if not glimpses and rng.random() < recipe.pictured:
        for place, kind in enumerate(sample.kinds):
            if kind in looks:
                glimpses[place] = looks[kind][int(rng.integers(len(looks[kind])))]
    if not glimpses:
        return moment
    numbers = moment.numbers.copy()
    numbers[list(glimpses), _SEEN] = 1.0
    labels, colours = list(moment.labels), list(moment.colours)
    for place in glimpses:
        if rng.random() < recipe.nameless:
            labels[place], colours[place] = _UNKNOWN, ""
    return replace(
        moment,
        numbers=numbers,
        labels=tuple(labels),
        colours=tuple(colours),
        glimpses={place: _brightened(picture, rng) for place, picture in glimpses.items()},
    )


def _brightened(picture: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """The picture in another light."""
    light = rng.uniform(0.75, 1.25) * rng.uniform(0.95, 1.05, size=3)
    return np.clip(picture * light, 0.0, 255.0).astype(np.uint8)


def _look_loss(
    network: LearnedSchedulerNetwork,
    batch: Batch,
    reading: Reading,
    samples: Sequence[Sample],
    wording: Wording,
) -> Tensor:
    """How far looks are from telling the right name among all names in the batch."""
    names = [
        (samples[i].moment.labels[place], samples[i].moment.colours[place])
        for i, place in batch.glimpse_of.T.tolist()
    ]
    known = dict(zip(dict.fromkeys(names), count(), strict=False))

    def projected(texts: list[str]) -> Tensor:
        return network.words(torch.from_numpy(np.stack([wording.name(text) for text in texts])))

    labels, colours = (projected(list(texts)) for texts in zip(*known, strict=True))
    keys = torch.nn.functional.normalize(labels + colours, dim=-1)
    asked = torch.nn.functional.normalize(reading.looks, dim=-1)
    right = torch.tensor([known[name] for name in names])
    return torch.nn.functional.cross_entropy(asked @ keys.T / _TEMPERATURE, right)
