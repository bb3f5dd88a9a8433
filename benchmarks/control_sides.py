"""The processes of `benchmarks.control`: a gate and an arm that note what they do, and others."""

import multiprocessing
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hardware.gate.motion import MotionConfig
from hardware.ros2.gate_node import GateNode
from hardware.ros2.gate_setup import GateSetup
from hardware.ros2.judge import ExpectedArm, judge_sockets
from hardware.ros2.judge_node import judge_main
from hardware.ros2.loop import ControlLoop, claim_real_time, leave_real_time
from policies.contract import VECTOR
from robot_skills.app.nodes.sim_robot import SimRobotNode, SimRobotSetup

PERIOD_S = 0.01
_THINKS = "grasp"


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Noted:
    """What a gate did, period by period.

    Attributes:
        late_s: How late each period began, (n,).
        missed: Periods that were missed altogether.
        stops: Holds and faults, by cause.
        q_rad: Setpoints that were sent, (m, joints).
        sent_s: When, (m,).
        felt_rad: Joints of the newest state when each was computed, (m, joints).
        switched: Whether a new chunk was taken since the setpoint before, (m,).
    """

    late_s: NDArray[np.float64]
    missed: int
    stops: dict[str, int]
    q_rad: NDArray[np.float64]
    sent_s: NDArray[np.float64]
    felt_rad: NDArray[np.float64]
    switched: NDArray[np.bool_]


def bare(late_s: list[float]) -> Noted:
    """What a loop notes that commands nothing."""
    nothing = np.zeros((0, 1))
    return Noted(
        late_s=np.array(late_s),
        missed=int(sum(one // PERIOD_S for one in late_s)),
        stops={},
        q_rad=nothing,
        sent_s=nothing[:, 0],
        felt_rad=nothing,
        switched=nothing[:, 0].astype(bool),
    )


class _NotingLoop(ControlLoop):
    """A loop that remembers every period, beside what it reports about the latest ones."""

    def __init__(self) -> None:
        super().__init__(PERIOD_S)
        self.noted_s: list[float] = []

    def wait(self) -> float:
        now_s = super().wait()
        self.noted_s.append(self.late_s)
        return now_s


class _NotingGate(GateNode):
    """A gate that notes what it sends and what it knew."""

    def note(self) -> None:
        """From now on."""
        self._loop = self._noting = _NotingLoop()
        self.rows: list[tuple[float, Any, Any, int]] = []
        send = self._commander.send

        def noted(setpoint: Any, opening: float) -> None:
            arm = self._gate.arm
            now_s = time.monotonic()
            send(setpoint, opening)
            if arm is not None:
                self.rows.append((now_s, setpoint.q_rad, arm.q_rad, self._gate.counters.chunks))

        self._commander.send = noted

    def noted(self) -> Noted:
        """What was noted."""
        counters, rows = self._gate.counters, self.rows
        chunks = np.array([row[3] for row in rows])
        return Noted(
            late_s=np.array(self._noting.noted_s),
            missed=self._loop.lateness().missed,
            stops=counters.holds | counters.faults,
            q_rad=np.array([row[1] for row in rows]),
            sent_s=np.array([row[0] for row in rows]),
            felt_rad=np.array([row[2] for row in rows]),
            switched=np.diff(chunks, prepend=chunks[0]) > 0,
        )


def gate(setup: GateSetup, answer: Connection, real_time: bool, seconds: float) -> None:
    """The gate's process, with its judge as a child; answers with what it `Noted`."""
    context = multiprocessing.get_context("spawn")
    expected = ExpectedArm(len(setup.limits.joint.lower_rad))
    mine, judges = judge_sockets()
    child = context.Process(target=judge_main, args=(setup, expected, judges), daemon=True)
    child.start()
    judges.close()
    node = _NotingGate(setup, expected, mine)
    if real_time:
        claim_real_time()
    node.loop.begin()
    # Until the arm moves, nothing is measured.
    while node.motion.state.value != "running":
        node.step()
    node.note()
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        node.step()
    answer.send(node.noted())
    child.terminate()
    node.close()
    leave_real_time()


def sleeper(answer: Connection, real_time: bool, seconds: float) -> None:
    """A loop that does nothing but wake up: what this machine can do at best."""
    if real_time:
        claim_real_time()
    loop = _NotingLoop()
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        loop.wait()
    answer.send(bare(loop.noted_s))
    leave_real_time()


def peer(answer: Connection, seconds: float) -> None:
    """Sleep for what is left of the period, again and again."""
    late_s: list[float] = []
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s:
        started_s = time.perf_counter()
        np.sin(np.arange(7.0))
        remaining_s = PERIOD_S - (time.perf_counter() - started_s)
        if remaining_s > 0.0:
            time.sleep(remaining_s)
        late_s.append(time.perf_counter() - started_s - PERIOD_S)
    answer.send(bare(late_s))


# The arm


@dataclass(frozen=True, kw_only=True, slots=True)
class NotingSetup(SimRobotSetup):
    """A simulated arm that notes what it says and hears.

    Attributes:
        notes: File for that, written when the arm ends.
    """

    notes: Path = Path("notes.npz")


class NotingRobot(SimRobotNode):
    """Notes when it said where it is, and when it heard what."""

    def __init__(self, setup: SimRobotSetup) -> None:
        assert isinstance(setup, NotingSetup)
        self._notes = setup.notes
        self.said: list[tuple[float, Any]] = []
        self.heard: list[tuple[float, Any]] = []
        super().__init__(setup)

    def _publish(self, now_s: float) -> None:
        self.said.append((time.monotonic(), self.cell.state(now_s).q_rad))
        super()._publish(now_s)

    def _told(self, q_rad: Any, what: str) -> None:
        self.heard.append((time.monotonic(), q_rad))
        super()._told(q_rad, what)

    def close(self) -> None:
        found = {}
        for name, rows in (("said", self.said), ("heard", self.heard)):
            found[f"{name}_s"] = np.array([row[0] for row in rows])
            found[f"{name}_rad"] = np.array([row[1] for row in rows])
        np.savez(self._notes, **found)
        super().close()


def latencies_s(noted: Noted, notes: Path) -> NDArray[np.float64]:
    """From a state's departure to the arrival of the command that was the first to know of it.

    Args:
        noted: By the gate.
        notes: By the arm.

    Returns:
        One for every command that arrived, on the arm's own clock.
    """
    with np.load(notes) as found:
        said = {q.tobytes(): at for at, q in zip(found["said_s"], found["said_rad"], strict=True)}
        heard = {
            q.tobytes(): at for at, q in zip(found["heard_s"], found["heard_rad"], strict=True)
        }
    latest: dict[bytes, float] = {}
    for felt, q in zip(noted.felt_rad, noted.q_rad, strict=True):
        departed, arrived = said.get(felt.tobytes()), heard.get(q.tobytes())
        if departed is not None and arrived is not None and felt.tobytes() not in latest:
            latest[felt.tobytes()] = arrived - departed
    return np.array(list(latest.values()))


# Beside it


def infer() -> None:
    """A shipped diffusion policy's network that denoises without a pause, on one thread."""
    import torch

    from policies.checkpoint import load_checkpoint
    from policies.torch_engine import TorchEngine
    from robot_skills.app.zoo import zoo_dir

    torch.set_num_threads(1)
    checkpoint = load_checkpoint(zoo_dir() / _THINKS)
    engine = TorchEngine(checkpoint)
    vector = np.zeros(len(checkpoint.config.feature_names), dtype=np.float32)
    while True:
        engine.run({VECTOR: vector[None]})


def strict(setup: GateSetup) -> GateSetup:
    """As a real arm's: states that come late are not forgiven."""
    return replace(setup, motion=MotionConfig())
