"""Training: a dataset directory in, a checkpoint directory out.

Everything random is drawn from generators seeded by (seed, step), so that a run that was
interrupted and resumed passes through the same numbers as one that was not.
"""

import json
import logging
import math
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from policies.checkpoint import (
    Checkpoint,
    CheckpointConfig,
    save_checkpoint,
    write_atomically,
)
from policies.config import TrainConfig
from policies.dataset import Demonstrations, Windows, load_demonstrations, make_windows
from policies.features import (
    Float32,
    action_floor,
    action_targets,
    feature_floor,
    feature_names,
    observation_features,
)
from policies.network import PolicyNetwork
from policies.noise import perturb
from policies.normaliser import Normaliser
from policies.sampler import compile_sampler
from robot_skills.core.errors import CheckpointError, RobotSkillsError, StorageError
from robot_skills.core.policy import ACTION_NAMES, STATE_NAMES

log = logging.getLogger(__name__)

RESUME = "resume.safetensors"
"""Weights, averages and optimiser state; the step and the recipe are in the file's metadata."""

_BLOCK_STEPS = 64
"""Steps whose batches are prepared together: many enough to be cheap, few enough to fit caches."""
_COOLDOWN = 0.9
"""Part of the time limit after which the learning rate falls to zero."""
_BATCH_STREAM, _NOISE_STREAM, _FIT_STREAM = range(3)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult:
    """How a training run ended.

    Attributes:
        checkpoint: Directory of the checkpoint.
        steps: Optimiser steps taken, resumed ones included.
        seconds: Wall time of all parts of the run.
        loss: Mean squared error of the chunk, in standard deviations, of the last logged batch.
        done_loss: Cross entropy of the termination head, of the last logged batch.
    """

    checkpoint: Path
    steps: int
    seconds: float
    loss: float
    done_loss: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Batch:
    features: Tensor
    chunk: Tensor
    valid: Tensor
    done: Tensor


def train(
    dataset_dir: str | Path,
    out_dir: str | Path,
    config: TrainConfig | None = None,
    *,
    resume: bool = False,
    progress: bool = True,
    log_dir: str | Path | None = None,
    stop_after: int | None = None,
) -> TrainResult:
    """Train a policy and write its checkpoint.

    Args:
        dataset_dir: LeRobot v3 dataset.
        out_dir: Where the checkpoint goes; also holds what `resume` needs while training runs.
        config: The recipe.
        resume: Go on from the last save in `out_dir` when there is one. A finished run leaves none.
        progress: Show a progress bar on stderr.
        log_dir: Write TensorBoard logs there; none when absent.
        stop_after: Save and leave after this many steps in all, as an interruption would; for
            training in several sittings.

    Raises:
        DatasetError: When the dataset does not fit.
        CheckpointError: When what `resume` finds is damaged or belongs to another recipe.
        StorageError: When nothing can be written.
        RobotSkillsError: When training diverges.
    """
    config = config or TrainConfig()
    out_dir = Path(out_dir)
    data = load_demonstrations(Path(dataset_dir))
    torch.set_num_threads(config.threads)
    run = _Run(data, out_dir, config)
    if resume and (out_dir / RESUME).exists():
        run.restore()
        log.info("Resuming %s at step %d of %d.", out_dir, run.step, config.steps)
    with ExitStack() as stack:
        writer = stack.enter_context(_Writer(log_dir)) if log_dir else None
        bar = stack.enter_context(_progress_bar(run, config)) if progress else None
        run.go(stop_after, writer, bar)
    if stop_after is None or run.finished:
        run.export()
    return run.result()


class _Scalars(Protocol):
    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...


class _Writer:
    """TensorBoard's writer, opened late: importing it takes a second."""

    def __init__(self, log_dir: str | Path) -> None:
        self._log_dir = str(log_dir)

    def __enter__(self) -> _Scalars:
        from torch.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(self._log_dir)
        return self._writer

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def _progress_bar(run: "_Run", config: TrainConfig):
    from tqdm import tqdm

    return tqdm(total=config.steps, initial=run.step, unit="step", desc="train", dynamic_ncols=True)


class _Run:
    """State of one training run."""

    def __init__(self, data: Demonstrations, out_dir: Path, config: TrainConfig) -> None:
        self._data, self._out_dir, self._config = data, out_dir, config
        self._windows = make_windows(data, config.observation_steps, config.horizon)
        self._features, self._actions = _fit(data, self._windows, config)
        names = feature_names(config.observation_steps)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self._network = PolicyNetwork(len(names), config.horizon, config.network)
        self._average = {
            name: value.detach().clone() for name, value in self._network.state_dict().items()
        }
        self._weights = list(self._network.parameters())
        self._optimiser = torch.optim.AdamW(
            self._weights,
            lr=config.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=config.weight_decay,
            fused=True,
        )
        self._schedule, self._table = compile_sampler(config.sampler)
        self._done_weight = _done_weight(data, config)
        self._autocast = config.bf16 and _has_fast_bf16()
        self._started_s, self._spent_s = time.monotonic(), 0.0
        self._recent = {"loss": 0.0, "done_loss": 0.0}
        self.step = 0

    @property
    def finished(self) -> bool:
        return self.step >= self._config.steps or self._time_used() >= 1.0

    def go(self, stop_after: int | None, writer: _Scalars | None, bar: Any) -> None:
        """Train until the budget is used up or `stop_after` steps are reached."""
        end = self._config.steps if stop_after is None else min(stop_after, self._config.steps)
        for batch in _batches(
            self._data, self._windows, self._features, self._actions, self._config, self.step, end
        ):
            losses = self._step(batch)
            if self.step % self._config.log_every == 0 or self.step == end:
                self._report(losses, writer)
            if bar is not None:
                bar.update()
                if self.step % self._config.log_every == 0:
                    bar.set_postfix(loss=f"{self._recent['loss']:.4f}")
            if self.step % self._config.save_every == 0 and self.step < self._config.steps:
                self.save()
            if self._time_used() >= 1.0:
                break
        if not self.finished:
            self.save()

    def _step(self, batch: _Batch) -> tuple[Tensor, Tensor]:
        rate = self._config.learning_rate * self._rate_factor()
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        generator = torch.Generator().manual_seed(_seed(self._config.seed, self.step))
        losses = self._losses(batch, generator)
        self._optimiser.zero_grad(set_to_none=True)
        (losses[0] + losses[1]).backward()
        torch.nn.utils.clip_grad_norm_(self._weights, self._config.grad_clip)
        self._optimiser.step()
        self.step += 1
        self._update_average()
        return losses[0].detach(), losses[1].detach()

    def _losses(self, batch: _Batch, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mean squared error of the chunk over the steps that count, and done cross entropy."""
        levels = self._config.sampler.train_timesteps
        t = torch.randint(levels, (len(batch.chunk),), generator=generator)
        eps = torch.randn(batch.chunk.shape, generator=generator)
        noisy = self._schedule.add(batch.chunk, eps, t)
        target = self._schedule.target(batch.chunk, eps, t)
        denoiser = self._network.denoiser
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._autocast):
            time = torch.nn.functional.embedding(t, denoiser.embed_time(torch.arange(levels)))
            predicted = denoiser.denoise(noisy, time, denoiser.condition(batch.features))
            logit = self._network.termination(batch.features)
        error = (predicted.float() - target).square().mean(dim=-1)
        loss = (error * batch.valid).sum() / batch.valid.sum().clamp(min=1.0)
        done_loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logit.float(), batch.done, pos_weight=self._done_weight
        )
        return loss, done_loss

    @torch.no_grad()
    def _update_average(self) -> None:
        """Exponential moving average with power warm-up (Karras et al., 2022; diffusers' EMA)."""
        decay = min(self._config.ema_max, 1.0 - (1.0 + self.step) ** -self._config.ema_power)
        torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
            list(self._average.values()), list(self._network.state_dict().values()), 1.0 - decay
        )

    def _rate_factor(self) -> float:
        config = self._config
        if self.step < config.warmup_steps:
            factor = (self.step + 1) / config.warmup_steps
        else:
            along = (self.step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
            factor = 0.5 * (1.0 + math.cos(math.pi * along))
        return factor * min(1.0, max(0.0, (1.0 - self._time_used()) / (1.0 - _COOLDOWN)))

    def _seconds(self) -> float:
        return self._spent_s + time.monotonic() - self._started_s

    def _time_used(self) -> float:
        """Part of the time limit that has gone; 0 without a limit."""
        limit = self._config.max_minutes
        return 0.0 if limit is None else self._seconds() / (60.0 * limit)

    def _report(self, losses: tuple[Tensor, Tensor], writer: _Scalars | None) -> None:
        self._recent = {"loss": float(losses[0]), "done_loss": float(losses[1])}
        if not all(math.isfinite(value) for value in self._recent.values()):
            raise RobotSkillsError(
                f"Training diverged at step {self.step} ({self._recent}); lower the learning rate."
            )
        if writer is not None:
            for name, value in self._recent.items():
                writer.add_scalar(f"train/{name}", value, self.step)
            rate = self._optimiser.param_groups[0]["lr"]
            writer.add_scalar("train/learning_rate", rate, self.step)

    def save(self) -> None:
        """Write everything that `restore` needs."""
        tensors = {f"average.{name}": value for name, value in self._average.items()}
        tensors |= {f"network.{name}": value for name, value in self._network.state_dict().items()}
        for index, weight in enumerate(self._weights):
            for name, value in self._optimiser.state.get(weight, {}).items():
                tensors[f"optimiser.{index}.{name}"] = value
        state = {
            "step": self.step,
            "seconds": self._seconds(),
            "config": self._config.to_json(),
            "frames": len(self._data.states),
        }
        whole = {name: value.detach().contiguous() for name, value in tensors.items()}
        try:
            self._out_dir.mkdir(parents=True, exist_ok=True)
            content = safetensors.torch.save(whole, metadata={"state": json.dumps(state)})
            write_atomically(self._out_dir / RESUME, content)
        except OSError as error:
            raise StorageError(f"{self._out_dir} cannot be written: {error.strerror}.") from None

    def restore(self) -> None:
        """Go back to what `save` wrote.

        Raises:
            CheckpointError: When it is damaged, or of another recipe or dataset.
        """
        path = self._out_dir / RESUME
        state, tensors = _read_resume(path)
        mine = (self._recipe(self._config.to_json()), len(self._data.states))
        if (self._recipe(state.get("config", {})), state.get("frames")) != mine:
            raise CheckpointError(f"{path} belongs to another recipe or dataset; remove it.")
        try:
            self._network.load_state_dict(
                {name: tensors[f"network.{name}"] for name in self._average}
            )
            for name, value in self._average.items():
                value.copy_(tensors[f"average.{name}"])
            for index, weight in enumerate(self._weights):
                prefix = f"optimiser.{index}."
                self._optimiser.state[weight] = {
                    name: tensors[prefix + name].clone() for name in _ADAM_STATE
                }
            self.step, self._spent_s = int(state["step"]), float(state["seconds"])
        except (KeyError, RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise CheckpointError(f"{path} does not fit this recipe ({reason}).") from None

    def _recipe(self, config: dict) -> dict:
        """The part of a recipe that must not change when training goes on."""
        free = ("max_minutes", "threads", "save_every", "log_every")
        return {name: value for name, value in config.items() if name not in free}

    def export(self) -> None:
        """Write the checkpoint of the averaged weights, and drop what `restore` would need."""
        config = self._config
        names = feature_names(config.observation_steps)
        with torch.device("meta"):
            network = PolicyNetwork(len(names), config.horizon, config.network)
        network.load_state_dict(self._average, assign=True)
        network.eval()
        data = self._data
        save_checkpoint(
            self._out_dir,
            Checkpoint(
                config=CheckpointConfig(
                    period_s=1.0 / data.fps,
                    observation_steps=config.observation_steps,
                    horizon=config.horizon,
                    network=config.network,
                    sampler=config.sampler,
                    table=self._table,
                    training=config,
                    data={
                        "episodes": len(data.episode_ends),
                        "skipped_episodes": data.skipped_episodes,
                        "frames": len(data.states),
                        "perturbed_frames": int((~data.label_valid).sum()),
                        "done_frames": int(data.done.sum()),
                        "steps": self.step,
                        "minutes": round(self._seconds() / 60.0, 2),
                        "loss": self._recent["loss"],
                        "done_loss": self._recent["done_loss"],
                    },
                    state_names=list(STATE_NAMES),
                    action_names=list(ACTION_NAMES),
                    feature_names=list(names),
                ),
                network=network,
                features=self._features,
                actions=self._actions,
            ),
        )
        (self._out_dir / RESUME).unlink(missing_ok=True)

    def result(self) -> TrainResult:
        return TrainResult(
            checkpoint=self._out_dir, steps=self.step, seconds=self._seconds(), **self._recent
        )


_ADAM_STATE = ("step", "exp_avg", "exp_avg_sq")


def _read_resume(path: Path) -> tuple[dict, dict[str, Tensor]]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            state = json.loads((file.metadata() or {})["state"])
            return state, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} is damaged ({reason}); remove it to start anew.") from None


def _fit(
    data: Demonstrations, windows: Windows, config: TrainConfig
) -> tuple[Normaliser, Normaliser]:
    """Normalisers of features and chunks, fitted once over all windows with their noise."""
    rng = np.random.default_rng((config.seed, _FIT_STREAM))
    everything = np.arange(len(windows.past))
    features, chunks = _examples(data, windows, everything, config, rng)
    return (
        Normaliser.fit(features, feature_floor(config.observation_steps)),
        Normaliser.fit(
            chunks, action_floor(config.horizon), windows.valid[..., None].astype(np.float32)
        ),
    )


def _examples(
    data: Demonstrations,
    windows: Windows,
    index: np.ndarray,
    config: TrainConfig,
    rng: np.random.Generator,
) -> tuple[Float32, Float32]:
    """Features (N, F) and chunks (N, H, A) of some windows, with fresh noise on what is seen."""
    states = perturb(data.states[windows.past[index]], config.noise, rng)
    return observation_features(states), action_targets(states, data.actions[windows.future[index]])


def _batches(
    data: Demonstrations,
    windows: Windows,
    features: Normaliser,
    actions: Normaliser,
    config: TrainConfig,
    start: int,
    end: int,
) -> Iterator[_Batch]:
    """Batches of the steps from `start` to before `end`; the same step always gets the same."""
    size = config.batch_size
    for block in range(start // _BLOCK_STEPS, -(-end // _BLOCK_STEPS)):
        pick = np.random.default_rng((config.seed, _BATCH_STREAM, block))
        index = pick.integers(len(windows.past), size=_BLOCK_STEPS * size)
        rng = np.random.default_rng((config.seed, _NOISE_STREAM, block))
        seen, chunks = _examples(data, windows, index, config, rng)
        arrays = (
            features.apply(seen),
            actions.apply(chunks),
            windows.valid[index].astype(np.float32),
            data.done[index].astype(np.float32),
        )
        tensors = [torch.from_numpy(array) for array in arrays]
        first = block * _BLOCK_STEPS
        for step in range(max(start, first), min(end, first + _BLOCK_STEPS)):
            rows = slice((step - first) * size, (step - first + 1) * size)
            yield _Batch(
                **dict(
                    zip(
                        ("features", "chunk", "valid", "done"),
                        (tensor[rows] for tensor in tensors),
                        strict=True,
                    )
                )
            )


def _done_weight(data: Demonstrations, config: TrainConfig) -> Tensor:
    done = int(data.done.sum())
    ratio = (len(data.done) - done) / max(done, 1)
    return torch.tensor(min(max(ratio, 1.0), config.termination_weight_max))


def _seed(seed: int, step: int) -> int:
    """One 63-bit seed of a pair."""
    state = np.random.SeedSequence((seed, step)).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def _has_fast_bf16() -> bool:
    """Whether this processor multiplies bfloat16 natively; emulated, it would be slower."""
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
