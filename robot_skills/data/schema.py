"""What the episodes of one dataset have in common: robot, rates, cameras, further numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from robot_skills.core.errors import DatasetError
from robot_skills.data.names import checked_name


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraSpec:
    """One camera.

    Attributes:
        name: Of the camera.
        width_px: Of its pictures.
        height_px: Of its pictures.
        hz: Rate at which they come.
        depth: Whether it gives depth besides colour.
        noisy: Whether a scene at rest gives a new picture each time, as real sensors do: then a
            picture that comes again tells of a frozen camera. Simulated ones are not.
    """

    name: str
    width_px: int
    height_px: int
    hz: float
    depth: bool = True
    noisy: bool = True

    def __post_init__(self) -> None:
        checked_name("camera", self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class NumbersSpec:
    """A vector that is recorded besides the arms, at every control step.

    Attributes:
        name: For example ``observation.state``.
        names: Of its numbers.
    """

    name: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        checked_name("vector", self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetSchema:
    """What every episode of a dataset has.

    Attributes:
        name: Of the dataset.
        robot: Kind of robot, for example ``panda``.
        control_period_s: Between two control steps.
        arms: Number of joints per arm.
        cameras: In order.
        numbers: In order.
    """

    name: str
    robot: str
    control_period_s: float
    arms: Mapping[str, int] = field(default_factory=dict)
    cameras: tuple[CameraSpec, ...] = ()
    numbers: tuple[NumbersSpec, ...] = ()

    def __post_init__(self) -> None:
        checked_name("dataset", self.name)
        for arm in self.arms:
            checked_name("arm", arm)

    def to_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "robot": self.robot,
            "control_period_s": self.control_period_s,
            "arms": dict(self.arms),
            "cameras": [
                {
                    "name": camera.name,
                    "width_px": camera.width_px,
                    "height_px": camera.height_px,
                    "hz": camera.hz,
                    "depth": camera.depth,
                    "noisy": camera.noisy,
                }
                for camera in self.cameras
            ],
            "numbers": [{"name": one.name, "names": list(one.names)} for one in self.numbers],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "DatasetSchema":
        """What `to_json` gave. Raises `DatasetError`."""
        try:
            return cls(
                name=data["name"],
                robot=data["robot"],
                control_period_s=float(data["control_period_s"]),
                arms={name: int(joints) for name, joints in data["arms"].items()},
                cameras=tuple(CameraSpec(**camera) for camera in data["cameras"]),
                numbers=tuple(
                    NumbersSpec(name=one["name"], names=tuple(one["names"]))
                    for one in data["numbers"]
                ),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatasetError(f"A dataset's description cannot be read: {error!r}.") from error

    def differences(self, other: "DatasetSchema") -> list[str]:
        """What another schema has differently, in words; its name does not count."""
        found = []
        for what in ("robot", "control_period_s"):
            mine, theirs = getattr(self, what), getattr(other, what)
            if mine != theirs:
                found.append(f"{what} is {mine}, not {theirs}")
        found += _changes("arm", dict(self.arms), dict(other.arms))
        found += _changes("camera", _by_name(self.cameras), _by_name(other.cameras))
        return found + _changes("vector", _by_name(self.numbers), _by_name(other.numbers))


def _by_name(specs: tuple[Any, ...]) -> dict[str, Any]:
    return {spec.name: spec for spec in specs}


def _changes(kind: str, mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    found = [f"{kind} {name} is missing" for name in mine if name not in theirs]
    found += [f"{kind} {name} is new" for name in theirs if name not in mine]
    for name in mine:
        if name in theirs and mine[name] != theirs[name]:
            found.append(f"{kind} {name} is {_said(mine[name])}, not {_said(theirs[name])}")
    return found


def _said(value: Any) -> str:
    match value:
        case CameraSpec():
            depth = "with depth" if value.depth else "without depth"
            noise = "" if value.noisy else ", without noise"
            return f"{value.width_px}x{value.height_px} at {value.hz:g} Hz {depth}{noise}"
        case NumbersSpec():
            return f"[{', '.join(value.names)}]"
        case _:
            return f"{value} joints"
