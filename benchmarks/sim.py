"""Simulation side by side: our control step and RGB-D frame against robosuite's and MuJoCo's own.

Each side runs in a process of its own, kept alive; they are measured in turns, so that whatever
else the machine does hits both. Run `python -m benchmarks.sim`.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import tyro

from benchmarks.result import BenchResult, table
from robot_skills.core.errors import RobotSkillsError
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk

if TYPE_CHECKING:
    from sim.world import TabletopWorld

CONTROL_HZ = 20
PHYSICS_PER_CONTROL = 25
FRAME_PX = 128
_SEED = 0

Measure = Callable[[int], float]
"""Runs a number of rounds and returns the seconds that they took."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Benchmark of the simulation.

    Attributes:
        repeats: How often each side is measured, taking turns.
        steps: Control steps per measurement.
        frames: RGB-D frames per measurement.
        as_json: Print one JSON line per result instead of the table.
    """

    repeats: int = 5
    steps: int = 200
    frames: int = 20
    as_json: bool = False


def run(repeats: int = 5, steps: int = 200, frames: int = 20) -> list[BenchResult]:
    """Measure control steps per second and time per RGB-D frame.

    Args:
        repeats: How often each side is measured, taking turns.
        steps: Control steps per measurement.
        frames: RGB-D frames per measurement.

    Raises:
        RobotSkillsError: A side could not be measured.
    """
    return [_control(repeats, steps), *_frames(repeats, frames)]


def main() -> None:
    """Command line: `python -m benchmarks.sim`."""
    if len(sys.argv) == 3 and sys.argv[1] == _WORKER_FLAG:
        _serve(WORKERS[sys.argv[2]]())
        return
    options = tyro.cli(Options)
    results = run(options.repeats, options.steps, options.frames)
    if options.as_json:
        print("\n".join(result.to_json() for result in results))
    else:
        print(table(results))


def _control(repeats: int, steps: int) -> BenchResult:
    seconds = _take_turns(("control", "robosuite", "mj_step"), repeats, steps)
    ours, peer, limit = (steps / seconds[name] for name in ("control", "robosuite", "mj_step"))
    return BenchResult(
        ours=ours,
        peer=peer,
        limit=limit,
        ratio=ours / peer,
        unit="control steps/s, Lift, Panda",
        repeats=repeats,
        detail=(
            "ours: command a waypoint, inverse kinematics, 25 physics steps of 2 ms, observe; "
            "peer: robosuite env.step, OSC_POSE, same physics step, low-dimensional observations; "
            "limit: mj_step(nstep=25) on our model"
        ),
    )


def _frames(repeats: int, frames: int) -> list[BenchResult]:
    names = ("rgbd", "renderer_rgbd", "renderer_rgb", "empty")
    seconds = _take_turns(names, repeats, frames)
    ours, both, colour, empty = (1e3 * seconds[name] / frames for name in names)
    scene = (
        f"tabletop with drawer, box, button and {len(_SCENE_OBJECTS)} objects, Panda, front "
        "camera; ours: RgbdRenderer, decimated meshes, colour and depth in one pass; peer: "
        "mujoco.Renderer, default flags, full meshes, {}; limit: a frame with nothing in it"
    )
    return [
        BenchResult(
            ours=ours,
            peer=peer,
            limit=empty,
            ratio=peer / ours,
            unit=f"ms per {FRAME_PX} px RGB-D frame{against}",
            repeats=repeats,
            detail=scene.format(what),
        )
        for peer, against, what in (
            (both, "", "colour, then depth"),
            (colour, ", peer colour only", "colour only"),
        )
    ]


# Worker processes.

_WORKER_FLAG = "--worker"


class _Worker:
    """One side in its own process; each line of input is a number of rounds to run."""

    def __init__(self, name: str) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        environment.setdefault("MUJOCO_GL", "egl")
        self._name = name
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.sim", _WORKER_FLAG, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def measure(self, rounds: int) -> float:
        """Seconds for a number of rounds."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(f"{rounds}\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass
        line = process.stdout.readline()
        if not line:
            _, errors = process.communicate()
            last = errors.strip().splitlines()[-1] if errors.strip() else "no message"
            raise RobotSkillsError(f"The {self._name!r} side of the benchmark stopped: {last}")
        return float(json.loads(line))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


def _take_turns(names: tuple[str, ...], repeats: int, rounds: int) -> dict[str, float]:
    """Median seconds of each side over interleaved repeats, after one that does not count."""
    workers = {name: _Worker(name) for name in names}
    seconds: dict[str, list[float]] = {name: [] for name in names}
    try:
        for worker in workers.values():
            worker.measure(max(rounds // 10, 1))
        for _ in range(repeats):
            for name, worker in workers.items():
                seconds[name].append(worker.measure(rounds))
    finally:
        for worker in workers.values():
            worker.__exit__(None, None, None)
    return {name: median(values) for name, values in seconds.items()}


def _serve(measure: Measure) -> None:
    # The answers have the real stdout to themselves, whatever a library prints.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(measure(int(line))) + "\n")
        answers.flush()


def _timed(step: Callable[[int], object]) -> Measure:
    def measure(rounds: int) -> float:
        start_s = time.perf_counter()
        for i in range(rounds):
            step(i)
        return time.perf_counter() - start_s

    return measure


def _our_control() -> Measure:
    from sim.robosuite_tasks import LIFT, draw_layout, task_robot

    layout = draw_layout(LIFT, "panda", np.random.default_rng(_SEED))
    robot = task_robot(LIFT, "panda", layout=layout)
    robot.connect()
    period_s = robot.control_period_s
    T_base_home = robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix()

    def step(i: int) -> None:
        now_s = robot.clock.now_s()
        T_base_goal = T_base_home.copy()
        T_base_goal[:3, 3] += 0.05 * np.sin(np.array([0.05, 0.07, 0.09]) * i)
        opening = np.array([float(i % 40 < 20)])
        robot.command(single_arm_chunk(np.array([now_s + period_s]), T_base_goal[None], opening))
        robot.clock.sleep_until(now_s + period_s)
        robot.observe()

    return _timed(step)


def _raw_physics() -> Measure:
    import mujoco

    from sim.robosuite_tasks import LIFT, draw_layout, task_robot

    layout = draw_layout(LIFT, "panda", np.random.default_rng(_SEED))
    robot = task_robot(LIFT, "panda", layout=layout)
    robot.connect()
    model, data = robot.world.model, robot.world.data
    return _timed(lambda i: mujoco.mj_step(model, data, nstep=PHYSICS_PER_CONTROL))


def _robosuite_control() -> Measure:
    import robosuite
    from robosuite.controllers import load_composite_controller_config

    controllers = load_composite_controller_config(controller="BASIC")
    if controllers is None or controllers["body_parts"]["right"]["type"] != "OSC_POSE":
        raise RobotSkillsError("robosuite's basic controller is no longer OSC_POSE.")
    env = robosuite.make(
        "Lift",
        robots="Panda",
        controller_configs=controllers,
        has_renderer=False,
        has_offscreen_renderer=False,
        use_camera_obs=False,
        control_freq=CONTROL_HZ,
        ignore_done=True,
    )
    env.reset()

    def step(i: int) -> None:
        action = np.zeros(7)
        action[:3] = 0.1 * np.cos(np.array([0.05, 0.07, 0.09]) * i)
        action[6] = 1.0 if i % 40 < 20 else -1.0
        env.step(action)

    return _timed(step)


_SCENE_OBJECTS = ("red_cube", "blue_cube", "can", "milk")


def _scene() -> "TabletopWorld":
    from sim.layout import DrawerStart, random_layout
    from sim.world import TabletopWorld

    layout = random_layout(
        np.random.default_rng(_SEED),
        with_objects=_SCENE_OBJECTS,
        count=len(_SCENE_OBJECTS),
        drawer=DrawerStart.CLOSED,
        button=True,
    )
    return TabletopWorld("panda", layout)


def _our_frame() -> Measure:
    from sim.render import RgbdRenderer

    world = _scene()
    renderer = RgbdRenderer(world.model, FRAME_PX, FRAME_PX)
    return _timed(lambda i: renderer.render(world.data, "front"))


def _empty_frame() -> Measure:
    from sim.render import RgbdRenderer

    world = _scene()
    world.model.geom_group[:] = 0
    renderer = RgbdRenderer(world.model, FRAME_PX, FRAME_PX)
    return _timed(lambda i: renderer.render(world.data, "front"))


def _renderer(depth: bool) -> Measure:
    import mujoco

    world = _scene()
    renderer = mujoco.Renderer(world.model, FRAME_PX, FRAME_PX)

    def frame(i: int) -> None:
        renderer.update_scene(world.data, "front")
        renderer.render()
        if depth:
            renderer.enable_depth_rendering()
            renderer.render()
            renderer.disable_depth_rendering()

    return _timed(frame)


WORKERS: Mapping[str, Callable[[], Measure]] = {
    "control": _our_control,
    "robosuite": _robosuite_control,
    "mj_step": _raw_physics,
    "rgbd": _our_frame,
    "empty": _empty_frame,
    "renderer_rgbd": lambda: _renderer(depth=True),
    "renderer_rgb": lambda: _renderer(depth=False),
}
"""One side each; runs in its own process."""


if __name__ == "__main__":
    main()
