"""How the deflection of a stick or a cap becomes a share of the top speed."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, slots=True)
class StickConfig:
    """How sticks are read.

    Attributes:
        dead_zone: Deflection, as a share, that counts as none.
        expo: Share of the cubic part of the curve, in [0, 1]: more is finer near the middle.
    """

    dead_zone: float = 0.12
    expo: float = 0.5

    def __post_init__(self) -> None:
        if not (0.0 <= self.dead_zone < 1.0 and 0.0 <= self.expo <= 1.0):
            raise ValueError("A dead zone lies in [0, 1), an expo in [0, 1].")


def stick_curve(deflection: float, config: StickConfig) -> float:
    """Share of the top speed at a stick's deflection in [-1, 1]; continuous, odd, 1 at the end."""
    beyond = (min(abs(deflection), 1.0) - config.dead_zone) / (1.0 - config.dead_zone)
    if beyond <= 0.0:
        return 0.0
    share = (1.0 - config.expo) * beyond + config.expo * beyond**3
    return float(np.copysign(share, deflection))
