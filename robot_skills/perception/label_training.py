"""Training of the label classifier: features and labels in, weights and a card out.

Offline only. Which things are rendered, and what they truly are, is the caller's business.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from robot_skills.core.errors import MissingDependencyError, RefusedError, StorageError
from robot_skills.core.se3 import Array
from robot_skills.perception.labels import (
    CARD_FILE,
    FEATURE_NAMES,
    SHAPE_NAMES,
    WEIGHTS_FILE,
    KnownShapes,
    LabelModel,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelTrainingConfig:
    """How the classifier is trained.

    Attributes:
        hidden: Width of the hidden layer.
        penalty: L2 penalty on the weights.
        most_iterations: Steps of the optimiser.
        seed: Of the initial weights.
        covered: Share of a kind's things whose nearest fellow bounds how far things may be from it.
        margin: Factor on that bound.
        ridge: Added to the variance of standardised shapes within a kind before it is divided by.
    """

    hidden: int = 32
    penalty: float = 1e-2
    most_iterations: int = 500
    seed: int = 0
    covered: float = 0.99
    margin: float = 2.0
    ridge: float = 0.01

    def __post_init__(self) -> None:
        if min(self.hidden, self.most_iterations) < 1 or self.penalty < 0.0:
            raise ValueError("A classifier needs a hidden layer, steps and a penalty of 0 or more.")
        if not 0.0 < self.covered <= 1.0 or min(self.margin, self.ridge) <= 0.0:
            raise ValueError("Known shapes need 0 < covered <= 1, and margin and ridge above 0.")


def train_labels(
    features: Array, labels: Sequence[str], config: LabelTrainingConfig | None = None
) -> LabelModel:
    """Fit the network.

    Args:
        features: One row per thing, (n, len(FEATURE_NAMES)).
        labels: What each thing is, n of them.
        config: Settings; the defaults when None.

    Raises:
        RefusedError: Fewer than two kinds, or rows that do not match.
        MissingDependencyError: scikit-learn is not installed.
    """
    config = LabelTrainingConfig() if config is None else config
    features = np.asarray(features, dtype=np.float64)
    if features.shape != (len(labels), len(FEATURE_NAMES)) or len(set(labels)) < 2:
        raise RefusedError(
            f"Training needs features ({len(labels)}, {len(FEATURE_NAMES)}) of two kinds or more, "
            f"got {features.shape} of {len(set(labels))}."
        )
    try:
        from sklearn.neural_network import MLPClassifier
    except ImportError as error:
        raise MissingDependencyError(
            "Training labels needs scikit-learn: pip install 'robot-skills[sim]'."
        ) from error
    mean = features.mean(axis=0)
    scale = np.maximum(features.std(axis=0), 0.02)
    network = MLPClassifier(
        hidden_layer_sizes=(config.hidden,),
        alpha=config.penalty,
        solver="lbfgs",
        max_iter=config.most_iterations,
        random_state=config.seed,
    )
    kinds = sorted(set(labels))
    network.fit((features - mean) / scale, np.array([kinds.index(label) for label in labels]))
    weights, biases = list(network.coefs_), list(network.intercepts_)
    if len(kinds) == 2:
        # For two kinds scikit-learn has one output, the log-odds of the second.
        weights[-1] = np.column_stack([np.zeros_like(weights[-1]), weights[-1]])
        biases[-1] = np.array([0.0, biases[-1][0]])
    shapes = ((features - mean) / scale)[:, : len(SHAPE_NAMES)]
    which = np.array(labels)
    return LabelModel(
        labels=tuple(kinds),
        mean=mean,
        scale=scale,
        weights=tuple(weights),
        biases=tuple(biases),
        known=tuple(_known_shapes(shapes[which == kind], config) for kind in kinds),
    )


def _known_shapes(shapes: Array, config: LabelTrainingConfig) -> KnownShapes:
    """The shapes of one kind, standardised, (n, s), and how far others of it may be from them."""
    centred = shapes - shapes.mean(axis=0)
    spread = centred.T @ centred / len(shapes) + config.ridge * np.eye(shapes.shape[1])
    whitening = np.linalg.inv(np.linalg.cholesky(spread)).T
    white = shapes @ whitening
    apart = np.linalg.norm(white[:, None] - white[None], axis=-1)
    np.fill_diagonal(apart, np.inf)
    # A kind that was seen once has no fellow: the ridge alone says what is alike.
    nearest = apart.min(axis=1) if len(shapes) > 1 else np.ones(1)
    limit = config.margin * float(np.quantile(nearest, config.covered))
    return KnownShapes(shapes=shapes, whitening=whitening, limit=limit)


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelScore:
    """How often a classifier was right: counts per true label, and which label it gave."""

    n: int
    right: int
    confusion: Mapping[str, Mapping[str, int]]

    @property
    def accuracy(self) -> float:
        return self.right / self.n if self.n else 0.0


def score_labels(model: LabelModel, features: Array, labels: Sequence[str]) -> LabelScore:
    """Measure a classifier on things that it was not trained on."""
    confusion: dict[str, dict[str, int]] = {}
    right = 0
    for row, truth in zip(features, labels, strict=True):
        said = model.classify(row).label
        right += said == truth
        counts = confusion.setdefault(truth, {})
        counts[said] = counts.get(said, 0) + 1
    return LabelScore(n=len(labels), right=right, confusion=confusion)


def save_labels(
    model: LabelModel, folder: Path, *, how: Mapping[str, object], score: LabelScore
) -> None:
    """Write weights and card.

    Args:
        model: What was trained.
        folder: Made when it does not exist.
        how: How it was trained, for the card; JSON values.
        score: Its accuracy on held-out things.

    Raises:
        StorageError: The folder cannot be written.
    """
    limits = np.array([known.limit for known in model.known])
    exact = {"mean": model.mean, "scale": model.scale, "limits": limits}
    for i, (W, b) in enumerate(zip(model.weights, model.biases, strict=True)):
        exact |= {f"weight{i}": W, f"bias{i}": b}
    exact |= {f"whitening{i}": known.whitening for i, known in enumerate(model.known)}
    tensors: dict[str, NDArray] = {name: t.astype(np.float32) for name, t in exact.items()}
    # No less exact than shapes are measured.
    tensors |= {
        f"shapes{i}": known.shapes.astype(np.float16) for i, known in enumerate(model.known)
    }
    card = {
        "labels": list(model.labels),
        "features": list(FEATURE_NAMES),
        "trained": dict(how),
        "held_out": {
            "n": score.n,
            "right": score.right,
            "accuracy": round(score.accuracy, 4),
            "confusion": {kind: dict(counts) for kind, counts in sorted(score.confusion.items())},
        },
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        contiguous = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
        save_file(contiguous, folder / WEIGHTS_FILE)
        (folder / CARD_FILE).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(f"Cannot write the label classifier to {folder}: {error}.") from error
