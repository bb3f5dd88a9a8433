"""LeRobot's arms (SO-100, SO-101, Koch and whatever else it drives) as robots of this project.

A loop of its own reads the arm and tells it, once per period, the next setpoint of the accepted
waypoints. Nothing reaches the servos that the safety gate has not judged and that is not within the
limits of position, velocity, acceleration and jerk. When waypoints end, the arm's state grows old
or it is not where it was told to be, it brakes and holds. The servos are told positions only, so an
arm whose program dies stays where it is.
"""

import logging
import threading
from collections.abc import Collection, Mapping
from typing import Any, Protocol

import numpy as np

from hardware.gate.motion import MotionGate, Told
from hardware.gate.path import Judgement
from hardware.gate.states import Cause, GateState, Trouble
from hardware.lerobot_config import LeRobotRobotConfig
from hardware.lerobot_loop import Loop, ThreadLoop
from hardware.lerobot_units import action_of, check_keys, joints_of
from hardware.lerobot_views import frame_of
from hardware.ros2.state_history import StateHistory
from hardware.safety_gate import SafetyGate
from hardware.teleop.leader import GONE
from robot_skills.core.clock import Clock, MonotonicClock
from robot_skills.core.errors import ActionRefused, RefusedError, RobotFault, unknown_name
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import ActionChunk, ArmState, Observation

_log = logging.getLogger(__name__)

_FIRST_STATE_S = 3.0
_OWNER = "robot-skills"
_SMOOTHING_S = 0.05
"""Over which the speed of a joint is told from its positions."""


class LeRobotFollower(Protocol):
    """What is used of a `lerobot.robots.Robot`."""

    @property
    def observation_features(self) -> Mapping[str, Any]: ...

    @property
    def action_features(self) -> Mapping[str, Any]: ...

    @property
    def is_calibrated(self) -> bool: ...

    def connect(self, calibrate: bool = True) -> None: ...

    def get_observation(self) -> Mapping[str, Any]: ...

    def send_action(self, action: Any) -> Mapping[str, Any]: ...

    def disconnect(self) -> None: ...


class LeRobotRobot:
    """`robot_skills.core.robot.Robot` on one of LeRobot's arms, behind a safety gate.

    Args:
        follower: The arm, as LeRobot makes it.
        config: What its numbers mean, and its limits.
        clock: The project clock.
        loop: Calls the control loop; a thread unless a test steps it.
    """

    def __init__(
        self,
        follower: LeRobotFollower,
        config: LeRobotRobotConfig,
        clock: Clock | None = None,
        loop: Loop | None = None,
    ) -> None:
        self._follower, self._config = follower, config
        self._what = type(follower).__name__
        self._clock: Clock = MonotonicClock() if clock is None else clock
        self._loop: Loop = ThreadLoop() if loop is None else loop
        self._lock = threading.Lock()
        self._connected = False
        self._problem = ""
        self._judge: SafetyGate | None = None
        self._history = StateHistory()

    # What it is

    @property
    def clock(self) -> Clock:
        return self._clock

    @property
    def control_period_s(self) -> float:
        return self._config.control_period_s

    @property
    def arms(self) -> Mapping[str, ArmLimits]:
        return {self._config.arm: self._config.limits}

    @property
    def cameras(self) -> tuple[str, ...]:
        return tuple(self._config.views)

    @property
    def trouble(self) -> Trouble | None:
        """Why nothing moves; None while something may."""
        return self._gate.trouble if self._connected else None

    @property
    def state(self) -> GateState:
        """What the gate is doing."""
        return self._gate.state if self._connected else GateState.IDLE

    def kinematics(self, arm: str) -> Kinematics:
        """A solver of its own for every caller. Raises `UnknownNameError`."""
        self._check_arm(arm)
        return self._config.make_kinematics()

    def home(self, arm: str) -> SE3:
        """`T_base_tool` of the rest pose. Raises `UnknownNameError`."""
        return self.kinematics(arm).forward(np.array(self._config.home_q_rad, dtype=np.float64))

    # Life

    def connect(self) -> None:
        """Open the arm, check it, and begin to listen. Nothing moves.

        Raises:
            RefusedError: It is not calibrated, or is not the arm that the mapping is for.
            RobotFault: It does not answer, or is outside of its limits.
        """
        if self._connected:
            return
        follower, config = self._follower, self._config
        for features in (follower.observation_features, follower.action_features):
            check_keys(config.mapping, features, self._what)
        for name in config.views:
            config.views[name].check(name, follower.observation_features)
        try:
            # LeRobot would ask for a calibration on the terminal.
            follower.connect(calibrate=False)
        except GONE as reason:
            raise RobotFault(
                f"The {self._what} does not answer: {reason}. Check its power, cable and port."
            ) from reason
        try:
            self._begin()
        except BaseException:
            follower.disconnect()
            raise
        self._connected = True
        self._loop.start(self._tick, config.motion.period_s)

    def _begin(self) -> None:
        config = self._config
        if not self._follower.is_calibrated:
            raise RefusedError(f"The {self._what} is not calibrated; run lerobot-calibrate first.")
        self._problem = ""
        self._seen: Mapping[str, Any] = {}
        self._state: ArmState | None = None
        self._reader = config.make_kinematics()
        make = config.make_collisions
        self._judge = SafetyGate(
            config.limits,
            config.make_kinematics(),
            config.gate,
            config.arm,
            collisions=None if make is None else make(),
        )
        self._gate = MotionGate(
            config.limits,
            config.make_kinematics(),
            config.motion,
            self._changed,
            config.gate.disabled,
        )
        self._epoch = self._gate.grant(_OWNER)
        until_s = self._clock.now_s() + _FIRST_STATE_S
        while not self._read():
            if self._clock.now_s() > until_s:
                raise RobotFault(f"The {self._what} does not say where it is: {self._problem}.")
            self._clock.sleep_until(self._clock.now_s() + config.motion.period_s)
        self._check_inside()

    def _check_inside(self) -> None:
        assert self._state is not None
        limits, q_rad = self._config.limits.joint, self._state.q_rad
        outside = np.flatnonzero((q_rad < limits.lower_rad) | (q_rad > limits.upper_rad))
        if len(outside):
            joints = self._config.mapping.joints
            where = ", ".join(f"{joints[i].key} at {q_rad[i]:.2f} rad" for i in outside)
            raise RobotFault(
                f"The {self._what} is outside of its limits: {where}. Move it back by hand; if it "
                "is not there, its calibration or its mapping is wrong."
            )

    def close(self) -> None:
        """Stop and release the arm. Safe to call twice."""
        if not self._connected:
            return
        self._connected = False
        self._loop.stop()
        try:
            self._follower.disconnect()
        except GONE as reason:
            _log.warning("the %s could not be released: %s", self._what, reason)

    # Sensing

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        self._check_connected()
        for name in cameras:
            if name not in self._config.views:
                raise unknown_name("camera", name, self._config.views)
        now_s = self._clock.now_s()
        with self._lock:
            state, seen, problem = self._state, self._seen, self._problem
        assert state is not None
        age_s = now_s - state.stamp_s
        if age_s > self._config.stale_s:
            raise RobotFault(
                f"The {self._what} has not answered for {age_s:.1f} s: {problem or 'no answer'}. "
                "Check its power and cable, then close it and connect again."
            )
        frames = {name: frame_of(self._config.views[name], name, seen, state) for name in cameras}
        return Observation(stamp_s=now_s, arms={self._config.arm: state}, cameras=frames)

    def T_base_tool_at(self, stamp_s: float) -> SE3:
        """Where the tool was. Raises `PerceptionError` before the first state."""
        return self._history.T_base_tool_at(stamp_s)

    # Acting

    def command(self, chunk: ActionChunk) -> ActionChunk:
        """Have the loop follow a chunk.

        Returns:
            What is followed.

        Raises:
            ActionRefused: The safety gate refused it; a moving arm brakes and holds.
            UnknownNameError: It is for another arm.
            RobotFault: Not connected, or the arm does not answer.
        """
        self._check_connected()
        for name in chunk.arms:
            self._check_arm(name)
        judge = self._judge
        assert judge is not None
        with self._lock:
            expected = self._gate.expected()
        now_s = self._clock.now_s()
        seen = Observation(stamp_s=now_s, arms={self._config.arm: expected})
        verdict = judge.check(chunk, seen, now_s)
        with self._lock:
            last = self._gate.submit(
                Judgement.of(verdict, self._config.arm), self._epoch, self._clock.now_s()
            )
        if not last.ok or verdict.accepted is None:
            raise ActionRefused(last.code.value, last.message)
        return verdict.accepted

    def stop(self) -> None:
        """Brake and hold. Safe to call at any time."""
        if self._connected:
            with self._lock:
                self._gate.stop("asked by its user", self._clock.now_s())

    def acknowledge(self) -> None:
        """A person has looked: leave a fault.

        Raises:
            RobotFault: What stopped the arm still goes on; says what.
        """
        self._check_connected()
        with self._lock:
            self._gate.acknowledge(self._clock.now_s())
            self._epoch = self._gate.grant(_OWNER)

    # The loop

    def _tick(self) -> None:
        """One control period. Whatever goes wrong, the loop goes on, for it does the holding."""
        try:
            self._read()
            with self._lock:
                told = self._gate.tick(self._clock.now_s())
            if told is not None:
                self._tell(told)
        except Exception as reason:  # noqa: BLE001 (The top of the loop: it stops the arm.)
            _log.exception("the control loop of the %s failed", self._what)
            with self._lock:
                self._problem = f"{type(reason).__name__}: {reason}"
                self._gate.fault(Cause.INTERNAL, self._problem, self._clock.now_s())

    def _read(self) -> bool:
        """Take the arm's newest state; whether there was one."""
        try:
            seen = self._follower.get_observation()
            q_rad, opening = joints_of(self._config.mapping, seen, self._what)
        except GONE as reason:
            with self._lock:
                self._problem = str(reason) or type(reason).__name__
            return False
        # Reading takes a while, and the joints are read first of all.
        now_s = self._clock.now_s()
        state = ArmState(
            stamp_s=now_s,
            q_rad=q_rad,
            dq_rad_s=self._speed(q_rad, now_s),
            tau_nm=np.zeros(len(q_rad)),
            T_base_tool=self._reader.forward(q_rad),
            opening=opening,
        )
        with self._lock:
            believed = self._gate.sense(state)
            if believed:
                self._state, self._seen, self._problem = state, seen, ""
                self._history.add(state)
            else:
                self._problem = "it reports joints that cannot be true"
        return believed

    def _speed(self, q_rad: Array, now_s: float) -> Array:
        before = self._state
        if before is None or now_s <= before.stamp_s:
            return np.zeros(len(q_rad)) if before is None else before.dq_rad_s
        passed_s = now_s - before.stamp_s
        share = passed_s / (passed_s + _SMOOTHING_S)
        return before.dq_rad_s + share * ((q_rad - before.q_rad) / passed_s - before.dq_rad_s)

    def _tell(self, told: Told) -> None:
        action = action_of(self._config.mapping, told.setpoint.q_rad, told.opening)
        try:
            self._follower.send_action(action)
        except GONE as reason:
            with self._lock:
                why = f"it takes no commands: {reason}"
                self._gate.fault(Cause.CONTROLLER, why, self._clock.now_s())

    def _changed(self, before: GateState, state: GateState, trouble: Trouble | None) -> None:
        if trouble is not None and trouble.cause is not Cause.CHUNK_ENDED:
            _log.warning("the %s: %s, %s", self._what, state.value, trouble.why)
        else:
            _log.debug("the %s: %s after %s", self._what, state.value, before.value)

    # Checks

    def _check_arm(self, arm: str) -> None:
        if arm != self._config.arm:
            raise unknown_name("arm", arm, (self._config.arm,))

    def _check_connected(self) -> None:
        if not self._connected:
            raise RobotFault("The robot is not connected: call connect() first.")
