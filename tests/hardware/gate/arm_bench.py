"""A gate and an arm that does what it is told one period later, on a clock that a test moves."""

from dataclasses import replace

import numpy as np

from hardware.gate.motion import MotionConfig, MotionGate, Told
from hardware.gate.path import Judgement
from hardware.gate.states import GateState, Trouble
from hardware.safety_gate import GateCode, SafetyGate
from robot_skills.core.se3 import SE3, Array
from robot_skills.core.types import (
    DEFAULT_ARM,
    ActionChunk,
    ArmState,
    Observation,
    single_arm_chunk,
)
from tests.fakes import LIMITS, R_DOWN, T_HOME, FakeKinematics

PERIOD_S = 0.01
STEP_S = 0.05
"""Between waypoints."""


class ArmBench:
    """Steps a gate and its arm together, and keeps what the arm was told.

    Attributes:
        gate: The gate.
        now_s: Present time.
        speaks: False stops the states of the arm.
        moves: False stops the arm wherever it is.
        told: Joints that were commanded, one row per tick that commanded any.
        changes: Names of the states that the gate went through.
    """

    def __init__(
        self,
        config: MotionConfig | None = None,
        disabled: frozenset[GateCode] = frozenset(),
    ) -> None:
        self.gate = MotionGate(
            LIMITS,
            FakeKinematics(),
            config or MotionConfig(period_s=PERIOD_S),
            self._changed,
            disabled,
        )
        self.judge = SafetyGate(LIMITS, FakeKinematics())
        self.now_s = 100.0
        self.speaks = self.moves = True
        self.q = FakeKinematics().inverse(T_HOME)
        self.dq = np.zeros(6)
        self.told: list[Array] = []
        self.changes: list[str] = []
        self.troubles: list[Trouble] = []
        self.epoch = self.gate.grant("test")
        self.last: Told | None = None
        self.say()

    def _changed(self, before: GateState, now: GateState, trouble: Trouble | None) -> None:
        self.changes.append(now.value)
        if trouble is not None:
            self.troubles.append(trouble)

    @property
    def state(self) -> str:
        return self.gate.state.value

    @property
    def speed(self) -> float:
        """Of the fastest joint's setpoint."""
        if self.last is None:
            return 0.0
        return float(np.abs(self.last.setpoint.dq_rad_s).max())

    def arm_state(self, **changes: object) -> ArmState:
        state = ArmState(
            stamp_s=self.now_s,
            q_rad=self.q,
            dq_rad_s=self.dq,
            tau_nm=np.zeros(6),
            T_base_tool=FakeKinematics().forward(self.q),
            opening=1.0,
        )
        return replace(state, **changes)

    def say(self, **changes: object) -> bool:
        return self.gate.sense(self.arm_state(**changes))

    def tick(self) -> Told | None:
        """One period: the arm has moved, says so, and is told the next."""
        self.now_s += PERIOD_S
        if self.last is not None and self.moves:
            self.dq = (self.last.setpoint.q_rad - self.q) / PERIOD_S
            self.q = self.last.setpoint.q_rad
        elif not self.moves:
            self.dq = np.zeros(6)
        if self.speaks:
            self.say()
        told = self.gate.tick(self.now_s)
        if told is not None:
            self.last = told
            self.told.append(told.setpoint.q_rad)
        return told

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / PERIOD_S)):
            self.tick()

    def until_rest(self, at_most_s: float = 2.0) -> float:
        """Tick until the setpoint rests; how long that took."""
        started_s = self.now_s
        while self.speed > 0.0:
            self.tick()
            assert self.now_s - started_s < at_most_s, "it does not come to rest"
        return self.now_s - started_s

    def chunk(
        self, velocity=(0.1, 0.0, 0.0), waypoints: int = 16, start: Array | None = None
    ) -> ActionChunk:
        """Steady motion of the tool from where it is told to be."""
        here = self.q if self.last is None else self.last.setpoint.q_rad
        begin = (here if start is None else start)[:3]
        times = STEP_S * np.arange(1.0, waypoints + 1)
        T = np.tile(SE3(R_DOWN, np.zeros(3)).matrix(), (waypoints, 1, 1))
        T[:, :3, 3] = begin + times[:, None] * np.asarray(velocity)
        return single_arm_chunk(self.now_s + times, T, np.ones(waypoints))

    def submit(self, chunk: ActionChunk | None = None, **more: object) -> Judgement:
        seen = Observation(stamp_s=self.now_s, arms={DEFAULT_ARM: self.gate.expected()})
        verdict = self.judge.check(self.chunk() if chunk is None else chunk, seen, self.now_s)
        return self.gate.submit(
            Judgement.of(verdict, DEFAULT_ARM),
            more.pop("epoch", self.epoch),  # type: ignore[arg-type]
            self.now_s,
            **more,  # type: ignore[arg-type]
        )

    def start(self) -> None:
        """Move at a steady pace."""
        assert self.submit().ok
        self.run(0.3)
        assert self.state == "running"
        assert self.speed > 0.05


def assert_inside_limits(told: list[Array]) -> None:
    """What was commanded, judged by differences alone."""
    q, joint = np.reshape(told, (-1, 6)), LIMITS.joint
    assert np.isfinite(q).all()
    assert (q >= joint.lower_rad - 1e-9).all()
    assert (q <= joint.upper_rad + 1e-9).all()
    bounds = (joint.velocity_rad_s, joint.acceleration_rad_s2, joint.jerk_rad_s3)
    for order, bound in enumerate(bounds, start=1):
        share = np.abs(np.diff(q, order, axis=0)) / PERIOD_S**order / bound
        assert share.max(initial=0.0) <= 1.0, f"order {order}: {share.max()}"
