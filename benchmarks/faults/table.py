"""What goes wrong, and what is to become of it."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from benchmarks.faults.cell import WAYPOINT_S, FaultCell
from robot_skills.core.errors import ActionRefused, RobotFault, RobotSkillsError
from robot_skills.core.se3 import Array
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk

type Undo = Callable[[], None]

NOTICED_S = 0.02
"""After the end of its chunk, a gate that got no other one says that it holds."""
_BRAKING_S = 0.3
"""Longest that braking takes from the speeds used here, with what is left of a period."""
_POLLED_S = 0.01
_START_S = 20.0
_SLOW_M_S = 0.08
_FROZEN_S = 10 / 30.0
"""Ten pictures."""
_STAYS_RAD = 0.005
_INSIDE_M = (0.0, 0.0, 0.3)
"""In the arm's own column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        number: In the table of faults.
        name: What happens.
        inject: Does it, and returns what is to be done when the arm rests, or None.
        wanted: States, and causes, that it may end in.
        budget_s: Until the setpoint rests; None is what `allowed_s` says.
        after_chunk: The budget counts from the end of the chunk that was followed last: it was
            judged well, and nothing is wrong with finishing it.
        move: Makes the arm move before.
        arm_itself: The gate is what goes wrong, so that the arm's own states tell when it rests.
        cameras: That are needed.
    """

    number: str
    name: str
    inject: Callable[[FaultCell], Undo | None]
    wanted: tuple[tuple[str, str], ...]
    budget_s: float | None = None
    after_chunk: bool = False
    move: Callable[[FaultCell], None] = FaultCell.move
    arm_itself: bool = False
    cameras: tuple[str, ...] = ()

    @property
    def allowed_s(self) -> float:
        """The budget: noticing, and braking. The end of a chunk is known beforehand."""
        if self.budget_s is not None:
            return self.budget_s
        return (NOTICED_S if self.after_chunk else 0.1) + _BRAKING_S


# Who commands dies, or hangs


def _policy_moves(cell: FaultCell) -> None:
    """Another process commands, and is in the middle of it."""
    way = cell.turn()
    cell.clear()
    cell.commander.go(way)
    while not cell.said() or cell.said()[-1].state != "running":
        time.sleep(_POLLED_S)
    time.sleep(float(np.random.default_rng().uniform(0.3, 0.7)))


def _policy_killed(cell: FaultCell) -> Undo:
    cell.commander.signal(signal.SIGKILL)
    _hear_the_last(cell)
    return cell.commander.end


def _hear_the_last(cell: FaultCell) -> None:
    """What was asked for just before may still be judged."""
    time.sleep(10 * _POLLED_S)


def _policy_hangs(cell: FaultCell) -> Undo:
    cell.commander.signal(signal.SIGSTOP)
    _hear_the_last(cell)
    return cell.commander.end


def _late_chunk(cell: FaultCell) -> None:
    """What was decided two seconds ago is not done late."""
    chunk = cell.chunk()
    arm = chunk.arms[DEFAULT_ARM]
    answer = cell.submit(single_arm_chunk(chunk.stamp_s - 2.0, arm.T_base_tool, arm.opening))
    if answer.accepted:
        raise RobotFault("A chunk that is wholly in the past was accepted.")


def _half_late_chunk(cell: FaultCell) -> None:
    """Waypoints that are past are dropped; the arm goes on to the others."""
    chunk = cell.chunk(waypoints=24)
    arm = chunk.arms[DEFAULT_ARM]
    cell.follow(
        single_arm_chunk(chunk.stamp_s - 8 * WAYPOINT_S, arm.T_base_tool, np.ones(len(chunk)))
    )


# The gate dies


def _gate_killed(cell: FaultCell) -> Undo:
    epoch = cell.robot._epoch
    os.kill(cell.gate.pid or 0, signal.SIGKILL)
    cell.gate.join()

    def after() -> None:
        """A new gate leaves the arm where it is, and follows nobody of before."""
        q_rad = cell.states()[-1].q_rad
        _new_gate(cell)
        cell.robot._epoch = epoch
        with suppress(RobotFault):
            if cell.submit(cell.chunk(waypoints=4)).accepted:
                raise RobotFault("A gate that has just begun followed who asked the last one.")
        if np.abs(cell.states()[-1].q_rad - q_rad).max() > _STAYS_RAD:
            raise RobotFault("The arm moved when its gate began anew.")

    return after


def _judge_killed(cell: FaultCell) -> Undo:
    for pid in cell.judges():
        os.kill(pid, signal.SIGKILL)
    return lambda: _new_gate(cell)


def _new_gate(cell: FaultCell) -> None:
    cell.gate.terminate()
    cell.gate.join()
    until_s = time.monotonic() + _START_S
    cell.clear()
    cell.start_gate()
    while not cell.said() or cell.status.state_age_s < 0.0:
        cell.supervise()
        if time.monotonic() > until_s:
            raise RobotFault("The new gate does not begin.")
        time.sleep(_POLLED_S)


# What the arm says


def _arm_says(**fault: object) -> Callable[[FaultCell], None]:
    return lambda cell: cell.inject(**fault)


def _protective_stop(cell: FaultCell) -> Undo:
    cell.protective_stop(True)
    return lambda: cell.protective_stop(False)


def _clock_jump(cell: FaultCell) -> None:
    cell.inject(clock_s=3600.0)
    time.sleep(0.3)
    cell.follow(cell.chunk(waypoints=4))


def _camera(**fault: object) -> Callable[[FaultCell], None]:
    """Until the cell recovers."""

    def inject(cell: FaultCell) -> None:
        cell.inject(**fault)
        # Longer than it takes to notice; where it was noticed already, nothing is followed.
        with suppress(ActionRefused, RobotFault):
            cell.follow(cell.chunk(waypoints=24))

    return inject


# What is commanded


def _changed(change: Callable[[Array], None]) -> Callable[[FaultCell], None]:
    """A chunk whose poses (H, 4, 4) were changed."""

    def inject(cell: FaultCell) -> None:
        made = cell.chunk()
        T = made.arms[DEFAULT_ARM].T_base_tool.copy()
        change(T)
        cell.submit(single_arm_chunk(made.stamp_s, T, np.ones(len(made))))

    return inject


def _put(row: int, axis: int, value: float) -> Callable[[Array], None]:
    def change(T: Array) -> None:
        T[row, axis, 3] = value

    return change


def _sink(T: Array) -> None:
    T[:, 2, 3] -= np.linspace(0.02, 0.6, len(T))


def _elsewhere(T: Array) -> None:
    T[:, 1, 3] -= 0.5


def _into_itself(T: Array) -> None:
    share = np.linspace(0.02, 1.0, len(T))[:, None]
    T[:, :3, 3] += share * (np.array(_INSIDE_M) - T[0, :3, 3])


def _zigzag(cell: FaultCell) -> None:
    """Slow enough, and far beyond what the joints can accelerate."""
    made = cell.chunk()
    T = made.arms[DEFAULT_ARM].T_base_tool.copy()
    T[::2, 0, 3] += 0.008
    cell.follow(single_arm_chunk(made.stamp_s, T, np.ones(len(made))))


def _too_fast(cell: FaultCell) -> None:
    cell.submit(cell.chunk(waypoints=3, speed_m_s=1.9))


def _shuffled_times(cell: FaultCell) -> None:
    chunk = cell.chunk()
    T = chunk.arms[DEFAULT_ARM].T_base_tool
    cell.submit(single_arm_chunk(chunk.stamp_s[::-1], T, np.ones(len(chunk))))


def _fewer_poses(cell: FaultCell) -> None:
    answer = cell.submit(cell.chunk(), drop_poses=3)
    if answer.accepted:
        raise RobotFault("A chunk with fewer poses than times was accepted.")


# Stops, and others who want the arm


def _estop(cell: FaultCell) -> None:
    cell.trigger("estop")


def _estop_alone(cell: FaultCell) -> Undo:
    """While the judge and who commands hang."""
    pids = cell.judges()
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    cell.commander.signal(signal.SIGSTOP)
    cell.trigger("estop")

    def after() -> None:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        cell.commander.end()

    return after


def _second_commander(cell: FaultCell) -> None:
    cell.acquire("somebody else")
    # The former goes on sending; the gate follows neither.
    for _ in range(3):
        with suppress(ActionRefused):
            cell.robot.command(cell.chunk())
            raise RobotFault("Who does not have the command was followed.")


def _overload(cell: FaultCell) -> Undo:
    """The arm moves on beside it, for a second."""
    context = multiprocessing.get_context("spawn")
    loops = [context.Process(target=busy, daemon=True) for _ in range(2)]

    def after() -> None:
        for loop in loops:
            loop.kill()
            loop.join()

    for loop in loops:
        loop.start()
    try:
        for _ in range(10):
            # Slowly: whoever commands is held up as well, and has to stay in the workspace.
            cell.follow(cell.chunk(speed_m_s=_SLOW_M_S))
            time.sleep(0.1)
    except RobotSkillsError:
        after()
        raise
    return after


def busy() -> None:
    """Work for nothing, without end."""
    while True:
        sum(range(10_000))


_REFUSED = (("hold", "chunk_refused"),)
_ENDED = (("hold", "chunk_ended"),)
_BAD = (("fault", "state_bad"),)
_STOPPED = (("estop", "emergency_stop"),)

FAULTS = (
    Fault(
        number="F1",
        name="policy killed in mid-chunk",
        move=_policy_moves,
        inject=_policy_killed,
        wanted=_ENDED,
        after_chunk=True,
    ),
    Fault(
        number="F2",
        name="policy hangs in mid-chunk",
        move=_policy_moves,
        inject=_policy_hangs,
        wanted=_ENDED,
        after_chunk=True,
    ),
    Fault(
        number="F2",
        name="chunk that is wholly late",
        inject=_late_chunk,
        wanted=(*_REFUSED, *_ENDED),
        after_chunk=True,
    ),
    Fault(
        number="F2",
        name="chunk that is half late",
        inject=_half_late_chunk,
        wanted=_ENDED,
        after_chunk=True,
    ),
    Fault(
        number="F3",
        name="gate killed",
        inject=_gate_killed,
        wanted=(("idle", ""),),
        arm_itself=True,
    ),
    Fault(
        number="F3",
        name="judge killed",
        inject=_judge_killed,
        wanted=_ENDED,
        after_chunk=True,
    ),
    Fault(
        number="F4",
        name="camera unplugged",
        inject=_camera(camera_silent_s=60.0),
        wanted=(("hold", "sensor_lost"),),
        budget_s=0.2 + _BRAKING_S,
        cameras=("front",),
    ),
    Fault(
        number="F5",
        name="camera frozen",
        inject=_camera(camera_frozen=True),
        wanted=(("hold", "sensor_lost"),),
        budget_s=_FROZEN_S + 0.1 + _BRAKING_S,
        cameras=("front",),
    ),
    Fault(
        number="F6",
        name="pictures of another size",
        inject=_camera(camera_px=(64, 48)),
        wanted=(("fault", "sensor_misfit"),),
        budget_s=0.2 + _BRAKING_S,
        cameras=("front",),
    ),
    Fault(
        number="F6",
        name="pictures of another lens",
        inject=_camera(camera_zoom=1.2),
        wanted=(("fault", "sensor_misfit"),),
        budget_s=0.2 + _BRAKING_S,
        cameras=("front",),
    ),
    Fault(
        number="F6",
        name="pictures out of order",
        inject=_camera(camera_shuffled=True),
        wanted=_ENDED,
        after_chunk=True,
        cameras=("front",),
    ),
    Fault(
        number="F7",
        name="no joint states for 60 ms",
        inject=_arm_says(silent_s=0.07),
        wanted=(("hold", "state_late"),),
    ),
    Fault(
        number="F7",
        name="no joint states for 250 ms",
        inject=_arm_says(silent_s=0.25),
        wanted=(("fault", "state_lost"),),
    ),
    Fault(number="F8", name="joint states not finite", inject=_arm_says(not_finite=5), wanted=_BAD),
    Fault(
        number="F8",
        name="joint jumps by 0.5 rad",
        inject=_arm_says(jumped=5, jump_rad=0.5),
        wanted=_BAD,
    ),
    Fault(number="F9", name="action NaN", inject=_changed(_put(5, 0, np.nan)), wanted=_REFUSED),
    Fault(number="F9", name="action Inf", inject=_changed(_put(5, 1, np.inf)), wanted=_REFUSED),
    Fault(number="F10", name="action too fast", inject=_too_fast, wanted=_REFUSED),
    Fault(number="F10", name="action under the table", inject=_changed(_sink), wanted=_REFUSED),
    Fault(
        number="F10",
        name="action into the arm itself",
        inject=_changed(_into_itself),
        wanted=_REFUSED,
    ),
    Fault(
        number="F10",
        name="action that no joint can accelerate to",
        inject=_zigzag,
        wanted=_ENDED,
        after_chunk=True,
    ),
    Fault(
        number="F11",
        name="joints named in another order",
        inject=_arm_says(reversed=True),
        wanted=_BAD,
    ),
    Fault(number="F11", name="joints in degrees", inject=_arm_says(degrees=True), wanted=_BAD),
    Fault(
        number="F11",
        name="fewer poses than times",
        inject=_fewer_poses,
        wanted=(*_REFUSED, *_ENDED),
        after_chunk=True,
    ),
    Fault(number="F11", name="times shuffled", inject=_shuffled_times, wanted=_REFUSED),
    Fault(
        number="F12",
        name="clock of the arm jumps by an hour",
        inject=_clock_jump,
        wanted=_ENDED,
        after_chunk=True,
    ),
    Fault(number="F14", name="emergency stop", inject=_estop, wanted=_STOPPED),
    Fault(
        number="F14",
        name="emergency stop while policy and judge hang",
        move=_policy_moves,
        inject=_estop_alone,
        wanted=_STOPPED,
    ),
    Fault(
        number="F15",
        name="protective stop of the arm",
        inject=_protective_stop,
        wanted=(("fault", "robot"),),
    ),
    Fault(number="F16", name="begins elsewhere", inject=_changed(_elsewhere), wanted=_REFUSED),
    Fault(
        number="F26",
        name="two commanders",
        inject=_second_commander,
        wanted=_ENDED,
        after_chunk=True,
    ),
    Fault(
        number="F28",
        name="two busy loops beside a moving arm",
        inject=_overload,
        wanted=_ENDED,
        after_chunk=True,
    ),
)
