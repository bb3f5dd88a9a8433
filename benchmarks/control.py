"""How evenly the safety gate's loop runs beside everything else that a cell computes.

Run with ``python -m benchmarks.control`` or ``robot-skills bench control``. The gate's node at
100 Hz, following chunks that come ten times a second, beside two RGB-D cameras at 30 Hz and a
diffusion policy that thinks without a pause. With real-time priority and without it, in turns. The
peer is a loop of the kind that LeRobot's recording has (sleep for what is left of the period) in a
Python process of its own; the limit is a loop with real-time priority that does nothing but wake
up. All beside the same.
"""

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import control_sides
from benchmarks.canary import canary
from benchmarks.control_sides import PERIOD_S, Noted, NotingRobot, NotingSetup, latencies_s, strict
from benchmarks.faults.measure import STALL_S
from benchmarks.result import BenchResult, table

REPEATS = 3
WANTED = {"p99_ms": 0.3, "p999_ms": 1.0, "missed": 1e-4}
_SECONDS = 40.0
_JITTER = ("overrun", "state_late", "state_lost")
_STARTS_S = 8.0
_WAITS_S = 90.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Evenness:
    """How late a loop woke up, and what came of it.

    Attributes:
        p50_ms: Median.
        p99_ms: 99th percentile.
        p999_ms: 99.9th percentile.
        max_ms: Worst.
        missed: Share of periods that were missed altogether.
        periods: How many there were.
        holds: Holds and faults because something was late.
        stops: All of them, by cause.
        latency_p50_ms: From a joint state's departure from the arm to the arrival of the first
            command that knew of it; 0 where nothing is commanded.
        latency_p99_ms: 99th percentile.
        latency_max_ms: Worst.
        commands: That were sent.
        switches: Chunks that took over from another.
        switch_jump: Largest change of speed in the period of a switch, as a share of what the
            greatest acceleration allows.
        stalls: How often the machine itself stood still for more than 20 ms.
        stalled_s: Longest of those.
    """

    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    missed: float
    periods: int
    holds: int
    stops: dict[str, int]
    latency_p50_ms: float
    latency_p99_ms: float
    latency_max_ms: float
    commands: int
    switches: int
    switch_jump: float
    stalls: int
    stalled_s: float


def run(seconds: float = _SECONDS, repeats: int = REPEATS) -> list[BenchResult]:
    """The gate with and without priority, the peer, and a loop that does nothing, in turns."""
    found: dict[str, list[Evenness]] = {"fifo": [], "plain": [], "peer": [], "bare": []}
    for _ in range(repeats):
        for side, rows in found.items():
            rows.append(measure(side, seconds))
    middle = {side: _middle(rows) for side, rows in found.items()}
    ours, plain, peer, best = (middle[side] for side in ("fifo", "plain", "peer", "bare"))
    return [
        BenchResult(
            ours=getattr(ours, name),
            peer=getattr(peer, name),
            limit=getattr(best, name),
            ratio=getattr(peer, name) / max(getattr(ours, name), 1e-6),
            unit=f"ms that the control loop wakes up late, {what}, beside a policy and two cameras",
            repeats=repeats,
            detail=(
                f"ours: the safety gate at {1.0 / PERIOD_S:g} Hz with real-time priority; without "
                f"it, and then it is not real time: {getattr(plain, name):.3f} ms; wanted: "
                f"{WANTED[name]:g} ms; missed periods: {ours.missed:.1e} (wanted "
                f"{WANTED['missed']:g}), without priority {plain.missed:.1e}; holds because of "
                f"lateness: {ours.holds}, {plain.holds}; worst: {ours.max_ms:.2f} ms, "
                f"{plain.max_ms:.2f} ms; joint state to command: {ours.latency_p50_ms:.1f} ms "
                f"median, {ours.latency_p99_ms:.1f} ms 99th percentile (wanted "
                f"{2e3 * PERIOD_S:g}); {ours.switches} chunks took over from others with at most "
                f"{ours.switch_jump:.2f} of the greatest acceleration; peer: a plain Python loop "
                f"that sleeps for what is left, worst {peer.max_ms:.1f} ms; limit: a loop with "
                f"priority that does nothing, worst {best.max_ms:.2f} ms"
            ),
        )
        for name, what in (("p99_ms", "99th percentile"), ("p999_ms", "99.9th percentile"))
    ]


def _middle(rows: list[Evenness]) -> Evenness:
    """Medians, the sums of what is counted, and the worst of what is never to be."""
    sums, worst = ("holds", "periods", "commands", "switches", "stalls"), ("switch_jump",)
    values: dict[str, Any] = {}
    for name in Evenness.__slots__:
        of_rows = [getattr(row, name) for row in rows]
        if name == "stops":
            values[name] = {
                cause: sum(one.get(cause, 0) for one in of_rows)
                for cause in sorted({cause for one in of_rows for cause in one})
            }
        elif name in sums:
            values[name] = sum(of_rows)
        else:
            values[name] = float(max(of_rows) if name in worst else np.median(of_rows))
    return Evenness(**values)


def measure(side: str, seconds: float) -> Evenness:
    """One side for a while, beside everything else."""
    from hardware.ros2.robot import Ros2Robot
    from robot_skills.app.cells import gate_setup, load_cell, robot_config, sim_setup
    from robot_skills.app.nodes.sim_robot import run_sim_robot

    os.environ.setdefault("ROS_DOMAIN_ID", "87")
    cell = load_cell("sim_panda")
    moves = side in ("fifo", "plain")
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as folder, canary() as bird:
        notes = Path(folder) / "notes.npz"
        simulated = replace(
            _noting(sim_setup(cell), notes), cameras=("front", "wrist"), camera_hz=30.0
        )
        simulated = replace(simulated, camera_px=(128, 96))
        setup = strict(gate_setup(cell))
        arm = context.Process(target=run_sim_robot, args=(simulated, NotingRobot))
        others = [context.Process(target=control_sides.infer, daemon=True)]
        if moves:
            arguments = (setup, theirs, side == "fifo", seconds)
            others.append(context.Process(target=control_sides.gate, args=arguments))
        arm.start()
        for process in others:
            process.start()
        try:
            if moves:
                robot = Ros2Robot(replace(robot_config(cell), cameras=()))
                _connect(robot)
                begun_s = time.monotonic()
                _drive(robot, seconds)
                robot.close()
            else:
                time.sleep(_STARTS_S)
                begun_s = time.monotonic()
                others.append(_loop(context, side, theirs, seconds))
            if not mine.poll(seconds + _WAITS_S):
                raise RuntimeError("The loop does not answer.")
            noted: Noted = mine.recv()
        finally:
            for process in (*others, arm):
                process.terminate()
            for process in (*others, arm):
                process.join(timeout=15.0)
                if process.is_alive():
                    process.kill()
        waited_s = latencies_s(noted, notes) if moves else np.zeros(0)
        stalls = bird.stalls(since_s=begun_s, longer_s=STALL_S)
    return _evenness(noted, waited_s, cell.limits.joint.acceleration_rad_s2, stalls)


def _loop(context: Any, side: str, answer: Any, seconds: float) -> Any:
    work: Any = control_sides.peer
    arguments: tuple[Any, ...] = (answer, seconds)
    if side == "bare":
        work, arguments = control_sides.sleeper, (answer, True, seconds)
    process = context.Process(target=work, args=arguments)
    process.start()
    return process


def _noting(setup: Any, notes: Path) -> NotingSetup:
    values = {name: getattr(setup, name) for name in type(setup).__slots__}
    return NotingSetup(**values, notes=notes)


def _evenness(noted: Noted, waited_s: Any, most_rad_s2: Any, stalls: Any) -> Evenness:
    late_ms = 1e3 * noted.late_s
    p50_ms, p99_ms, p999_ms = (float(x) for x in np.quantile(late_ms, [0.5, 0.99, 0.999]))
    waited_ms = 1e3 * (waited_s if len(waited_s) else np.zeros(1))
    second = np.abs(np.diff(noted.q_rad, 2, axis=0)) / PERIOD_S**2
    share = (second / most_rad_s2).max(axis=1) if len(second) else np.zeros(0)
    at_switch = share[noted.switched[2:]] if len(share) else share
    return Evenness(
        p50_ms=p50_ms,
        p99_ms=p99_ms,
        p999_ms=p999_ms,
        max_ms=float(late_ms.max()),
        missed=noted.missed / len(late_ms),
        periods=len(late_ms),
        holds=sum(noted.stops.get(cause, 0) for cause in _JITTER),
        stops=noted.stops,
        latency_p50_ms=float(np.quantile(waited_ms, 0.5)),
        latency_p99_ms=float(np.quantile(waited_ms, 0.99)),
        latency_max_ms=float(waited_ms.max()),
        commands=len(noted.sent_s),
        switches=int(noted.switched.sum()),
        switch_jump=float(at_switch.max()) if len(at_switch) else 0.0,
        stalls=len(stalls),
        stalled_s=max((one.lasted_s for one in stalls), default=0.0),
    )


def _connect(robot: Any) -> None:
    """Cameras take their time to start beside a policy that never pauses."""
    from robot_skills.core.errors import RobotFault

    until_s = time.monotonic() + _WAITS_S
    while True:
        try:
            return robot.connect()
        except RobotFault:
            if time.monotonic() > until_s:
                raise


def _drive(robot: Any, seconds: float) -> None:
    """To and fro, a chunk ten times a second."""
    from robot_skills.core.errors import RobotSkillsError
    from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk

    home = robot.home(DEFAULT_ARM).matrix()
    until_s = time.monotonic() + seconds + 3.0
    begun_s = time.monotonic()
    while time.monotonic() < until_s:
        now_s = robot.clock.now_s()
        times = 0.05 * np.arange(1.0, 17.0)
        poses = np.tile(home, (16, 1, 1))
        poses[:, 1, 3] += 0.06 * np.sin(1.5 * (now_s + times - begun_s))
        # What is refused is refused; the loop is what is measured.
        with suppress(RobotSkillsError):
            robot.command(single_arm_chunk(now_s + times, poses, np.ones(16)))
        if robot.lost:
            with suppress(RobotSkillsError):
                robot.resume()
        time.sleep(0.1)


def main() -> None:
    """Print the table, or one line of JSON; or one side's figures after a long run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=_SECONDS)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--side", choices=("fifo", "plain", "peer", "bare"), help="only this, once")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.side:
        print(json.dumps(asdict(measure(args.side, args.seconds))))
        return
    results = run(args.seconds, args.repeats)
    lines = [asdict(result) for result in results]
    print(json.dumps({**lines[0], "results": lines}) if args.json else table(results))


if __name__ == "__main__":
    main()
