"""What an arm does when something goes wrong: faults, injected again and again, over real DDS.

Run with ``python -m benchmarks.faults``. A simulated arm, its safety gate and the gate's judge are
processes of their own. The arm moves; then one thing is made to go wrong. Counted are the state
that the gate ends in, how long it takes until the arm's setpoint rests, and every setpoint that was
sent outside the limits of position, velocity, acceleration and jerk, judged by differences alone.
"""

import argparse
import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from hardware.ros2.arm_link import ArmTopics
from hardware.ros2.gate_node import GateSetup, run_gate
from hardware.ros2.messages import fill_chunk
from hardware.ros2.robot import Ros2Robot, Ros2RobotConfig
from hardware.ros2.times import clock_name
from robot_skills.app.nodes.sim_robot import SimRobotSetup, run_sim_robot
from robot_skills.core.errors import ActionRefused, RobotFault
from robot_skills.core.types import DEFAULT_ARM, ActionChunk, single_arm_chunk
from sim.arms import ARMS
from sim.kinematics import kinematics_of

REPEATS = 50
ARM = "panda"
_PERIOD_S = 0.01
_RESTS = 1e-4
"""Slower than this [rad/s] is rest."""
_LONGEST_S = 3.0
_SPEED_M_S = 0.1


@dataclass(slots=True)
class Row:
    """One fault.

    Attributes:
        fault: Its number in the table of faults, and what happens.
        injected: How often.
        as_named: How often the gate ended in the wanted state, within the budget.
        states: What it ended in, how often.
        budget_ms: From the injection until the setpoint rests.
        p50_ms: Median of that time.
        p99_ms: 99th percentile.
        max_ms: Longest.
        outside: Setpoints outside a limit.
        overshoot: Largest share of a limit that was used, of all limits.
    """

    fault: str
    injected: int = 0
    as_named: int = 0
    states: dict[str, int] = field(default_factory=dict)
    budget_ms: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    outside: int = 0
    overshoot: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Something that goes wrong.

    Attributes:
        name: As in the table.
        inject: Does it; what it returns is called when the arm rests.
        wanted: States, and causes, that it may end in.
        budget_s: Until the setpoint rests.
    """

    name: str
    inject: Callable[["Setting"], Callable[[], None] | None]
    wanted: tuple[tuple[str, str], ...]
    budget_s: float


class Setting:
    """The processes, and a robot that commands them."""

    def __init__(self) -> None:
        self.spec = ARMS[ARM]
        kinematics = partial(kinematics_of, ARM)
        self._topics = ArmTopics(
            joints=self.spec.joints,
            joint_states="joint_states",
            command="forward_position_controller/commands",
        )
        self._context = multiprocessing.get_context("spawn")
        from hardware.ros2.gate_node import WatchedTopic

        self._setup = GateSetup(
            limits=self.spec.limits,
            make_kinematics=kinematics,
            topics=self._topics,
            protective=WatchedTopic(name="robot_program_running"),
        )
        self.config = Ros2RobotConfig(
            limits=self.spec.limits,
            make_kinematics=kinematics,
            home_q_rad=np.array(self.spec.home_q_rad),
            topics=self._topics,
        )
        simulated = SimRobotSetup(arm=ARM, cameras=())
        self.sim = self._context.Process(target=run_sim_robot, args=(simulated,))
        self.sim.start()
        self.start_gate()
        self.robot = Ros2Robot(self.config, name="faults")
        self.robot.connect()
        self._way = 1.0
        self._log: list[tuple[float, list[float], list[float]]] = []
        self._lock = threading.Lock()
        self._listen()

    def start_gate(self) -> None:
        self.gate = self._context.Process(target=run_gate, args=(self._setup,))
        self.gate.start()

    def close(self) -> None:
        with suppress(RobotFault):
            self.robot.close()
        for process in (self.gate, self.sim):
            with suppress(ProcessLookupError):
                os.kill(process.pid or 0, signal.SIGCONT)
            process.terminate()
        for process in (self.gate, self.sim):
            process.join(timeout=15.0)
            if process.is_alive():
                process.kill()

    # Messages

    def _listen(self) -> None:
        from sensor_msgs.msg import JointState
        from std_msgs.msg import String
        from std_srvs.srv import SetBool, Trigger

        ros = self.robot._check_connected()
        node = ros.node
        self.ros = ros
        node.create_subscription(JointState, "gate/sent", self._sent, 200)
        self._inject = node.create_publisher(String, "sim_robot/inject", 1)
        self._triggers = {
            name: node.create_client(Trigger, f"gate/{name}")
            for name in ("estop", "acknowledge", "enable")
        }
        self._protective = node.create_client(SetBool, "sim_robot/protective_stop")

    def _sent(self, message: Any) -> None:
        with self._lock:
            self._log.append((time.monotonic(), list(message.position), list(message.velocity)))

    def sent(self) -> list[tuple[float, list[float], list[float]]]:
        """Setpoints since `clear`."""
        with self._lock:
            return list(self._log)

    def clear(self) -> None:
        with self._lock:
            self._log.clear()

    def inject(self, **fault: object) -> None:
        from std_msgs.msg import String

        self._inject.publish(String(data=json.dumps(fault)))

    def trigger(self, name: str) -> bool:
        from std_srvs.srv import Trigger

        return bool(self.ros.call(self._triggers[name], Trigger.Request(), 2.0).success)

    def protective_stop(self, on: bool) -> None:
        from std_srvs.srv import SetBool

        self.ros.call(self._protective, SetBool.Request(data=on), 2.0)

    def acquire(self, owner: str) -> int:
        from robot_skills_interfaces.srv import AcquireCommand

        client = self.robot._clients["acquire"]
        answer = self.ros.call(client, AcquireCommand.Request(owner=owner, force=True), 2.0)
        return int(answer.epoch)

    @property
    def status(self) -> Any:
        return self.robot.status

    # Moving

    def chunk(self, waypoints: int = 16, speed_m_s: float = _SPEED_M_S) -> ActionChunk:
        """On from where the arm is told to be, sideways."""
        log = self.sent()
        q = np.array(log[-1][1]) if log else self.robot.observe().arms[DEFAULT_ARM].q_rad
        T = self.robot.kinematics(DEFAULT_ARM).forward(q).matrix()
        times = np.asarray(0.05 * np.arange(1.0, waypoints + 1), dtype=np.float64)
        poses = np.tile(T, (waypoints, 1, 1))
        poses[:, 1, 3] += self._way * speed_m_s * times
        return single_arm_chunk(self.robot.clock.now_s() + times, poses, np.ones(waypoints))

    def submit(self, chunk: ActionChunk, epoch: int | None = None) -> Any:
        """The judge's answer, as it is."""
        from geometry_msgs.msg import Pose
        from robot_skills_interfaces.srv import SubmitChunk

        request = SubmitChunk.Request()
        request.chunk.clock = clock_name()
        request.chunk.epoch = self.robot._epoch if epoch is None else epoch
        request.chunk.observed_s = self.robot.clock.now_s()
        fill_chunk(request.chunk, chunk, DEFAULT_ARM, Pose)
        return self.ros.call(self.robot._clients["submit"], request, 1.0)

    def move(self) -> None:
        """Until the arm moves at an even pace."""
        y = float(self.robot.observe().arms[DEFAULT_ARM].T_base_tool.p[1])
        self._way = -1.0 if y > 0.05 else 1.0 if y < -0.05 else self._way
        self.clear()
        for _ in range(4):
            self.robot.command(self.chunk())
            time.sleep(0.08)

    def recover(self) -> None:
        """Back to where a chunk is accepted again."""
        self.inject()
        until_s = time.monotonic() + 10.0
        while time.monotonic() < until_s:
            time.sleep(0.05)
            state = self.status.state
            if state in ("fault", "estop"):
                self.trigger("acknowledge")
                self.trigger("enable")
                continue
            if state == "running":
                self.robot.stop()
                continue
            if not self.status.waits_for:
                self.robot._epoch = self.acquire("faults")
                return
        raise RuntimeError(f"It does not recover: {self.status}")


# What goes wrong


def _policy_dies(setting: Setting) -> None:
    """Nothing more is sent; the chunk that was accepted has 0.8 s."""


def _silence(seconds: float) -> Callable[[Setting], None]:
    return lambda setting: setting.inject(silent_s=seconds)


def _bad_states(**fault: object) -> Callable[[Setting], None]:
    return lambda setting: setting.inject(**fault)


def _poisoned(value: float) -> Callable[[Setting], None]:
    def inject(setting: Setting) -> None:
        chunk = setting.chunk()
        T = chunk.arms[DEFAULT_ARM].T_base_tool.copy()
        T[5, 0, 3] = value
        setting.submit(single_arm_chunk(chunk.stamp_s, T, np.ones(len(chunk))))

    return inject


def _too_fast(setting: Setting) -> None:
    setting.submit(setting.chunk(waypoints=3, speed_m_s=1.9))


def _under_the_table(setting: Setting) -> None:
    chunk = setting.chunk()
    T = chunk.arms[DEFAULT_ARM].T_base_tool.copy()
    T[:, 2, 3] -= np.linspace(0.02, 0.6, len(T))
    setting.submit(single_arm_chunk(chunk.stamp_s, T, np.ones(len(chunk))))


def _elsewhere(setting: Setting) -> None:
    chunk = setting.chunk()
    T = chunk.arms[DEFAULT_ARM].T_base_tool.copy()
    T[:, 1, 3] -= 0.5
    setting.submit(single_arm_chunk(chunk.stamp_s, T, np.ones(len(chunk))))


def _shuffled_times(setting: Setting) -> None:
    chunk = setting.chunk()
    T = chunk.arms[DEFAULT_ARM].T_base_tool
    setting.submit(single_arm_chunk(chunk.stamp_s[::-1], T, np.ones(len(chunk))))


def _estop(setting: Setting) -> None:
    setting.trigger("estop")


def _estop_while_others_hang(setting: Setting) -> Callable[[], None]:
    pids = [pid for pid in _children(setting.gate.pid or 0)]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    setting.trigger("estop")

    def after() -> None:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

    return after


def _protective_stop(setting: Setting) -> Callable[[], None]:
    setting.protective_stop(True)
    return lambda: setting.protective_stop(False)


def _second_commander(setting: Setting) -> None:
    setting.acquire("somebody else")
    # The former goes on sending; the gate follows neither.
    for _ in range(3):
        with suppress(ActionRefused):
            setting.robot.command(setting.chunk())


def _clock_jump(setting: Setting) -> None:
    setting.inject(clock_s=3600.0)
    time.sleep(0.3)
    setting.robot.command(setting.chunk(waypoints=4))


def _overload(setting: Setting) -> Callable[[], None]:
    context = multiprocessing.get_context("spawn")
    busy = [context.Process(target=_busy, daemon=True) for _ in range(2)]
    for process in busy:
        process.start()
    time.sleep(0.5)
    for _ in range(5):
        setting.robot.command(setting.chunk())
        time.sleep(0.1)

    def after() -> None:
        for process in busy:
            process.kill()
            process.join()

    return after


def _busy() -> None:
    while True:
        sum(range(10_000))


def _children(pid: int) -> Iterator[int]:
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            yield from (int(word) for word in file.read().split())


_HELD = (("hold", "chunk_refused"),)
FAULTS = (
    Fault(
        name="F1 policy dies in mid-chunk",
        inject=_policy_dies,
        wanted=(("hold", "chunk_ended"),),
        budget_s=0.95,
    ),
    Fault(
        name="F7 no joint states for 60 ms",
        inject=_silence(0.1),
        wanted=(("hold", "state_late"),),
        budget_s=0.4,
    ),
    Fault(
        name="F7 no joint states for 250 ms",
        inject=_silence(0.3),
        wanted=(("fault", "state_lost"),),
        budget_s=0.4,
    ),
    Fault(
        name="F8 joint states not finite",
        inject=_bad_states(not_finite=5),
        wanted=(("fault", "state_bad"),),
        budget_s=0.4,
    ),
    Fault(
        name="F8 a joint jumps by 0.5 rad",
        inject=_bad_states(jumped=5, jump_rad=0.5),
        wanted=(("fault", "state_bad"),),
        budget_s=0.4,
    ),
    Fault(name="F9 action NaN", inject=_poisoned(float("nan")), wanted=_HELD, budget_s=0.4),
    Fault(name="F9 action Inf", inject=_poisoned(float("inf")), wanted=_HELD, budget_s=0.4),
    Fault(name="F10 action too fast", inject=_too_fast, wanted=_HELD, budget_s=0.4),
    Fault(name="F10 action under the table", inject=_under_the_table, wanted=_HELD, budget_s=0.4),
    Fault(
        name="F11 joints named in another order",
        inject=_bad_states(reversed=True),
        wanted=(("fault", "state_bad"),),
        budget_s=0.4,
    ),
    Fault(name="F11 times shuffled", inject=_shuffled_times, wanted=_HELD, budget_s=0.4),
    Fault(
        name="F12 the arm's clock jumps by an hour",
        inject=_clock_jump,
        wanted=(("hold", "chunk_ended"),),
        budget_s=1.2,
    ),
    Fault(
        name="F14 emergency stop",
        inject=_estop,
        wanted=(("estop", "emergency_stop"),),
        budget_s=0.4,
    ),
    Fault(
        name="F14 emergency stop while the judge hangs",
        inject=_estop_while_others_hang,
        wanted=(("estop", "emergency_stop"),),
        budget_s=0.4,
    ),
    Fault(
        name="F15 protective stop of the arm",
        inject=_protective_stop,
        wanted=(("fault", "robot"),),
        budget_s=0.4,
    ),
    Fault(name="F16 begins elsewhere", inject=_elsewhere, wanted=_HELD, budget_s=0.4),
    Fault(
        name="F26 two commanders",
        inject=_second_commander,
        wanted=(("hold", "chunk_ended"),),
        budget_s=1.2,
    ),
    Fault(
        name="F28 two busy loops, moving goes on",
        inject=_overload,
        wanted=(("hold", "chunk_ended"),),
        budget_s=3.0,
    ),
)


# Measuring


def measure(setting: Setting, fault: Fault, repeats: int) -> Row:
    """Inject a fault again and again."""
    row = Row(fault=fault.name, budget_ms=1e3 * fault.budget_s)
    times = []
    for _ in range(repeats):
        setting.move()
        injected_s = time.monotonic()
        after = fault.inject(setting)
        rested_s = _wait_until_rest(setting, injected_s)
        ended = _ended(setting, fault)
        _judge(row, setting)
        if after is not None:
            after()
        row.injected += 1
        label = ", ".join(ended)
        row.states[label] = row.states.get(label, 0) + 1
        took_s = np.inf if rested_s is None else rested_s - injected_s
        times.append(1e3 * min(took_s, 1e6))
        row.as_named += ended in fault.wanted and took_s <= fault.budget_s
        setting.recover()
    row.p50_ms, row.p99_ms = (float(x) for x in np.quantile(times, [0.5, 0.99]))
    row.max_ms = float(max(times))
    return row


def _wait_until_rest(setting: Setting, since_s: float) -> float | None:
    """When the setpoint came to rest after the gate had stopped it; None if it did not."""
    while time.monotonic() - since_s < _LONGEST_S:
        time.sleep(0.03)
        log = [one for one in setting.sent() if one[0] >= since_s]
        if setting.status.state == "running" or not log:
            continue
        moving = [at_s for at_s, _, dq in log if max(map(abs, dq)) > _RESTS]
        last_s = moving[-1] if moving else since_s
        if log[-1][0] > last_s:
            time.sleep(0.12)
            return last_s
    return None


def _ended(setting: Setting, fault: Fault) -> tuple[str, str]:
    """What the gate ends in: some faults are worse than they look at first."""
    until_s = time.monotonic() + 0.5
    while True:
        ended = (setting.status.state, setting.status.cause)
        if ended in fault.wanted or time.monotonic() > until_s:
            return ended
        time.sleep(0.02)


def _judge(row: Row, setting: Setting) -> None:
    """Every setpoint against every limit."""
    joint = setting.spec.limits.joint
    q = np.array([position for _, position, _ in setting.sent()])
    outside = (q < joint.lower_rad - 1e-9) | (q > joint.upper_rad + 1e-9)
    row.outside += int(outside.sum())
    bounds = (joint.velocity_rad_s, joint.acceleration_rad_s2, joint.jerk_rad_s3)
    for order, bound in enumerate(bounds, start=1):
        if len(q) <= order:
            continue
        share = np.abs(np.diff(q, order, axis=0)) / _PERIOD_S**order / bound
        row.outside += int((share > 1.0).sum())
        row.overshoot = max(row.overshoot, float(share.max()))


@contextmanager
def setting() -> Iterator[Setting]:
    made = Setting()
    try:
        yield made
    finally:
        made.close()


def main() -> None:
    """Print one line of JSON per fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--only", default="", help="faults whose name begins like this")
    args = parser.parse_args()
    os.environ.setdefault("ROS_DOMAIN_ID", "89")
    with setting() as cell:
        for fault in FAULTS:
            if fault.name.startswith(args.only):
                print(json.dumps(asdict(measure(cell, fault, args.repeats))), flush=True)


if __name__ == "__main__":
    main()
