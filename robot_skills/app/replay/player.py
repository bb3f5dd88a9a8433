"""Lets a robot do what was recorded: slowly to the beginning, then along the recorded actions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from hardware.gated_robot import GatedRobot
from robot_skills.app.gating import gate_here
from robot_skills.app.replay.tracking import (
    ArmTracking,
    ToolTrack,
    TrackingReport,
    follow_errors,
)
from robot_skills.core.errors import ActionRefused, DatasetError, RefusedError, unknown_name
from robot_skills.core.events import EventList
from robot_skills.core.robot import Robot
from robot_skills.core.se3 import Array, interpolate, rotation_angle
from robot_skills.core.types import ActionChunk, ArmChunk, Observation
from robot_skills.data.series import ActionSeries, EpisodeData

_SENT_STEPS, _KEPT_STEPS = 8, 2
"""Waypoints of each chunk, and after how many of them the next one is sent."""
_CLEAR_M = 0.03
"""From farther away the tool goes up, across and down, and not straight."""
_CHANGED_S = 1e-6

Told = Callable[[float, float], object]
"""Called with the time that has been replayed and the time that it will take [s]."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplayConfig:
    """How to replay.

    Attributes:
        told: Follow what was sent, or what had been requested.
        speed: As a multiple of the recorded speed.
        approach_m_s: Speed on the way to the first pose.
        approach_rad_s: Turn rate on the way to the first pose.
        settle_s: Rest before the replay begins, and after it.
    """

    told: Literal["sent", "requested"] = "sent"
    speed: float = 1.0
    approach_m_s: float = 0.10
    approach_rad_s: float = 0.5
    settle_s: float = 0.5

    def __post_init__(self) -> None:
        if not 0.05 <= self.speed <= 4.0:
            raise RefusedError(f"A replay has a speed in [0.05, 4], got {self.speed:g}.")
        if min(self.approach_m_s, self.approach_rad_s) <= 0.0 or self.settle_s < 0.0:
            raise RefusedError("The way to the first pose needs a speed above zero.")


def replay(
    episode: EpisodeData,
    robot: Robot,
    config: ReplayConfig | None = None,
    *,
    kind: str = "",
    told: Told | None = None,
) -> TrackingReport:
    """Replay an episode on a connected robot; every chunk passes the safety gate.

    The robot stops, and the report says why, as soon as the gate refuses something.

    Args:
        episode: What was recorded.
        robot: Connected; gates of its own are put in front of it.
        config: How.
        kind: Kind of robot, for the report.
        told: See `Told`.

    Raises:
        DatasetError: The episode holds no actions.
        UnknownNameError: The robot has no such arm.
        RobotFault: The robot refuses to go on.
    """
    config = config or ReplayConfig()
    paths = _paths(episode, robot, config)
    player = _Player(gate_here(robot, EventList()), paths, config, told)
    stopped: ActionRefused | None = None
    try:
        player.approach()
        player.play()
    except ActionRefused as refusal:
        stopped = refusal
    finally:
        robot.stop()
    return TrackingReport(
        episode=episode.origin,
        robot=kind or episode.meta.get("robot", ""),
        speed=config.speed,
        planned_s=player.length_s,
        done_s=player.done_s,
        stopped=None if stopped is None else str(stopped),
        stopped_code=None if stopped is None else stopped.code,
        slowed=player.slowed,
        arms=_tracking(player, episode, config.speed),
    )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class _Path:
    """What one arm is to do: its track of commands, and where it begins."""

    commanded: ToolTrack
    T_first: Array
    opening_first: float


@dataclass(slots=True, eq=False)
class _Seen:
    """What was measured of one arm."""

    time_s: list[float] = field(default_factory=list)
    T_base_tool: list[Array] = field(default_factory=list)
    opening: list[float] = field(default_factory=list)


class _Player:
    """One replay on one robot."""

    def __init__(
        self,
        robot: GatedRobot,
        paths: Mapping[str, _Path],
        config: ReplayConfig,
        told: Told | None,
    ) -> None:
        self._robot, self.paths, self._config, self._told = robot, paths, config, told
        self._period_s = robot.control_period_s
        self.length_s = max(float(path.commanded.time_s[-1]) for path in paths.values())
        self.done_s = 0.0
        self.slowed = 0
        self.seen = {name: _Seen() for name in paths}

    def approach(self) -> None:
        """Go to the first pose of every arm, slowly."""
        arms = self._robot.observe().arms
        ways = {
            name: _way(
                arms[name].T_base_tool.matrix(),
                path.T_first,
                self._period_s * self._config.approach_m_s,
                self._period_s * self._config.approach_rad_s,
            )
            for name, path in self.paths.items()
        }
        count = max(map(len, ways.values()))
        rest = round(self._config.settle_s / self._period_s)
        tracks = {}
        for name, way in ways.items():
            poses = np.concatenate([way, np.repeat(way[-1:], count - len(way) + rest, axis=0)])
            opening = np.linspace(arms[name].opening, self.paths[name].opening_first, len(poses))
            time_s = self._period_s * np.arange(1.0, len(poses) + 1.0)
            tracks[name] = ToolTrack(
                time_s=np.asarray(time_s, dtype=np.float64),
                T_base_tool=poses,
                opening=np.asarray(opening, dtype=np.float64),
            )
        self._follow(tracks, self._period_s * (count + rest), note=False)

    def play(self) -> None:
        """Follow the recorded actions, and measure."""
        tracks = {name: path.commanded for name, path in self.paths.items()}
        self._follow(tracks, self.length_s + self._config.settle_s, note=True)

    def _follow(self, tracks: Mapping[str, ToolTrack], length_s: float, *, note: bool) -> None:
        """Send chunk after chunk of the tracks, one waypoint per control period."""
        clock, period_s = self._robot.clock, self._period_s
        begin_s = clock.now_s()
        count = int(np.ceil(length_s / period_s - 1e-9))
        for step in range(count + 1):
            clock.sleep_until(begin_s + step * period_s)
            observation = self._robot.observe()
            if note:
                self._note(observation, observation.stamp_s - begin_s)
            if step % _KEPT_STEPS == 0 and step < count:
                last = min(step + _SENT_STEPS, count)
                time_s = period_s * np.arange(step + 1, last + 1, dtype=np.float64)
                self._send(_chunk(tracks, np.asarray(time_s, dtype=np.float64), begin_s))

    def _send(self, chunk: ActionChunk) -> None:
        accepted = self._robot.command(chunk)
        same = len(accepted) == len(chunk) and np.allclose(
            accepted.stamp_s, chunk.stamp_s, atol=_CHANGED_S
        )
        self.slowed += not same

    def _note(self, observation: Observation, since_s: float) -> None:
        for name, seen in self.seen.items():
            arm = observation.arms[name]
            # Each state counts at the time at which it was captured.
            seen.time_s.append(since_s + arm.stamp_s - observation.stamp_s)
            seen.T_base_tool.append(arm.T_base_tool.matrix())
            seen.opening.append(arm.opening)
        self.done_s = min(since_s, self.length_s)
        if self._told is not None:
            self._told(self.done_s, self.length_s)


def _paths(episode: EpisodeData, robot: Robot, config: ReplayConfig) -> dict[str, _Path]:
    told = episode.sent if config.told == "sent" else episode.requested
    told = {name: series for name, series in told.items() if len(series.stamp_s)}
    if not told:
        raise DatasetError(
            f"{episode.origin or 'The episode'} holds no {config.told} actions to replay."
        )
    for name in told:
        if name not in robot.arms:
            raise unknown_name("arm", name, robot.arms)
    return {name: _path(episode, name, series, config.speed) for name, series in told.items()}


def _path(episode: EpisodeData, arm: str, told: ActionSeries, speed: float) -> _Path:
    """The commands of one arm, from where it was when the episode began."""
    time_s = (told.stamp_s - episode.start_s) / speed
    first = time_s > 0.0
    measured = episode.arms.get(arm)
    T_first, opening = told.T_base_tool[0], float(told.opening[0])
    if measured is not None and len(measured.stamp_s):
        T_first, opening = measured.T_base_tool[0], float(measured.opening[0])
    # Until its first command an arm stays: it is not to creep towards it.
    hold_s = max(float(time_s[first][0]) - episode.period_s / speed, 0.0) if first.any() else 0.0
    begin = [0.0, hold_s] if hold_s > 1e-6 else [0.0]
    track = ToolTrack(
        time_s=np.concatenate([begin, time_s[first]]),
        T_base_tool=np.concatenate(
            [np.repeat(T_first[None], len(begin), axis=0), told.T_base_tool[first]]
        ),
        opening=np.concatenate([[opening] * len(begin), told.opening[first]]),
    )
    return _Path(commanded=track, T_first=T_first, opening_first=opening)


def _way(T_from: Array, T_to: Array, step_m: float, step_rad: float) -> Array:
    """Waypoints (n, 4, 4) to a pose, none farther apart than a step.

    From far away up to the higher of both poses, across, and down, so that the tool does not sweep
    over what stands there.
    """
    corners = [T_from]
    across_m = float(np.linalg.norm(T_to[:2, 3] - T_from[:2, 3]))
    if across_m > _CLEAR_M:
        height_m = max(T_from[2, 3], T_to[2, 3])
        for T in (T_from, T_to):
            corner = T.copy()
            corner[2, 3] = height_m
            corners.append(corner)
    corners.append(T_to)
    parts = []
    for T_a, T_b in pairwise(corners):
        length_m = float(np.linalg.norm(T_b[:3, 3] - T_a[:3, 3]))
        turn_rad = float(rotation_angle(T_a[:3, :3].T @ T_b[:3, :3]))
        count = int(np.ceil(max(length_m / step_m, turn_rad / step_rad)))
        if count:
            share = np.arange(1, count + 1) / count
            parts.append(
                interpolate(np.repeat(T_a[None], count, 0), np.repeat(T_b[None], count, 0), share)
            )
    return np.concatenate(parts) if parts else T_to[None]


def _chunk(tracks: Mapping[str, ToolTrack], time_s: Array, begin_s: float) -> ActionChunk:
    arms = {}
    for name, track in tracks.items():
        at = track.at(time_s)
        arms[name] = ArmChunk(T_base_tool=at.T_base_tool, opening=at.opening)
    return ActionChunk(stamp_s=begin_s + time_s, arms=arms)


def _tracking(player: _Player, episode: EpisodeData, speed: float) -> dict[str, ArmTracking]:
    found = {}
    for name, seen in player.seen.items():
        if not seen.time_s:
            continue
        measured = ToolTrack(
            time_s=np.array(seen.time_s),
            T_base_tool=np.stack(seen.T_base_tool),
            opening=np.array(seen.opening),
        )
        commanded = player.paths[name].commanded
        recorded = _recorded(episode, name, speed)
        found[name] = ArmTracking(
            measured=measured,
            commanded=commanded,
            recorded=recorded,
            to_commanded=follow_errors(measured, commanded),
            to_recorded=None if recorded is None else follow_errors(measured, recorded),
        )
    return found


def _recorded(episode: EpisodeData, arm: str, speed: float) -> ToolTrack | None:
    """What was measured while the episode was recorded, at the speed of the replay."""
    series = episode.arms.get(arm)
    if series is None or not len(series.stamp_s):
        return None
    return ToolTrack(
        time_s=(series.stamp_s - episode.start_s) / speed,
        T_base_tool=series.T_base_tool,
        opening=series.opening,
    )
