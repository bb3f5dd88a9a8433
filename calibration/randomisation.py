"""Domain randomisation as data: what may differ, around what, how far, and who says so.

Randomising widely makes a policy that works on any robot a little; randomising around what was
identified, as far as the identification is unsure, makes one for this robot (Chebotar et al.,
*Closing the Sim-to-Real Loop*, 2019). Training begins at the identified values and widens to the
whole ranges, a curriculum by level as in automatic domain randomisation (Akkaya et al., *Solving
Rubik's Cube with a Robot Hand*, 2019).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

import numpy as np

from calibration.codec import decode, encode
from calibration.sealed import read_sealed, write_sealed
from robot_skills.core.errors import RefusedError

KIND = "randomisation"
_SIGMAS = 2.0
"""A parameter is drawn within so many standard deviations."""


class Scale(Enum):
    """On which scale a parameter is spread."""

    LINEAR = "linear"
    LOG = "log"


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """How one parameter is drawn: normally around its mean, cut at both ends.

    Attributes:
        mean: Identified value, or the nominal one.
        sigma: Standard deviation; of the logarithm where the scale is that.
        low: Least value.
        high: Largest value.
        scale: Of `sigma`.
        source: Where it comes from, in words.
    """

    mean: float
    sigma: float
    low: float
    high: float
    source: str
    scale: Scale = Scale.LINEAR

    def __post_init__(self) -> None:
        values = (self.mean, self.sigma, self.low, self.high)
        if not np.isfinite(values).all() or self.sigma < 0.0:
            raise RefusedError(f"A spread has finite values and sigma >= 0, not {values}.")
        if not self.low <= self.mean <= self.high:
            raise RefusedError(f"{self.mean} is not between {self.low} and {self.high}.")
        if self.scale is Scale.LOG and self.low <= 0.0:
            raise RefusedError(f"A logarithm needs values above 0, the least is {self.low}.")

    def draw(self, rng: np.random.Generator, level: float) -> float:
        """A value; at level 0 the mean."""
        step = level * self.sigma * float(np.clip(rng.standard_normal(), -_SIGMAS, _SIGMAS))
        value = self.mean * np.exp(step) if self.scale is Scale.LOG else self.mean + step
        return float(np.clip(value, self.low, self.high))


@dataclass(frozen=True, kw_only=True, slots=True)
class Randomisation:
    """What may differ between the episodes that a policy learns from.

    Attributes:
        parameters: By name, for example ``dynamics.friction`` or ``delays.action_s``.
        inputs: Hashes of what it follows from, by name.
        made: When, UTC, ISO 8601.
    """

    parameters: Mapping[str, Spread]
    inputs: Mapping[str, str]
    made: str

    def draw(self, rng: np.random.Generator, level: float = 1.0) -> dict[str, float]:
        """A value of every parameter.

        Args:
            rng: Source of all randomness; as much is drawn at every level.
            level: 0 is what was identified, 1 the whole ranges.

        Raises:
            RefusedError: There is no such level.
        """
        if not 0.0 <= level <= 1.0:
            raise RefusedError(f"A level of randomisation is in [0, 1], not {level}.")
        return {name: spread.draw(rng, level) for name, spread in self.parameters.items()}


def make_randomisation(
    parameters: Mapping[str, Spread], inputs: Mapping[str, str]
) -> Randomisation:
    """A randomisation of now."""
    made = datetime.now(UTC).replace(microsecond=0).isoformat()
    return Randomisation(parameters=dict(parameters), inputs=dict(inputs), made=made)


def save_randomisation(path: Path, randomisation: Randomisation) -> str:
    """Write it; returns its hash. Raises `StorageError`."""
    return write_sealed(path, KIND, encode(randomisation))


def load_randomisation(path: Path) -> tuple[Randomisation, str]:
    """Read it, and its hash.

    Raises:
        RefusedError: It is missing, damaged, or none.
    """
    body, digest = read_sealed(path, KIND)
    try:
        return decode(Randomisation, body), digest
    except (ValueError, KeyError, TypeError) as error:
        raise RefusedError(f"{path} is no {KIND} that can be used: {error}.") from error
