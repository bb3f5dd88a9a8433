"""Foresees, while a skill runs, whether it will succeed; numpy alone.

What the policy sees at every period goes through a few tiny perceptrons, each trained without one
half of the rollouts; the mean of their logits is calibrated. They also see what the hand remembers:
leaky averages of its opening, and the least and the most of it so far. A thing that slipped out on
the way is still told, after the hand has opened, by how far it had closed before. What hardly
bears on success but tells one rollout from another (directions, the height of the table) is kept
from them, or they learn the rollouts by heart. Early in an attempt what they say is mostly that
all the same; so the calibration lets the logit count for more as time goes on.

Two files beside a checkpoint hold a predictor, and leave the policy's own alone:

=========================  ======================================================================
``success.safetensors``    perceptrons, and the normaliser of the policy's numbers
``success.json``           `SuccessConfig`, and size and sha256 of the other; written last
=========================  ======================================================================
"""

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from policies.checkpoint_files import MANIFEST, WEIGHTS, write_atomically
from policies.features import Float32, feature_names, input_states, observation_features
from policies.json_config import JsonConfig, require
from policies.normaliser import Normaliser
from policies.reliability import Calibration
from robot_skills.core.errors import CheckpointError, StorageError
from robot_skills.core.policy import PolicyInput

SUCCESS_WEIGHTS, SUCCESS_CONFIG = "success.safetensors", "success.json"
FORMAT, VERSION = "robot-skills-success", 1

_ELAPSED_SCALE_S = 5.0
_MATURE_S = 2.0
LAYERS = 3
"""Of every perceptron."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SuccessMeasure(JsonConfig):
    """How well a predictor foresees, on rollouts of seeds that it did not learn from.

    Intervals are 95 %, from episodes drawn anew with replacement.

    Attributes:
        n: Rollouts.
        successes: Of them.
        seed: Of the rollouts.
        auroc: Chance that a success is rated above a failure, at the end of both.
        auroc_ci95: Its interval.
        auroc_half: The same at half time.
        auroc_seen: As `auroc`, without failures by mistaken identity or blurred sight, which
            cannot be told from what the policy sees.
        ece: Expected calibration error over all periods of all rollouts.
        ece_ci95: Its interval.
        ece_end: At the last period alone; with few rollouts it is mostly chance.
        brier: Mean squared error over all periods.
        brier_base: The same of always predicting the base rate.
        foreseen: Part of the failures that are below 0.5 at the end.
        warning_s: Mean time before the end at which those went below 0.5 for good.
        false_alarms: Part of the successes that are below 0.5 at the end.
        per_mishap: Rollouts, successes, and mean probability at the end, per mishap.
    """

    n: int
    successes: int
    seed: int
    auroc: float
    auroc_ci95: list[float]
    auroc_half: float
    auroc_seen: float
    ece: float
    ece_ci95: list[float]
    ece_end: float
    brier: float
    brier_base: float
    foreseen: float
    warning_s: float
    false_alarms: float
    per_mishap: dict


@dataclass(frozen=True, kw_only=True, slots=True)
class SuccessConfig(JsonConfig):
    """What is needed to rebuild and to judge a predictor, besides its weights.

    Attributes:
        skill: Name of the skill.
        fps: Periods per second.
        observation_steps: Length of the history in one input.
        feature_names: Numbers that the policy sees.
        memory_s: Time constants of the leaky averages.
        width: Hidden size.
        members: Perceptrons whose logits are averaged.
        base_rate: Successes among the rollouts that it learned from, of which many were made to
            fail: a probability is what it is for attempts like those.
        rollouts: How many they were.
        seed: Of the rollouts.
        policy_sha256: Of the weights of the policy that made them, or of the same ones as they are
            stored beside it (`policies.compression`).
        maturing: Early scale, late scale, early shift and late shift of the mean logit; what is
            between early and late is weighted by `maturity`.
        calibration: Of the logit after that. Both are fitted to what the perceptrons say of the
            rollouts that they did not learn from.
        measured: On other rollouts.
    """

    skill: str
    fps: float
    observation_steps: int
    feature_names: list[str]
    width: int
    members: int
    base_rate: float
    rollouts: int
    seed: int
    policy_sha256: str
    memory_s: list[float] = field(default_factory=lambda: [0.25, 1.5])
    maturing: list[float] = field(default_factory=lambda: [1.0, 1.0, 0.0, 0.0])
    calibration: Calibration = field(default_factory=Calibration)
    measured: SuccessMeasure | None = None

    def __post_init__(self) -> None:
        require(min(self.memory_s, default=1.0) > 0.0, f"memory_s is {self.memory_s}.")
        require(self.fps > 0.0, f"fps is {self.fps}.")
        require(len(self.maturing) == 4, f"maturing needs 4 numbers, got {self.maturing}.")
        sizes = (self.width, self.members, self.observation_steps)
        require(min(sizes) >= 1, f"Sizes must be positive, got {sizes}.")

    @property
    def input_size(self) -> int:
        """Numbers that a perceptron sees."""
        present, hand = seen_columns(self.feature_names)
        return len(present) + len(hand) * (2 + len(self.memory_s)) + 1


def seen_columns(names: list[str]) -> tuple[list[int], list[int]]:
    """Columns of the policy's numbers that perceptrons see, and those of the hand among them."""
    directions = tuple(f".r{i}" for i in range(1, 7))
    present = [
        i
        for i, name in enumerate(names)
        if not name.endswith(directions) and not name.startswith(("gravity", "table"))
    ]
    return present, [i for i in present if names[i].startswith("opening")]


class Memory:
    """What a perceptron sees of a history: the present, the time, and what the hand remembers.

    Args:
        config: Time constants and rate.

    Attributes:
        ticks: Periods taken since the start.
    """

    def __init__(self, config: SuccessConfig) -> None:
        taus_s = np.asarray(config.memory_s, dtype=np.float32)
        self._share = (1.0 - np.exp(-1.0 / (config.fps * taus_s)))[:, None].astype(np.float32)
        self._fps = config.fps
        self._present, self._hand = seen_columns(config.feature_names)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._averages: Float32 | None = None
        self._extremes: tuple[Float32, Float32] | None = None
        self.ticks = 0

    def take(self, features: Float32) -> Float32:
        """Inputs of the perceptrons, (D,), after one more period with normalised features (F,)."""
        hand = features[self._hand]
        averages = self._averages
        least, most = self._extremes or (hand, hand)
        if averages is None:
            averages = np.repeat(hand[None], len(self._share), axis=0)
        averages = np.asarray(averages + self._share * (hand - averages), dtype=np.float32)
        least, most = np.minimum(least, hand), np.maximum(most, hand)
        self._averages, self._extremes = averages, (least, most)
        elapsed = np.float32(np.tanh(self.ticks / self._fps / _ELAPSED_SCALE_S))
        self.ticks += 1
        parts = [features[self._present], averages.ravel(), least, most, [elapsed]]
        return np.concatenate(parts, dtype=np.float32)


class SuccessPredictor:
    """Implements `robot_skills.core.policy.SuccessPredictor` with a trained network.

    Args:
        config: Settings.
        weights: As `wanted_shapes` says.
    """

    def __init__(self, config: SuccessConfig, weights: dict[str, Float32]) -> None:
        self.config = config
        self._features = Normaliser(mean=weights["features.mean"], std=weights["features.std"])
        self._layers = [
            (weights[f"layer{i}.weight"], weights[f"layer{i}.bias"]) for i in range(LAYERS)
        ]
        self._memory = Memory(config)

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Read the predictor that lies beside a checkpoint.

        Raises:
            CheckpointError: It is missing, damaged, foreign, or of another policy's rollouts.
        """
        directory = Path(directory)
        document = _read_document(directory)
        config = _parse_config(directory, document)
        if config.policy_sha256 != policy_sha256(directory):
            raise CheckpointError(
                f"{directory / SUCCESS_CONFIG} was made for other weights than {WEIGHTS} there; "
                "`robot-skills train-success` makes one for these."
            )
        return cls(config, _read_weights(directory, document, config))

    def reset(self) -> None:
        self._memory.reset()

    def probability(self, inputs: PolicyInput) -> float:
        """Probability of success, given all inputs since `reset`; to be asked at every period.

        Raises:
            ValueError: The history has not the length that the policy's has.
        """
        if len(inputs.opening) != self.config.observation_steps:
            raise ValueError(
                f"The predictor wants a history of {self.config.observation_steps} states, "
                f"got {len(inputs.opening)}."
            )
        return self.next(observation_features(input_states(inputs))[0])

    def next(self, features: Float32) -> float:
        """The same for the policy's numbers before normalisation, (F,)."""
        tick = self._memory.ticks
        x = self._memory.take(self._features.apply(features))
        return float(self._calibrated(self.logits(x[None]), np.array([tick]))[0])

    def logits(self, x: Float32) -> Float32:
        """What every perceptron says, (M, N), of inputs (N, D)."""
        h = x[None]
        for i, (weight, bias) in enumerate(self._layers):
            h = h @ weight + bias[:, None]
            if i < LAYERS - 1:
                h = h / (1.0 + np.exp(-np.clip(h, -30.0, 30.0)))
        return h[..., 0]

    def rate(self, states: Float32) -> Float32:
        """Probabilities after every period of a recorded attempt, (T,), of states (T, S)."""
        self.reset()
        windows = histories(states, self.config.observation_steps)
        features = self._features.apply(observation_features(windows))
        x = np.stack([self._memory.take(row) for row in features])
        self.reset()
        return self._calibrated(self.logits(x), np.arange(len(x))).astype(np.float32)

    def _calibrated(self, logits: Float32, ticks: NDArray[np.int64]) -> NDArray[np.float64]:
        """Probabilities (N,) of what every perceptron says (M, N), so many periods in (N,)."""
        mean = logits.mean(axis=0).astype(np.float64)
        config = self.config
        mature = matured(mean, ticks, config.fps, config.maturing)
        return config.calibration.probabilities(mature)


def maturity(ticks: NDArray[np.int64], fps: float) -> NDArray[np.float64]:
    """How far an attempt has come, from 0 at its start to 1."""
    return np.tanh(ticks / fps / _MATURE_S) ** 2


def matured(
    logits: NDArray[np.float64], ticks: NDArray[np.int64], fps: float, maturing: list[float]
) -> NDArray[np.float64]:
    """Logits (N,), scaled and shifted as suits the number of periods since the start, (N,)."""
    early_scale, late_scale, early_shift, late_shift = maturing
    late = maturity(ticks, fps)
    scale = (1.0 - late) * early_scale + late * late_scale
    return scale * logits + (1.0 - late) * early_shift + late * late_shift


def histories(states: Float32, steps: int) -> Float32:
    """The last `steps` states at every period, (T, steps, S); the first one stands for earlier."""
    age = np.arange(steps - 1, -1, -1)
    return states[np.maximum(np.arange(len(states))[:, None] - age, 0)]


def wanted_shapes(config: SuccessConfig) -> dict[str, tuple[int, ...]]:
    """Tensors of ``success.safetensors``."""
    sizes = [config.input_size, *[config.width] * (LAYERS - 1), 1]
    count = len(config.feature_names)
    shapes: dict[str, tuple[int, ...]] = {"features.mean": (count,), "features.std": (count,)}
    for i in range(LAYERS):
        shapes[f"layer{i}.weight"] = (config.members, sizes[i], sizes[i + 1])
        shapes[f"layer{i}.bias"] = (config.members, sizes[i + 1])
    return shapes


def save_success(directory: Path, config: SuccessConfig, weights: dict[str, Float32]) -> None:
    """Write a predictor beside a checkpoint; an older one is replaced.

    Raises:
        StorageError: The directory cannot be written.
    """
    data = safetensors.numpy.save({name: np.ascontiguousarray(x) for name, x in weights.items()})
    document = {
        "format": FORMAT,
        "version": VERSION,
        "weights": {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()},
        "config": config.to_json(),
    }
    try:
        (directory / SUCCESS_CONFIG).unlink(missing_ok=True)
        write_atomically(directory / SUCCESS_WEIGHTS, data)
        text = json.dumps(document, indent=2) + "\n"
        write_atomically(directory / SUCCESS_CONFIG, text.encode())
    except OSError as error:
        raise StorageError(f"{directory} cannot be written: {error.strerror}.") from None


def copy_success(directory: Path, out: Path) -> bool:
    """Put a checkpoint's predictor beside the same policy, stored otherwise.

    Args:
        directory: Of the checkpoint that it was made for.
        out: Of the same policy with rounded weights.

    Returns:
        Whether there is one.

    Raises:
        CheckpointError: It is damaged, foreign, or of another policy's rollouts.
        StorageError: `out` cannot be written.
    """
    if not (directory / SUCCESS_CONFIG).exists():
        return False
    config = SuccessPredictor.load(directory).config
    weights = _read_weights(directory, _read_document(directory), config)
    save_success(out, replace(config, policy_sha256=policy_sha256(out)), weights)
    return True


def read_success_config(directory: Path) -> SuccessConfig | None:
    """Settings and measurements of the predictor beside a checkpoint; None where there is none.

    Raises:
        CheckpointError: It is damaged or foreign.
    """
    if not (directory / SUCCESS_CONFIG).exists():
        return None
    return _parse_config(directory, _read_document(directory))


def policy_sha256(directory: Path) -> str:
    """Of the weights of a checkpoint, as its manifest says.

    Raises:
        CheckpointError: There is no readable manifest.
    """
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
        return str(manifest["files"][WEIGHTS]["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        raise CheckpointError(f"Checkpoint {directory} has no readable {MANIFEST}.") from None


def _read_document(directory: Path) -> dict:
    path = directory / SUCCESS_CONFIG
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise CheckpointError(f"{path} is not JSON.") from None
    found = (document.get("format"), document.get("version")) if isinstance(document, dict) else ()
    if found != (FORMAT, VERSION) or not isinstance(document.get("weights"), dict):
        raise CheckpointError(f"{path} is foreign: wanted {FORMAT!r}, version {VERSION}.")
    return document


def _parse_config(directory: Path, document: dict) -> SuccessConfig:
    path = directory / SUCCESS_CONFIG
    try:
        config = SuccessConfig.from_json(document.get("config"))
    except (ValueError, TypeError) as error:
        raise CheckpointError(f"{path} is refused: {error}") from None
    wanted = feature_names(config.observation_steps)
    if tuple(config.feature_names) != wanted:
        raise CheckpointError(
            f"{path} was made for another layout of inputs: {len(config.feature_names)} names, "
            f"this program has {len(wanted)}."
        )
    return config


def _read_weights(directory: Path, document: dict, config: SuccessConfig) -> dict[str, Float32]:
    path = directory / SUCCESS_WEIGHTS
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}.") from None
    if hashlib.sha256(data).hexdigest() != document["weights"].get("sha256"):
        raise CheckpointError(f"{path} does not match its sha256; it is corrupt or was replaced.")
    try:
        weights = safetensors.numpy.load(data)
    except (SafetensorError, ValueError, KeyError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} is not a safetensors file ({reason}).") from None
    wanted = wanted_shapes(config)
    found = {name: tuple(x.shape) for name, x in weights.items()}
    if found != wanted or any(x.dtype != np.float32 for x in weights.values()):
        raise CheckpointError(f"{path} holds {found}, wanted float32 {wanted}.")
    if not all(np.isfinite(x).all() for x in weights.values()):
        raise CheckpointError(f"{path} holds non-finite values.")
    if not (weights["features.std"] > 0.0).all():
        raise CheckpointError(f"{path}: features.std is not positive.")
    return weights
