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
SHAPE_NAMES: tuple[str, ...] = (
    "height",
    "long_side",
    "short_side",
    "height_over_long",
    "short_over_long",
    "round",
    "top_share",
)
"""Features that no light changes; the first ones."""
FEATURE_NAMES: tuple[str, ...] = (
    *SHAPE_NAMES,
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
class KnownShapes:
    """The shapes of one kind that training has shown, by which other things are told from it.

    A network is sure of itself far away from all that it was trained on. What has no near
    neighbour among those of its kind is of another (Sun et al., *Out-of-Distribution Detection with
    Deep Nearest Neighbors*, 2022). It goes by shape alone: colours change with the light.

    Attributes:
        shapes: Standardised features of `SHAPE_NAMES`, (n, s).
        whitening: Makes them vary alike in all directions within the kind, (s, s).
        limit: Greatest distance from the nearest, whitened.
    """

    shapes: Array
    whitening: Array
    limit: float

    def distance(self, shape: Array) -> float:
        """How far a standardised shape (s,) is from the nearest known one."""
        offsets = (self.shapes - shape) @ self.whitening
        return float(np.sqrt((offsets**2).sum(axis=-1).min()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Guess:
    """What a classifier says of one thing.

    Attributes:
        label: Its kind; ``"thing"`` when it is of none, or when that is not sure.
        likest: The kind that it is most like, whether or not it is of that kind.
        confidence: Probability of that one among the kinds.
    """

    label: str
    likest: str
    confidence: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LabelModel:
    """A fully connected network with rectifiers, and the shapes that it was trained on.

    Attributes:
        labels: Kinds, in the order of the outputs.
        mean: Subtracted from the features, (d,).
        scale: Features are divided by it, (d,).
        weights: Per layer, (inputs, outputs).
        biases: Per layer, (outputs,).
        known: Shapes of each kind, in the order of `labels`; without them every shape is accepted.
        least_confidence: Below it a thing is just a ``"thing"``.
    """

    labels: tuple[str, ...]
    mean: Array
    scale: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    known: tuple[KnownShapes, ...] = ()
    least_confidence: float = 0.5

    def standardised(self, features: Array) -> Array:
        """Features (..., d) as the network sees them."""
        return (np.asarray(features) - self.mean) / self.scale

    def probabilities(self, features: Array) -> Array:
        """Probability of every label, (..., labels), for features (..., d)."""
        x = self.standardised(features)
        # Far outside of what was trained on, a network extrapolates without limit.
        x = np.clip(x, -6.0, 6.0)
        for W, b in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = np.maximum(x @ W + b, 0.0)
        x = x @ self.weights[-1] + self.biases[-1]
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def classify(self, features: Array) -> Guess:
        """What one thing is, by its features (d,)."""
        p = self.probabilities(features)
        best = int(np.argmax(p))
        confidence, likest = float(p[best]), self.labels[best]
        sure = confidence >= self.least_confidence and self._knows(features, best)
        return Guess(label=likest if sure else UNKNOWN, likest=likest, confidence=confidence)

    def _knows(self, features: Array, kind: int) -> bool:
        """Whether a thing has a shape that its kind is known to have."""
        if not self.known:
            return True
        shape = self.standardised(features)[: len(SHAPE_NAMES)]
        return self.known[kind].distance(shape) <= self.known[kind].limit


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
    shape = len(SHAPE_NAMES)
    try:
        model = LabelModel(
            labels=labels,
            mean=tensors["mean"].astype(np.float64),
            scale=tensors["scale"].astype(np.float64),
            weights=tuple(tensors[f"weight{i}"].astype(np.float64) for i in range(layers)),
            biases=tuple(tensors[f"bias{i}"].astype(np.float64) for i in range(layers)),
            known=tuple(
                KnownShapes(
                    shapes=tensors[f"shapes{i}"].astype(np.float64).reshape(-1, shape),
                    whitening=tensors[f"whitening{i}"].astype(np.float64).reshape(shape, shape),
                    limit=float(tensors["limits"][i]),
                )
                for i in range(len(labels))
            ),
        )
        sizes = [len(FEATURE_NAMES), *(len(b) for b in model.biases)]
        shapes = [W.shape for W in model.weights]
    except (KeyError, IndexError, ValueError) as error:
        raise CheckpointError(
            f"The label classifier in {folder} lacks weights or has ones of other sizes: {error}. "
            "Train it again."
        ) from error
    wanted = list(pairwise(sizes))
    finite = all(bool(np.all(np.isfinite(tensor))) for tensor in tensors.values())
    if not finite or not shapes or shapes != wanted or sizes[-1] != len(labels):
        raise CheckpointError(
            f"The label classifier in {folder} has layers {shapes}, wanted {wanted} with "
            f"{len(labels)} outputs and finite weights."
        )
    return model
