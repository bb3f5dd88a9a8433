"""What the console shows and what it may ask for.

The web server knows no robot and no dataset: it is given a `ConsoleBackend`, and an
`EpisodeLibrary` for what was recorded before. Both may stand in another process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.annotation import Outcome, Subtask
from robot_skills.core.teleop import TeleopSample, Wish
from robot_skills.core.types import RgbdFrame


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamStatus:
    """Health of one stream, counted since the episode, or the session, began.

    Attributes:
        name: For example ``camera/front`` or ``arm/state``.
        expected_hz: Rate at which samples should come; None where they come when they come.
        rate_hz: Rate at which they come now.
        age_s: Since the newest was captured.
        latency_s: From capture to arrival, the median.
        count: Samples so far.
        dropped: Missing by the device's own frame counter, or by the time between frames.
        repeated: With a counter or a stamp seen before.
        late: Older on arrival than twice the usual latency plus two periods.
        out_of_order: With a counter or a stamp below the newest.
        lost: Arrived here and were not written.
        live: False once the stream has stalled or its device has gone.
    """

    name: str
    expected_hz: float | None
    rate_hz: float
    age_s: float
    latency_s: float
    count: int = 0
    dropped: int = 0
    repeated: int = 0
    late: int = 0
    out_of_order: int = 0
    lost: int = 0
    live: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeStatus:
    """The episode that is being recorded, or what the recorder does meanwhile.

    Attributes:
        state: ``idle``, ``recording``, ``saving``, or ``none`` where nothing can be recorded.
        number: Of the episode being recorded or saved, or of the next one.
        elapsed_s: Since it began.
        task: What is being demonstrated, in words.
        subtask: What part of it, in words.
    """

    state: str = "none"
    number: int = 0
    elapsed_s: float = 0.0
    task: str = ""
    subtask: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetStatus:
    """Where episodes go.

    Attributes:
        name: Of the dataset.
        episodes: How many are saved.
        seconds: Their length together.
        wanted: How many are wanted; None for no limit.
        last_saved: Number of the episode that was acknowledged last.
        free_bytes: Left on the disk.
        seconds_left: Recording that still fits, at the present rate; None before one is known.
    """

    name: str
    episodes: int
    seconds: float
    wanted: int | None = None
    last_saved: int | None = None
    free_bytes: int = 0
    seconds_left: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmStatus:
    """One arm: joints [rad], tool position [m] and quaternion in the base frame, opening."""

    q_rad: tuple[float, ...]
    p_base_tool: tuple[float, float, float]
    wxyz_base_tool: tuple[float, float, float, float]
    opening: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ThingStatus:
    """One entity of the scene as an upright box.

    Attributes:
        name: Of the entity.
        colour: In words, or empty.
        p_base: Centre [m].
        wxyz_base: Orientation.
        extents_m: Edge lengths.
    """

    name: str
    colour: str
    p_base: tuple[float, float, float]
    wxyz_base: tuple[float, float, float, float]
    extents_m: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class StepStatus:
    """One step of the running plan and how it went.

    Attributes:
        call: For example ``grasp(red_cube)``.
        state: ``waiting``, ``running``, ``done`` or ``failed``.
        reason: Why it ended so.
        checks: Conditions that were looked at, and whether they held.
    """

    call: str
    state: str
    reason: str = ""
    checks: tuple[tuple[str, bool], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Something to tell the operator. `level`: ``info``, ``warning`` or ``error``."""

    number: int
    level: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsoleStatus:
    """Everything that a page shows, except pictures.

    Attributes:
        stamp_s: When it was put together, on the project clock.
        robot: Name of the robot.
        motion: ``idle``, ``moving``, ``held`` (a gate refused, or the hand was lost), ``estop``.
        why: Why it is held.
        arms: By name.
        things: Entities of the scene.
        path_m: Positions of the tool that are planned or requested now, (H, 3) per arm.
        devices: Names of the devices that can move the robot, and whether each is engaged.
        control_hz: Rate of the control loop.
        control_p99_ms: 99th percentile of its period of late.
        cameras: Names of the cameras that have pictures.
    """

    stamp_s: float
    robot: str
    motion: str = "idle"
    why: str = ""
    arms: Mapping[str, ArmStatus] = field(default_factory=dict)
    things: tuple[ThingStatus, ...] = ()
    path_m: Mapping[str, tuple[tuple[float, float, float], ...]] = field(default_factory=dict)
    devices: Mapping[str, bool] = field(default_factory=dict)
    control_hz: float = 0.0
    control_p99_ms: float = 0.0
    cameras: tuple[str, ...] = ()
    streams: tuple[StreamStatus, ...] = ()
    episode: EpisodeStatus = field(default_factory=EpisodeStatus)
    dataset: DatasetStatus | None = None
    plan: tuple[StepStatus, ...] = ()
    instruction: str = ""
    notices: tuple[Notice, ...] = ()


class ConsoleBackend(Protocol):
    """The session behind the page. No method may block for longer than a few milliseconds."""

    def status(self) -> ConsoleStatus:
        """The newest status."""
        ...

    def frame(self, camera: str) -> RgbdFrame | None:
        """The newest frame of a camera; None before the first."""
        ...

    def hand(self, sample: TeleopSample) -> None:
        """What the hand at the page does. Its stamp is on `time.monotonic`'s clock of arrival."""
        ...

    def hand_gone(self) -> None:
        """The hand has left: its page was closed, or it lost the control lease."""
        ...

    def wish(self, wish: Wish) -> None:
        """A button was pressed. `ESTOP` is to be passed on before anything else."""
        ...

    def describe(self, task: str | None = None, subtask: str | None = None) -> None:
        """The task of episodes to come, or the subtask from now on, in words."""
        ...

    def say(self, words: str) -> None:
        """Typed words that move the arm: "a little down"."""
        ...

    def instruct(self, instruction: str) -> None:
        """Carry out an instruction with the learned skills.

        Raises:
            RefusedError: This session has no skills.
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeRow:
    """One recorded episode in a list.

    Attributes:
        number: Of the episode.
        task: In words.
        outcome: As the operator or the simulator judged it.
        rating: From 1 to 5; None while nobody has rated it.
        label: Free words of the operator.
        duration_s: Length.
        started: Wall time, ISO 8601.
        bytes: On disk.
        flags: What is suspicious about it, in words.
        discarded: Left out of exports.
        cameras: Names of its cameras.
        trim_s: Part that is exported, from and to [s]; None for all of it.
        subtasks: In order.
    """

    number: int
    task: str
    outcome: Outcome
    rating: int | None
    label: str
    duration_s: float
    started: str
    bytes: int
    flags: tuple[str, ...]
    discarded: bool
    cameras: tuple[str, ...]
    trim_s: tuple[float, float] | None
    subtasks: tuple[Subtask, ...]


class EpisodeLibrary(Protocol):
    """Recorded episodes, to look through and to annotate."""

    @property
    def name(self) -> str: ...

    def episodes(self) -> Sequence[EpisodeRow]:
        """All episodes, in order."""
        ...

    def picture(self, number: int, camera: str, at_s: float) -> NDArray[np.uint8]:
        """The colour picture nearest to a time, (H, W, 3).

        Raises:
            UnknownNameError: No such episode or camera.
        """
        ...

    def depth(self, number: int, camera: str, at_s: float) -> NDArray[np.float32]:
        """The depth picture nearest to a time [m], (H, W). Raises as `picture`."""
        ...

    def curves(self, number: int) -> Mapping[str, Any]:
        """Numbers over time for plots: ``stamp_s`` (n,) from the episode's start, and per name a
        list of n numbers: ``tool.x``, ``tool.y``, ``tool.z``, ``opening``, ``requested.x``, ...

        Raises:
            UnknownNameError: No such episode.
        """
        ...

    def annotate(
        self,
        number: int,
        *,
        task: str | None = None,
        outcome: Outcome | None = None,
        rating: int | None = None,
        label: str | None = None,
        discarded: bool | None = None,
        trim_s: tuple[float, float] | None = None,
        subtasks: Sequence[Subtask] | None = None,
    ) -> EpisodeRow:
        """Change what is said about an episode; None leaves a thing as it is. The recording itself
        never changes. A trim of the whole length removes the trim.

        Raises:
            UnknownNameError: No such episode.
            RefusedError: A value that makes no sense.
        """
        ...
