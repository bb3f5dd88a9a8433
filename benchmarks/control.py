"""How evenly the safety gate's loop runs beside everything else that a cell computes.

Run with ``python -m benchmarks.control`` or ``robot-skills bench control``. The gate's node at
100 Hz, following chunks that come ten times a second, beside two RGB-D cameras at 30 Hz and a
process that does nothing but torch inference. With real-time priority and without it, in turns.
The peer is a loop of the kind that LeRobot's recording has (sleep for what is left of the period)
in a Python process of its own, beside the same.
"""

import argparse
import json
import multiprocessing
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.result import BenchResult, table

REPEATS = 3
PERIOD_S = 0.01
WANTED = {"p99_ms": 0.3, "p999_ms": 1.0, "missed": 1e-4}
_SECONDS = 40.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Evenness:
    """How late a loop woke up.

    Attributes:
        p50_ms: Median.
        p99_ms: 99th percentile.
        p999_ms: 99.9th percentile.
        max_ms: Worst.
        missed: Share of periods that were missed altogether.
        holds: Holds because the loop was late.
        periods: How many there were.
    """

    p50_ms: float
    p99_ms: float
    p999_ms: float
    max_ms: float
    missed: float
    holds: int
    periods: int


def run(seconds: float = _SECONDS) -> list[BenchResult]:
    """The gate with and without priority, and the peer, in turns."""
    found: dict[str, list[Evenness]] = {"fifo": [], "plain": [], "peer": []}
    for _ in range(REPEATS):
        for side, rows in found.items():
            rows.append(measure(side, seconds))
    middle = {side: _middle(rows) for side, rows in found.items()}
    ours, plain, peer = middle["fifo"], middle["plain"], middle["peer"]
    return [
        BenchResult(
            ours=getattr(ours, name),
            peer=getattr(peer, name),
            limit=None,
            ratio=getattr(peer, name) / max(getattr(ours, name), 1e-6),
            unit=f"ms that the control loop wakes up late, {what}, beside torch and two cameras",
            repeats=REPEATS,
            detail=(
                f"ours: the safety gate at {1.0 / PERIOD_S:g} Hz with real-time priority; without "
                f"it, and then it is not real time: {getattr(plain, name):.3f} ms; "
                f"wanted: {WANTED.get(name, 0.0):g} ms; missed periods: {ours.missed:.1e} (wanted "
                f"{WANTED['missed']:g}), without priority {plain.missed:.1e}; holds because of "
                f"lateness: {ours.holds}, {plain.holds}; worst: {ours.max_ms:.2f} ms, "
                f"{plain.max_ms:.2f} ms; peer: a plain Python loop that sleeps for what is left, "
                f"worst {peer.max_ms:.1f} ms"
            ),
        )
        for name, what in (("p99_ms", "99th percentile"), ("p999_ms", "99.9th percentile"))
    ]


def _middle(rows: list[Evenness]) -> Evenness:
    """Medians, and the sums of what is counted."""
    middle = {
        name: float(np.median([getattr(row, name) for row in rows]))
        for name in ("p50_ms", "p99_ms", "p999_ms", "max_ms", "missed")
    }
    return Evenness(
        **middle, holds=sum(row.holds for row in rows), periods=sum(row.periods for row in rows)
    )


def measure(side: str, seconds: float) -> Evenness:
    """One side for a while, beside everything else."""
    from hardware.ros2.robot import Ros2Robot
    from robot_skills.app.cells import gate_setup, load_cell, robot_config, sim_setup
    from robot_skills.app.nodes.sim_robot import run_sim_robot

    os.environ.setdefault("ROS_DOMAIN_ID", "87")
    cell = load_cell("sim_panda")
    simulated = replace(sim_setup(cell), cameras=("front", "wrist"), camera_hz=30.0)
    simulated = replace(simulated, camera_px=(128, 96))
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    work = _peer_loop if side == "peer" else _gate
    setup = gate_setup(cell)
    processes = [
        context.Process(target=run_sim_robot, args=(simulated,)),
        context.Process(target=work, args=(setup, theirs, side == "fifo", seconds)),
        context.Process(target=_infer, daemon=True),
    ]
    for process in processes:
        process.start()
    try:
        if side != "peer":
            robot = Ros2Robot(replace(robot_config(cell), cameras=()))
            robot.connect()
            _drive(robot, seconds)
            robot.close()
        if not mine.poll(seconds + 60.0):
            raise RuntimeError("The loop does not answer.")
        late_ms, missed, holds = mine.recv()
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(timeout=15.0)
            if process.is_alive():
                process.kill()
    p50_ms, p99_ms, p999_ms = np.quantile(late_ms, [0.5, 0.99, 0.999])
    return Evenness(
        p50_ms=float(p50_ms),
        p99_ms=float(p99_ms),
        p999_ms=float(p999_ms),
        max_ms=float(max(late_ms)),
        missed=missed / len(late_ms),
        holds=holds,
        periods=len(late_ms),
    )


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
        time.sleep(0.1)


def _gate(setup: Any, answer: Connection, real_time: bool, seconds: float) -> None:
    """The gate's process, as `run_gate`, that tells how it went."""
    from hardware.ros2.gate_node import GateNode, judge_main
    from hardware.ros2.judge import ExpectedArm, judge_sockets
    from hardware.ros2.loop import ControlLoop, claim_real_time, leave_real_time

    context = multiprocessing.get_context("spawn")
    expected = ExpectedArm(len(setup.limits.joint.lower_rad))
    mine, judges = judge_sockets()
    child = context.Process(target=judge_main, args=(setup, expected, judges), daemon=True)
    child.start()
    judges.close()
    node = GateNode(setup, expected, mine)
    node._loop = ControlLoop(PERIOD_S, kept=1_000_000)
    if real_time:
        claim_real_time()
    # Until the arm moves, nothing is measured.
    while node.motion.state.value != "running":
        node.step()
    node._loop = ControlLoop(PERIOD_S, kept=1_000_000)
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        node.step()
    late_ms = [1e3 * late_s for late_s in node.loop.late_s]
    holds = node.motion.counters.holds.get("overrun", 0)
    answer.send((late_ms, node.loop.lateness().missed, holds))
    child.terminate()
    node.close()
    leave_real_time()


def _peer_loop(setup: Any, answer: Connection, real_time: bool, seconds: float) -> None:
    """Sleep for what is left of the period, again and again."""
    time.sleep(8.0)
    late_ms: list[float] = []
    missed = 0
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s:
        started_s = time.perf_counter()
        np.sin(np.arange(7.0))
        remaining_s = PERIOD_S - (time.perf_counter() - started_s)
        if remaining_s > 0.0:
            time.sleep(remaining_s)
        late_s = time.perf_counter() - started_s - PERIOD_S
        late_ms.append(1e3 * late_s)
        missed += int(late_s / PERIOD_S)
    answer.send((late_ms, missed, 0))


def _infer() -> None:
    """Torch, without a pause."""
    import torch

    torch.set_num_threads(1)
    net = torch.nn.Sequential(torch.nn.Linear(256, 512), torch.nn.Mish(), torch.nn.Linear(512, 512))
    with torch.inference_mode():
        while True:
            net(torch.randn(64, 256))


def main() -> None:
    """Print the table, or one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=_SECONDS)
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    results = run(args.seconds)
    lines = [asdict(result) for result in results]
    print(json.dumps({**lines[0], "results": lines}) if args.json else table(results))


if __name__ == "__main__":
    main()
