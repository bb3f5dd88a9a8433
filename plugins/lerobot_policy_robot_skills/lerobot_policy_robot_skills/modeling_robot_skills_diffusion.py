"""The policy: robot-skills' encoders, trunks and heads behind LeRobot's interface."""

from collections import deque
from copy import deepcopy
from typing import Any

import torch
from lerobot.policies.pretrained import PreTrainedPolicy
from lerobot.policies.utils import populate_queues
from lerobot.utils.constants import ACTION
from torch import Tensor, nn

from lerobot_policy_robot_skills.configuration_robot_skills_diffusion import (
    LANGUAGE,
    RobotSkillsDiffusionConfig,
)
from policies.config import NetworkConfig
from policies.contract import IMAGE, VECTOR, PolicyContract
from policies.contract import LANGUAGE as SENTENCE
from policies.encoders import ObservationEncoder
from policies.heads import build_head
from policies.resize import crop_size
from policies.sampler import Guidance, sample_chunk
from policies.trunks import build_denoiser

_OUTLIER = 5.0
"""Normalised numbers beyond are cut: training went nowhere near, or a column hardly varies."""


class RobotSkillsDiffusionPolicy(PreTrainedPolicy):
    """Trains on LeRobot's batches, runs on averaged weights.

    `lerobot-train` calls `update` after every step of the optimiser; that moves the average, which
    is part of the checkpoint and is what samples chunks in evaluation mode.
    """

    config_class = RobotSkillsDiffusionConfig  # type: ignore[assignment]
    name = "robot_skills_diffusion"  # type: ignore[assignment]

    def __init__(self, config: RobotSkillsDiffusionConfig, **_: Any) -> None:
        """Build the networks; raises `ValueError` when there is nothing to see or to do.

        Args:
            config: Settings, with the features of the dataset filled in.
        """
        super().__init__(config)
        self.config = config
        contract = config.contract()
        self._head = build_head(config.sampler_config())
        self._table = self._head.table()
        self._chunk = (config.horizon, len(contract.action.names))
        self.network = ChunkNetwork(contract, config)
        self.average = deepcopy(self.network).requires_grad_(False)
        self.register_buffer("updates", torch.zeros((), dtype=torch.long))
        self.reset()

    def get_optim_params(self) -> dict:
        """What the optimiser changes: the network, not its average."""
        return self.network.parameters()  # type: ignore[return-value]

    def reset(self) -> None:
        """Start a new episode."""
        config = self.config
        keys = [*config.number_features, *config.colour_features]
        keys += [LANGUAGE] if config.language else []
        self._queues: dict[str, deque] = {key: deque(maxlen=config.n_obs_steps) for key in keys}
        self._queues[ACTION] = deque(maxlen=config.n_action_steps)
        self._noise: Tensor | None = None

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        """Loss of one training batch, and figures for the log."""
        # LeRobot seeds torch's own generator; everything random here follows from it.
        draws = torch.Generator().manual_seed(int(torch.randint(2**62, ())))
        inputs = self._inputs(batch, draws)
        x_0 = batch[ACTION].clamp(-_OUTLIER, _OUTLIER)
        keep_goal = None
        if self.config.language and self.config.drop_goal > 0.0:
            keep_goal = torch.rand(len(x_0), generator=draws) >= self.config.drop_goal
            keep_goal = keep_goal.to(x_0.device)
        network = self.network
        condition = network.condition(inputs, keep_goal)

        def predict(noisy: Tensor, level: Tensor) -> Tensor:
            denoiser = network.denoiser
            return denoiser.denoise(noisy, denoiser.embed_time(level), condition).float()

        errors = self._head.errors(predict, x_0, draws).float().mean(dim=-1)
        valid = 1.0 - batch["action_is_pad"].float() if "action_is_pad" in batch else 1.0
        counted = torch.ones_like(errors) * valid
        loss = (errors * counted).sum() / counted.sum().clamp(min=1.0)
        return loss, {"chunk_loss": float(loss.detach())}

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the network; see `ema_power` and `ema_max`."""
        self.updates += 1
        decay = min(
            1.0 - (1.0 + float(self.updates)) ** -self.config.ema_power, self.config.ema_max
        )
        averages, values = self.average.state_dict(), self.network.state_dict()
        for name, value in values.items():
            if value.is_floating_point():
                averages[name].lerp_(value, 1.0 - decay)
            else:
                averages[name].copy_(value)

    @torch.no_grad()
    def predict_action_chunk(self, batch: dict[str, Tensor], **_: Any) -> Tensor:
        """Normalised actions (B, n_action_steps, A).

        Args:
            batch: Observations (B, ...) that `select_action` has already queued, or, with nothing
                queued, whole histories (B, n_obs_steps, ...).
        """
        self.eval()
        if any(len(queue) for key, queue in self._queues.items() if key != ACTION):
            batch = {
                key: torch.stack(list(queue), dim=1)
                for key, queue in self._queues.items()
                if key != ACTION
            }
        return self._sample(self._inputs(batch))[:, : self.config.n_action_steps]

    @torch.no_grad()
    def select_action(self, batch: dict[str, Tensor], **_: Any) -> Tensor:
        """The next normalised action (B, A); a chunk is sampled when the last one is used up."""
        self.eval()
        seen = {key: value for key, value in batch.items() if key != ACTION}
        self._queues = populate_queues(self._queues, seen, exclude_keys=[ACTION])
        if not self._queues[ACTION]:
            self._queues[ACTION].extend(self.predict_action_chunk(seen).transpose(0, 1))
        return self._queues[ACTION].popleft()

    def _sample(self, inputs: dict[str, Tensor]) -> Tensor:
        """Normalised chunks (B, H, A)."""
        network, config = self.average if float(self.updates) else self.network, self.config
        condition = network.condition(inputs)
        levels = torch.tensor(self._table.timesteps, device=condition.device)
        guidance = None
        if config.language and config.guidance != 0.0:
            nowhere = torch.zeros(len(condition), dtype=torch.bool, device=condition.device)
            guidance = Guidance(weight=config.guidance, blank=network.condition(inputs, nowhere))
        return sample_chunk(
            network.denoiser,
            self._table,
            network.denoiser.embed_time(levels),
            condition,
            self._start(len(condition), condition.device),
            guidance=guidance,
        )

    def _start(self, batch: int, device: torch.device) -> Tensor:
        """Noise that chunks start from, (B, H, A)."""
        kept = self._noise
        if kept is None or len(kept) != batch or not self.config.keep_noise:
            self._noise = kept = torch.randn(batch, *self._chunk)
        return self.config.noise_scale * kept.to(device)

    def _inputs(
        self, batch: dict[str, Tensor], draws: torch.Generator | None = None
    ) -> dict[str, Tensor]:
        """Named inputs of the networks; pictures are cropped at random when `draws` is given."""
        config = self.config
        inputs: dict[str, Tensor] = {}
        numbers = [_history(batch[key], 3) for key in config.number_features]
        if numbers:
            joined = torch.cat(numbers, dim=-1).flatten(1)
            inputs[VECTOR] = joined.clamp(-_OUTLIER, _OUTLIER)
        for image in config.contract().images:
            newest = _history(batch[image.key], 5)[:, -1]
            pictures = 255.0 * _resized(newest, (image.height, image.width))
            if draws is not None:
                pictures = _random_crop(pictures, crop_size(image), draws)
            inputs[IMAGE + image.key] = pictures[:, None]
        if config.language:
            words = batch[LANGUAGE]
            inputs[SENTENCE] = words[:, -1] if words.ndim == 3 else words
        if VECTOR not in inputs:
            first = next(iter(inputs.values()))
            # Every network takes numbers; a policy that sees none is given one that says nothing.
            inputs[VECTOR] = first.new_zeros(len(first), config.n_obs_steps)
        return inputs


class ChunkNetwork(nn.Module):
    """Encoder and denoiser."""

    def __init__(self, contract: PolicyContract, config: RobotSkillsDiffusionConfig) -> None:
        super().__init__()
        sizes: NetworkConfig = config.network_config()
        vector = contract.observation_steps * len(contract.state.names)
        self.encoder = ObservationEncoder(contract, vector, sizes)
        self.denoiser = build_denoiser(
            self.encoder.size, contract.horizon, len(contract.action.names), sizes
        )

    def condition(self, inputs: dict[str, Tensor], keep_goal: Tensor | None = None) -> Tensor:
        """The denoiser's condition of named inputs."""
        return self.denoiser.condition(self.encoder(inputs, keep_goal))


def _history(values: Tensor, rank: int) -> Tensor:
    """Values with a time axis, (B, n, ...)."""
    return values[:, None] if values.ndim == rank - 1 else values


def _resized(pictures: Tensor, size: tuple[int, int]) -> Tensor:
    """Pictures (B, 3, H, W) of a size; averaged where they shrink."""
    if tuple(pictures.shape[-2:]) == size:
        return pictures
    return nn.functional.interpolate(pictures, size, mode="bilinear", antialias=True)


def _random_crop(pictures: Tensor, size: tuple[int, int], draws: torch.Generator) -> Tensor:
    """Parts (B, 3, h, w) of pictures, from somewhere else in each of them."""
    (height, width), (rows, columns) = pictures.shape[-2:], size
    top = torch.randint(height - rows + 1, (len(pictures),), generator=draws).tolist()
    left = torch.randint(width - columns + 1, (len(pictures),), generator=draws).tolist()
    return torch.stack(
        [
            picture[..., y : y + rows, x : x + columns]
            for picture, y, x in zip(pictures, top, left, strict=True)
        ]
    )
