"""Latencies of an arm, its gripper and its cameras, from a recording of a motion.

What a recording shows are differences. With ``s`` the age of the states, ``a`` and ``g`` the
latencies of arm and gripper, and ``c`` that of a camera:

=====================  ===================================================
states after commands  ``a + s``
openings after told    ``g + s``
pictures after states  ``c - s``
pictures of a clock    ``c``
=====================  ===================================================

The first three leave one number open: an arm whose states are older looks like an arm that is
slower and cameras that are quicker. A camera that sees a clock tells them apart. Without one the
age of the states has to be told, and everything is as good as that is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from calibration.errors import CalibrationRefused, Cause
from calibration.latency_pictures import picture_delay
from calibration.latency_response import Delay, agree, response_delay
from calibration.latency_series import ClockSeries, LatencyRecording, Series

_LEAST_M = 0.004
_LEAST_OPENING = 0.1
_LEAST_LOOKS = 20
_SEGMENTS = 5
_EARLY_S = 0.01
_CLOCK_REACH_S = 0.001
"""Least half width of the histogram of what a clock says."""


class Anchor(Enum):
    """How the age of the states is known."""

    CLOCK = "clock"
    """A camera saw a clock."""
    TOLD = "told"
    """Somebody said it; all other latencies are as good as that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A latency.

    Attributes:
        latency_s: It.
        sigma_s: Its standard deviation; without that of a told age of the states.
    """

    latency_s: float
    sigma_s: float


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Latency:
    """Latencies of one robot.

    Attributes:
        robot: Which, by name and serial number.
        anchor: How the age of the states is known.
        state: Age of the states.
        action: From when the arm is told to when it goes there, without the lag of its servos.
        gripper: The same of the gripper; None where it did not move or does not tell.
        cameras: From capture to the stamp of the picture, by camera.
        arm_after_told: What was seen of the arm.
        gripper_after_told: What was seen of the gripper.
        pictures_after_states: What was seen in pictures, by camera.
        pictures_of_clock: What cameras saw of a clock.
        rejected: What could not be found, and why.
    """

    robot: str
    anchor: Anchor
    state: Found
    action: Found
    gripper: Found | None
    cameras: Mapping[str, Found]
    arm_after_told: Delay
    gripper_after_told: Delay | None
    pictures_after_states: Mapping[str, Delay]
    pictures_of_clock: Mapping[str, Delay]
    rejected: Mapping[str, str] = field(default_factory=dict)

    @property
    def worst_sigma_s(self) -> float:
        """Standard deviation of what is known least."""
        gripper = () if self.gripper is None else (self.gripper,)
        return max(
            one.sigma_s for one in (self.state, self.action, *gripper, *self.cameras.values())
        )


def calibrate_latency(recording: LatencyRecording, robot: str, state_s: float = 0.0) -> Latency:
    """Find all latencies that a recording tells.

    Args:
        recording: Of a motion; see `calibration.latency_motion`.
        robot: Which one moved.
        state_s: Age of the states where no camera sees a clock.

    Raises:
        CalibrationRefused: The arm's latency, or that of every camera, cannot be found.
    """
    told, measured = recording.told, recording.measured
    middle = measured.T_base_tool[0]
    states = measured.motion("the arm's states", middle)
    arm = response_delay(told.motion("the arm's commands", middle), states, _LEAST_M)
    rejected: dict[str, str] = {}
    gripper = _attempt(
        "gripper",
        lambda: response_delay(
            told.gripper("the gripper's commands"),
            measured.gripper("the gripper's openings"),
            _LEAST_OPENING,
        ),
        rejected,
    )
    moving = Series(
        name=states.name,
        stamp_s=states.stamp_s,
        values=np.concatenate([states.values, measured.opening[:, None]], axis=-1),
    )
    pictures = {
        name: found
        for name, seen in recording.cameras.items()
        if (found := _attempt(name, lambda s=seen, n=name: picture_delay(s, moving, n), rejected))
    }
    clocks = {
        name: found
        for name, seen in recording.clocks.items()
        if (found := _attempt(name, lambda s=seen, n=name: clock_delay(s, n), rejected))
    }
    if recording.cameras and not pictures and not clocks:
        raise CalibrationRefused(
            Cause.NOT_ALIKE,
            "No camera can be used. " + " ".join(f"{n}: {why}" for n, why in rejected.items()),
        )
    anchor, state = _age_of_states(pictures, clocks, state_s)
    return Latency(
        robot=robot,
        anchor=anchor,
        state=state,
        action=_without(arm, state, "arm"),
        gripper=None if gripper is None else _without(gripper, state, "gripper"),
        cameras=_cameras(pictures, clocks, state),
        arm_after_told=arm,
        gripper_after_told=gripper,
        pictures_after_states=pictures,
        pictures_of_clock=clocks,
        rejected=rejected,
    )


def clock_delay(seen: ClockSeries, camera: str) -> Delay:
    """How late the stamps of pictures are after what a clock in them shows.

    Raises:
        CalibrationRefused: It was seen too rarely, or what it shows contradicts itself.
    """
    if len(seen.stamp_s) < _LEAST_LOOKS:
        raise CalibrationRefused(
            Cause.TOO_SHORT,
            f"{camera} saw the clock in {len(seen.stamp_s)} pictures, {_LEAST_LOOKS} are needed.",
        )
    # What is shown was right when it changed, and has grown old since: by half a period on average.
    late_s = seen.stamp_s - seen.shown_s - 0.5 * seen.period_s
    delay_s = float(np.median(late_s))
    spread_s = 1.4826 * float(np.median(np.abs(late_s - delay_s)))
    good = np.abs(late_s - delay_s) <= max(4.0 * spread_s, seen.period_s)
    delay_s = float(np.mean(late_s[good]))
    segments_s = tuple(float(np.mean(part)) for part in np.array_split(late_s[good], _SEGMENTS))
    sigma_s = float(np.std(late_s[good]) / np.sqrt(np.count_nonzero(good)))
    agree(segments_s, sigma_s, f"the clock as {camera} sees it")
    reach_s = max(float(np.abs(late_s[good] - delay_s).max()), _CLOCK_REACH_S)
    ends_s = (delay_s - reach_s, delay_s + reach_s)
    count, tried_s = np.histogram(late_s[good], bins=30, range=ends_s)
    return Delay(
        delay_s=delay_s,
        sigma_s=sigma_s,
        likeness=float(np.mean(good)),
        segments_s=segments_s,
        samples=len(late_s),
        tried_s=0.5 * (tried_s[1:] + tried_s[:-1]),
        curve=count / count.max(),
    )


def _attempt(name: str, find: Callable[[], Delay], rejected: dict[str, str]) -> Delay | None:
    """What is found, or None and why not."""
    try:
        return find()
    except CalibrationRefused as refused:
        rejected[name] = str(refused)
        return None


def _age_of_states(
    pictures: Mapping[str, Delay], clocks: Mapping[str, Delay], told_s: float
) -> tuple[Anchor, Found]:
    both = [(clocks[name], pictures[name]) for name in clocks if name in pictures]
    if not both:
        return Anchor.TOLD, Found(latency_s=told_s, sigma_s=0.0)
    ages_s = np.array([clock.delay_s - picture.delay_s for clock, picture in both])
    sigmas_s = np.array([np.hypot(clock.sigma_s, picture.sigma_s) for clock, picture in both])
    weight = np.maximum(sigmas_s, 1e-5) ** -2
    found = Found(
        latency_s=float(weight @ ages_s / weight.sum()), sigma_s=float(weight.sum() ** -0.5)
    )
    return Anchor.CLOCK, found


def _without(sum_of: Delay, state: Found, part: str) -> Found:
    """The latency of a part, of which only its sum with the age of the states was seen."""
    latency_s = sum_of.delay_s - state.latency_s
    sigma_s = float(np.hypot(sum_of.sigma_s, state.sigma_s))
    if latency_s < -max(_EARLY_S, 4.0 * sigma_s):
        raise CalibrationRefused(
            Cause.INCONSISTENT,
            f"States follow commands of the {part} after {1e3 * sum_of.delay_s:.0f} ms, but are "
            f"said to be {1e3 * state.latency_s:.0f} ms old: the age of the states is wrong.",
        )
    return Found(latency_s=max(latency_s, 0.0), sigma_s=sigma_s)


def _cameras(
    pictures: Mapping[str, Delay], clocks: Mapping[str, Delay], state: Found
) -> dict[str, Found]:
    found = {
        name: Found(
            latency_s=max(picture.delay_s + state.latency_s, 0.0),
            sigma_s=float(np.hypot(picture.sigma_s, state.sigma_s)),
        )
        for name, picture in pictures.items()
    }
    # A clock says it of its camera without going by the states.
    found |= {
        name: Found(latency_s=max(clock.delay_s, 0.0), sigma_s=clock.sigma_s)
        for name, clock in clocks.items()
    }
    return found
