"""A trained policy at run time in the words of its dataset: observations in, actions out.

For suites, servers and benchmarks; skills on a robot run as `policies.diffusion.DiffusionPolicy`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from policies.checkpoint_files import CheckpointConfig
from policies.contract import LANGUAGE, VECTOR, PolicyContract
from policies.engine import Arrays, Engine
from policies.engines import EngineKind, load_engine
from policies.features import Float32
from policies.frontends import make_frontend
from policies.sentences import Sentences
from robot_skills.core.errors import CheckpointError
from robot_skills.core.policy import TextEncoder

History = Mapping[str, NDArray]
"""Newest observations by dataset feature, oldest first: vectors (n, S), pictures (n, H, W, 3)
uint8, depth (n, H, W) [m]."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class TaskChunk:
    """What a policy answers.

    Attributes:
        actions: In recorded units, (H, A).
        done: Probability that the work is finished.
    """

    actions: Float32
    done: float


class TaskFace(Protocol):
    """Anything that answers a history of observations with a chunk of actions."""

    @property
    def observation_steps(self) -> int:
        """Length of the history that `infer` wants."""
        ...

    def reset(self, seed: int) -> None:
        """Start a new episode."""
        ...

    def infer(self, history: History, instruction: str = "") -> TaskChunk: ...


class TaskPolicy:
    """A trained policy of any contract.

    Args:
        engine: Samples normalised chunks.
        encoder: Of instructions; MiniLM by default, loaded when it is first needed.
        state_names: Layout of the states that `infer` will be given; the contract's by default.
            Numbers that the policy does not see are left out.

    Raises:
        CheckpointError: The policy sees numbers that `state_names` lacks.
    """

    def __init__(
        self,
        engine: Engine,
        encoder: TextEncoder | None = None,
        state_names: tuple[str, ...] | None = None,
    ) -> None:
        self._engine, self._sentences = engine, Sentences(encoder)
        self._contract = contract = engine.config.contract
        self._frontend = make_frontend(contract)
        given = state_names or tuple(contract.state.names)
        missing = [name for name in contract.state.names if name not in given]
        if missing:
            raise CheckpointError(
                f"The policy sees {', '.join(missing[:5])}, which the state does not have."
            )
        self._seen = np.array([given.index(name) for name in contract.state.names])
        self._state_size = len(given)

    @classmethod
    def load(
        cls,
        path: str | Path,
        device: str = "cpu",
        threads: int = 1,
        state_names: tuple[str, ...] | None = None,
        engine: EngineKind = EngineKind.AUTO,
    ) -> Self:
        """Read a checkpoint directory.

        Raises:
            CheckpointError: When the checkpoint is damaged, foreign or does not fit.
            MissingDependencyError: When what is to run it is not installed.
        """
        return cls(load_engine(Path(path), engine, device, threads), state_names=state_names)

    @property
    def config(self) -> CheckpointConfig:
        """Settings, recipe and data summary of the checkpoint."""
        return self._engine.config

    @property
    def contract(self) -> PolicyContract:
        """What is seen and answered."""
        return self._contract

    @property
    def observation_steps(self) -> int:
        return self._contract.observation_steps

    @property
    def state_size(self) -> int:
        """Numbers of a state as `infer` is given it; the policy may see fewer."""
        return self._state_size

    def reset(self, seed: int) -> None:
        """Start a new episode; the seed chooses the noise that chunks are denoised from."""
        self._engine.reset(seed)

    def infer(self, history: History, instruction: str = "") -> TaskChunk:
        """One chunk.

        Args:
            history: The newest `observation_steps` observations.
            instruction: What to do; only policies that see words care. Empty: no goal.

        Raises:
            ValueError: When something that the policy sees is missing or of wrong shape.
        """
        states = self._states(history)
        inputs: Arrays = {VECTOR: self._engine.features.apply(self._frontend.features(states))}
        if self._contract.language:
            inputs[LANGUAGE] = self._sentences.embed(instruction)
        if self._contract.shows:
            from policies.pictures import live_inputs

            inputs |= live_inputs(history, self._contract)
        chunk, done = self._engine.run(inputs)
        actions = self._frontend.actions(states, self._engine.actions.invert(chunk)[None])
        return TaskChunk(actions=actions[0], done=done)

    def _states(self, history: History) -> Float32:
        key = self._contract.state.key
        wanted = (self.observation_steps, self._state_size)
        found = history.get(key)
        if found is None or found.shape != wanted:
            shape = "nothing" if found is None else f"shape {found.shape}"
            raise ValueError(f"The policy wants {key} of shape {wanted}, got {shape}.")
        return found[None][:, :, self._seen].astype(np.float32)
