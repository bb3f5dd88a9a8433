"""Trains a success predictor on rollouts, and measures it on others.

Every period of a rollout is a sample whose label is how the attempt ended in truth. All periods
weigh alike, so that after so many seconds of an attempt a probability is the success rate of the
attempts that were still running then.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from policies.checkpoint import load_checkpoint
from policies.contract import Frame
from policies.features import Float32, observation_features
from policies.json_config import JsonConfig, require
from policies.reliability import auroc, fit_calibration, reliability
from policies.rollouts import Rollout, read_rollouts
from policies.success import (
    LAYERS,
    Memory,
    SuccessConfig,
    SuccessMeasure,
    SuccessPredictor,
    histories,
    matured,
    policy_sha256,
    save_success,
    wanted_shapes,
)
from robot_skills.core.errors import CheckpointError, DatasetError, RefusedError

_LEAST_OF_A_KIND = 10
"""Successes and failures that there must be of each."""
_UNSEEN = ("blurred", "mistaken")
"""Mishaps of perception: the policy sees nothing amiss."""
_DRAWS = 400
"""Of the bootstrap."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SuccessTraining(JsonConfig):
    """The recipe. The same values on the same rollouts give the same weights, bit for bit."""

    seed: int = 0
    """Seeds weights, folds, batches and noise."""
    steps: int = 500
    """Optimiser steps."""
    batch_size: int = 256
    """Periods per step and perceptron."""
    learning_rate: float = 3e-3
    """Peak of the cosine schedule."""
    weight_decay: float = 3e-2
    """Of AdamW."""
    noise: float = 0.2
    """Standard deviation of the noise on normalised inputs."""
    dropout: float = 0.2
    """Part of the hidden units that is left out."""
    width: int = 24
    """Hidden size."""
    members: int = 8
    """Perceptrons; each two learn from the two halves of one division of the rollouts."""
    threads: int = 1
    """Processor threads."""

    def __post_init__(self) -> None:
        require(self.members % 2 == 0 < self.members, "Perceptrons come in pairs.")
        sizes = (self.steps, self.batch_size, self.width, self.threads)
        require(min(sizes) >= 1, f"Sizes must be positive, got {sizes}.")


def train_success(
    rollouts: Path, test: Path, checkpoint: Path, recipe: SuccessTraining | None = None
) -> SuccessConfig:
    """Train a predictor and write it beside the policy whose attempts it learned from.

    Args:
        rollouts: Folder to learn from.
        test: Folder of another seed to measure on.
        checkpoint: Folder of the policy.
        recipe: How to train.

    Returns:
        Settings and measurements of the predictor.

    Raises:
        DatasetError: A folder is damaged, of another policy, or has too few of one kind.
        RefusedError: Both folders have the same seed.
        CheckpointError: The policy cannot be used.
        StorageError: The predictor cannot be written.
    """
    recipe = recipe or SuccessTraining()
    info, learned = read_rollouts(rollouts)
    test_info, unseen = read_rollouts(test)
    sha256 = policy_sha256(checkpoint)
    for folder, found in ((rollouts, info), (test, test_info)):
        if found.policy_sha256 != sha256 or found.skill != info.skill:
            raise DatasetError(f"{folder} holds rollouts of another policy than {checkpoint}.")
    if info.seed == test_info.seed:
        raise RefusedError(f"{test} has the seed of {rollouts}; measure on rollouts of another.")
    _check_kinds(rollouts, learned)
    _check_kinds(test, unseen)
    policy = load_checkpoint(checkpoint)
    contract = policy.config.contract
    if contract.frame is not Frame.TOOL or contract.shows or contract.language:
        raise CheckpointError(f"Checkpoint {checkpoint} is no meta-skill.")
    config = SuccessConfig(
        skill=info.skill,
        fps=contract.fps,
        observation_steps=contract.observation_steps,
        feature_names=policy.config.feature_names,
        width=recipe.width,
        members=recipe.members,
        base_rate=_rate(learned),
        rollouts=len(learned),
        seed=info.seed,
        policy_sha256=sha256,
    )
    normaliser = policy.features
    samples = _Samples.of(learned, config, normaliser.apply)
    left_out = _left_out(len(learned), recipe)[:, samples.episode]
    weights = _fit(samples, left_out, config, recipe)
    weights |= {"features.mean": normaliser.mean, "features.std": normaliser.std}
    logits = _logits(weights, samples.x)
    held_out = (logits * left_out).sum(axis=0) / left_out.sum(axis=0)
    maturing = _fit_maturing(held_out, samples, config.fps)
    mature = matured(held_out, samples.tick, config.fps, maturing)
    calibration = fit_calibration(mature, samples.success, samples.episode)
    config = replace(config, maturing=maturing, calibration=calibration)
    config = replace(
        config, measured=measure(SuccessPredictor(config, weights), unseen, test_info.seed)
    )
    save_success(checkpoint, config, weights)
    return config


def measure(predictor: SuccessPredictor, rollouts: list[Rollout], seed: int) -> SuccessMeasure:
    """How well a predictor foresees the outcome of rollouts that it did not learn from."""
    fps = predictor.config.fps
    rated = [predictor.rate(rollout.states).astype(np.float64) for rollout in rollouts]
    truth = np.array([rollout.success for rollout in rollouts])
    end = np.array([p[-1] for p in rated])
    half = np.array([p[len(p) // 2] for p in rated])
    visible = np.array([row.success or row.mishap not in _UNSEEN for row in rollouts])
    warned_s = [
        _last_below(p) / fps
        for p, good in zip(rated, truth, strict=True)
        if not good and p[-1] < 0.5
    ]

    def ece_of(index: NDArray[np.int64]) -> float:
        p = np.concatenate([rated[i] for i in index])
        return reliability(p, _per_period(truth, rated, index)).ece

    everything = np.arange(len(rollouts))
    overall = reliability(np.concatenate(rated), _per_period(truth, rated, everything))
    draws = _bootstrap(len(rollouts), seed)
    base = _per_period(truth, rated, everything)
    return SuccessMeasure(
        n=len(rollouts),
        successes=int(truth.sum()),
        seed=seed,
        auroc=auroc(end, truth),
        auroc_ci95=_interval([auroc(end[i], truth[i]) for i in draws]),
        auroc_half=auroc(half, truth),
        auroc_seen=auroc(end[visible], truth[visible]),
        ece=overall.ece,
        ece_ci95=_interval([ece_of(i) for i in draws]),
        ece_end=reliability(end, truth.astype(np.float64)).ece,
        brier=overall.brier,
        brier_base=float(np.mean((base - predictor.config.base_rate) ** 2)),
        foreseen=float(np.mean(end[~truth] < 0.5)),
        warning_s=float(np.mean(warned_s)) if warned_s else 0.0,
        false_alarms=float(np.mean(end[truth] < 0.5)),
        per_mishap={
            kind: {
                "n": int(rows.sum()),
                "successes": int(truth[rows].sum()),
                "mean_probability": float(end[rows].mean()),
            }
            for kind in sorted({rollout.mishap for rollout in rollouts})
            if (rows := np.array([rollout.mishap == kind for rollout in rollouts])).any()
        },
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Samples:
    """All periods of all rollouts.

    Attributes:
        x: Inputs of the perceptrons, (N, D).
        success: How the attempt ended, (N,).
        episode: Number of the attempt, (N,).
        tick: Periods since its start, (N,).
    """

    x: Float32
    success: NDArray[np.bool_]
    episode: NDArray[np.int64]
    tick: NDArray[np.int64]

    @classmethod
    def of(cls, rollouts: list[Rollout], config: SuccessConfig, normalise) -> "_Samples":
        memory = Memory(config)
        rows = []
        for rollout in rollouts:
            memory.reset()
            windows = histories(rollout.states, config.observation_steps)
            rows += [memory.take(seen) for seen in normalise(observation_features(windows))]
        lengths = [len(rollout.states) for rollout in rollouts]
        success = np.array([rollout.success for rollout in rollouts])
        return cls(
            x=np.stack(rows),
            success=np.repeat(success, lengths),
            episode=np.repeat(np.arange(len(rollouts)), lengths),
            tick=np.concatenate([np.arange(length) for length in lengths]),
        )


def _fit(
    samples: _Samples, left_out: NDArray[np.bool_], config: SuccessConfig, recipe: SuccessTraining
) -> dict[str, Float32]:
    """All perceptrons at once; number k never sees what `left_out` (M, N) says in row k."""
    torch.set_num_threads(recipe.threads)
    draws = torch.Generator().manual_seed(recipe.seed)
    weights = {
        name: _start(shape, draws)
        for name, shape in wanted_shapes(config).items()
        if name.startswith("layer")
    }
    matrices = [x for name, x in weights.items() if name.endswith("weight")]
    biases = [x for name, x in weights.items() if name.endswith("bias")]
    optimiser = torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": recipe.weight_decay},
            {"params": biases, "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
        betas=(0.9, 0.99),
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.steps)
    x_all = torch.from_numpy(samples.x)
    y_all = torch.from_numpy(samples.success.astype(np.float32))
    own = [torch.from_numpy(np.flatnonzero(~row)) for row in left_out]
    weight = torch.from_numpy(_weight(samples.tick / config.fps))
    for _ in range(recipe.steps):
        picks = torch.stack(
            [
                part[torch.multinomial(weight[part], recipe.batch_size, True, generator=draws)]
                for part in own
            ]
        )
        x = x_all[picks]
        x = x + recipe.noise * torch.randn(x.shape, generator=draws)
        logits = _forward(weights, x, recipe.dropout, draws)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, y_all[picks])
        optimiser.zero_grad(set_to_none=True)
        # Summed over the perceptrons, so that none depends on how many there are.
        (recipe.members * loss).backward()
        optimiser.step()
        schedule.step()
    return {name: x.detach().numpy() for name, x in weights.items()}


@torch.no_grad()
def _logits(weights: dict[str, Float32], x: Float32) -> NDArray[np.float64]:
    """What every perceptron says, (M, N), of (N, D).

    By torch, whose number of threads is set: numpy's would depend on the environment, and with it
    the last digits.
    """
    tensors = {name: torch.from_numpy(value) for name, value in weights.items()}
    inputs = torch.from_numpy(x).expand(len(weights["layer0.bias"]), *x.shape)
    return _forward(tensors, inputs, 0.0, torch.Generator()).double().numpy()


def _start(shape: tuple[int, ...], draws: torch.Generator) -> Tensor:
    """Weights (M, in, out) drawn as He et al. (2015) do; biases (M, out) zero."""
    if len(shape) == 2:
        return torch.zeros(shape, requires_grad=True)
    scale = float(np.sqrt(2.0 / shape[1]))
    return (scale * torch.randn(shape, generator=draws)).requires_grad_()


def _forward(
    weights: dict[str, Tensor], x: Tensor, dropout: float, draws: torch.Generator
) -> Tensor:
    """Logits (M, B) of inputs (M, B, D)."""
    h = x
    for i in range(LAYERS):
        h = torch.baddbmm(weights[f"layer{i}.bias"][:, None], h, weights[f"layer{i}.weight"])
        if i < LAYERS - 1:
            kept = torch.rand(h.shape, generator=draws) >= dropout
            h = torch.nn.functional.silu(h) * kept / (1.0 - dropout)
    return h[..., 0]


def _left_out(count: int, recipe: SuccessTraining) -> NDArray[np.bool_]:
    """Which rollouts each perceptron does not learn from, (M, count)."""
    rng = np.random.default_rng(recipe.seed)
    halves = [rng.permutation(np.arange(count) % 2) for _ in range(recipe.members // 2)]
    return np.stack([half == side for half in halves for side in (0, 1)])


def _weight(elapsed_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """How often a period is learned from, by its time alone, which leaves probabilities right.

    At first there is little to learn, and an attempt that fails to end says the same for long.
    """
    return np.where(elapsed_s < 1.2, 0.25, 1.0) / (1.0 + (elapsed_s / 3.5) ** 4)


def _fit_maturing(logits: NDArray[np.float64], samples: _Samples, fps: float) -> list[float]:
    """Logistic regression on the logit early and late, see `matured`."""
    from scipy.optimize import minimize

    truth = samples.success.astype(np.float64)

    def loss(parameters: NDArray[np.float64]) -> float:
        z = matured(logits, samples.tick, fps, parameters.tolist())
        return float(np.mean(np.logaddexp(0.0, z) - truth * z) + 1e-5 * (parameters**2).sum())

    return [float(x) for x in minimize(loss, np.array([0.5, 1.0, 0.0, 0.0]), method="BFGS").x]


def _check_kinds(folder: Path, rollouts: list[Rollout]) -> None:
    successes = sum(rollout.success for rollout in rollouts)
    if min(successes, len(rollouts) - successes) < _LEAST_OF_A_KIND:
        raise DatasetError(
            f"{folder} has {successes} successes among {len(rollouts)} rollouts; "
            f"at least {_LEAST_OF_A_KIND} successes and as many failures are needed."
        )


def _rate(rollouts: list[Rollout]) -> float:
    return sum(rollout.success for rollout in rollouts) / len(rollouts)


def _per_period(
    truth: NDArray[np.bool_], rated: list[NDArray[np.float64]], index: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The outcome, once per period, of the rollouts in `index`."""
    return np.repeat(truth[index].astype(np.float64), [len(rated[i]) for i in index])


def _last_below(p: NDArray[np.float64]) -> int:
    """For how many periods up to the end it has been below a half."""
    above = np.flatnonzero(p >= 0.5)
    return len(p) - 1 - (int(above[-1]) if len(above) else -1)


def _bootstrap(count: int, seed: int) -> list[NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(count, size=count) for _ in range(_DRAWS)]


def _interval(values: list[float]) -> list[float]:
    return [float(x) for x in np.nanquantile(values, (0.025, 0.975))]
