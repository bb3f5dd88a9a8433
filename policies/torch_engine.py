"""Sampling normalised chunks with torch."""

import torch
from torch import Tensor

from policies.checkpoint import Checkpoint
from policies.contract import LANGUAGE
from policies.engine import Arrays
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
        self.config = checkpoint.config
        self.features, self.actions = checkpoint.features, checkpoint.actions
        self._device = torch.device(device)
        self._network = checkpoint.network.to(self._device).eval()
        timesteps = torch.tensor(checkpoint.config.table.timesteps, device=self._device)
        with torch.inference_mode():
            self._time = self._network.denoiser.embed_time(timesteps)
        self._generator = torch.Generator()
        self._noise = torch.empty(0)
        self.reset(seed=0)

    def reset(self, seed: int) -> None:
        """Start a new episode; the seed chooses the noise that chunks are denoised from."""
        self._generator.manual_seed(seed)
        self._noise = self._draw_noise()

    @torch.inference_mode()
    def run(self, inputs: Arrays, prefix: Float32 | None = None) -> tuple[Float32, float]:
        """Normalised chunk (H, A) and the probability that the work is done.

        Args:
            inputs: Named observations, batch of one.
            prefix: Normalised actions that are already being carried out, (k, A).
        """
        config, network = self.config, self._network
        if not config.sampler.keep_noise:
            self._noise = self._draw_noise()
        tensors = {name: torch.from_numpy(x).to(self._device) for name, x in inputs.items()}
        features = network.encoder(tensors)
        chunk = sample_chunk(
            network.denoiser,
            config.table,
            self._time,
            network.denoiser.condition(features),
            self._noise,
            guidance=self._guidance(tensors),
            prefix=self._prefix(prefix),
            generator=self._generator,
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
        chunk = torch.zeros(1, *self.actions.mean.shape)
        chunk[0, : len(known)] = torch.from_numpy(known)
        return Prefix(chunk=chunk.to(self._device), steps=len(known))

    def _draw_noise(self) -> Tensor:
        shape = (1, *self.actions.mean.shape)
        noise = torch.randn(shape, generator=self._generator)
        return self.config.sampler.noise_scale * noise.to(self._device)
