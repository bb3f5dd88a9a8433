"""Training batches from demonstrations: numbers from memory, pictures from the frame cache.

Everything random in step n is drawn from generators seeded by (seed, stream, n), so a run that was
interrupted and resumed passes through the same numbers as one that was not; and every process of a
team cuts its own rows from the same batch.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policies.config import TrainConfig
from policies.contract import LANGUAGE, VECTOR, PolicyContract
from policies.dataset import Demonstrations, make_windows
from policies.features import Float32
from policies.frontends import make_frontend
from policies.network import Inputs
from policies.noise import perturb_sentences
from policies.normaliser import Normaliser

_BLOCK_STEPS = 64
"""Steps whose numbers are prepared together: many enough to be cheap, few enough to fit caches."""
_BATCH_STREAM, _NOISE_STREAM, _FIT_STREAM, _SPLIT_STREAM, _PICTURE_STREAM, _WORD_STREAM = range(6)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batch:
    """One step's windows.

    Attributes:
        inputs: Named observations, batch first.
        chunk: Normalised actions, (B, H, A).
        valid: 1 where a step of the chunk may be imitated, (B, H).
        done: 1 where the work is finished, (B,).
        done_weight: 0 where the termination head must not learn, (B,).
    """

    inputs: Inputs
    chunk: Tensor
    valid: Tensor
    done: Tensor
    done_weight: Tensor

    def to(self, device: torch.device) -> "Batch":
        """The same on another device."""
        if device.type == "cpu":
            return self
        return Batch(
            inputs={name: value.to(device) for name, value in self.inputs.items()},
            chunk=self.chunk.to(device),
            valid=self.valid.to(device),
            done=self.done.to(device),
            done_weight=self.done_weight.to(device),
        )


class Pictures(Protocol):
    """Pictures and clouds of frames, as network inputs."""

    def gather(
        self, past: NDArray[np.int64], source: NDArray[np.int64], rng: np.random.Generator | None
    ) -> Inputs:
        """Inputs of windows.

        Args:
            past: Dataset rows of each window's history, oldest first, (B, n).
            source: Which dataset each window is from, (B,).
            rng: Of augmentation; None for none.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """Which part of every batch a process of a team takes.

    Attributes:
        rank: Place of this process.
        size: Processes in the team.
    """

    rank: int = 0
    size: int = 1


class WindowSource:
    """Windows of demonstrations as batches.

    Args:
        data: Demonstrations.
        contract: What is seen and answered.
        config: The recipe.
        pictures: Of the same demonstrations; None where only numbers are seen.
        embeddings: Sentence embedding of each task, (T, 384); None where no words are seen.
        normalisers: Inputs and chunks; fitted to the data by default.

    Attributes:
        features: Normaliser of the input ``vector``, (F,).
        actions: Normaliser of the chunks, (H, A).
        vector_size: F.
    """

    def __init__(
        self,
        data: Demonstrations,
        contract: PolicyContract,
        config: TrainConfig,
        pictures: Pictures | None = None,
        embeddings: Float32 | None = None,
        normalisers: tuple[Normaliser, Normaliser] | None = None,
    ) -> None:
        self._data, self._config = data, config
        self._pictures, self._embeddings = pictures, embeddings
        self._frontend = make_frontend(contract)
        self._windows = make_windows(data, contract.observation_steps, contract.horizon)
        self._learns_done = ~_held_out(data, config)
        self.vector_size = len(self._frontend.feature_names)
        self.features, self.actions = normalisers or self._fit()

    def __len__(self) -> int:
        return len(self._windows.past)

    def done_weight(self) -> float:
        """How much more a finished frame weighs, since there are fewer."""
        done = self._data.done[self._learns_done]
        ratio = (len(done) - done.sum()) / max(int(done.sum()), 1)
        return float(min(max(ratio, 1.0), self._config.termination_weight_max))

    def batches(self, start: int, end: int, share: Share | None = None) -> Iterator[Batch]:
        """Batches of the steps from `start` to before `end`; a step always gets the same."""
        share = share or Share()
        size = self._config.batch_size
        for block in range(start // _BLOCK_STEPS, -(-end // _BLOCK_STEPS)):
            index, numbers = self._block(block)
            first = block * _BLOCK_STEPS
            for step in range(max(start, first), min(end, first + _BLOCK_STEPS)):
                rows = slice(
                    (step - first) * size + share.rank, (step - first + 1) * size, share.size
                )
                yield self._batch(
                    index[rows], {name: value[rows] for name, value in numbers.items()}, step
                )

    def held_out(self, most: int) -> tuple[Batch, NDArray[np.int64]] | None:
        """Windows that the termination head did not learn from, without noise or augmentation.

        Args:
            most: Evenly thinned to at most this many.

        Returns:
            The windows and the episode of each, (B,); None where nothing is held out.
        """
        index = np.flatnonzero(~self._learns_done)
        if not len(index):
            return None
        index = index[np.linspace(0, len(index) - 1, min(most, len(index))).astype(np.int64)]
        seen = self._frontend.features(self._data.states[self._windows.past[index]])
        batch = self._batch(index, self._numbers(index, seen), step=None)
        return batch, self._data.episode_of[index]

    def _block(self, block: int) -> tuple[NDArray[np.int64], dict[str, Tensor]]:
        config = self._config
        pick = np.random.default_rng((config.seed, _BATCH_STREAM, block))
        index = pick.integers(len(self), size=_BLOCK_STEPS * config.batch_size)
        rng = np.random.default_rng((config.seed, _NOISE_STREAM, block))
        states = self._frontend.disturb(
            self._data.states[self._windows.past[index]], config.noise, rng
        )
        return index, self._numbers(index, self._frontend.features(states), states)

    def _numbers(
        self, index: NDArray[np.int64], seen: Float32, states: Float32 | None = None
    ) -> dict[str, Tensor]:
        data, windows = self._data, self._windows
        if states is None:
            states = data.states[windows.past[index]]
        chunks = self._frontend.targets(states, data.actions[windows.future[index]])
        arrays = {
            VECTOR: self.features.apply(seen),
            "chunk": self.actions.apply(chunks),
            "valid": windows.valid[index].astype(np.float32),
            "done": data.done[index].astype(np.float32),
            "done_weight": self._learns_done[index].astype(np.float32),
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _batch(
        self, index: NDArray[np.int64], numbers: Mapping[str, Tensor], step: int | None
    ) -> Batch:
        inputs = {VECTOR: numbers[VECTOR]}
        data = self._data
        if self._embeddings is not None:
            sentences = self._embeddings[data.task[index]]
            if step is not None:
                rng = np.random.default_rng((self._config.seed, _WORD_STREAM, step))
                sentences = perturb_sentences(sentences, self._config.noise, rng)
            inputs[LANGUAGE] = torch.from_numpy(sentences)
        if self._pictures is not None:
            rng = None
            if step is not None:
                rng = np.random.default_rng((self._config.seed, _PICTURE_STREAM, step))
            rows = data.rows[self._windows.past[index]]
            inputs |= self._pictures.gather(rows, data.source[index], rng)
        return Batch(
            inputs=inputs,
            chunk=numbers["chunk"],
            valid=numbers["valid"],
            done=numbers["done"],
            done_weight=numbers["done_weight"],
        )

    def _fit(self) -> tuple[Normaliser, Normaliser]:
        """Normalisers, fitted once over all windows with their noise."""
        data, windows, frontend = self._data, self._windows, self._frontend
        rng = np.random.default_rng((self._config.seed, _FIT_STREAM))
        states = frontend.disturb(data.states[windows.past], self._config.noise, rng)
        chunks = frontend.targets(states, data.actions[windows.future])
        valid = windows.valid[..., None].astype(np.float32)
        return (
            Normaliser.fit(frontend.features(states), frontend.feature_floor()),
            Normaliser.fit(chunks, frontend.action_floor(), valid),
        )


def _held_out(data: Demonstrations, config: TrainConfig) -> NDArray[np.bool_]:
    """Frames of the episodes that the termination head does not learn from, (M,)."""
    episodes = len(data.episode_ends)
    count = round(config.held_out * episodes)
    rng = np.random.default_rng((config.seed, _SPLIT_STREAM))
    chosen = rng.permutation(episodes)[:count]
    return np.isin(data.episode_of, chosen)
