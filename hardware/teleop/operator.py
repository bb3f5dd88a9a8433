"""A person's hand on one arm: the rules that are the same for every device.

Nothing moves unless the dead-man switch is held in a fresh sample. Whatever makes the hand
unbelievable (a device that is gone, a leader that jumps, a leader that is elsewhere than the arm)
counts as letting go, and the switch has to be released and held again. The chunks that come out
are a few control periods long and have to be replaced every period, so a robot whose operator's
loop has died comes to rest by itself.
"""

import logging
import threading

import numpy as np

from hardware.teleop.config import OperatorConfig
from hardware.teleop.follow import LetGo, MotionFollower
from hardware.teleop.opening import CommandedOpening
from hardware.teleop.path import CommandedPath
from robot_skills.core.clock import Clock
from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.teleop import DeviceLost, TeleopDevice, TeleopSample, Wish
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, Observation, single_arm_chunk

_log = logging.getLogger(__name__)


class HandOperator:
    """`robot_skills.core.teleop.Teleoperator` over any device.

    All methods are called from the thread of the control loop; none of them waits.

    Args:
        device: What the hand holds.
        limits: Of the arm.
        kinematics: Of the arm, for this operator alone.
        clock: The project clock, on which the device's samples are stamped.
        control_period_s: Spacing at which the robot wants waypoints.
        config: Limits of teleoperation.
        arm: Name of the arm in observations and chunks.
    """

    def __init__(
        self,
        device: TeleopDevice,
        limits: ArmLimits,
        kinematics: Kinematics,
        clock: Clock,
        control_period_s: float,
        config: OperatorConfig | None = None,
        arm: str = DEFAULT_ARM,
    ) -> None:
        self._config = config or OperatorConfig()
        self._device = device
        self._clock = clock
        self._arm = arm
        self._period_s = control_period_s
        self._path = CommandedPath(limits, kinematics, control_period_s, self._config)
        top = (self._path.speed_m_s, self._path.turn_rate_rad_s)
        self._follower = MotionFollower(kinematics, top, control_period_s, self._config)
        self._opening = CommandedOpening(self._config.opening_rate_s)
        self._wishes: list[Wish] = []
        self._refused: str | None = None
        self._must_release = False
        self._acted_s: float | None = None
        self._seen_s = -np.inf
        self._connected = False
        self._lost = False
        self._retry_at_s = 0.0
        self._reconnection: _Reconnection | None = None

    @property
    def device(self) -> TeleopDevice:
        return self._device

    @property
    def refused(self) -> str | None:
        """Why the operator does not engage although the switch may be held; None if it would."""
        return self._refused

    @property
    def lost(self) -> bool:
        """Whether the device is gone. It is looked for again every `retry_s`."""
        return self._lost

    @property
    def nudging(self) -> bool:
        """Whether a nudge is being carried out."""
        return self._follower.nudging

    def connect(self) -> None:
        """Open the device.

        Raises:
            MissingDependencyError: Its library, or the device, is not there.
        """
        self._abandon_reconnection()
        self._device.connect()
        self._connected = True
        self._lost = self._must_release = False
        self._refused = None

    def engaged(self) -> bool:
        return self._held_sample() is not None

    def wishes(self) -> tuple[Wish, ...]:
        """What was asked since the last call, in order; each is given once."""
        self._held_sample()
        wishes, self._wishes = tuple(self._wishes), []
        return wishes

    @property
    def must_release(self) -> bool:
        """Whether the switch has to be released before anything moves again."""
        return self._must_release

    def require_release(self) -> None:
        """Let go, until the switch has been seen released."""
        self._must_release = True
        self._let_go()

    def adopt(self, opening: float, measured: float) -> None:
        """Take over a gripper that somebody else has commanded, without loosening its grip.

        Args:
            opening: What was commanded last, in [0, 1].
            measured: Where the gripper is, in [0, 1].
        """
        self._opening.adopt(opening, measured)

    def action(self, observation: Observation) -> ActionChunk | None:
        sample = self._held_sample()
        if sample is None:
            return None
        now_s = self._clock.now_s()
        state = observation.arms[self._arm]
        if self._acted_s is None:
            self._path.start(state, now_s)
            self._opening.start(state.opening)
            self._acted_s = now_s - self._period_s
        elapsed_s, self._acted_s = now_s - self._acted_s, now_s
        try:
            V = self._follower.twist(sample.motion, self._path.pose(now_s), state, elapsed_s)
        except LetGo as reason:
            self._refuse(str(reason))
            return None
        way = self._path.advance(V, state, now_s, elapsed_s)
        stride_s = min(elapsed_s, 2.0 * self._period_s)
        opening = self._opening.advance(sample.opening, state.opening, stride_s)
        openings = np.full(len(way.stamp_s), opening)
        return single_arm_chunk(way.stamp_s, way.T_base_tool, openings, name=self._arm)

    def close(self) -> None:
        """Let go and release the device. Safe to call twice."""
        self._let_go()
        self._connected = False
        self._abandon_reconnection()
        self._device.close()

    def _held_sample(self) -> TeleopSample | None:
        """The newest sample, if it is fresh and held and nothing speaks against it."""
        if not self._connected:
            return None
        now_s = self._clock.now_s()
        if now_s < self._seen_s:
            # A simulated clock starts over with every episode.
            self._let_go()
            self._retry_at_s = now_s
        self._seen_s = now_s
        sample = self._read(now_s)
        if sample is None or abs(now_s - sample.stamp_s) > self._config.stale_s:
            self._let_go()
            return None
        if not sample.held:
            self._let_go()
            self._opening.idle(sample.opening)
            self._must_release, self._refused = False, None
            return None
        return None if self._must_release else sample

    def _read(self, now_s: float) -> TeleopSample | None:
        if self._lost and not self._found_again(now_s):
            return None
        try:
            sample = self._device.read()
        except DeviceLost as reason:
            self._lost = True
            self._retry_at_s = now_s + self._config.retry_s
            self._refuse(str(reason))
            return None
        if sample is not None:
            self._wishes.extend(sample.wishes)
        return sample

    def _found_again(self, now_s: float) -> bool:
        """Try to bring a lost device back, in a thread of its own, since opening may take long."""
        attempt = self._reconnection
        if attempt is None:
            if now_s >= self._retry_at_s:
                self._reconnection = _Reconnection(self._device)
            return False
        if attempt.running():
            return False
        self._reconnection = None
        self._retry_at_s = now_s + self._config.retry_s
        self._lost = not attempt.succeeded
        if attempt.succeeded:
            _log.info("%s is back", self._device.name)
            self._refused = f"{self._device.name} is back; release and hold again to go on."
        return attempt.succeeded

    def _refuse(self, reason: str) -> None:
        _log.warning("%s let go: %s", self._device.name, reason)
        self._refused = reason
        self._must_release = True
        self._let_go()

    def _abandon_reconnection(self) -> None:
        attempt, self._reconnection = self._reconnection, None
        if attempt is not None:
            attempt.wait()

    def _let_go(self) -> None:
        self._acted_s = None
        self._follower.reset()


class _Reconnection:
    """One attempt to open a device again."""

    def __init__(self, device: TeleopDevice) -> None:
        self._device = device
        self.succeeded = False
        self._thread = threading.Thread(target=self._run, name="teleop-reconnect", daemon=True)
        self._thread.start()

    def running(self) -> bool:
        return self._thread.is_alive()

    def wait(self, timeout_s: float = 5.0) -> None:
        self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self._device.close()
            self._device.connect()
        except (RobotSkillsError, OSError) as reason:
            _log.debug("%s is still gone: %s", self._device.name, reason)
        else:
            self.succeeded = True
