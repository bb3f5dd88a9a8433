"""Whether a predicted probability can be believed, and the small correction that makes it so."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from policies.json_config import JsonConfig

Float64 = NDArray[np.float64]

_BINS = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration(JsonConfig):
    """Platt scaling (1999) of a logit, and how reliable it was on data not learned from.

    Attributes:
        scale: Factor of the logit.
        shift: Added to it.
        n: Held-out samples; 0 where it was not calibrated.
        ece_before: Expected calibration error (Guo et al., 2017) of the bare logit.
        ece: The same after scaling, cross-fitted: each half is judged by the other half's fit.
        predicted: Mean predicted probability per occupied bin.
        observed: Fraction of positives in it.
        count: Samples in it.
    """

    scale: float = 1.0
    shift: float = 0.0
    n: int = 0
    ece_before: float = 0.0
    ece: float = 0.0
    predicted: list[float] = field(default_factory=list)
    observed: list[float] = field(default_factory=list)
    count: list[int] = field(default_factory=list)

    def probability(self, logit: float) -> float:
        """Calibrated probability of one logit."""
        return float(_sigmoid(np.array(self.scale * logit + self.shift)))


def fit_calibration(logits: Float64, labels: NDArray[np.bool_]) -> Calibration:
    """Scale and shift that make logits calibrated.

    Args:
        logits: Of held-out samples, (N,).
        labels: What was true, (N,).

    Returns:
        The identity where one class is missing: there is nothing to fit.
    """
    logits = np.asarray(logits, dtype=np.float64)
    truth = np.asarray(labels, dtype=np.float64)
    if len(truth) < 2 * _BINS or truth.min() == truth.max():
        return Calibration(n=len(truth))
    scale, shift = _platt(logits, truth)
    even = np.arange(len(truth)) // max(1, len(truth) // 8) % 2 == 0
    crossed = np.empty_like(logits)
    for part in (even, ~even):
        a, b = _platt(logits[~part], truth[~part])
        crossed[part] = _sigmoid(a * logits[part] + b)
    ece, bins = _reliability(crossed, truth)
    return Calibration(
        scale=scale,
        shift=shift,
        n=len(truth),
        ece_before=_reliability(_sigmoid(logits), truth)[0],
        ece=ece,
        predicted=bins[0],
        observed=bins[1],
        count=[int(count) for count in bins[2]],
    )


def _platt(logits: Float64, truth: Float64, steps: int = 50) -> tuple[float, float]:
    """Logistic regression on one number by Newton's method, with Platt's softened targets."""
    positives = truth.sum()
    negatives = len(truth) - positives
    target = np.where(truth > 0.5, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.stack([logits, np.ones_like(logits)], axis=1)
    # A weak pull towards the bare logit keeps separable classes finite.
    pull = np.array([1e-2, 1e-4])
    theta = start = np.array([1.0, 0.0])
    for _ in range(steps):
        p = _sigmoid(design @ theta)
        gradient = design.T @ (p - target) + pull * (theta - start)
        hessian = (design * (p * (1.0 - p))[:, None]).T @ design + np.diag(pull)
        change = np.linalg.solve(hessian, gradient)
        theta = theta - np.clip(change, -2.0, 2.0)
        if np.abs(change).max() < 1e-9:
            break
    return float(theta[0]), float(theta[1])


def _reliability(p: Float64, truth: Float64) -> tuple[float, tuple[list, list, list]]:
    """Expected calibration error, and (predicted, observed, count) of the occupied bins."""
    place = np.minimum((p * _BINS).astype(np.int64), _BINS - 1)
    count = np.bincount(place, minlength=_BINS)
    used = count > 0
    predicted = np.bincount(place, p, minlength=_BINS)[used] / count[used]
    observed = np.bincount(place, truth, minlength=_BINS)[used] / count[used]
    ece = float((count[used] * np.abs(predicted - observed)).sum() / len(p))
    return ece, (predicted.tolist(), observed.tolist(), count[used].tolist())


def _sigmoid(x: Float64) -> Float64:
    return 0.5 * (1.0 + np.tanh(0.5 * np.clip(x, -60.0, 60.0)))
