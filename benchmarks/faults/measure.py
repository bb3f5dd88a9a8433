"""Injecting faults again and again, and what became of each."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from benchmarks.canary import Canary
from benchmarks.faults.cell import FaultCell, Said, Setpoint
from benchmarks.faults.table import NOTICED_S, Fault
from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.limits import JointLimits

PERIOD_S = 0.01
STALL_S = 0.02
"""A machine that stood still for longer than this was not measured."""
_RESTS_RAD_S = 1e-4
_RESTS_ITSELF_RAD_S = 2e-3
"""What an arm says is never quite still."""
_SETTLED_S = 0.12
_LONGEST_S = 3.0
_BECOMES_S = 0.5
_MOST_TRIALS = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One fault that was injected.

    Attributes:
        number: In the table.
        fault: Its name.
        injected_s: On the project clock.
        counts_s: Since when its budget counts.
        detected_s: When the gate changed its state; None if it did not.
        rested_s: When the setpoint rested; None if it did not.
        state: That it ended in.
        cause: Why.
        as_named: State, cause and time are what they are to be.
        outside: Setpoints outside a limit.
        largest: Largest share of a limit that was used, of all limits.
        ready_s: From the end of the fault until a chunk would be taken again, a person's word of
            acknowledgement included where one is needed.
        problem: What went wrong otherwise.
        stalled_s: Longest that the machine itself stood still meanwhile.
    """

    number: str
    fault: str
    injected_s: float
    counts_s: float
    detected_s: float | None
    rested_s: float | None
    state: str
    cause: str
    as_named: bool
    outside: int
    largest: float
    ready_s: float
    problem: str
    stalled_s: float


@dataclass(slots=True)
class Row:
    """One fault.

    Attributes:
        number: In the table.
        fault: What happens.
        injected: How often.
        as_named: How often the gate ended in the wanted state, within the budget.
        states: What it ended in, how often.
        budget_ms: Until the setpoint rests.
        counts_from: What the budget, and the times, count from.
        p50_ms: Median of that time.
        p99_ms: 99th percentile.
        max_ms: Longest.
        detected_p99_ms: From the injection until the gate left what it did; 0 where it ended it.
        ready_max_s: Longest from the end of the fault until a chunk would be taken again.
        outside: Setpoints outside a limit.
        overshoot: Largest share of a limit that was used, of all limits.
        not_begun: Why the arm did not move before the fault; that was no trial.
        stalled: Trials besides these in which the machine itself stood still.
        stalled_as_named: How many of those ended as named all the same.
    """

    number: str
    fault: str
    budget_ms: float
    counts_from: str
    injected: int = 0
    as_named: int = 0
    states: dict[str, int] = field(default_factory=dict)
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    detected_p99_ms: float = 0.0
    ready_max_s: float = 0.0
    outside: int = 0
    overshoot: float = 0.0
    not_begun: list[str] = field(default_factory=list)
    stalled: int = 0
    stalled_as_named: int = 0


def measure(
    cell: FaultCell,
    fault: Fault,
    repeats: int,
    canary: Canary,
    tell: Callable[[Trial], None] = lambda trial: None,
) -> Row:
    """Inject a fault until it was measured often enough.

    Trials in which the machine itself stood still are counted apart: their times are the machine's.
    Limits are checked in all of them.
    """
    row = Row(
        number=fault.number,
        fault=fault.name,
        budget_ms=1e3 * fault.allowed_s,
        counts_from="end of the chunk" if fault.after_chunk else "injection",
    )
    times_ms, detected_ms = [], [0.0]
    for _ in range(_MOST_TRIALS * repeats):
        try:
            found = trial(cell, fault, canary)
        except RobotSkillsError as error:
            # It did not get as far as the fault, because of the one before.
            row.not_begun.append(str(error))
            with suppress(RobotSkillsError):
                cell.recover()
            continue
        tell(found)
        row.outside += found.outside
        row.overshoot = max(row.overshoot, found.largest)
        if found.stalled_s > STALL_S:
            row.stalled += 1
            row.stalled_as_named += found.as_named
            continue
        row.injected += 1
        row.as_named += found.as_named
        label = f"{found.state}, {found.cause}" if found.cause else found.state
        row.states[label] = row.states.get(label, 0) + 1
        rested_s = np.inf if found.rested_s is None else found.rested_s - found.counts_s
        times_ms.append(1e3 * max(min(rested_s, 1e6), 0.0))
        if found.detected_s is not None and not fault.after_chunk:
            detected_ms.append(1e3 * (found.detected_s - found.injected_s))
        row.ready_max_s = max(row.ready_max_s, found.ready_s)
        if row.injected == repeats:
            break
    if times_ms:
        row.p50_ms, row.p99_ms = (float(x) for x in np.quantile(times_ms, [0.5, 0.99]))
        row.max_ms = float(max(times_ms))
        row.detected_p99_ms = float(np.quantile(detected_ms, 0.99))
    return row


def trial(cell: FaultCell, fault: Fault, canary: Canary) -> Trial:
    """Inject a fault once, wait until the arm rests, and bring it back."""
    fault.move(cell)
    before_s = time.monotonic()
    problem, after = "", None
    try:
        after = fault.inject(cell)
    except RobotSkillsError as error:
        problem = str(error)
    counts_s = cell.chunk_end_s if fault.after_chunk else before_s
    rested_s = _rested(cell, fault, max(before_s, counts_s))
    outside, largest = beyond(cell.sent(), cell.limits.joint)
    said = cell.said()
    ended = None if fault.arm_itself else _ended(cell, fault)
    try:
        if after is not None:
            after()
    except RobotSkillsError as error:
        problem = problem or str(error)
    ended = ended or _ended(cell, fault)
    over_s = time.monotonic()
    try:
        cell.recover()
    except RobotSkillsError as error:
        problem = problem or str(error)
    ready_s = time.monotonic() - over_s
    stalls = canary.stalls(since_s=before_s)
    detected_s = _detected(said, before_s)
    in_time = rested_s is not None and rested_s - counts_s <= fault.allowed_s
    if fault.after_chunk and detected_s is not None:
        in_time = in_time and detected_s - counts_s <= NOTICED_S
    return Trial(
        number=fault.number,
        fault=fault.name,
        injected_s=before_s,
        counts_s=counts_s,
        detected_s=detected_s,
        rested_s=rested_s,
        state=ended[0],
        cause=ended[1],
        as_named=in_time and ended in fault.wanted and not problem,
        outside=outside,
        largest=largest,
        ready_s=ready_s,
        problem=problem,
        stalled_s=max((one.lasted_s for one in stalls), default=0.0),
    )


def _rested(cell: FaultCell, fault: Fault, since_s: float) -> float | None:
    """When the setpoint came to rest after the gate had stopped it; None if it did not."""
    rests = _RESTS_ITSELF_RAD_S if fault.arm_itself else _RESTS_RAD_S
    while time.monotonic() - since_s < _LONGEST_S:
        time.sleep(0.03)
        log = cell.states() if fault.arm_itself else cell.sent()
        if not log or (not fault.arm_itself and cell.status.state == "running"):
            continue
        moving_s = [one.stamp_s for one in log if np.abs(one.dq_rad_s).max() > rests]
        last_s = moving_s[-1] if moving_s else log[0].stamp_s
        if log[-1].stamp_s > max(last_s, since_s) + _SETTLED_S:
            return last_s
    return None


def _ended(cell: FaultCell, fault: Fault) -> tuple[str, str]:
    """What the gate ends in: some faults are worse than they look at first."""
    until_s = time.monotonic() + _BECOMES_S
    while True:
        ended = (cell.status.state, cell.status.cause)
        if ended in fault.wanted or time.monotonic() > until_s:
            return ended
        time.sleep(0.02)


def _detected(said: list[Said], since_s: float) -> float | None:
    for one in said:
        if one.stamp_s >= since_s and one.state != "running":
            return one.stamp_s
    return None


def beyond(log: list[Setpoint], limits: JointLimits) -> tuple[int, float]:
    """Setpoints outside a limit, by their differences alone, and the largest share that was used.

    Args:
        log: What an arm was told, a period apart.
        limits: Of its joints.
    """
    outside, largest = 0, 0.0
    bounds = (limits.velocity_rad_s, limits.acceleration_rad_s2, limits.jerk_rad_s3)
    for before, after in pairwise(log):
        gap_s = after.stamp_s - before.stamp_s
        if _MISSED_S < gap_s <= _ANEW_S:
            # Over what was missed, or not heard of, the speed alone can be told.
            share = np.abs(after.q_rad - before.q_rad) / (gap_s + _STAMP_S) / bounds[0]
            outside += int((share > 1.0).sum())
    for piece in _pieces(log):
        q = np.array([one.q_rad for one in piece])
        past = (q < limits.lower_rad - 1e-9) | (q > limits.upper_rad + 1e-9)
        outside += int(past.sum() + (~np.isfinite(q)).sum())
        for order, bound in enumerate(bounds, start=1):
            if len(q) > order:
                share = np.abs(np.diff(q, order, axis=0)) / PERIOD_S**order / bound
                outside += int((share > 1.0 + 1e-6).sum())
                largest = max(largest, float(share.max()))
    return outside, largest


def _pieces(log: list[Setpoint]) -> Iterator[list[Setpoint]]:
    """Setpoints that follow one another, a period apart."""
    piece: list[Setpoint] = []
    for one in log:
        if piece and one.stamp_s - piece[-1].stamp_s > _MISSED_S:
            yield piece
            piece = []
        piece.append(one)
    if piece:
        yield piece


_ANEW_S = 0.5
"""A gate that was idle for longer begins anew where the arm is."""
_MISSED_S = 1.5 * PERIOD_S
_STAMP_S = 0.002
"""Stamps are off by no more."""
