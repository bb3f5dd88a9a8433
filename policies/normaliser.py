"""Shift and scale of network inputs and outputs; saved with the weights."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from policies.features import Float32

_OUTLIER = 5.0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Normaliser:
    """Standardises each number by its own mean and standard deviation.

    For chunks that is per waypoint too: the first waypoints, which are the ones executed, move
    millimetres where the last ones move decimetres, and get the same relative precision.

    Attributes:
        mean: (...), the shape of one sample.
        std: Positive, the same shape.
    """

    mean: Float32
    std: Float32

    @classmethod
    def fit(cls, samples: Float32, floor: Float32, weights: Float32 | None = None) -> Self:
        """From samples (N, ...).

        Args:
            samples: What to standardise.
            floor: Smallest standard deviation, the shape of one sample.
            weights: Weight of each sample, broadcasting to `samples`; all alike by default.
        """
        values = samples.astype(np.float64)
        w = np.ones_like(values) if weights is None else np.broadcast_to(weights, values.shape)
        total = np.maximum(w.sum(axis=0), 1.0)
        mean = (w * values).sum(axis=0) / total
        std = np.sqrt((w * (values - mean) ** 2).sum(axis=0) / total)
        return cls(mean=mean.astype(np.float32), std=np.maximum(std, floor).astype(np.float32))

    def apply(self, values: Float32) -> Float32:
        """Standardised values; far outliers are clipped, since no training went there."""
        return np.clip((values - self.mean) / self.std, -_OUTLIER, _OUTLIER)

    def invert(self, values: Float32) -> Float32:
        """Values in their own units."""
        return values * self.std + self.mean
