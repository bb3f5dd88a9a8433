"""From recorded numbers to network numbers and back, per `Frame`.

The same object serves whole datasets and one live input, so training and running cannot drift
apart. Recorded states come as histories (N, n, S), oldest first; chunks as (N, H, A).
"""

from typing import Protocol

import numpy as np

from policies.config import NoiseConfig
from policies.contract import Frame, PolicyContract
from policies.features import (
    Float32,
    absolute_actions,
    action_floor,
    action_targets,
    feature_floor,
    feature_names,
    observation_features,
)
from policies.noise import perturb
from robot_skills.core.policy import TOKEN_SLOTS, slots_of


class Frontend(Protocol):
    """How numbers become network inputs, and network outputs actions."""

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the network's input numbers, in order."""
        ...

    def feature_floor(self) -> Float32:
        """Smallest standard deviation to divide each input by, (F,)."""
        ...

    def action_floor(self) -> Float32:
        """Smallest standard deviation to divide each output by, (H, A)."""
        ...

    def disturb(self, states: Float32, noise: NoiseConfig, rng: np.random.Generator) -> Float32:
        """Histories (N, n, S) as an imperfect observer would have recorded them."""
        ...

    def features(self, states: Float32) -> Float32:
        """Network inputs, (N, F), of histories (N, n, S)."""
        ...

    def targets(self, states: Float32, actions: Float32) -> Float32:
        """What the network should answer, (N, H, A), of recorded actions (N, H, A)."""
        ...

    def actions(self, states: Float32, chunks: Float32) -> Float32:
        """Recorded units, (N, H, A), of what the network answered; undoes `targets`."""
        ...


def make_frontend(contract: PolicyContract) -> Frontend:
    """The frontend that a contract asks for."""
    match contract.frame:
        case Frame.TOOL:
            return ToolFrontend(contract)
        case Frame.GIVEN:
            return GivenFrontend(contract)


class ToolFrontend:
    """Everything relative to the current tool frame (UMI, Chi et al., 2024)."""

    def __init__(self, contract: PolicyContract) -> None:
        self._observation_steps, self._horizon = contract.observation_steps, contract.horizon
        self._slots = slots_of(contract.state.names) or TOKEN_SLOTS

    @property
    def feature_names(self) -> tuple[str, ...]:
        return feature_names(self._observation_steps, self._slots)

    def feature_floor(self) -> Float32:
        return feature_floor(self._observation_steps, self._slots)

    def action_floor(self) -> Float32:
        return action_floor(self._horizon)

    def disturb(self, states: Float32, noise: NoiseConfig, rng: np.random.Generator) -> Float32:
        return perturb(states, noise, rng)

    def features(self, states: Float32) -> Float32:
        return observation_features(states)

    def targets(self, states: Float32, actions: Float32) -> Float32:
        return action_targets(states, actions)

    def actions(self, states: Float32, chunks: Float32) -> Float32:
        return absolute_actions(states, chunks)


class GivenFrontend:
    """Numbers as they were recorded; their history side by side, oldest first."""

    _FLOOR = 1e-3

    def __init__(self, contract: PolicyContract) -> None:
        self._contract = contract

    @property
    def feature_names(self) -> tuple[str, ...]:
        ages = range(self._contract.observation_steps - 1, -1, -1)
        names = self._contract.state.names
        return tuple(f"{name}[-{age}]" for age in ages for name in names)

    def feature_floor(self) -> Float32:
        return np.full(len(self.feature_names), self._FLOOR, dtype=np.float32)

    def action_floor(self) -> Float32:
        shape = (self._contract.horizon, len(self._contract.action.names))
        return np.full(shape, self._FLOOR, dtype=np.float32)

    def disturb(self, states: Float32, noise: NoiseConfig, rng: np.random.Generator) -> Float32:
        if noise.given == 0.0:
            return states
        spread = states.std(axis=(0, 1), keepdims=True)
        shift = rng.standard_normal((len(states), 1, states.shape[-1]), dtype=np.float32)
        return states + (noise.given * spread * shift).astype(np.float32)

    def features(self, states: Float32) -> Float32:
        return states.reshape(len(states), -1)

    def targets(self, states: Float32, actions: Float32) -> Float32:
        return actions

    def actions(self, states: Float32, chunks: Float32) -> Float32:
        return chunks
