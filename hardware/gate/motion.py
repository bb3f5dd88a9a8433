"""The gate in motion: follows what was judged well inside the limits, and stops for every reason.

One thread calls it: `sense` for every state of the arm, `submit` for every verdict on a chunk,
`tick` once per control period. What `tick` returns is all that the arm is ever told. It reads no
clock and opens nothing, so every fault can be tried on it as often as wanted. Judging takes
milliseconds and is done elsewhere, so that no tick waits for it; it starts from `expected`.
"""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hardware.gate.limiter import JointLimiter, JointSetpoint
from hardware.gate.path import JointPath, JointWaypoints, Judgement
from hardware.gate.states import LATCHED, Cause, Counters, GateState, Trouble
from hardware.gate.tool_speed import ToolSpeed
from hardware.safety_gate import GateCode
from robot_skills.core.errors import ActionRefused, RobotFault
from robot_skills.core.limits import ArmLimits
from robot_skills.core.robot import Kinematics
from robot_skills.core.se3 import Array
from robot_skills.core.types import ArmState

_SETTLING_PERIODS = 10
"""After the end of a path: what is left to its last waypoint by then is too little to see."""
_STAYED_RAD = 0.01
"""An arm that nobody commanded meanwhile has stayed where it was told to be, if it is that near."""
_LATE_S = 1e-4
"""A waypoint nearer than this is as good as past."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionConfig:
    """When the gate stops the arm.

    Attributes:
        period_s: Between two ticks.
        state_hold_s: Age of the arm's state from which it is held.
        state_fault_s: Age from which that is a fault.
        bad_states: So many refused states one after another are a fault.
        state_jump_rad: Farthest that a joint may be from where its speed can have taken it.
        tracking_rad: Farthest that a joint may be from where it was told to be.
        tracking_s: Time by which a moving arm may trail that.
        overruns: So many late ticks one after another hold the arm.
    """

    period_s: float = 0.01
    state_hold_s: float = 0.05
    state_fault_s: float = 0.2
    bad_states: int = 3
    state_jump_rad: float = 0.05
    tracking_rad: float = 0.1
    tracking_s: float = 0.4
    overruns: int = 5

    def __post_init__(self) -> None:
        if not 0.0 < self.period_s <= 0.05:
            raise ValueError(f"The control period must lie in (0, 0.05] s, got {self.period_s}.")
        if not self.period_s < self.state_hold_s < self.state_fault_s:
            raise ValueError("Needs period < state_hold_s < state_fault_s.")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Told:
    """What the arm is told in one period.

    Attributes:
        setpoint: Of the joints.
        opening: Of the gripper.
    """

    setpoint: JointSetpoint
    opening: float


class MotionGate:
    """One arm's gate.

    Args:
        limits: Of the arm.
        kinematics: Of the arm; nobody else may use this one meanwhile.
        config: When to stop.
        on_change: Called with the state before, the state now and the trouble, at every change.
        disabled: Checks that are off.
        first_epoch: The first command's epoch is the one after it. Where senders outlive the gate,
            it should be one that no gate before had: what was granted then is worth nothing now.

    Attributes:
        counters: What has happened.
    """

    def __init__(
        self,
        limits: ArmLimits,
        kinematics: Kinematics,
        config: MotionConfig | None = None,
        on_change: Callable[[GateState, GateState, Trouble | None], None] | None = None,
        disabled: frozenset[GateCode] = frozenset(),
        first_epoch: int = 0,
    ) -> None:
        self._limits = limits
        self._config = config or MotionConfig()
        self._on_change = on_change or _unheard
        period_s = self._config.period_s
        tool = ToolSpeed(limits.cartesian, kinematics, period_s, disabled)
        self._limiter = JointLimiter(limits.joint, period_s, tool.excess)
        self.counters = Counters()
        self._state = GateState.IDLE
        self._trouble: Trouble | None = None
        self._path: JointPath | None = None
        self._told: deque[Array] = deque(maxlen=max(1, round(self._config.tracking_s / period_s)))
        self._opening = 1.0
        self._arm: ArmState | None = None
        self._bad_in_a_row = self._late_in_a_row = 0
        self._last_tick_s: float | None = None
        self._resumable_s = -math.inf
        self._ongoing: dict[Cause, Trouble] = {}
        self._epoch, self._owner = first_epoch, ""
        self._may_enable = False

    # What there is to know

    @property
    def state(self) -> GateState:
        return self._state

    @property
    def trouble(self) -> Trouble | None:
        """Why nothing moves; None while something may."""
        return self._trouble

    @property
    def moves(self) -> bool:
        """Whether the arm is told to move."""
        return self._begun() and not self._limiter.now.at_rest

    @property
    def ongoing(self) -> tuple[Trouble, ...]:
        """What has to be over before anything may move."""
        return tuple(self._ongoing.values())

    @property
    def arm(self) -> ArmState | None:
        """The newest good state of the arm."""
        return self._arm

    @property
    def owner(self) -> str:
        """Who may command; empty when nobody does."""
        return self._owner

    @property
    def epoch(self) -> int:
        """Of the present command; every change of hands raises it."""
        return self._epoch

    # Who may command

    def grant(self, owner: str) -> int:
        """Give the command to somebody; whoever had it commands no more. Returns the epoch."""
        self._epoch += 1
        self._owner = owner
        return self._epoch

    def release(self, epoch: int, now_s: float) -> None:
        """Give the command back; the arm is held if it moves. An old epoch does nothing."""
        if epoch == self._epoch and self._owner:
            self._owner = ""
            if self._state is GateState.RUNNING:
                self._hold(Cause.ASKED, "the command was given back", now_s)

    # What the arm says

    def sense(self, state: ArmState) -> bool:
        """Take the newest state of the arm; False when it cannot be true and was refused."""
        self.counters.states += 1
        problem = self._implausible(state)
        if problem is None:
            self._bad_in_a_row = 0
            self._arm = state
            return True
        if self.distrust(problem, state.stamp_s):
            # From here on the arm may really be there.
            self._arm = state if np.isfinite(state.q_rad).all() else None
        return False

    def distrust(self, problem: str, now_s: float) -> bool:
        """The arm says what cannot be true; whether that was once too often."""
        self.counters.bad_states += 1
        self._bad_in_a_row += 1
        if self._bad_in_a_row < self._config.bad_states:
            return False
        self._bad_in_a_row = 0
        if self._state is not GateState.IDLE:
            self._fault(Cause.STATE_BAD, problem, now_s)
        return True

    def _implausible(self, state: ArmState) -> str | None:
        limits = self._limits.joint
        numbers = np.concatenate([state.q_rad, state.dq_rad_s])
        if not np.isfinite(numbers).all():
            return "the arm reports joints that are not finite"
        if len(state.q_rad) != len(limits.lower_rad):
            return f"the arm reports {len(state.q_rad)} joints, {len(limits.lower_rad)} are known"
        if self._arm is None:
            return None
        passed_s = max(state.stamp_s - self._arm.stamp_s, 0.0)
        room = limits.velocity_rad_s * passed_s * 1.5 + self._config.state_jump_rad
        jump = np.abs(state.q_rad - self._arm.q_rad) - room
        if jump.max() > 0.0:
            joint = int(jump.argmax())
            moved = abs(float(state.q_rad[joint] - self._arm.q_rad[joint]))
            return f"joint {joint} is said to have moved {moved:.2f} rad in {1e3 * passed_s:.0f} ms"
        return None

    # What is wished

    def expected(self) -> ArmState:
        """The arm as the next chunk finds it: a moving one trails its setpoint, where it goes on.

        Raises:
            RobotFault: The arm has not said where it is.
        """
        if self._arm is None:
            raise RobotFault("The arm has not said where it is.")
        if self._state is GateState.RUNNING:
            return replace(self._arm, q_rad=self._limiter.now.q_rad)
        return self._arm

    def submit(
        self, judgement: Judgement, epoch: int, now_s: float, observed_s: float | None = None
    ) -> Judgement:
        """Follow a chunk that was judged well; be stopped by one that was refused.

        Args:
            judgement: Of the chunk.
            epoch: Under which its sender has the command.
            now_s: Present time.
            observed_s: When the arm was seen as it was when this was decided; None is now.

        Returns:
            The judgement, or another one that says why it is not followed after all. Who does not
            have the command does not stop the arm either.
        """
        self.counters.chunks += 1
        try:
            self._check_may_move(epoch, now_s, observed_s)
            if judgement.waypoints is not None:
                self._run(judgement.waypoints, now_s)
                return judgement
        except ActionRefused as refusal:
            code = GateCode(refusal.code)
            self.counters.stale_lease += code is GateCode.LEASE
            self.counters.refused += 1
            return Judgement(code=code, message=str(refusal))
        except RobotFault as fault:
            self._fault(Cause.STATE_BAD, str(fault), now_s)
            return Judgement(code=GateCode.STATE, message=str(fault))
        self.counters.refused += 1
        if self._state is GateState.RUNNING:
            self._hold(Cause.CHUNK_REFUSED, f"{judgement.code.value}: {judgement.message}", now_s)
        return judgement

    def _check_may_move(self, epoch: int, now_s: float, observed_s: float | None) -> None:
        """Raises `ActionRefused` while nothing may move."""
        if epoch != self._epoch or not self._owner:
            holder = self._owner or "nobody"
            raise ActionRefused(
                GateCode.LEASE.value, f"epoch {epoch} has no command; {holder} has {self._epoch}"
            )
        if self._state in LATCHED and self._trouble is not None:
            raise ActionRefused(GateCode.STATE.value, f"{self._state.value}: {self._trouble}")
        if self._ongoing:
            raise ActionRefused(GateCode.STATE.value, str(next(iter(self._ongoing.values()))))
        if self._age_s(now_s) > self._config.state_hold_s:
            raise ActionRefused(GateCode.STALE.value, "the arm has not said where it is of late")
        if observed_s is not None and observed_s < self._resumable_s:
            raise ActionRefused(
                GateCode.STALE.value, "it was decided on what was seen before the arm stopped"
            )

    def _run(self, waypoints: JointWaypoints, now_s: float) -> None:
        assert self._arm is not None
        later = waypoints.after(now_s + _LATE_S)
        if later is None:
            raise ActionRefused(GateCode.LATE.value, "every waypoint is in the past by now")
        if not (np.isfinite(later.q_rad).all() and np.isfinite(later.opening).all()):
            raise ActionRefused(GateCode.NON_FINITE.value, "the joint path is not finite")
        if self._state is not GateState.RUNNING:
            self._begin_where_it_is(self._arm)
        now = self._limiter.now
        self._path = JointPath(now_s, now.q_rad, now.dq_rad_s, self._opening, later)
        self._change(GateState.RUNNING, None)

    def _begin_where_it_is(self, arm: ArmState) -> None:
        """Go on from the setpoint where the arm still is there, and else from where it is.

        What an arm measures is never quite where it was told to be: to begin there again would be a
        step, however small.
        """
        near_rad = self._config.tracking_rad if self._state is GateState.HOLD else _STAYED_RAD
        if self._begun() and np.abs(arm.q_rad - self._limiter.now.q_rad).max() <= near_rad:
            return
        self._limiter.begin(arm.q_rad)
        self._told.clear()
        self._opening = arm.opening

    # Time

    def tick(self, now_s: float) -> Told | None:
        """One control period: look after everything, and say what the arm is told.

        Args:
            now_s: Present time.

        Returns:
            Setpoints for the end of the period; None where nothing is to be commanded.
        """
        self.counters.ticks += 1
        self._watch_the_time(now_s)
        self._watch_the_arm(now_s)
        if self._state is GateState.IDLE:
            return None
        if self._path is not None:
            setpoint = self._follow(self._path, now_s)
        else:
            if not self._begun():
                return None
            setpoint = self._limiter.brake()
        self._told.append(setpoint.q_rad)
        return Told(setpoint=setpoint, opening=self._opening)

    def _follow(self, path: JointPath, now_s: float) -> JointSetpoint:
        """Go on along a path. At the end of its chunk it holds, and comes to rest soon after."""
        point = path.at(now_s + self._config.period_s)
        setpoint = self._limiter.follow(point.q_rad, point.dq_rad_s, point.ddq_rad_s2)
        self._opening = min(max(point.opening, 0.0), 1.0)
        if self._state is GateState.RUNNING and now_s >= path.chunk_end_s:
            self._hold(Cause.CHUNK_ENDED, "its waypoints have come to an end", now_s)
            self._path = path
        if now_s > path.end_s + _SETTLING_PERIODS * self._config.period_s:
            self._path = None
        return setpoint

    def _begun(self) -> bool:
        try:
            _ = self._limiter.now
        except RobotFault:
            return False
        return True

    def _age_s(self, now_s: float) -> float:
        return math.inf if self._arm is None else now_s - self._arm.stamp_s

    def _watch_the_time(self, now_s: float) -> None:
        before_s, self._last_tick_s = self._last_tick_s, now_s
        if before_s is None:
            return
        if now_s - before_s > 2.0 * self._config.period_s:
            self.counters.overruns += 1
            self._late_in_a_row += 1
        else:
            self._late_in_a_row = 0
        if self._late_in_a_row > self._config.overruns and self._state is GateState.RUNNING:
            self._hold(
                Cause.OVERRUN, f"{self._late_in_a_row} control periods came late in a row", now_s
            )

    def _watch_the_arm(self, now_s: float) -> None:
        age_s = self._age_s(now_s)
        fresh = age_s <= self._config.state_hold_s
        if fresh:
            self.over(Cause.STATE_LATE, now_s)
        elif self._state is not GateState.IDLE:
            # Told at rest as well: whoever asks for motion then hears why there is none.
            self.hold(Cause.STATE_LATE, f"the arm's state is {1e3 * age_s:.0f} ms old", now_s)
        if self._state is GateState.IDLE or self._state in LATCHED:
            return
        if age_s > self._config.state_fault_s:
            self._fault(Cause.STATE_LOST, f"no state of the arm for {1e3 * age_s:.0f} ms", now_s)
        elif fresh and self._arm is not None:
            self._watch_the_tracking(self._arm, now_s)

    def _watch_the_tracking(self, arm: ArmState, now_s: float) -> None:
        """The arm has to be about where it was told to be, now or a moment ago."""
        if not self._told:
            return
        told = np.array(self._told)
        off = np.maximum(told.min(axis=0) - arm.q_rad, arm.q_rad - told.max(axis=0))
        if off.max() > self._config.tracking_rad:
            joint = int(off.argmax())
            self._fault(
                Cause.TRACKING,
                f"joint {joint} is {off[joint]:.2f} rad from where it was told to be",
                now_s,
            )

    # Stopping

    def stop(self, why: str, now_s: float) -> None:
        """Hold, because somebody asks for it."""
        if self._state is GateState.RUNNING:
            self._hold(Cause.ASKED, why, now_s)

    def hold(self, cause: Cause, why: str, now_s: float, of: str = "") -> None:
        """Hold for as long as there is a trouble, until `over`: a sensor that is lost."""
        before = self._ongoing.get(cause)
        since_s = now_s if before is None else before.since_s
        self._ongoing[cause] = Trouble(cause=cause, why=why, since_s=since_s, of=of)
        if self._state is GateState.RUNNING:
            self._hold(cause, why, now_s, of)

    def over(self, cause: Cause, now_s: float) -> None:
        """A trouble has ended. What was seen before does not count any more."""
        if self._ongoing.pop(cause, None) is not None:
            self._resumable_s = max(self._resumable_s, now_s)

    def fault(self, cause: Cause, why: str, now_s: float, of: str = "") -> None:
        """Stop until a person acknowledges."""
        self._fault(cause, why, now_s, of)

    def estop(self, why: str, now_s: float) -> None:
        """Emergency stop: brake as fast as the limits allow, and stay."""
        if self._state is not GateState.ESTOP:
            self._stop(GateState.ESTOP, Trouble(cause=Cause.ESTOP, why=why, since_s=now_s))
        self._may_enable = False

    def acknowledge(self, now_s: float) -> None:
        """A person has looked. A fault is over with that, an emergency stop may be enabled.

        Raises:
            RobotFault: What stopped the arm still goes on; says what.
        """
        if self._state not in LATCHED:
            return
        self._check_over(now_s)
        if self._state is GateState.ESTOP:
            self._may_enable = True
        else:
            self._go_idle(now_s)

    def enable(self, now_s: float) -> None:
        """After an emergency stop that was acknowledged.

        Raises:
            RobotFault: It was not acknowledged, or what stopped the arm still goes on.
        """
        if self._state is not GateState.ESTOP:
            return
        if not self._may_enable:
            raise RobotFault("Acknowledge the emergency stop first.")
        self._check_over(now_s)
        self._go_idle(now_s)

    def _check_over(self, now_s: float) -> None:
        for trouble in self._ongoing.values():
            raise RobotFault(f"Not yet: {trouble.words}.")
        if self._age_s(now_s) > self._config.state_hold_s:
            raise RobotFault("Not yet: the arm does not say where it is.")
        if self.moves:
            raise RobotFault("Not yet: the arm is still braking.")

    def _go_idle(self, now_s: float) -> None:
        # Nobody goes on with what they did before: who wants to move asks for the command anew.
        self._owner = ""
        self._path = None
        self._resumable_s = now_s
        self._change(GateState.IDLE, None)

    def _hold(self, cause: Cause, why: str, now_s: float, of: str = "") -> None:
        holds = self.counters.holds
        holds[cause.value] = holds.get(cause.value, 0) + 1
        if cause is not Cause.CHUNK_ENDED:
            self._resumable_s = now_s
        self._stop(GateState.HOLD, Trouble(cause=cause, why=why, since_s=now_s, of=of))

    def _fault(self, cause: Cause, why: str, now_s: float, of: str = "") -> None:
        if self._state in LATCHED:
            return
        faults = self.counters.faults
        faults[cause.value] = faults.get(cause.value, 0) + 1
        self._stop(GateState.FAULT, Trouble(cause=cause, why=why, since_s=now_s, of=of))

    def _stop(self, state: GateState, trouble: Trouble) -> None:
        self._path = None
        self._change(state, trouble)

    def _change(self, state: GateState, trouble: Trouble | None) -> None:
        before, self._state, self._trouble = self._state, state, trouble
        if before is not state:
            self._on_change(before, state, trouble)


def _unheard(before: GateState, now: GateState, trouble: Trouble | None) -> None:
    """Nobody listens."""
