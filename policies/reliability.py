"""Whether a predicted probability can be believed, and the small correction that makes it so."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from policies.json_config import JsonConfig

Float64 = NDArray[np.float64]

BINS = 10
"""Bins of equal width that probabilities are sorted into."""
_FOLDS = 5
_SURE = 30.0
"""Logits beyond this are taken for it, so that one that is surely wrong does not decide the fit."""
_LEAST_GROUPS = 4
"""Episodes below which there is nothing to cross-fit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration(JsonConfig):
    """Platt scaling (1999) of a logit, and how reliable it was on data not learned from.

    Everything after scaling is cross-fitted by episode: an episode is judged by what was fitted to
    the others, because the frames of one episode are too alike to judge each other.

    Attributes:
        scale: Factor of the logit.
        shift: Added to it.
        n: Held-out samples; 0 where it was not calibrated.
        groups: Episodes that they are from.
        positives: Of the samples.
        ece_before: Expected calibration error (Guo et al., 2017) of the bare logit.
        ece: The same after scaling.
        brier_before: Mean squared error of the bare probability (Brier, 1950).
        brier: The same after scaling.
        predicted: Mean predicted probability per occupied bin, after scaling.
        observed: Fraction of positives in it.
        count: Samples in it.
    """

    scale: float = 1.0
    shift: float = 0.0
    n: int = 0
    groups: int = 0
    positives: int = 0
    ece_before: float = 0.0
    ece: float = 0.0
    brier_before: float = 0.0
    brier: float = 0.0
    predicted: list[float] = field(default_factory=list)
    observed: list[float] = field(default_factory=list)
    count: list[int] = field(default_factory=list)

    def probability(self, logit: float) -> float:
        """Calibrated probability of one logit."""
        return float(self.probabilities(np.array(logit)))

    def probabilities(self, logits: Float64) -> Float64:
        """Calibrated probabilities of logits of any shape."""
        clipped = np.clip(np.asarray(logits, dtype=np.float64), -_SURE, _SURE)
        return sigmoid(self.scale * clipped + self.shift)

    @property
    def fitted(self) -> bool:
        """Whether scale and shift come from data; else they are the identity."""
        return bool(self.count)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Reliability:
    """How well probabilities agree with what came true.

    Attributes:
        ece: Expected calibration error.
        brier: Mean squared error.
        predicted: Mean predicted probability per occupied bin, (b,).
        observed: Fraction of positives in it, (b,).
        count: Samples in it, (b,).
    """

    ece: float
    brier: float
    predicted: Float64
    observed: Float64
    count: NDArray[np.int64]


def fit_calibration(
    logits: Float64, labels: NDArray[np.bool_], groups: NDArray[np.int64] | None = None
) -> Calibration:
    """Scale and shift that make logits calibrated.

    Args:
        logits: Of held-out samples, (N,).
        labels: What was true, (N,).
        groups: Episode of each sample, (N,); every sample stands for itself when None.

    Returns:
        The identity where there is nothing to fit: one class is missing, or there are too few
        samples or episodes.

    Raises:
        ValueError: The arrays do not fit together, or a logit is not finite.
    """
    logits = np.asarray(logits, dtype=np.float64)
    truth = np.asarray(labels, dtype=np.float64)
    groups = np.arange(len(truth)) if groups is None else np.asarray(groups)
    if not logits.shape == truth.shape == groups.shape or logits.ndim != 1:
        raise ValueError(
            f"Logits {logits.shape}, labels {truth.shape} and groups {groups.shape} do not fit."
        )
    if not np.isfinite(logits).all():
        raise ValueError("Logits that are not finite cannot be calibrated.")
    logits = np.clip(logits, -_SURE, _SURE)
    place = np.unique(groups, return_inverse=True)[1]
    count = int(place.max()) + 1 if len(place) else 0
    counted = Calibration(n=len(truth), groups=count, positives=int(truth.sum()))
    if len(truth) < 2 * BINS or count < _LEAST_GROUPS or truth.min() == truth.max():
        return counted
    scale, shift = _platt(logits, truth)
    bare = reliability(sigmoid(logits), truth)
    crossed = reliability(_crossed(logits, truth, place % _FOLDS), truth)
    return replace(
        counted,
        scale=scale,
        shift=shift,
        ece_before=bare.ece,
        ece=crossed.ece,
        brier_before=bare.brier,
        brier=crossed.brier,
        predicted=crossed.predicted.tolist(),
        observed=crossed.observed.tolist(),
        count=crossed.count.tolist(),
    )


def reliability(p: Float64, truth: Float64 | NDArray[np.bool_]) -> Reliability:
    """Compare probabilities (N,) with what came true (N,)."""
    truth = np.asarray(truth, dtype=np.float64)
    place = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    used = count > 0
    predicted = np.bincount(place, p, minlength=BINS)[used] / count[used]
    observed = np.bincount(place, truth, minlength=BINS)[used] / count[used]
    return Reliability(
        ece=float((count[used] * np.abs(predicted - observed)).sum() / len(p)),
        brier=float(np.mean((p - truth) ** 2)),
        predicted=predicted,
        observed=observed,
        count=count[used],
    )


def auroc(scores: Float64, truth: NDArray[np.bool_]) -> float:
    """Chance that a positive scores above a negative, ties counting half; NaN without both.

    Args:
        scores: (N,).
        truth: (N,).
    """
    positives = int(np.sum(truth))
    negatives = len(truth) - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(count)
    rank = (last_rank - 0.5 * (count - 1))[place]
    above = float(rank[np.asarray(truth, dtype=bool)].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def sigmoid(x: Float64) -> Float64:
    """Logistic function; extremes saturate instead of overflowing."""
    return 0.5 * (1.0 + np.tanh(0.5 * np.clip(x, -60.0, 60.0)))


def _crossed(logits: Float64, truth: Float64, fold: NDArray[np.int64]) -> Float64:
    """Probabilities of each fold by what was fitted to the others."""
    crossed = np.empty_like(logits)
    for number in np.unique(fold):
        part = fold == number
        scale, shift = _platt(logits[~part], truth[~part])
        crossed[part] = sigmoid(scale * logits[part] + shift)
    return crossed


def _platt(logits: Float64, truth: Float64, steps: int = 100) -> tuple[float, float]:
    """Logistic regression on one number by Newton's method, with Platt's softened targets."""
    positives = truth.sum()
    negatives = len(truth) - positives
    target = np.where(truth > 0.5, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    design = np.stack([logits, np.ones_like(logits)], axis=1)
    # A weak pull towards the bare logit keeps separable classes finite.
    pull = np.array([1e-2, 1e-4])
    start = np.array([1.0, 0.0])

    def loss(theta: Float64) -> float:
        z = design @ theta
        entropy = np.logaddexp(0.0, z) - target * z
        return float(entropy.sum() + 0.5 * (pull * (theta - start) ** 2).sum())

    theta: Float64 = start
    lowest = loss(start)
    for _ in range(steps):
        p = sigmoid(design @ theta)
        gradient = design.T @ (p - target) + pull * (theta - start)
        hessian = (design * (p * (1.0 - p))[:, None]).T @ design + np.diag(pull)
        change: Float64 = np.linalg.solve(hessian, gradient).astype(np.float64)
        # Far from the optimum a whole Newton step may lead uphill.
        part = 1.0
        while part > 1e-6 and loss(theta - part * change) > lowest:
            part *= 0.5
        theta = theta - part * change
        lowest = loss(theta)
        if np.abs(part * change).max() < 1e-9:
            break
    return float(theta[0]), float(theta[1])
