"""A motion that tells delays: irregular, with slow and fast parts, small, and from rest to rest."""

from dataclasses import dataclass

import numpy as np

from calibration.latency_series import M_PER_RAD
from robot_skills.core.se3 import SE3, Array, so3_exp

_HZ = (0.23, 0.37, 0.61, 0.97, 1.43, 2.1, 3.1, 4.3)
"""No two are multiples of one, so that nothing repeats."""
_APART = 0.05
"""Share by which each direction's frequencies are above those of the one before."""
_GRIPPER_HZ = (0.47, 0.83, 1.27, 1.9, 2.9, 4.1, 5.3)
_FADE_S = 2.0
_REST_S = 0.5
_OPENINGS = (0.45, 0.75)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Excitation:
    """The motion, by the time since it began.

    Attributes:
        seconds: How long it lasts.
        amplitude_m: Of each part of the tool's motion, by direction and frequency, (6, f); turns
            as `M_PER_RAD` counts them.
        hz: Frequencies, (6, f).
        phase_rad: (6, f).
        gripper_hz: Frequencies of the gripper, (g,).
        gripper_phase_rad: (g,).
    """

    seconds: float
    amplitude_m: Array
    hz: Array
    phase_rad: Array
    gripper_hz: Array
    gripper_phase_rad: Array

    def waypoints(self, start: SE3, opening: float, since_s: Array) -> tuple[Array, Array]:
        """Tool poses (n, 4, 4) and openings (n,) at times since the beginning, (n,).

        Args:
            start: Tool pose at rest, `T_base_tool`.
            opening: Of the gripper at rest.
            since_s: (n,).
        """
        strength = _faded(since_s, self.seconds)
        angle = 2.0 * np.pi * self.hz[..., None] * since_s + self.phase_rad[..., None]
        offset = (self.amplitude_m[..., None] * np.sin(angle)).sum(axis=1) * strength
        T = np.tile(start.matrix(), (len(since_s), 1, 1))
        T[:, :3, :3] = start.R @ so3_exp(offset[3:].T / M_PER_RAD)
        T[:, :3, 3] = start.p + offset[:3].T @ start.R.T
        low, high = _OPENINGS
        hz = self.gripper_hz[:, None]
        # Fast parts are faster than slow ones: they tell a delay from the lag of a soft servo.
        each = hz**-0.5 / np.sum(hz**-0.5)
        waves = each * np.sin(2.0 * np.pi * hz * since_s + self.gripper_phase_rad[:, None])
        share = 0.5 + 0.5 * waves.sum(axis=0)
        openings = (1.0 - strength) * opening + strength * (low + (high - low) * share)
        return T, openings


def excitation(
    speed_m_s: float, seconds: float, rng: np.random.Generator, fastest_hz: float = np.inf
) -> Excitation:
    """A motion of the tool in five directions, and of the gripper.

    Args:
        speed_m_s: That the tool hardly ever exceeds.
        seconds: How long.
        rng: Of the phases.
        fastest_hz: Parts that are faster are left out.
    """
    # The turn about the approach moves little of what a camera sees, and the last joint alone.
    directions = np.array([1.0, 1.0, 1.0, 0.4, 0.4, 0.0])[:, None]
    tool_hz = np.array([one for one in _HZ if one <= fastest_hz])
    gripper_hz = np.array([one for one in _GRIPPER_HZ if one <= fastest_hz])
    hz = tool_hz * (1.0 + _APART * np.arange(6, dtype=np.float64))[:, None]
    # Each part is as fast as any other; with random phases twice their spread is rare.
    each_m_s = speed_m_s / (2.0 * np.sqrt(0.5 * len(tool_hz) * float((directions**2).sum())))
    return Excitation(
        seconds=seconds,
        amplitude_m=directions * each_m_s / (2.0 * np.pi * hz),
        hz=hz,
        phase_rad=rng.uniform(0.0, 2.0 * np.pi, hz.shape),
        gripper_hz=gripper_hz,
        gripper_phase_rad=rng.uniform(0.0, 2.0 * np.pi, len(gripper_hz)),
    )


def _faded(since_s: Array, seconds: float) -> Array:
    """From 0 to 1 and back, smoothly, with rest at both ends."""
    share = np.minimum(since_s - _REST_S, seconds - _REST_S - since_s) / _FADE_S
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)
