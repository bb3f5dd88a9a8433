"""Unknown numbers, and what is known of them before anything is measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from robot_skills.core.se3 import Array

_ENDS_IN_SIGMAS = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """A number above 0. Its logarithm is normally distributed; all is worked out with that.

    Attributes:
        name: As the simulator knows it.
        low: No value below it is considered; two standard deviations below the median.
        high: No value above it is considered.
    """

    name: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0.0 < self.low < self.high:
            raise ValueError(f"{self.name} needs 0 < low < high, not {self.low} and {self.high}.")

    @property
    def median(self) -> float:
        """What it is taken for before anything is measured."""
        return float(np.sqrt(self.low * self.high))

    @property
    def sigma(self) -> float:
        """Of the logarithm, before anything is measured."""
        return float(np.log(self.high / self.low)) / (2.0 * _ENDS_IN_SIGMAS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Prior:
    """All parameters, as one vector of logarithms in units of their standard deviations."""

    parameters: tuple[Parameter, ...]

    def __post_init__(self) -> None:
        names = [one.name for one in self.parameters]
        if not names or len(set(names)) != len(names):
            raise ValueError(f"Parameters need names of their own, got {names}.")

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.parameters)

    @property
    def sigma(self) -> Array:
        """Of the logarithms, (p,)."""
        return np.array([one.sigma for one in self.parameters])

    @property
    def bound(self) -> float:
        """Coordinates stay between its negative and this."""
        return _ENDS_IN_SIGMAS

    def values(self, x: Array) -> Mapping[str, float]:
        """What coordinates (p,) mean."""
        medians = np.array([one.median for one in self.parameters])
        return dict(zip(self.names, (medians * np.exp(self.sigma * x)).tolist(), strict=True))

    def draw(self, rng: np.random.Generator, count: int) -> Array:
        """Coordinates, (count, p), the bounds kept."""
        x = rng.standard_normal((count, len(self.parameters)))
        return np.clip(x, -self.bound, self.bound)


def shares(names: Sequence[str], low: float = 0.4, high: float = 2.5) -> tuple[Parameter, ...]:
    """Parameters that are shares of what the model has."""
    return tuple(Parameter(name=name, low=low, high=high) for name in names)
