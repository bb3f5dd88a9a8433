"""A learned skill at run time: what is around the tool -> where the tool goes next."""

from pathlib import Path
from typing import Self

import numpy as np

from policies.checkpoint_files import CheckpointConfig
from policies.contract import LANGUAGE, VECTOR, Frame, depth_key
from policies.engine import Arrays, Engine
from policies.engines import EngineKind, load_engine
from policies.features import (
    Float32,
    action_targets,
    chunk_poses,
    input_states,
    observation_features,
)
from policies.sentences import Sentences
from robot_skills.core.errors import CheckpointError
from robot_skills.core.policy import (
    STATE_NAMES,
    TOKEN_SLOTS,
    PolicyInput,
    PolicyOutput,
    pose_to_vector,
)

_IMAGES = "observation.images."
_RARELY = 1e-4
"""Share of training below which an entity counts as never seen."""


class DiffusionPolicy:
    """Diffusion Policy (Chi et al., 2023) with relative trajectories (UMI, Chi et al., 2024).

    Implements `robot_skills.core.policy.Policy`, for every head and trunk.

    Args:
        engine: Samples normalised chunks of a policy of frame TOOL.

    Raises:
        CheckpointError: When the policy is of another frame, or sees pictures of the past.
    """

    def __init__(self, engine: Engine) -> None:
        contract = engine.config.contract
        if contract.frame is not Frame.TOOL or tuple(contract.state.names) != STATE_NAMES:
            raise CheckpointError(
                f"This checkpoint is no meta-skill: it does not see the tool and {TOKEN_SLOTS} "
                "entities. `policies.task_policy.TaskPolicy` runs it."
            )
        if any(image.steps > 1 for image in contract.images):
            raise CheckpointError("A meta-skill sees the newest picture of a camera, no older one.")
        self._engine = engine
        self._contract = contract
        self._sentences = Sentences()

    @classmethod
    def load(
        cls,
        path: str | Path,
        device: str = "cpu",
        threads: int = 1,
        engine: EngineKind = EngineKind.AUTO,
    ) -> Self:
        """Read a checkpoint directory.

        Args:
            path: Directory that training wrote.
            device: Where to run.
            threads: Processor threads, torch's for the whole process; at batch one, one is best.
            engine: What is to run it.

        Raises:
            CheckpointError: When the checkpoint is damaged, foreign or does not fit.
            MissingDependencyError: When what is to run it is not installed.
        """
        return cls(load_engine(Path(path), engine, device, threads))

    @property
    def config(self) -> CheckpointConfig:
        """Settings, recipe and data summary of the checkpoint."""
        return self._engine.config

    @property
    def period_s(self) -> float:
        return self._contract.period_s

    @property
    def horizon(self) -> int:
        return self._contract.horizon

    @property
    def observation_steps(self) -> int:
        return self._contract.observation_steps

    @property
    def cameras(self) -> tuple[str, ...]:
        """Cameras whose newest frames `infer` wants."""
        specs = (*self._contract.images, *self._contract.clouds)
        return tuple(sorted({spec.key.removeprefix(_IMAGES) for spec in specs}))

    @property
    def entity_counts(self) -> tuple[int, int] | None:
        """Least and greatest number of entities that training showed; None where it is not told.

        The mean of a slot's ``present`` is the share of training in which it was taken.
        """
        names = self.config.feature_names
        slots = [names.index(f"entity{slot}.present") for slot in range(TOKEN_SLOTS)]
        shares = self._engine.features.mean[slots]
        counts = int((shares > 1.0 - _RARELY).sum()), int((shares > _RARELY).sum())
        return counts if counts[1] > 0 else None

    @property
    def anchors(self) -> frozenset[tuple[str, ...]]:
        """Frames of the entities for each kind of call; empty where it is not told."""
        return frozenset(map(tuple, self._contract.anchors))

    @property
    def can_continue(self) -> bool:
        """Whether `infer` heeds a prefix."""
        return self.config.table.can_inpaint

    def reset(self, seed: int) -> None:
        """Start a new episode; the seed chooses the noise that chunks are denoised from."""
        self._engine.reset(seed)

    def infer(self, inputs: PolicyInput, prefix: PolicyOutput | None = None) -> PolicyOutput:
        """One chunk.

        Args:
            inputs: What is seen.
            prefix: What the tool does at the first steps in any case; the rest goes on from it.

        Raises:
            ValueError: When the history does not have `observation_steps` states, or a camera's
                frame is missing.
        """
        if len(inputs.opening) != self.observation_steps:
            raise ValueError(
                f"The policy wants a history of {self.observation_steps} states, "
                f"got {len(inputs.opening)}."
            )
        states = input_states(inputs)
        arrays: Arrays = {VECTOR: self._engine.features.apply(observation_features(states))}
        if self._contract.language:
            arrays[LANGUAGE] = self._sentences.embed(inputs.instruction)
        if self._contract.shows:
            arrays |= self._pictures(inputs)
        known = self._known(states, prefix) if prefix is not None else None
        chunk, done = self._engine.run(arrays, known)
        poses, opening = chunk_poses(inputs.T_base_tool[-1], self._engine.actions.invert(chunk))
        return PolicyOutput(T_base_tool=poses, opening=opening, done=done)

    def _pictures(self, inputs: PolicyInput) -> Arrays:
        from policies.pictures import live_inputs

        history = {}
        for camera, frame in inputs.frames.items():
            key = _IMAGES + camera
            history[key] = frame.rgb[None]
            history[depth_key(key)] = frame.depth_m[None]
        return live_inputs(history, self._contract)

    def _known(self, states: Float32, prefix: PolicyOutput) -> Float32:
        """A prefix as the network sees chunks, (k, A)."""
        steps = min(len(prefix.opening), self.horizon)
        actions = np.concatenate(
            [pose_to_vector(prefix.T_base_tool[:steps]), prefix.opening[:steps, None]], axis=-1
        ).astype(np.float32)
        relative = action_targets(states, actions[None])[0]
        mean, std = self._engine.actions.mean[:steps], self._engine.actions.std[:steps]
        return (relative - mean) / std
