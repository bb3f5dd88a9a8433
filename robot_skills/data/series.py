"""One episode as series of samples, each with its own times, whatever it was recorded with.

Our own log, and datasets of others, are read into this; alignment, export, replay and reports
start from it. Times are seconds on the episode's clock. Numbers are in memory; pictures stay where
they are until somebody asks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.annotation import Outcome, Subtask
from robot_skills.core.events import Event
from robot_skills.core.se3 import Array


def _series(owner: object, shapes: Mapping[str, tuple[int | None, ...]]) -> None:
    """Make the fields float64 of the given shape after the first axis, all of one length."""
    length: int | None = None
    for name, tail in shapes.items():
        value = np.asarray(getattr(owner, name), dtype=np.float64)
        fits = value.ndim == 1 + len(tail) and all(
            want is None or want == have for want, have in zip(tail, value.shape[1:], strict=True)
        )
        if not fits or (length is not None and len(value) != length):
            raise ValueError(f"{name} needs shape {(length, *tail)}, got {value.shape}.")
        length = len(value)
        value.setflags(write=False)
        object.__setattr__(owner, name, value)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class NumberSeries:
    """A vector over time.

    Attributes:
        names: Of its k numbers.
        stamp_s: Capture times, (n,).
        values: (n, k).
    """

    names: tuple[str, ...]
    stamp_s: Array
    values: Array

    def __post_init__(self) -> None:
        _series(self, {"stamp_s": (), "values": (len(self.names),)})


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ArmSeries:
    """Measured states of one arm.

    Attributes:
        stamp_s: Capture times, (n,).
        q_rad: Joint positions, (n, J).
        dq_rad_s: Joint velocities, (n, J).
        tau_nm: Joint torques, (n, J).
        T_base_tool: (n, 4, 4).
        opening: (n,).
    """

    stamp_s: Array
    q_rad: Array
    dq_rad_s: Array
    tau_nm: Array
    T_base_tool: Array
    opening: Array

    def __post_init__(self) -> None:
        joints = (None,)
        shapes = {"stamp_s": (), "q_rad": joints, "dq_rad_s": joints, "tau_nm": joints}
        _series(self, {**shapes, "T_base_tool": (4, 4), "opening": ()})


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ActionSeries:
    """Where one arm was told to be.

    Each command replaces the ones before it, so this is what was in force: the waypoints of a
    command up to the time of the next one, with the time at which the arm was to be there.

    Attributes:
        stamp_s: Times at which the arm was to be there, (n,), increasing.
        T_base_tool: (n, 4, 4).
        opening: (n,).
    """

    stamp_s: Array
    T_base_tool: Array
    opening: Array

    def __post_init__(self) -> None:
        _series(self, {"stamp_s": (), "T_base_tool": (4, 4), "opening": ()})


class Pictures(Protocol):
    """Pictures of one camera, read when asked for."""

    def __len__(self) -> int: ...

    def rgb(self, index: int) -> NDArray[np.uint8]:
        """One colour picture, (H, W, 3).

        Raises:
            DatasetError: There is none, or it is damaged.
        """
        ...

    def depth_m(self, index: int) -> NDArray[np.float32]:
        """One depth picture [m], (H, W), 0 = no reading. Raises as `rgb`."""
        ...

    def in_order(self) -> Iterator[tuple[NDArray[np.uint8] | None, NDArray[np.float32] | None]]:
        """All pictures, each decoded once: colour and depth, None for what there is not."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CameraSeries:
    """What one camera saw.

    Attributes:
        stamp_s: Capture times, (n,).
        pictures: As many.
        height_px: Of each picture.
        width_px: Of each picture.
        has_rgb: Whether there is colour.
        has_depth: Whether there is depth.
        K: Intrinsics [px], (3, 3); None where nobody knows.
        T_base_camera: Pose per picture, (n, 4, 4); None where nobody knows.
        received_s: Times of arrival, (n,); None where nobody noted them.
    """

    stamp_s: Array
    pictures: Pictures
    height_px: int
    width_px: int
    has_rgb: bool = True
    has_depth: bool = False
    K: Array | None = None
    T_base_camera: Array | None = None
    received_s: Array | None = None

    def __post_init__(self) -> None:
        _series(self, {"stamp_s": ()})
        if len(self.pictures) != len(self.stamp_s):
            raise ValueError(
                f"{len(self.stamp_s)} stamps for {len(self.pictures)} pictures of a camera."
            )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EpisodeData:
    """One episode.

    Attributes:
        task: What was demonstrated, in words.
        outcome: How it ended.
        start_s: Its beginning on its clock; subtasks count from here.
        end_s: Its end.
        period_s: Between two control steps; for datasets of others 1 / fps.
        arms: Measured states by arm; empty where only vectors are known.
        requested: What an operator or a policy asked of each arm.
        sent: What each arm was really told, after the safety gate.
        numbers: Other vectors, by name; ``observation.state`` and ``action`` of other datasets.
        cameras: By name.
        subtasks: In order.
        events: Decisions, in order.
        origin: Where it comes from, in words.
        meta: What else is known, as words.
    """

    task: str
    start_s: float
    end_s: float
    period_s: float
    outcome: Outcome = Outcome.UNKNOWN
    arms: Mapping[str, ArmSeries] = field(default_factory=dict)
    requested: Mapping[str, ActionSeries] = field(default_factory=dict)
    sent: Mapping[str, ActionSeries] = field(default_factory=dict)
    numbers: Mapping[str, NumberSeries] = field(default_factory=dict)
    cameras: Mapping[str, CameraSeries] = field(default_factory=dict)
    subtasks: tuple[Subtask, ...] = ()
    events: tuple[Event, ...] = ()
    origin: str = ""
    meta: Mapping[str, str] = field(default_factory=dict)

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s


class EpisodeSource(Protocol):
    """A dataset, of whatever kind, that can be read episode by episode."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str:
        """For example ``LeRobot v2.1``."""
        ...

    def __len__(self) -> int: ...

    def episode(self, index: int) -> EpisodeData:
        """One episode, counted from zero.

        Raises:
            DatasetError: It is damaged, or does not fit what it says of itself.
        """
        ...
