"""Sampling normalised chunks with torch."""

import numpy as np
import torch

from policies.checkpoint import Checkpoint
from policies.contract import LANGUAGE
from policies.draws import ChunkNoise
from policies.engine import Arrays, held_prefix
from policies.features import Float32
from policies.network import Inputs
from policies.sampler import Guidance, Prefix, sample_chunk


class TorchEngine:
    """A checkpoint's network, ready to sample.

    Args:
        checkpoint: The trained policy.
        device: Where to run.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu") -> None:
        self.config = config = checkpoint.config
        self.features, self.actions = checkpoint.features, checkpoint.actions
        self._device = torch.device(device)
        self._network = checkpoint.network.to(self._device).eval()
        timesteps = torch.tensor(config.table.timesteps, device=self._device)
        with torch.inference_mode():
            self._time = self._network.denoiser.embed_time(timesteps)
        self._noise = ChunkNoise(config.sampler, config.table, self.actions.mean.shape)

    def reset(self, seed: int) -> None:
        """Start a new episode; the seed chooses the noise that chunks are denoised from."""
        self._noise.reset(seed)

    @torch.inference_mode()
    def run(self, inputs: Arrays, prefix: Float32 | None = None) -> tuple[Float32, float]:
        """Normalised chunk (H, A) and the probability that the work is done.

        Args:
            inputs: Named observations, batch of one.
            prefix: Normalised actions that are already being carried out, (k, A).
        """
        config, network = self.config, self._network
        tensors = {name: self._tensor(x) for name, x in inputs.items()}
        features = network.encoder(tensors)
        start, fresh = self._noise.start(), self._noise.fresh()
        chunk = sample_chunk(
            network.denoiser,
            config.table,
            self._time,
            network.denoiser.condition(features),
            self._tensor(start),
            guidance=self._guidance(tensors),
            prefix=self._prefix(prefix),
            fresh=None if fresh is None else self._tensor(fresh),
        )
        logit = float(network.termination(features))
        return chunk[0].cpu().numpy(), config.calibration.probability(logit)

    def _guidance(self, inputs: Inputs) -> Guidance | None:
        weight = self.config.sampler.guidance
        if weight == 0.0 or LANGUAGE not in inputs:
            return None
        network = self._network
        blank = {**inputs, LANGUAGE: torch.zeros_like(inputs[LANGUAGE])}
        return Guidance(weight=weight, blank=network.denoiser.condition(network.encoder(blank)))

    def _prefix(self, known: Float32 | None) -> Prefix | None:
        if known is None or not len(known):
            return None
        chunk, weight = held_prefix(known, self.actions.mean.shape)
        return Prefix(chunk=self._tensor(chunk), weight=self._tensor(weight))

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(self._device)
