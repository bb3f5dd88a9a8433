"""One training step's arithmetic: a batch in, two losses out."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from policies.config import TrainConfig
from policies.heads import ChunkHead, Predict
from policies.network import PolicyNetwork
from policies.sources import Batch


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Losses:
    """Losses of one batch.

    Attributes:
        chunk: Mean squared error over the steps that count, in standard deviations.
        done: Cross entropy of the termination head.
    """

    chunk: Tensor
    done: Tensor


class Learner(nn.Module):
    """The network with what it is taught.

    One `forward` per step, so that data-parallel wrappers see the whole computation.

    Args:
        network: What learns.
        head: How it learns.
        config: The recipe.
        done_weight: How much more a finished frame weighs.
        teacher: A trained network to distil, for heads that need one.
    """

    def __init__(
        self,
        network: PolicyNetwork,
        head: ChunkHead,
        config: TrainConfig,
        done_weight: float,
        teacher: PolicyNetwork | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self._head, self._config = head, config
        self._done_weight = torch.tensor(done_weight)
        # In a tuple, so that its weights are not this module's.
        self._teacher = (teacher,)

    def forward(self, batch: Batch, seed: int, bf16: bool) -> Losses:
        draws = torch.Generator().manual_seed(seed)
        device = batch.chunk.device
        keep_goal = None
        if self._config.sampler.drop_goal > 0.0:
            keep_goal = torch.rand(len(batch.chunk), generator=draws).to(device)
            keep_goal = keep_goal >= self._config.sampler.drop_goal
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
            features = self.network.encoder(batch.inputs, keep_goal)
            predict = predictor(self.network, features)
            errors = self._head.errors(predict, batch.chunk, draws, self._taught(batch))
            logit = self.network.termination(features)
        error = errors.float().mean(dim=-1)
        chunk = (error * batch.valid).sum() / batch.valid.sum().clamp(min=1.0)
        done = nn.functional.binary_cross_entropy_with_logits(
            logit.float(), batch.done, reduction="none", pos_weight=self._done_weight.to(device)
        )
        done = (done * batch.done_weight).sum() / batch.done_weight.sum().clamp(min=1.0)
        return Losses(chunk=chunk, done=done)

    def _taught(self, batch: Batch) -> Predict | None:
        (teacher,) = self._teacher
        if teacher is None:
            return None
        with torch.no_grad():
            predict = predictor(teacher, teacher.encoder(batch.inputs))
        return torch.no_grad()(predict)


def predictor(network: PolicyNetwork, features: Tensor) -> Predict:
    """The denoiser as a function of chunk and level, for given features (B, E)."""
    denoiser = network.denoiser
    condition = denoiser.condition(features)

    def predict(noisy: Tensor, level: Tensor) -> Tensor:
        return denoiser.denoise(noisy, denoiser.embed_time(level), condition).float()

    return predict
