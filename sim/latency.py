"""Robots that are late, as real ones are.

Pictures arrive long after what they show, states are older than they claim to be, and the arm does
what it is told a while after it was told. `Delays` are the truth that calibration looks for.
"""

from collections import deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from robot_skills.core.arm_states import state_at
from robot_skills.core.clock import Clock
from robot_skills.core.clock_map import ClockMap
from robot_skills.core.errors import PerceptionError, RobotSkillsError
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.se3 import Array, interpolate
from robot_skills.core.types import ActionChunk, ArmChunk, ArmState, Observation, RgbdFrame

_KEPT = 64
_KEPT_STATES = 1024
_UNSEEN_S = 0.3
_SAME_S = 1e-9
_STEP_TOLERANCE_S = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Lateness:
    """How cameras are late.

    Attributes:
        latency_s: Least time from capture to arrival.
        jitter_s: Mean of what is added to it, at random.
        clock_s: What the cameras' clock shows at the project clock's zero.
        known_s: Latency that calibration found, and that is taken off.
    """

    latency_s: float = 0.1
    jitter_s: float = 0.0
    clock_s: float = 1000.0
    known_s: float = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Delays:
    """How late everything of a robot truly is.

    Attributes:
        camera_s: Least time from what a picture shows to its arrival.
        state_s: Age of what is measured when it arrives; its stamp is that of its arrival.
        action_s: From when the arm is told a waypoint's time has come to when it goes there.
        gripper_s: The same of the gripper.
        jitter_s: Mean of what is added to each of them, at random (exponential).

    Raises:
        ValueError: One of them is negative.
    """

    camera_s: float = 0.0
    state_s: float = 0.0
    action_s: float = 0.0
    gripper_s: float = 0.0
    jitter_s: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0.0:
                raise ValueError(f"Delays are not negative, got {field.name} of {self}.")


def delayed(
    robot: Robot, delays: Delays, rng: np.random.Generator, known_camera_s: float = 0.0
) -> Robot:
    """A robot that is late in everything.

    Args:
        robot: A simulated robot.
        delays: How late.
        rng: Of the jitter.
        known_camera_s: Latency of the cameras that calibration found, and that is taken off.
    """
    lateness = Lateness(latency_s=delays.camera_s, jitter_s=delays.jitter_s, known_s=known_camera_s)
    return LateCameras(DelayedRobot(robot, delays, rng), lateness, rng)


class LateCameras(RobotWrapper):
    """A simulated robot whose cameras are late; everything else is as it was.

    `observe` gives the newest picture that has arrived. It takes a picture at every call, so it is
    to be called at every control step.

    Args:
        robot: The robot.
        lateness: How late.
        rng: Of the jitter.
    """

    def __init__(self, robot: Robot, lateness: Lateness, rng: np.random.Generator) -> None:
        super().__init__(robot)
        self._lateness, self._rng = lateness, rng
        self._on_the_way: dict[str, deque[RgbdFrame]] = {}
        self._newest: dict[str, RgbdFrame] = {}
        self._maps: dict[str, ClockMap] = {}
        self._count = 0

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        """Present state, and the newest pictures that have arrived.

        Raises:
            PerceptionError: Nothing has arrived yet from a camera.
        """
        seen = self._robot.observe(cameras)
        for name, frame in seen.cameras.items():
            self._send(name, frame)
        return replace(seen, cameras=self._arrived(seen.stamp_s, cameras))

    def _send(self, name: str, frame: RgbdFrame) -> None:
        lateness = self._lateness
        delay_s = lateness.latency_s + self._rng.exponential(lateness.jitter_s)
        queue = self._on_the_way.setdefault(name, deque(maxlen=_KEPT))
        if queue and frame.stamp_s <= queue[-1].stamp_s:
            queue.clear()  # The clock has begun anew.
            self._newest.clear()
            self._maps.clear()
        self._count += 1
        received_s = max(frame.stamp_s + delay_s, queue[-1].received_s or 0.0 if queue else 0.0)
        queue.append(
            replace(
                frame,
                number=self._count,
                device_s=frame.stamp_s + lateness.clock_s,
                received_s=received_s,
            )
        )

    def _arrived(self, now_s: float, cameras: Collection[str]) -> Mapping[str, RgbdFrame]:
        for name in cameras:
            queue = self._on_the_way[name]
            while queue and (queue[0].received_s or 0.0) <= now_s + 1e-9:
                frame = queue.popleft()
                clock = self._maps.setdefault(name, ClockMap(self._lateness.known_s))
                assert frame.received_s is not None
                stamp_s = clock.stamp_s(frame.device_s, frame.received_s)
                self._newest[name] = replace(frame, stamp_s=stamp_s)
        missing = [name for name in cameras if name not in self._newest]
        if missing:
            raise PerceptionError(f"Nothing has arrived yet from {', '.join(missing)}.")
        return {name: self._newest[name] for name in cameras}


class NoticingClock:
    """A robot's clock that tells of every control step of whoever sleeps on it.

    Args:
        clock: The robot's.
        period_s: Of its control steps.
        noticed: Called after each.
    """

    def __init__(self, clock: Clock, period_s: float, noticed: Callable[[], None]) -> None:
        self._clock, self._period_s, self._noticed = clock, period_s, noticed

    def now_s(self) -> float:
        return self._clock.now_s()

    def sleep_until(self, stamp_s: float) -> None:
        while (now_s := self._clock.now_s()) < stamp_s - _STEP_TOLERANCE_S:
            self._clock.sleep_until(min(now_s + self._period_s, stamp_s))
            self._noticed()


class DelayedRobot(RobotWrapper):
    """A simulated robot that moves late, and whose states are older than they claim.

    Whoever moves a real arm tells it at every moment where to be, and it is there a while later. So
    does this one: where to be follows from the waypoints by time, and what is told takes its time,
    the end of the chunk before included. Stopping is told like all else.

    Args:
        robot: The robot; to be waited for on this robot's clock.
        delays: How late arm, gripper and states are; the cameras stay as they are.
        rng: Of the jitter: of each command, and of each state.
    """

    def __init__(self, robot: Robot, delays: Delays, rng: np.random.Generator) -> None:
        super().__init__(robot)
        self._delays, self._rng = delays, rng
        self._clock = NoticingClock(robot.clock, robot.control_period_s, self._note)
        self._begin()

    def _begin(self) -> None:
        self._states: deque[Mapping[str, ArmState]] = deque(maxlen=_KEPT_STATES)
        self._shown_s = -np.inf
        self._poses: dict[str, _Told] = {}
        self._openings: dict[str, _Told] = {}

    @property
    def clock(self) -> Clock:
        return self._clock

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        """What was measured a while ago, as if it were of now."""
        seen = self._robot.observe(cameras)
        self._keep(seen.stamp_s, seen.arms)
        age_s = self._delays.state_s + self._jitter_s()
        # What was shown once is not taken back.
        self._shown_s = max(self._shown_s, seen.stamp_s - age_s)
        arms = {
            name: replace(
                state_at([states[name] for states in self._states], self._shown_s),
                stamp_s=state.stamp_s,
            )
            for name, state in seen.arms.items()
        }
        return replace(seen, arms=arms)

    def command(self, chunk: ActionChunk) -> ActionChunk:
        now_s = self._robot.clock.now_s()
        accepted = chunk.after(now_s)
        known = accepted is not None and set(accepted.arms) <= set(self.arms)
        if accepted is None or not known or not _is_finite(accepted):
            return self._robot.command(chunk)  # It says what is wrong.
        self._note()
        jitter_s = self._jitter_s()
        for name, arm in accepted.arms.items():
            poses = self._poses.get(name) or _Told(
                np.array([now_s]), self._states[-1][name].T_base_tool.matrix()[None]
            )
            openings = self._openings.get(name) or _Told(np.array([now_s]), arm.opening[:1])
            self._poses[name] = poses.then(
                now_s, self._delays.action_s + jitter_s, accepted.stamp_s, arm.T_base_tool
            )
            self._openings[name] = openings.then(
                now_s, self._delays.gripper_s + jitter_s, accepted.stamp_s, arm.opening
            )
        try:
            self._pass_on(now_s)
        except RobotSkillsError:
            # Who refuses has stopped: nothing of it is on its way any more.
            self._poses.clear()
            self._openings.clear()
            raise
        return accepted

    def stop(self) -> None:
        """Have the arm hold where it will be when it hears of it."""
        if not self._poses:
            self._robot.stop()
            return
        now_s = self._robot.clock.now_s()
        self._poses = {
            name: told.until(now_s + self._delays.action_s) for name, told in self._poses.items()
        }
        self._openings = {
            name: told.until(now_s + self._delays.gripper_s)
            for name, told in self._openings.items()
        }
        self._pass_on(now_s)

    def _pass_on(self, now_s: float) -> None:
        """Tell the robot what it hears from now on."""
        told = (*self._poses.values(), *self._openings.values())
        stamps = np.unique(np.concatenate([one.stamp_s for one in told]))
        stamps = stamps[stamps > now_s + _SAME_S]
        if len(stamps) == 0:
            self._robot.stop()
            return
        stamps = stamps[np.diff(stamps, prepend=-np.inf) > _SAME_S]
        arms = {
            name: ArmChunk(
                T_base_tool=self._poses[name].at(stamps), opening=self._openings[name].at(stamps)
            )
            for name in self._poses
        }
        self._robot.command(ActionChunk(stamp_s=stamps, arms=arms))

    def _note(self) -> None:
        seen = self._robot.observe()
        self._keep(seen.stamp_s, seen.arms)

    def _keep(self, now_s: float, arms: Mapping[str, ArmState]) -> None:
        if self._states:
            newest_s = max(state.stamp_s for state in self._states[-1].values())
            if now_s < newest_s - _SAME_S:
                self._begin()  # The clock has begun anew.
            elif now_s <= newest_s + _SAME_S:
                return
            elif now_s > newest_s + _UNSEEN_S:
                self._states.clear()  # Somebody else has moved it meanwhile.
        self._states.append(arms)

    def _jitter_s(self) -> float:
        return float(self._rng.exponential(self._delays.jitter_s))


@dataclass(frozen=True, slots=True, eq=False)
class _Told:
    """What one part of a robot is told, by when it hears it; straight, and held at the end.

    Attributes:
        stamp_s: Increasing times, (n,), n >= 1.
        values: Poses (n, 4, 4) or openings (n,).
    """

    stamp_s: Array
    values: Array

    def at(self, stamp_s: Array) -> Array:
        """Values at times (m,)."""
        if len(self.stamp_s) == 1:
            return np.repeat(self.values, len(stamp_s), axis=0)
        at = np.clip(stamp_s, self.stamp_s[0], self.stamp_s[-1])
        later = np.clip(np.searchsorted(self.stamp_s, at), 1, len(self.stamp_s) - 1)
        start_s, end_s = self.stamp_s[later - 1], self.stamp_s[later]
        fraction = (at - start_s) / (end_s - start_s)
        before, after = self.values[later - 1], self.values[later]
        if self.values.ndim == 1:
            return (1.0 - fraction) * before + fraction * after
        return interpolate(before, after, fraction)

    def until(self, end_s: float) -> "_Told":
        """The same up to a time, and held from there."""
        before = self.stamp_s < end_s - _SAME_S
        end = np.array([end_s])
        return _Told(
            np.concatenate([self.stamp_s[before], end]),
            np.concatenate([self.values[before], self.at(end)]),
        )

    def then(self, now_s: float, delay_s: float, stamp_s: Array, values: Array) -> "_Told":
        """The same until what is told now is heard, and that from there on.

        Args:
            now_s: When it is told; what was heard before is forgotten.
            delay_s: Until it is heard.
            stamp_s: Its times, later than now, (m,).
            values: Its values, m.
        """
        old = self.until(now_s + delay_s)
        first = max(int(np.searchsorted(old.stamp_s, now_s, side="right")) - 1, 0)
        return _Told(
            np.concatenate([old.stamp_s[first:], stamp_s + delay_s]),
            np.concatenate([old.values[first:], values]),
        )


def _is_finite(chunk: ActionChunk) -> bool:
    return all(
        bool(np.isfinite(arm.T_base_tool).all() and np.isfinite(arm.opening).all())
        for arm in chunk.arms.values()
    )
