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
from scipy.special import ndtr

from calibration.errors import CalibrationRefused, Cause
from calibration.latency_pictures import picture_delay
from calibration.latency_response import Delay, agree, response_delay
from calibration.latency_series import ClockSeries, LatencyRecording, Series
from robot_skills.core.se3 import Array

_LEAST_M = 0.004
_LEAST_OPENING = 0.1
_LEAST_LOOKS = 20
_SEGMENTS = 5
_EARLY_S = 0.01
_CLOCK_REACH_S = 0.001
"""Least half width of the histogram of what a clock says."""
_CLOCK_STEP_S = 5e-5
_LEAST_JITTER_S, _MOST_JITTER_S = 3e-4, 0.01
"""Of the stamps of pictures; what is shown is rounded to a millisecond."""
_ODD = 0.01
"""Share of what is read from a clock that says nothing."""


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
    commands, step_s = told.motion("the arm's commands", middle), recording.step_s
    response = response_delay(commands, states, _LEAST_M, step_s)
    arm = response.delay
    rejected: dict[str, str] = {}
    gripper = _attempt(
        "gripper",
        lambda: (
            response_delay(
                told.gripper("the gripper's commands"),
                measured.gripper("the gripper's openings"),
                _LEAST_OPENING,
                step_s,
                response.jitter,
            ).delay
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
        action=_without(arm, state, "arm", step_s),
        gripper=None if gripper is None else _without(gripper, state, "gripper", step_s),
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
    late_s = seen.stamp_s - seen.shown_s
    delay_s, sigma_s = _clock_offset(late_s, seen.period_s)
    # What is shown was right when it changed, and has grown old since: by half a period on average.
    late_s = late_s - 0.5 * seen.period_s
    off_s = np.abs(late_s - delay_s)
    good = off_s <= max(4.0 * 1.4826 * float(np.median(off_s)), seen.period_s)
    segments_s = tuple(float(np.mean(part)) for part in np.array_split(late_s[good], _SEGMENTS))
    agree(segments_s, sigma_s, f"the clock as {camera} sees it")
    reach_s = max(float(off_s[good].max()), _CLOCK_REACH_S)
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


def _clock_offset(late_s: Array, period_s: float) -> tuple[float, float]:
    """Mean and standard deviation of a camera's latency, given what was read from a clock.

    A picture falls anywhere between two changes of what is shown, so that latenesses lie evenly
    between the latency and a period more: where they begin and end says more than their mean. By
    how much stamps jitter is not known, either, and a few may be off by anything.

    Args:
        late_s: Stamps less what was shown, (n,).
        period_s: Between two changes.
    """
    middle_s = float(np.median(late_s)) - 0.5 * period_s
    spread_s = float(np.median(np.abs(late_s - np.median(late_s))))
    reach_s = period_s + 4.0 * min(spread_s, _MOST_JITTER_S) + _EARLY_S
    tried_s = np.arange(middle_s - reach_s, middle_s + reach_s, _CLOCK_STEP_S, dtype=np.float64)
    after_s = late_s - tried_s[:, None]
    # Of what is even between two ends and then jitters; of a clock without steps, of jitter alone.
    wide_s = max(period_s, _LEAST_JITTER_S)
    log_likely = np.stack(
        [
            np.log(
                (ndtr(after_s / jitter_s) - ndtr((after_s - wide_s) / jitter_s)) / wide_s
                + _ODD / (2.0 * reach_s)
            ).sum(axis=-1)
            for jitter_s in np.geomspace(_LEAST_JITTER_S, _MOST_JITTER_S, 16)
        ]
    )
    likely = np.exp(log_likely - log_likely.max()).sum(axis=0)
    likely /= likely.sum()
    mean_s = float(likely @ tried_s)
    return mean_s, float(np.sqrt(likely @ (tried_s - mean_s) ** 2))


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


def _without(sum_of: Delay, state: Found, part: str, step_s: float) -> Found:
    """The latency of a part, of which only its sum with the age of the states was seen.

    What is told at a control step may be meant for its end: then it is heard early, by a step.
    """
    latency_s = sum_of.delay_s - state.latency_s
    sigma_s = float(np.hypot(sum_of.sigma_s, state.sigma_s))
    if latency_s < -max(_EARLY_S, 4.0 * sigma_s, step_s):
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
