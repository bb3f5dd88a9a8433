"""What goes wrong in the soak, and how one sees that somebody has named it."""

import multiprocessing
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from benchmarks.chaos.cell import Watcher, stop_and_go
from benchmarks.faults.table import busy
from hardware.ros2.messages import fill_chunk
from hardware.ros2.times import clock_name
from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk

type Inject = Callable[[Watcher, np.random.Generator], None]
"""Does it, and returns when it is over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chaos:
    """Something that goes wrong.

    Attributes:
        name: What.
        inject: Does it.
        words: One of these is in what the gate, a skill, the recorder or bringup says of it.
        silent: It is to have no effect, and nobody has to say anything.
    """

    name: str
    inject: Inject
    words: tuple[str, ...]
    silent: bool = False


def _killed(node: str) -> Inject:
    def inject(watcher: Watcher, rng: np.random.Generator) -> None:
        watcher.processes.kill(node)

    return inject


def _judge_killed(watcher: Watcher, rng: np.random.Generator) -> None:
    import psutil

    gate = watcher.processes.pid("gate")
    for child in psutil.Process(gate).children():
        child.kill()
    # It ends by itself, and another one comes with a judge of its own.
    watcher.processes.killed.add(gate)


def _hangs(node: str) -> Inject:
    def inject(watcher: Watcher, rng: np.random.Generator) -> None:
        stop_and_go(watcher.processes.pid(node), float(rng.uniform(1.5, 4.0)))

    return inject


def _says(seconds: float, **fault: object) -> Inject:
    """The arm, or a camera, says it for so long."""

    def inject(watcher: Watcher, rng: np.random.Generator) -> None:
        watcher.inject(**fault)
        time.sleep(seconds)
        watcher.inject()

    return inject


def _pressed(watcher: Watcher, rng: np.random.Generator) -> None:
    watcher.pressed = True
    try:
        watcher.trigger("gate/estop")
        time.sleep(float(rng.uniform(0.5, 2.0)))
    finally:
        watcher.pressed = False


def _protective_stop(watcher: Watcher, rng: np.random.Generator) -> None:
    from std_srvs.srv import SetBool

    watcher.ask(SetBool, "sim_robot/protective_stop", data=True)
    time.sleep(float(rng.uniform(0.5, 2.0)))
    watcher.ask(SetBool, "sim_robot/protective_stop", data=False)


def _somebody_else(watcher: Watcher, rng: np.random.Generator) -> None:
    """Takes the command by force, and wants what nobody should."""
    from geometry_msgs.msg import Pose
    from robot_skills_interfaces.srv import AcquireCommand, ReleaseCommand, SubmitChunk

    epoch = watcher.ask(AcquireCommand, "gate/acquire", owner="intruder", force=True).epoch
    T = np.tile(np.eye(4), (4, 1, 1))
    T[2, 0, 3] = np.nan
    now_s = time.monotonic()
    request = SubmitChunk.Request().chunk
    request.clock, request.epoch, request.observed_s = clock_name(), epoch, now_s
    times = np.asarray(now_s + 0.1 * np.arange(1.0, 5.0), dtype=np.float64)
    chunk = single_arm_chunk(times, T, np.ones(4))
    fill_chunk(request, chunk, DEFAULT_ARM, Pose)
    with suppress(RobotSkillsError):
        watcher.ask(SubmitChunk, "gate/submit", chunk=request)
    watcher.ask(ReleaseCommand, "gate/release", epoch=epoch)


def _busy(watcher: Watcher, rng: np.random.Generator) -> None:
    context = multiprocessing.get_context("spawn")
    loops = [context.Process(target=busy, daemon=True) for _ in range(2)]
    for loop in loops:
        loop.start()
    time.sleep(3.0)
    for loop in loops:
        loop.kill()
        loop.join()


CHAOS = (
    Chaos(name="policy and skills killed", inject=_killed("skill_server"), words=("skill_server",)),
    Chaos(name="scheduler killed", inject=_killed("scheduler"), words=("scheduler",)),
    Chaos(name="perception killed", inject=_killed("perception"), words=("perception",)),
    Chaos(name="recorder killed", inject=_killed("recorder"), words=("recorder",)),
    Chaos(name="gate killed", inject=_killed("gate"), words=("gate",)),
    Chaos(name="judge killed", inject=_judge_killed, words=("judge", "gate ")),
    Chaos(
        name="policy and skills hang",
        inject=_hangs("skill_server"),
        words=("chunk_ended", "skill_server", "skill server"),
        silent=True,
    ),
    Chaos(name="recorder hangs", inject=_hangs("recorder"), words=("recorder",), silent=True),
    Chaos(
        name="no joint states for 0.6 s",
        inject=_says(0.7, silent_s=0.6),
        words=("state_late", "state_lost", "the arm's state is"),
    ),
    Chaos(
        name="no joint states for 2.5 s",
        inject=_says(2.6, silent_s=2.5),
        words=("state_late", "state_lost", "the arm's state is"),
    ),
    Chaos(name="joint states not finite", inject=_says(0.3, not_finite=20), words=("state_bad",)),
    Chaos(name="joint jumps", inject=_says(0.3, jumped=20, jump_rad=0.5), words=("state_bad",)),
    Chaos(name="joints in another order", inject=_says(0.5, reversed=True), words=("state_bad",)),
    Chaos(
        name="clock of the arm jumps by an hour",
        inject=_says(1.0, clock_s=3600.0),
        words=(),
        silent=True,
    ),
    Chaos(
        name="camera unplugged",
        inject=_says(1.6, cameras=("front",), camera_silent_s=1.5),
        words=("front",),
    ),
    Chaos(
        name="camera frozen",
        inject=_says(3.0, cameras=("front",), camera_frozen=True),
        words=("front",),
    ),
    Chaos(name="emergency stop", inject=_pressed, words=("emergency_stop",)),
    Chaos(name="protective stop", inject=_protective_stop, words=("robot_program_running",)),
    Chaos(name="two commanders, one mad", inject=_somebody_else, words=("lease", "of intruder")),
    Chaos(name="two busy loops", inject=_busy, words=(), silent=True),
)
