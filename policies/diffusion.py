"""The diffusion policy at run time."""

from pathlib import Path
from typing import Self

import numpy as np
import torch

from policies.checkpoint import Checkpoint, CheckpointConfig, load_checkpoint
from policies.features import chunk_poses, input_states, observation_features
from policies.sampler import sample_chunk
from robot_skills.core.policy import PolicyInput, PolicyOutput


class DiffusionPolicy:
    """A learned skill: what is around the tool -> where the tool goes next.

    Implements `robot_skills.core.policy.Policy`. Diffusion Policy (Chi et al., 2023) with relative
    trajectories (UMI, Chi et al., 2024) and deterministic few-step sampling.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu") -> None:
        self._config = checkpoint.config
        self._features = checkpoint.features
        self._actions = checkpoint.actions
        self._device = torch.device(device)
        self._network = checkpoint.network.to(self._device).eval()
        timesteps = torch.tensor(checkpoint.config.table.timesteps, device=self._device)
        with torch.inference_mode():
            self._time = self._network.denoiser.embed_time(timesteps)
        self._generator = torch.Generator()
        self._noise = torch.empty(0)
        self.reset(seed=0)

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu", threads: int = 1) -> Self:
        """Read a checkpoint directory.

        Args:
            path: Directory that training wrote.
            device: Where to run.
            threads: Processor threads of torch, for the whole process; at batch one, one is best.

        Raises:
            CheckpointError: When the checkpoint is damaged, foreign or does not fit.
        """
        torch.set_num_threads(threads)
        return cls(load_checkpoint(Path(path)), device)

    @property
    def config(self) -> CheckpointConfig:
        """Settings, recipe and data summary of the checkpoint."""
        return self._config

    @property
    def period_s(self) -> float:
        return self._config.period_s

    @property
    def horizon(self) -> int:
        return self._config.horizon

    @property
    def observation_steps(self) -> int:
        return self._config.observation_steps

    def reset(self, seed: int) -> None:
        """Start a new episode; the seed chooses the noise that chunks are denoised from."""
        self._generator.manual_seed(seed)
        self._noise = self._draw_noise()

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        """One chunk.

        Raises:
            ValueError: When the history does not have `observation_steps` states.
        """
        if len(inputs.opening) != self.observation_steps:
            raise ValueError(
                f"The policy wants a history of {self.observation_steps} states, "
                f"got {len(inputs.opening)}."
            )
        features = self._features.apply(observation_features(input_states(inputs)))
        chunk, done = self._run(torch.from_numpy(features).to(self._device))
        poses, opening = chunk_poses(inputs.T_base_tool[-1], self._actions.invert(chunk))
        return PolicyOutput(T_base_tool=poses, opening=opening, done=done)

    @torch.inference_mode()
    def _run(self, features: torch.Tensor) -> tuple[np.ndarray, float]:
        """Normalised chunk (H, A) and the probability that the work is done."""
        if not self._config.sampler.keep_noise:
            self._noise = self._draw_noise()
        network = self._network
        chunk = sample_chunk(
            network.denoiser, self._config.table, self._time, features, self._noise
        )
        done = torch.sigmoid(network.termination(features))
        return chunk[0].cpu().numpy(), float(done)

    def _draw_noise(self) -> torch.Tensor:
        shape = (1, *self._actions.mean.shape)
        noise = torch.randn(shape, generator=self._generator)
        return self._config.sampler.noise_scale * noise.to(self._device)
