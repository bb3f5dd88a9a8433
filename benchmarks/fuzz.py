"""A million actions that nobody should command, and what the arm is told of them.

Run with ``python -m benchmarks.fuzz``. Chunks of every kind of nonsense (numbers that are none, far
too fast, elsewhere, under the table, with times in disorder, from somebody who has no command)
among plausible ones that go as far and as fast as they may, through judge and gate as a cell has
them. Every setpoint that leaves the gate is judged by differences alone: finite, position,
velocity, acceleration, jerk of every joint; place and speed of the tool.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.faults.cell import CELL, Setpoint
from benchmarks.faults.measure import PERIOD_S, beyond
from hardware.gate.motion import MotionConfig, MotionGate
from hardware.gate.path import Judgement
from hardware.gate.states import LATCHED
from hardware.safety_gate import SafetyGate
from robot_skills.app.cells import gate_setup, load_cell
from robot_skills.core.errors import RobotFault
from robot_skills.core.se3 import SE3, Array, rotation_angle
from robot_skills.core.types import (
    DEFAULT_ARM,
    ActionChunk,
    ArmState,
    Observation,
    single_arm_chunk,
)

ACTIONS = 1_000_000
WAYPOINTS = 16
_EVERY_PERIODS = 5
_WAYPOINT_S = 0.05
_SENSED_RAD = 1e-4
_KEPT_PERIODS = 2000

type Poses = Array
type Change = Callable[[np.random.Generator, Array, Poses, Array], None]
"""Spoils times (H,), poses (H, 4, 4) and openings (H,) of a plausible chunk, in place."""


@dataclass(slots=True)
class Found:
    """What came of it.

    Attributes:
        actions: That were commanded.
        chunks: As which.
        setpoints: That left the gate.
        not_finite: Of those.
        outside: Of those outside a joint's limit of position, velocity, acceleration or jerk.
        largest: Largest share of a joint's limit of speed, acceleration or jerk that was used.
        tool_speed: Largest share of the tool's greatest speed.
        tool_turn: Likewise, of its turn rate.
        tool_outside_m: Farthest that the tool was outside its workspace.
        answers: What the gate said to the chunks, how often.
        kinds: What was commanded, how often.
        states: The gate was in, periods.
        seconds: That it took.
    """

    actions: int = 0
    chunks: int = 0
    setpoints: int = 0
    not_finite: int = 0
    outside: int = 0
    largest: float = 0.0
    tool_speed: float = 0.0
    tool_turn: float = 0.0
    tool_outside_m: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


# Nonsense


def _not_finite(rng: np.random.Generator, times: Array, T: Poses, opening: Array) -> None:
    value = rng.choice([np.nan, np.inf, -np.inf])
    match rng.integers(3):
        case 0:
            times[rng.integers(len(times))] = value
        case 1:
            T[rng.integers(len(T)), rng.integers(4), rng.integers(4)] = value
        case _:
            opening[rng.integers(len(opening))] = value


def _scaled(rng: np.random.Generator, times: Array, T: Poses, opening: Array) -> None:
    T[:, :3, 3] *= 10.0 ** rng.uniform(0.1, 2.0)


def _under_the_table(rng: np.random.Generator, times: Array, T: Poses, opening: Array) -> None:
    T[:, 2, 3] -= np.linspace(0.0, rng.uniform(0.1, 1.0), len(T))


def _elsewhere(rng: np.random.Generator, times: Array, T: Poses, opening: Array) -> None:
    T[:, :3, 3] += rng.uniform(-0.6, 0.6, 3)


def _hasty(rng: np.random.Generator, times: Array, T: Poses, opening: Array) -> None:
    times[:] = times[0] + (times - times[0]) / rng.uniform(2.0, 50.0)


def _disordered(rng: np.random.Generator, times: Array, T: Poses, opening: Array) -> None:
    rng.shuffle(times)


def _late(rng: np.random.Generator, times: Array, T: Poses, opening: Array) -> None:
    times -= rng.uniform(0.1, 2.0)


def _early(rng: np.random.Generator, times: Array, T: Poses, opening: Array) -> None:
    times += rng.uniform(0.5, 30.0)


def _torn(rng: np.random.Generator, times: Array, T: Poses, opening: Array) -> None:
    """Positions that are each somewhere else."""
    T[:, :3, 3] += rng.normal(0.0, 10.0 ** rng.uniform(-3.0, -0.5), (len(T), 3))


def _twisted(rng: np.random.Generator, times: Array, T: Poses, opening: Array) -> None:
    """What is no rotation."""
    T[:, :3, :3] += rng.normal(0.0, 0.1, T[:, :3, :3].shape)


def _gaping(rng: np.random.Generator, times: Array, T: Poses, opening: Array) -> None:
    opening += rng.uniform(-3.0, 3.0)


def _as_it_is(rng: np.random.Generator, times: Array, T: Poses, opening: Array) -> None:
    """Plausible."""


KINDS: tuple[Change, ...] = (
    _not_finite,
    _scaled,
    _under_the_table,
    _elsewhere,
    _hasty,
    _disordered,
    _late,
    _early,
    _torn,
    _twisted,
    _gaping,
)
_PLAUSIBLE = 0.6
"""Share of chunks that are: else the arm would hardly move."""
_WITHOUT_COMMAND = 0.02


class Fuzzer:
    """An arm that does what it is told one period later, its gate, and somebody who is mad.

    Args:
        seed: Of every random choice.
    """

    def __init__(self, seed: int) -> None:
        cell = load_cell(CELL)
        setup = replace(gate_setup(cell), motion=MotionConfig())
        self.limits = setup.limits
        self._home_rad = np.array(cell.home_q_rad)
        self._rng = np.random.default_rng(seed)
        self._kinematics = setup.make_kinematics()
        make = setup.make_collisions
        self._judge = SafetyGate(
            setup.limits,
            setup.make_kinematics(),
            setup.judging,
            collisions=None if make is None else make(),
        )
        self._gate = MotionGate(setup.limits, setup.make_kinematics(), setup.motion)
        self._epoch = self._gate.grant("somebody")
        self._now_s = 100.0
        self._q = self._before = self._home_rad.copy()
        self._log: list[Setpoint] = []
        self._tool: SE3 | None = None
        self.found = Found()

    def run(self, actions: int, show: Callable[[Found], None]) -> Found:
        """So many actions, with a look at what was found now and then."""
        begun_s = time.monotonic()
        self._period()
        while self.found.actions < actions:
            self._command()
            for _ in range(_EVERY_PERIODS):
                self._period()
            if len(self._log) >= _KEPT_PERIODS:
                self._judge_log()
                show(self.found)
        self._judge_log()
        self.found.seconds = time.monotonic() - begun_s
        return self.found

    def _command(self) -> None:
        rng, found = self._rng, self.found
        if self._gate.state in LATCHED:
            # Somebody looks, and lets it go on when it rests.
            try:
                self._gate.acknowledge(self._now_s)
                self._gate.enable(self._now_s)
                self._epoch = self._gate.grant("somebody")
            except RobotFault:
                return
        if rng.random() < 0.002:
            self._gate.estop("somebody pressed it", self._now_s)
        chunk, kind = self._chunk()
        arm = self._gate.expected()
        seen = Observation(stamp_s=self._now_s, arms={DEFAULT_ARM: arm})
        verdict = self._judge.check(chunk, seen, self._now_s)
        judgement = Judgement.of(verdict, DEFAULT_ARM)
        epoch = 0 if rng.random() < _WITHOUT_COMMAND else self._epoch
        answer = self._gate.submit(judgement, epoch, self._now_s)
        found.actions += len(chunk)
        found.chunks += 1
        found.kinds[kind] += 1
        found.answers[answer.code.value] += 1

    def _chunk(self) -> tuple[ActionChunk, str]:
        """On towards some place, as fast as is allowed or a little faster, and perhaps spoilt."""
        rng = self._rng
        T = self._kinematics.forward(self._gate.expected().q_rad).matrix()
        box = self.limits.cartesian
        place = rng.uniform(box.workspace_lower_m - 0.05, box.workspace_upper_m + 0.05)
        way = place - T[:3, 3]
        speed = rng.uniform(0.05, 1.1) * box.speed_m_s
        times = np.asarray(_WAYPOINT_S * np.arange(1.0, WAYPOINTS + 1), dtype=np.float64)
        far = np.minimum(speed * times, np.linalg.norm(way))
        poses = np.tile(T, (WAYPOINTS, 1, 1))
        poses[:, :3, 3] += far[:, None] * way / max(float(np.linalg.norm(way)), 1e-9)
        opening = np.full(WAYPOINTS, rng.uniform(0.0, 1.0))
        times = times + self._now_s
        change = _as_it_is if rng.random() < _PLAUSIBLE else KINDS[rng.integers(len(KINDS))]
        change(rng, times, poses, opening)
        return single_arm_chunk(times, poses, opening), change.__name__.strip("_")

    def _period(self) -> None:
        rng, found = self._rng, self.found
        self._now_s += PERIOD_S
        q = self._q + rng.normal(0.0, _SENSED_RAD, len(self._q))
        self._gate.sense(
            ArmState(
                stamp_s=self._now_s,
                q_rad=q,
                dq_rad_s=(self._q - self._before) / PERIOD_S,
                tau_nm=np.zeros(len(q)),
                T_base_tool=self._kinematics.forward(q),
                opening=1.0,
            )
        )
        self._before = self._q
        told = self._gate.tick(self._now_s)
        found.states[self._gate.state.value] += 1
        if told is None:
            self._tool = None
            # A gate that commands nothing begins anew, where the arm is.
            self._judge_log()
            return
        q_told, dq = told.setpoint.q_rad, told.setpoint.dq_rad_s
        found.setpoints += 1
        if not (np.isfinite(q_told).all() and np.isfinite(dq).all() and np.isfinite(told.opening)):
            found.not_finite += 1
            return
        self._q = q_told
        self._log.append(Setpoint(stamp_s=self._now_s, q_rad=q_told, dq_rad_s=dq))
        self._watch_tool(self._kinematics.forward(q_told))

    def _watch_tool(self, T: SE3) -> None:
        box, found, before = self.limits.cartesian, self.found, self._tool
        outside = np.maximum(box.workspace_lower_m - T.p, T.p - box.workspace_upper_m).max()
        found.tool_outside_m = max(found.tool_outside_m, float(outside))
        if before is not None:
            speed = float(np.linalg.norm(T.p - before.p)) / PERIOD_S
            found.tool_speed = max(found.tool_speed, speed / box.speed_m_s)
            rate = float(rotation_angle(before.R.T @ T.R)) / PERIOD_S
            found.tool_turn = max(found.tool_turn, rate / box.turn_rate_rad_s)
        self._tool = T

    def _judge_log(self) -> None:
        if len(self._log) > 4:
            outside, largest = beyond(self._log, self.limits.joint)
            self.found.outside += outside
            self.found.largest = max(self.found.largest, largest)
            # What comes next is judged together with the last ones.
            del self._log[:-3]
        if self._tool is None:
            self._log.clear()


def main() -> None:
    """Print one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--actions", type=int, default=ACTIONS)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    from tqdm import tqdm

    with tqdm(total=args.actions, unit=" actions") as bar:
        found = Fuzzer(args.seed).run(
            args.actions, lambda so_far: (bar.update(so_far.actions - bar.n), None)[1]
        )
    print(
        json.dumps({name: getattr(found, name) for name in Found.__slots__} | {"seed": args.seed})
    )


if __name__ == "__main__":
    main()
