"""Recorded rollouts as a file, so that they can be looked at again without the robot."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from calibration.codec import decode, encode
from calibration.sealed import read_sealed, write_sealed
from robot_skills.core.errors import RefusedError
from robot_skills.core.excitation import Rollout, SensorNoise
from robot_skills.core.se3 import Array

FILE, _KIND = "recording.json", "recording"
_MOVED = 2.0
"""By so much more than noise, squared, is a thing that was moved away from where it was."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ThingModel:
    """A thing as the simulator has it.

    Attributes:
        extents_m: Full sizes of its upright box, (3,).
        mass_kg: Of the model; what is identified is a share of it.
    """

    extents_m: Array
    mass_kg: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Recording:
    """Rollouts of one robot.

    Attributes:
        robot: Kind of arm.
        serial: By which it is known; empty where it has none.
        things: What was there, by name.
        noise: Of the sensors.
        rollouts: What was commanded and sensed.
    """

    robot: str
    serial: str
    things: Mapping[str, ThingModel]
    noise: SensorNoise
    rollouts: tuple[Rollout, ...]

    def resting_things(self) -> tuple[str, ...]:
        """Those that are moved in no rollout."""
        return tuple(
            name
            for name in self.things
            if not any(_is_moved(one, name, self.noise) for one in self.rollouts)
        )


def _is_moved(rollout: Rollout, thing: str, noise: SensorNoise) -> bool:
    if thing not in rollout.streams.T_base_things or thing not in rollout.things:
        return False
    off_m = rollout.streams.T_base_things[thing][:, :3, 3] - rollout.things[thing].p
    # At rest, on average, both the thing's places and where it was seen before have their noise.
    at_rest = 1.0 + 1.0 / rollout.looks
    return float(np.mean(off_m**2)) > _MOVED * at_rest * noise.place_m**2


def write_recording(folder: Path, recording: Recording) -> None:
    """Write a recording into a new folder.

    Raises:
        RefusedError: The folder exists.
        StorageError: It cannot be written.
    """
    if folder.exists():
        raise RefusedError(f"{folder} exists: record into a new folder.")
    write_sealed(folder / FILE, _KIND, encode(recording))


def read_recording(folder: Path) -> Recording:
    """Read a recording.

    Raises:
        RefusedError: It is missing, or damaged.
    """
    content, _ = read_sealed(folder / FILE, _KIND)
    try:
        return decode(Recording, content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusedError(f"{folder / FILE} cannot be used: {error}.") from error
