"""Training: dataset directories in, a checkpoint directory out.

Everything random is drawn from generators seeded by (seed, step), so that a run that was
interrupted and resumed passes through the same numbers as one that was not.
"""

import json
import logging
import math
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor

from policies.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from policies.checkpoint_files import MANIFEST, CheckpointConfig, write_atomically
from policies.config import Backbone, Head, NoiseConfig, TrainConfig
from policies.contract import PolicyContract
from policies.dataset import Demonstrations, load_datasets
from policies.features import Float32
from policies.frontends import make_frontend
from policies.heads import build_head
from policies.learner import Learner, Losses
from policies.network import PolicyNetwork
from policies.reliability import Calibration, fit_calibration
from policies.sources import Batch, Pictures, WindowSource
from policies.team import Team
from policies.watching import Scalars, TensorBoard, Wandb, progress_bar
from robot_skills.core.errors import (
    CheckpointError,
    RefusedError,
    RobotSkillsError,
    StorageError,
)
from robot_skills.core.policy import TextEncoder

log = logging.getLogger(__name__)

RESUME = "resume.safetensors"
"""Weights, averages and optimiser state; the step and the recipe are in the file's metadata."""

_COOLDOWN = 0.9
"""Part of the time limit after which the learning rate falls to zero."""
_JUDGED, _JUDGED_AT_ONCE = 4096, 512
"""Held-out windows that the termination head is calibrated on, and how many at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainResult:
    """How a training run ended.

    Attributes:
        checkpoint: Directory of the checkpoint.
        steps: Optimiser steps taken, resumed ones included.
        seconds: Wall time of all parts of the run.
        loss: Mean squared error of the chunk, in standard deviations, of the last logged batch.
        done_loss: Cross entropy of the termination head, of the last logged batch.
        calibration: How reliable the termination head is on episodes it did not learn from.
    """

    checkpoint: Path
    steps: int
    seconds: float
    loss: float
    done_loss: float
    calibration: Calibration


def train(
    dataset_dirs: str | Path | Sequence[str | Path],
    out_dir: str | Path,
    config: TrainConfig | None = None,
    *,
    resume: bool = False,
    progress: bool = True,
    log_dir: str | Path | None = None,
    wandb_project: str | None = None,
    stop_after: int | None = None,
    teacher: str | Path | None = None,
    start: str | Path | None = None,
    device: str | None = None,
    encoder: TextEncoder | None = None,
) -> TrainResult:
    """Train a policy and write its checkpoint.

    Args:
        dataset_dirs: LeRobot v3 dataset, or several that belong together.
        out_dir: Where the checkpoint goes; also holds what `resume` needs while training runs.
        config: The recipe.
        resume: Go on from the last save in `out_dir` when there is one. A finished run leaves none.
        progress: Show a progress bar on stderr.
        log_dir: Write TensorBoard logs there; none when absent.
        wandb_project: Also log to this project of Weights & Biases.
        stop_after: Save and leave after this many steps in all, as an interruption would; for
            training in several sittings.
        teacher: Checkpoint to distil, for heads that need one; gives network and contract.
        start: Checkpoint whose weights are trained on; gives network, contract and scales. The
            recipe's learning rate should be lower than for new weights.
        device: Where to train; by default on a GPU where there is one.
        encoder: Of instructions, where the recipe wants them seen; MiniLM by default.

    Raises:
        DatasetError: When a dataset does not fit.
        CheckpointError: When the teacher, or what `resume` finds, is damaged or does not fit.
        RefusedError: When `out_dir` holds something that would be lost.
        StorageError: When nothing can be written.
        RobotSkillsError: When training diverges.
    """
    config = config or TrainConfig()
    out_dir = Path(out_dir)
    _check_free(out_dir, resume)
    directories = _as_paths(dataset_dirs)
    if start is not None and teacher is not None:
        raise RefusedError("A policy is trained on from a checkpoint, or distilled: choose one.")
    taught_by = load_checkpoint(Path(teacher)) if teacher is not None else None
    config = _with_teacher(config, taught_by)
    known = taught_by
    if start is not None:
        known = load_checkpoint(Path(start))
        config = _as_trained(config, known)
    contract, data = load_datasets(
        directories, config.observe, config.observation_steps, config.horizon
    )
    if known is not None and contract != known.config.contract:
        raise CheckpointError(
            f"{start or teacher} was trained on another contract than the data's."
        )
    torch.set_num_threads(config.threads)
    source = WindowSource(
        data,
        contract,
        config,
        pictures=_open_pictures(directories, contract, config.noise, progress),
        embeddings=_embed(data, encoder) if contract.language else None,
        normalisers=(known.features, known.actions) if known else None,
    )
    run = _Run(data, source, contract, out_dir, config, Team(device), taught_by)
    if start is not None and known is not None:
        run.begin_with(known.network)
    if resume and (out_dir / RESUME).exists():
        run.restore()
        log.info("Resuming %s at step %d of %d.", out_dir, run.step, config.steps)
    with ExitStack() as stack:
        writers: list[Scalars] = []
        if log_dir and run.leads:
            writers.append(stack.enter_context(TensorBoard(log_dir)))
        if wandb_project and run.leads:
            writers.append(stack.enter_context(Wandb(wandb_project, out_dir, config)))
        bar = None
        if progress and run.leads:
            bar = stack.enter_context(progress_bar(run.total_steps(), run.step))
        run.go(stop_after, writers, bar)
    if stop_after is None or run.finished:
        run.export()
    return run.result()


def _check_free(out_dir: Path, resume: bool) -> None:
    """Refuse to write where something would be lost."""
    if (out_dir / MANIFEST).exists():
        raise RefusedError(
            f"{out_dir} holds a finished checkpoint; choose another --out or remove it."
        )
    if (out_dir / RESUME).exists() and not resume:
        raise RefusedError(
            f"{out_dir} holds an unfinished training; go on with --resume, or remove it."
        )


def _as_paths(directories: str | Path | Sequence[str | Path]) -> list[Path]:
    if isinstance(directories, str | Path):
        return [Path(directories)]
    return [Path(directory) for directory in directories]


def _with_teacher(config: TrainConfig, teacher: Checkpoint | None) -> TrainConfig:
    """The recipe, with network and contract of the teacher that it learns from.

    Raises:
        RefusedError: When a teacher is missing, or not asked for.
    """
    distils = config.sampler.head is Head.CONSISTENCY
    if teacher is None:
        if distils:
            raise RefusedError("A consistency head is distilled: name the --teacher checkpoint.")
        return config
    if not distils:
        raise RefusedError(f"A {config.sampler.head.value} head learns without a teacher.")
    return _as_trained(config, teacher)


def _as_trained(config: TrainConfig, known: Checkpoint) -> TrainConfig:
    """The recipe, with network and contract of a checkpoint."""
    trained = known.config
    return replace(
        config,
        network=trained.network,
        observe=trained.training.observe,
        observation_steps=trained.contract.observation_steps,
        horizon=trained.contract.horizon,
    )


def _open_pictures(
    directories: list[Path], contract: PolicyContract, noise: NoiseConfig, progress: bool
) -> Pictures | None:
    if not contract.shows:
        return None
    from policies.pictures import open_pictures

    return open_pictures(directories, contract, noise, progress=progress)


def _embed(data: Demonstrations, encoder: TextEncoder | None) -> Float32:
    """Sentence embedding of every task, (T, 384)."""
    if encoder is None:
        from policies.text import MiniLmEncoder

        encoder = MiniLmEncoder()
    return np.asarray(encoder.encode(list(data.tasks)), dtype=np.float32)


class _Run:
    """State of one training run."""

    def __init__(
        self,
        data: Demonstrations,
        source: WindowSource,
        contract: PolicyContract,
        out_dir: Path,
        config: TrainConfig,
        team: Team,
        teacher: Checkpoint | None,
    ) -> None:
        self._data, self._source, self._contract = data, source, contract
        self._out_dir, self._config, self._team = out_dir, config, team
        if team.share.size > 1 and config.max_minutes is not None:
            raise RefusedError("Several processes train a number of steps, not of minutes.")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self._network = PolicyNetwork(contract, source.vector_size, config.network)
        if teacher is not None:
            self._network.load_state_dict(teacher.network.state_dict())
        elif config.network.backbone is Backbone.RESNET18 and contract.images:
            self._network.encoder.load_pretrained()
        self._head = build_head(config.sampler)
        learner = Learner(
            self._network,
            self._head,
            config,
            source.done_weight(),
            teacher.network.to(team.device) if teacher else None,
        )
        self._learner = team.wrap(learner)
        self._forward = torch.compile(self._learner) if config.compile else self._learner
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
        self._bf16 = config.bf16 and _has_fast_bf16(team.device)
        self._started_s, self._spent_s = time.monotonic(), 0.0
        self._recent = {"loss": 0.0, "done_loss": 0.0}
        self._calibration = Calibration()
        self.step = 0

    def begin_with(self, network: PolicyNetwork) -> None:
        """Take the weights of a network of the same shape before the first step."""
        self._network.load_state_dict(network.state_dict())
        for name, value in self._network.state_dict().items():
            self._average[name].copy_(value)

    @property
    def leads(self) -> bool:
        return self._team.leads

    @property
    def finished(self) -> bool:
        return self.step >= self._config.steps or self._time_used() >= 1.0

    def total_steps(self) -> int:
        """Steps that the run will take, as far as can be told."""
        used = self._time_used()
        if used <= 0.0 or self.step == 0:
            return self._config.steps
        return min(self._config.steps, max(self.step, round(self.step / used)))

    def go(self, stop_after: int | None, writers: Iterable[Scalars], bar: Any) -> None:
        """Train until the budget is used up or `stop_after` steps are reached."""
        config = self._config
        end = config.steps if stop_after is None else min(stop_after, config.steps)
        for batch in self._source.batches(self.step, end, self._team.share):
            losses = self._step(batch.to(self._team.device))
            if self.step % config.log_every == 0 or self.step == end:
                self._report(losses, writers)
            if bar is not None:
                if self.step % config.log_every == 0:
                    bar.total = self.total_steps()
                    bar.set_postfix(loss=f"{self._recent['loss']:.4f}", refresh=False)
                bar.update()
            if self.step % config.save_every == 0 and self.step < config.steps:
                self.save()
            if self._time_used() >= 1.0:
                break
        if not self.finished:
            self.save()

    def _step(self, batch: Batch) -> Losses:
        rate = self._config.learning_rate * self._rate_factor()
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        losses = self._forward(batch, self._draw_seed(), self._bf16)
        self._optimiser.zero_grad(set_to_none=True)
        (losses.chunk + losses.done).backward()
        torch.nn.utils.clip_grad_norm_(self._weights, self._config.grad_clip)
        self._optimiser.step()
        self.step += 1
        self._update_average()
        return losses

    def _draw_seed(self) -> int:
        """Seed of a step's noise; every process of a team draws its own."""
        key = (self._config.seed, self.step)
        if self._team.share.rank:
            key = (*key, self._team.share.rank)
        state = np.random.SeedSequence(key).generate_state(1, np.uint64)
        return int(state[0] >> np.uint64(1))

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

    def _report(self, losses: Losses, writers: Iterable[Scalars]) -> None:
        self._recent = {"loss": losses.chunk.item(), "done_loss": losses.done.item()}
        if not all(math.isfinite(value) for value in self._recent.values()):
            raise RobotSkillsError(
                f"Training diverged at step {self.step} ({self._recent}); lower the learning rate."
            )
        rate = self._optimiser.param_groups[0]["lr"]
        for writer in writers:
            for name, value in {**self._recent, "learning_rate": rate}.items():
                writer.add_scalar(f"train/{name}", value, self.step)

    def save(self) -> None:
        """Write everything that `restore` needs."""
        if not self.leads:
            return
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
        self._network.load_state_dict(self._average)
        network = self._network.eval()
        self._calibration = self._calibrate(network)
        if self.leads:
            save_checkpoint(
                self._out_dir,
                Checkpoint(
                    config=self._checkpoint_config(),
                    network=network.to("cpu"),
                    features=self._source.features,
                    actions=self._source.actions,
                ),
            )
            (self._out_dir / RESUME).unlink(missing_ok=True)
        self._team.wait()

    def _checkpoint_config(self) -> CheckpointConfig:
        data = self._data
        return CheckpointConfig(
            contract=self._contract,
            network=self._config.network,
            sampler=self._config.sampler,
            table=self._head.table(),
            training=self._config,
            calibration=self._calibration,
            data={
                "episodes": len(data.episode_ends),
                "skipped_episodes": data.skipped_episodes,
                "frames": len(data.states),
                "perturbed_frames": int((~data.label_valid).sum()),
                "done_frames": int(data.done.sum()),
                "tasks": len(data.tasks),
                "steps": self.step,
                "minutes": round(self._seconds() / 60.0, 2),
                "loss": self._recent["loss"],
                "done_loss": self._recent["done_loss"],
            },
            feature_names=list(make_frontend(self._contract).feature_names),
        )

    @torch.no_grad()
    def _calibrate(self, network: PolicyNetwork) -> Calibration:
        """Fit the termination head's probability to the episodes it did not learn from."""
        held_out = self._source.held_out(_JUDGED)
        if held_out is None:
            return Calibration()
        batch, episodes = held_out
        batch = batch.to(self._team.device)
        logits = [
            network.termination(
                network.encoder(
                    {name: x[i : i + _JUDGED_AT_ONCE] for name, x in batch.inputs.items()}
                )
            )
            for i in range(0, len(batch.done), _JUDGED_AT_ONCE)
        ]
        return fit_calibration(
            torch.cat(logits).double().cpu().numpy(), batch.done.cpu().numpy() > 0.5, episodes
        )

    def result(self) -> TrainResult:
        return TrainResult(
            checkpoint=self._out_dir,
            steps=self.step,
            seconds=self._seconds(),
            calibration=self._calibration,
            **self._recent,
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


def _has_fast_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 natively; emulated, it would be slower."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
