"""What parameters cannot explain: corrections of commands that make a simulator move as recorded.

After He et al., *ASAP: Aligning Simulation and Real-World Physics for Learning Agile Humanoid
Whole-Body Skills*, 2025. Their corrections are learned by reinforcement; here those of each
recorded rollout are found by iterative learning control (Arimoto et al., *Bettering operation of
robots by learning*, 1984), and a ridge regression foresees them from the commands.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from calibration.errors import CalibrationRefused, Cause
from robot_skills.core.excitation import Motion, Rollout
from robot_skills.core.se3 import Array

_ITERATIONS, _GAIN = 4, 0.7
_RIDGES = (1e-3, 1e-1, 1e1, 1e3)
_STILL_RAD_S = 0.02
"""Slower commands have no clear direction."""
_MEMORIES = (0.0, 0.5, 0.8, 0.95)
"""Shares of the direction of motion that stay from one period to the next: gears have play, and
what they do depends on where they came from."""
_WAVES = (1.0, 2.0, 4.0)
"""Per radian: friction and pull of the wires depend on the position."""
_LEAST_ROLLOUTS = 4

Playing = Callable[[Motion], Array]
"""A motion in the simulator, as identified: joint positions at the end of each period, (T, n)."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DeltaAction:
    """Corrections of joint setpoints as a linear function of what is commanded.

    Attributes:
        weights: Of the features of each joint's command, [rad], (n, features).
        scale: What features are divided by, (n, features).
        ridge: Weight of the regularisation, chosen on rollouts that were left out.
        rollouts: How many it was fitted to.
        tracking_rad: How far the simulator is from them without correction, RMS.
        left_out_rad: How far corrections are from those of rollouts that were left out, RMS.
    """

    weights: Array
    scale: Array
    ridge: float
    rollouts: int
    tracking_rad: float
    left_out_rad: float

    def corrected(self, motion: Motion) -> Motion:
        """The motion that makes the simulator move as the recorded robot would.

        Raises:
            CalibrationRefused: It is of another number of joints.
        """
        if motion.q_rad.shape[1] != len(self.weights):
            raise CalibrationRefused(
                Cause.OTHER_KIND,
                f"The corrections are those of {len(self.weights)} joints, the motion has "
                f"{motion.q_rad.shape[1]}.",
            )
        features = _features(motion) / self.scale
        return replace(motion, q_rad=motion.q_rad + np.einsum("tjf,jf->tj", features, self.weights))


def fit_delta_action(play: Playing, rollouts: Sequence[Rollout]) -> DeltaAction:
    """Learn corrections from rollouts.

    Args:
        play: The simulator.
        rollouts: What the robot did.

    Raises:
        CalibrationRefused: There are too few rollouts.
    """
    if len(rollouts) < _LEAST_ROLLOUTS:
        raise CalibrationRefused(
            Cause.FEW_VIEWS,
            f"{len(rollouts)} rollouts are too few to learn corrections from, at least "
            f"{_LEAST_ROLLOUTS} are needed.",
        )
    features = [_features(one.motion) for one in rollouts]
    scale = np.maximum(np.std(np.concatenate(features), axis=0), 1e-6)
    # The constant has no spread, and no need of one.
    scale[:, 0] = 1.0
    inputs = [one / scale for one in features]
    pairs = [exact_corrections(play, one) for one in rollouts]
    targets = [delta for delta, _ in pairs]
    ridges = {ridge: _left_out(inputs, targets, ridge) for ridge in _RIDGES}
    best = min(ridges, key=lambda ridge: ridges[ridge])
    return DeltaAction(
        weights=_ridge(np.concatenate(inputs), np.concatenate(targets), best),
        scale=scale,
        ridge=best,
        rollouts=len(rollouts),
        tracking_rad=float(np.sqrt(np.mean([off**2 for _, off in pairs]))),
        left_out_rad=ridges[best],
    )


def exact_corrections(play: Playing, rollout: Rollout) -> tuple[Array, float]:
    """Corrections (T, n) with which the simulator does what one rollout did.

    Returns:
        The corrections, and how far it was from the rollout without any, RMS [rad].
    """
    delta = np.zeros(rollout.motion.q_rad.shape)
    first_rad = 0.0
    for i in range(_ITERATIONS):
        corrected = replace(rollout.motion, q_rad=rollout.motion.q_rad + delta)
        off = rollout.streams.q_rad - play(corrected)
        if i == 0:
            first_rad = float(np.sqrt(np.mean(off**2)))
        delta = delta + _GAIN * off
    return delta, first_rad


def _features(motion: Motion) -> Array:
    """Of each joint's command, (T, n, features)."""
    q = np.concatenate([motion.start_q_rad[None], motion.q_rad])
    rate = np.diff(q, axis=0) / motion.period_s
    faster = np.diff(np.concatenate([np.zeros_like(rate[:1]), rate]), axis=0) / motion.period_s
    way = np.tanh(rate / _STILL_RAD_S)
    parts = [np.ones_like(rate), rate, faster]
    for share in _MEMORIES:
        parts.append(_remembered(way, share))
    for wave in _WAVES:
        for wavy in (np.sin(wave * motion.q_rad), np.cos(wave * motion.q_rad)):
            parts += [wavy, wavy * way]
    return np.stack(parts, axis=-1)


def _remembered(values: Array, share: float) -> Array:
    out, last = np.empty_like(values), np.zeros_like(values[0])
    for i, value in enumerate(values):
        # While it stands still, a joint stays where its last motion left it.
        keep = np.maximum(share, 1.0 - np.abs(value))
        last = keep * last + (1.0 - keep) * value
        out[i] = last
    return out


def _ridge(inputs: Array, targets: Array, ridge: float) -> Array:
    """Weights of each joint, (n, features)."""
    weights = []
    for joint in range(targets.shape[1]):
        X, y = inputs[:, joint], targets[:, joint]
        penalty = ridge * np.eye(X.shape[1])
        penalty[0, 0] = 0.0
        weights.append(np.linalg.solve(X.T @ X + penalty, X.T @ y))
    return np.array(weights)


def _left_out(inputs: Sequence[Array], targets: Sequence[Array], ridge: float) -> float:
    """How far corrections are from those of rollouts that were left out in turn, RMS [rad]."""
    off = []
    for i in range(len(inputs)):
        rest = [j for j in range(len(inputs)) if j != i]
        weights = _ridge(
            np.concatenate([inputs[j] for j in rest]),
            np.concatenate([targets[j] for j in rest]),
            ridge,
        )
        off.append(np.einsum("tjf,jf->tj", inputs[i], weights) - targets[i])
    return float(np.sqrt(np.mean(np.square(off))))
