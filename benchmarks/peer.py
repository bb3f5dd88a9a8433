"""LeRobot's policies, trained and saved the way `lerobot-train` does, for side-by-side runs.

Where a choice is ours it is made in the peer's favour: its batches come from memory instead of its
loader, frames that must not be imitated are kept from it, its imports do not count as training
time, and the learning rate of its DiffusionPolicy falls to zero
just when the time is up.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policies.contract import ObserveConfig
from policies.dataset import Demonstrations, load_datasets

STATE, SURROUNDINGS, ACTION = "observation.state", "observation.environment_state", "action"
ROBOT_SIZE = 11
"""Of our skills' state, the first numbers are the robot's (tool, opening, table), the rest are the
things around it. LeRobot wants the two apart."""
_ACT_BATCH = 8
_RATE_STEPS = 10
"""Steps that are timed to learn how many will fit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerConfig:
    """LeRobot's DiffusionPolicy, or its ACT, as a user with a processor would set it up.

    Attributes:
        kind: Which of the two.
        down_dims: Channels of its U-Net; its default needs seconds per chunk on a processor.
        batch_size: Windows per step of the DiffusionPolicy; ACT has LeRobot's usual 8.
        minutes: Training time.
        seed: Of weights, batches and noise.
        threads: Processor threads.
        inference_steps: DDIM steps per chunk.
    """

    kind: Literal["diffusion", "act"] = "diffusion"
    down_dims: tuple[int, ...] = (128, 256)
    batch_size: int = 64
    minutes: float = 2.0
    seed: int = 0
    threads: int = 2
    inference_steps: int = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class PeerTraining:
    """How a training of the peer went.

    Attributes:
        steps: Optimiser steps taken.
        seconds: Training time.
        loss: Of the last batch.
    """

    steps: int
    seconds: float
    loss: float


def quiet() -> None:
    """Keep LeRobot's start-up messages out of the tables."""
    logging.getLogger("lerobot").setLevel(logging.ERROR)


def _features(state: int, action: int) -> dict[str, Any]:
    from lerobot.configs.types import FeatureType, PolicyFeature

    return {
        "input_features": {
            STATE: PolicyFeature(type=FeatureType.STATE, shape=(ROBOT_SIZE,)),
            SURROUNDINGS: PolicyFeature(type=FeatureType.ENV, shape=(state - ROBOT_SIZE,)),
        },
        "output_features": {ACTION: PolicyFeature(type=FeatureType.ACTION, shape=(action,))},
    }


def diffusion_config(state: int, action: int, config: PeerConfig) -> Any:
    """LeRobot's settings for a policy that sees a state and answers chunks of 16."""
    from lerobot.policies.diffusion.configuration_diffusion import DiffusionConfig

    return DiffusionConfig(
        **_features(state, action),
        n_obs_steps=2,
        horizon=16,
        n_action_steps=8,
        down_dims=config.down_dims,
        noise_scheduler_type="DDIM",
        num_inference_steps=config.inference_steps,
        device="cpu",
    )


def act_config(state: int, action: int) -> Any:
    """LeRobot's ACT for chunks of 16, at half its width."""
    from lerobot.policies.act.configuration_act import ACTConfig

    return ACTConfig(
        **_features(state, action),
        chunk_size=16,
        n_action_steps=8,
        dim_model=256,
        pretrained_backbone_weights=None,
        device="cpu",
    )


def train_peer(dataset: Path, out: Path, config: PeerConfig) -> PeerTraining:
    """Train a policy of LeRobot's for a time and save it as LeRobot does.

    Args:
        dataset: LeRobot v3 dataset with a state.
        out: Folder of the checkpoint.
        config: How.
    """
    from lerobot.policies.factory import get_policy_class, make_pre_post_processors

    quiet()
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    _, data = load_datasets([dataset], ObserveConfig(allow_constant=True), 2, 16)
    states, actions = _recorded(dataset, data)
    sizes = states.shape[1], actions.shape[1]
    settings = act_config(*sizes) if config.kind == "act" else diffusion_config(*sizes, config)
    batch_size = _ACT_BATCH if config.kind == "act" else config.batch_size
    policy = get_policy_class(settings.type)(settings).train()
    pre, post = make_pre_post_processors(settings, dataset_stats=_stats(states, actions))
    draw = _batches(data, states, actions, batch_size, config.seed, policy.config)
    optimiser = settings.get_optimizer_preset().build(policy.get_optim_params())
    clip = settings.get_optimizer_preset().grad_clip_norm

    def step() -> float:
        loss, _ = policy.forward(pre(draw()))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters(), clip)
        optimiser.step()
        optimiser.zero_grad()
        return loss.item()

    started_s = time.monotonic()
    for _ in range(_RATE_STEPS):
        step()
    per_step_s = (time.monotonic() - started_s) / _RATE_STEPS
    total = max(_RATE_STEPS, round(60.0 * config.minutes / per_step_s))
    preset = settings.get_scheduler_preset()
    # ACT keeps its learning rate.
    schedule = preset.build(optimiser, total) if preset is not None else None
    steps, loss = _RATE_STEPS, float("nan")
    while time.monotonic() - started_s < 60.0 * config.minutes:
        loss = step()
        if schedule is not None:
            schedule.step()
        steps += 1
    seconds = time.monotonic() - started_s
    policy.eval().save_pretrained(out)
    pre.save_pretrained(out)
    post.save_pretrained(out)
    return PeerTraining(steps=steps, seconds=seconds, loss=loss)


def _recorded(dataset: Path, data: Demonstrations) -> tuple[Tensor, Tensor]:
    """All recorded numbers of the frames that are learned from, constant ones too."""
    import pyarrow.parquet as pq

    table = pq.read_table(dataset / "data", columns=[STATE, ACTION])

    def column(key: str) -> Tensor:
        values = np.stack(table.column(key).to_numpy()).astype(np.float32)
        return torch.from_numpy(values[data.rows])

    return column(STATE), column(ACTION)


def _stats(states: Tensor, actions: Tensor) -> dict[str, dict[str, Tensor]]:
    def of(values: Tensor) -> dict[str, Tensor]:
        return {
            "min": values.amin(0),
            "max": values.amax(0),
            "mean": values.mean(0),
            "std": values.std(0),
        }

    return {
        STATE: of(states[:, :ROBOT_SIZE]),
        SURROUNDINGS: of(states[:, ROBOT_SIZE:]),
        ACTION: of(actions),
    }


def _batches(
    data: Demonstrations,
    states: Tensor,
    actions: Tensor,
    batch_size: int,
    seed: int,
    settings: Any,
) -> Callable[[], dict[str, Any]]:
    """A function that draws batches as LeRobot's dataset would hand them out."""
    ends = data.episode_ends
    starts = np.concatenate([[0], ends[:-1]])
    first = np.repeat(starts, ends - starts)
    last = np.repeat(ends - 1, ends - starts)
    frames = np.arange(len(states))
    future = frames[:, None] + np.array(settings.action_delta_indices)
    padded = (future < first[:, None]) | (future > last[:, None])
    future = np.clip(future, first[:, None], last[:, None])
    usable = frames[data.label_valid[future].all(axis=1)]
    # Without a history LeRobot's observations have no axis for it.
    steps = settings.observation_delta_indices
    past = frames if steps is None else np.maximum(frames[:, None] + steps, first[:, None])
    rng = np.random.default_rng(seed)

    def draw() -> dict[str, Any]:
        index = usable[rng.integers(len(usable), size=batch_size)]
        seen = states[past[index]]
        return {
            STATE: seen[..., :ROBOT_SIZE],
            SURROUNDINGS: seen[..., ROBOT_SIZE:],
            ACTION: actions[future[index]],
            "action_is_pad": torch.from_numpy(padded[index]),
            "task": [""] * batch_size,
        }

    return draw


class SplitState:
    """Shows a trained peer the state of a suite, split as it was trained.

    Args:
        policy: `policies.lerobot_policy.LeRobotPolicy`.
    """

    def __init__(self, policy: Any) -> None:
        self._policy = policy
        self.observation_steps: int = policy.observation_steps

    def reset(self, seed: int) -> None:
        self._policy.reset(seed)

    def infer(self, history: Mapping[str, NDArray], instruction: str = "") -> Any:
        state = history[STATE]
        parts = {STATE: state[:, :ROBOT_SIZE], SURROUNDINGS: state[:, ROBOT_SIZE:]}
        return self._policy.infer(parts, instruction)
