"""Moves an arm so that its latencies show, and takes down what was told and what was seen."""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import cycle

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.latency_clock import clock_series, read_clock
from calibration.latency_motion import Excitation, excitation
from calibration.latency_pictures import small
from calibration.latency_series import LatencyRecording, PictureSeries, ToolSeries
from robot_skills.core.errors import PerceptionError
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import Array
from robot_skills.core.types import DEFAULT_ARM, ArmState, RgbdFrame, single_arm_chunk

_AHEAD_S = 0.6
"""How far waypoints go, so that a program that is held up for a moment does not stop the arm."""
_COMMAND_S = 0.1
_LOOK_S = 0.05
_AFTER_S = 1.0
_STEPS_PER_TURN = 9.0
"""Of the fastest part of the motion: how a robot goes between two of its waypoints is not known."""
_SLOW_HZ = 1.0
"""Slower than this need no part be."""
_UNEVEN = (1.0, 1.2, 1.4, 1.1)
"""Pauses between looks at the clock, so that they keep no step with its screen."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CollectConfig:
    """How to move and look.

    Attributes:
        cameras: Which look.
        speed_m_s: Of the tool.
        seconds: Of the motion.
        clock_s: Time for which the cameras look at a clock before; 0 where there is none.
        clock_period_s: Time between two changes of the clock.
        period_s: Between two looks at the states.
    """

    cameras: tuple[str, ...] = ()
    speed_m_s: float = 0.15
    seconds: float = 20.0
    clock_s: float = 0.0
    clock_period_s: float = 1.0 / 60.0
    period_s: float = 0.01


@dataclass(slots=True, eq=False)
class _Seen:
    """What has been taken down."""

    states: list[ArmState] = field(default_factory=list)
    stamps: dict[str, list[float]] = field(default_factory=dict)
    grey: dict[str, list[NDArray[np.uint8]]] = field(default_factory=dict)
    shown: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def state(self, state: ArmState) -> None:
        if not self.states or state.stamp_s > self.states[-1].stamp_s:
            self.states.append(state)

    def frame(self, name: str, frame: RgbdFrame, *, clock: bool) -> None:
        known = self.stamps.setdefault(name, [])
        if known and frame.stamp_s <= known[-1]:
            return
        known.append(frame.stamp_s)
        grey = np.asarray(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
        if clock:
            shown_s = read_clock(grey)
            if shown_s is not None:
                self.shown.setdefault(name, []).append((frame.stamp_s, shown_s))
        self.grey.setdefault(name, []).append(small(grey))


def collect_series(
    robot: Robot, config: CollectConfig, rng: np.random.Generator
) -> LatencyRecording:
    """Move an arm from where it rests, and back to there.

    Args:
        robot: Connected, behind its safety gate, with nothing taken off its latencies.
        config: How.
        rng: Of the motion.

    Raises:
        RobotFault: The arm does not take the waypoints.
        ActionRefused: The gate does not.
    """
    arm = robot.observe().arms[DEFAULT_ARM]
    fastest_hz = max(1.0 / (_STEPS_PER_TURN * robot.control_period_s), _SLOW_HZ)
    motion = excitation(config.speed_m_s, config.seconds, rng, fastest_hz)
    seen = _Seen()
    if config.clock_s > 0.0:
        _watch(robot, config, seen, robot.clock.now_s() + config.clock_s)
        seen.stamps.clear()
        seen.grey.clear()
    told = _move(robot, config, seen, motion, arm)
    return LatencyRecording(
        told=told,
        measured=ToolSeries(
            stamp_s=np.array([state.stamp_s for state in seen.states]),
            T_base_tool=np.stack([state.T_base_tool.matrix() for state in seen.states]),
            opening=np.array([state.opening for state in seen.states]),
        ),
        cameras={
            name: PictureSeries(stamp_s=np.array(seen.stamps[name]), grey=np.stack(grey))
            for name, grey in seen.grey.items()
        },
        clocks={
            name: clock_series(looks[:, 0], looks[:, 1], config.clock_period_s)
            for name, pairs in seen.shown.items()
            for looks in [np.array(pairs)]
        },
        step_s=robot.control_period_s,
    )


def _watch(robot: Robot, config: CollectConfig, seen: _Seen, until_s: float) -> None:
    """Look at the clock while the arm rests."""
    pauses = cycle(_UNEVEN)
    while (now_s := robot.clock.now_s()) < until_s:
        _look(robot, config.cameras, seen, clock=True)
        robot.clock.sleep_until(now_s + next(pauses) * _LOOK_S)


def _move(
    robot: Robot, config: CollectConfig, seen: _Seen, motion: Excitation, start: ArmState
) -> ToolSeries:
    begin_s = robot.clock.now_s()
    spacing_s = robot.control_period_s if robot.control_period_s >= _LOOK_S else _LOOK_S
    steps = np.arange(0.0, config.seconds + _AHEAD_S + _AFTER_S, spacing_s, dtype=np.float64)
    poses, openings = motion.waypoints(start.T_base_tool, start.opening, steps)
    stamps: Array = begin_s + steps
    next_command_s = next_look_s = begin_s
    try:
        while (now_s := robot.clock.now_s()) < begin_s + config.seconds + _AFTER_S:
            if now_s >= next_command_s - 1e-6 and now_s < begin_s + config.seconds:
                rows = (stamps > now_s + 1e-6) & (stamps <= now_s + _AHEAD_S)
                robot.command(single_arm_chunk(stamps[rows], poses[rows], openings[rows]))
                next_command_s += _COMMAND_S
            looks = now_s >= next_look_s - 1e-6
            _look(robot, config.cameras if looks else (), seen, clock=False)
            next_look_s += _LOOK_S if looks else 0.0
            robot.clock.sleep_until(now_s + config.period_s)
    finally:
        robot.stop()
    return ToolSeries(stamp_s=stamps, T_base_tool=poses, opening=openings)


def _look(robot: Robot, cameras: Collection[str], seen: _Seen, *, clock: bool) -> None:
    try:
        observation = robot.observe(cameras)
    except PerceptionError:
        if not cameras:
            raise
        observation = robot.observe()  # Its first picture is yet to come.
    seen.state(observation.arms[DEFAULT_ARM])
    for name, frame in observation.cameras.items():
        seen.frame(name, frame, clock=clock)
