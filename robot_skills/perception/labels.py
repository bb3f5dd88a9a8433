"""What kind of thing it is: a small network on sizes and colours, in plain numpy.

The weights come from `robot_skills.perception.label_training` and are safetensors with a JSON card
beside them; nothing here needs the library that trained them.
"""

import json
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from robot_skills.core.errors import CheckpointError
from robot_skills.core.se3 import Array
from robot_skills.core.shipped import shipped
from robot_skills.perception.boxes import BoxFit
from robot_skills.perception.cloud import Cloud
from robot_skills.perception.colour import PAINTS, rgb_to_hsv

ZOO_LABELS = shipped("zoo/perception")
"""Folder of the shipped classifier."""
WEIGHTS_FILE = "labels.safetensors"
CARD_FILE = "labels.json"

_VALUE_BINS = 4
_SIZE_UNIT_M = 0.05
FEATURE_NAMES: tuple[str, ...] = (
    "height",
    "long_side",
    "short_side",
    "height_over_long",
    "short_over_long",
    "round",
    "top_share",
    "paint_entropy",
    *(f"paint_{i}" for i in range(PAINTS)),
    *(f"value_{i}" for i in range(_VALUE_BINS)),
    "saturation_mean",
    "saturation_spread",
    "hue_spread",
)
"""What the network sees, in order."""


def label_features(cloud: Cloud, box: BoxFit) -> Array:
    """Features of one thing, (len(FEATURE_NAMES),): its box and how its pixels are coloured."""
    long_m, short_m = box.size_m[:2].max(), box.size_m[:2].min()
    height_m = box.size_m[2]
    paint = np.bincount(cloud.paint, minlength=PAINTS) / len(cloud)
    hue, saturation, value = rgb_to_hsv(cloud.rgb).T
    values, _ = np.histogram(value, bins=_VALUE_BINS, range=(0.0, 1.0))
    entropy = -float(np.sum(paint * np.log(paint + 1e-9)))
    z = cloud.points_m[:, 2]
    direction = np.exp(1j * np.deg2rad(hue)) * saturation
    hue_focus = abs(direction.sum()) / max(saturation.sum(), 1e-9)
    return np.array(
        [
            height_m / _SIZE_UNIT_M,
            long_m / _SIZE_UNIT_M,
            short_m / _SIZE_UNIT_M,
            height_m / max(long_m, 1e-3),
            short_m / max(long_m, 1e-3),
            float(box.round_),
            float(np.mean(z > box.top_m - 0.004)),
            entropy,
            *paint,
            *(values / len(cloud)),
            float(saturation.mean()),
            float(saturation.std()),
            float(1.0 - hue_focus),
        ]
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LabelModel:
    """A fully connected network with rectifiers.

    Attributes:
        labels: Kinds, in the order of the outputs.
        mean: Subtracted from the features, (d,).
        scale: Features are divided by it, (d,).
        weights: Per layer, (inputs, outputs).
        biases: Per layer, (outputs,).
        least_confidence: Below it a thing is just a ``"thing"``.
    """

    labels: tuple[str, ...]
    mean: Array
    scale: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    least_confidence: float = 0.5

    def probabilities(self, features: Array) -> Array:
        """Probability of every label, (..., labels), for features (..., d)."""
        x = (np.asarray(features) - self.mean) / self.scale
        # Far outside of what was trained on, a network extrapolates without limit.
        x = np.clip(x, -6.0, 6.0)
        for W, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = np.maximum(x @ W + b, 0.0)
        x = x @ self.weights[-1] + self.biases[-1]
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def classify(self, features: Array) -> tuple[str, float]:
        """The most likely label of one thing and its probability."""
        p = self.probabilities(features)
        best = int(np.argmax(p))
        confidence = float(p[best])
        label = self.labels[best] if confidence >= self.least_confidence else UNKNOWN
        return label, confidence


UNKNOWN = "thing"
"""Label of a thing of no known kind."""


@cache
def load_labels(folder: Path = ZOO_LABELS) -> LabelModel:
    """Read the classifier of a folder.

    Raises:
        CheckpointError: A file is missing, unreadable, or made for other features.
    """
    try:
        card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS_FILE)
        labels, features = tuple(card["labels"]), tuple(card["features"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"No usable label classifier in {folder}: {error}.") from error
    if features != FEATURE_NAMES:
        raise CheckpointError(
            f"The label classifier in {folder} was trained on {len(features)} other features; "
            f"this version computes {len(FEATURE_NAMES)}. Train it again."
        )
    return _from_tensors(tensors, labels, folder)


def _from_tensors(
    tensors: dict[str, np.ndarray], labels: tuple[str, ...], folder: Path
) -> LabelModel:
    layers = sum(name.startswith("weight") for name in tensors)
    try:
        model = LabelModel(
            labels=labels,
            mean=tensors["mean"].astype(np.float64),
            scale=tensors["scale"].astype(np.float64),
            weights=tuple(tensors[f"weight{i}"].astype(np.float64) for i in range(layers)),
            biases=tuple(tensors[f"bias{i}"].astype(np.float64) for i in range(layers)),
        )
        sizes = [len(FEATURE_NAMES), *(len(b) for b in model.biases)]
        shapes = [W.shape for W in model.weights]
    except KeyError as error:
        raise CheckpointError(f"The label classifier in {folder} lacks {error}.") from error
    wanted = list(pairwise(sizes))
    finite = all(bool(np.all(np.isfinite(tensor))) for tensor in tensors.values())
    if not finite or not shapes or shapes != wanted or sizes[-1] != len(labels):
        raise CheckpointError(
            f"The label classifier in {folder} has layers {shapes}, wanted {wanted} with "
            f"{len(labels)} outputs and finite weights."
        )
    return model
