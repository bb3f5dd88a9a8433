"""Composed instructions over ROS 2, beside the same ones in one process.

Run with ``python -m benchmarks.over_ros``. Over ROS 2 the arm, its cameras, its safety gate, the
gate's judge and the skills are processes of their own; RGB-D pictures, joint states, chunks and
commands travel as messages, and time is real. In one process they are function calls, and time is
simulated. The same instructions in the same scenes, judged by the simulator's own state.
"""

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from hardware.gate.motion import MotionConfig
from hardware.ros2.gate_node import run_gate
from hardware.ros2.robot import Ros2RobotConfig
from robot_skills.app.cells import gate_setup, load_cell, robot_config, sim_setup
from robot_skills.app.nodes.sim_robot import run_sim_robot

if TYPE_CHECKING:
    from robot_skills.app.suites import Instance
    from robot_skills.app.wiring import Skills

SEED = 1_000_000
TRIALS = 50
_ENDS_S = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One instruction, carried out both ways.

    Attributes:
        index: Of the trial.
        group: Kind of instruction.
        instruction: Its words.
        over_ros: The goal holds in the simulator's state, over ROS 2.
        in_process: The same in one process.
        reason: How it ended over ROS 2.
        wall_s: Over ROS 2, from the words to the end.
        sim_s: In one process, in simulated time.
        state: Of the gate at the end, and why.
        cause: See `state`.
        lateness_p99_ms: Of the gate's loop.
    """

    index: int
    group: str
    instruction: str
    over_ros: bool
    in_process: bool
    reason: str
    wall_s: float
    sim_s: float
    state: str
    cause: str
    lateness_p99_ms: float


def main() -> None:
    """Print one line of JSON per trial, and the sums at the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=TRIALS)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--arm", default="panda")
    args = parser.parse_args()
    os.environ.setdefault("ROS_DOMAIN_ID", "88")
    from robot_skills.app.wiring import load_skills

    skills = load_skills()
    for index in range(args.first, args.first + args.trials):
        print(json.dumps(asdict(trial(args.arm, index, skills))), flush=True)


def trial(arm: str, index: int, skills: "Skills") -> Row:
    """One instruction both ways."""
    from robot_skills.app.suites import SUITES, draw_instance, suite_trial
    from robot_skills.app.trials import TrialConfig
    from robot_skills.app.zoo import zoo_dir
    from robot_skills.core.errors import RobotSkillsError
    from robot_skills.core.predicates import unmet

    tasks = SUITES["tabletop"]
    task = tasks[index % len(tasks)]
    instance = draw_instance(task, np.random.default_rng((SEED, index)))
    state = cause = ""
    lateness_ms = 0.0
    with cell_processes(arm, instance) as config:
        from robot_skills.app.ros_cell import ros_cell

        started_s = time.monotonic()
        try:
            with ros_cell(config, seed=index, skills=skills) as cell:
                started_s = time.monotonic()
                try:
                    result = cell.executive.run(instance.instruction)
                    reason = result.reason
                finally:
                    wall_s = time.monotonic() - started_s
                    status = cell.robot.status
                    state, cause = status.state, status.cause
                    lateness_ms = status.lateness_p99_ms
                    missing = unmet(_truth(arm, instance), instance.goal)
        except RobotSkillsError as error:
            reason, wall_s = str(error), time.monotonic() - started_s
            missing = unmet(_truth(arm, instance), instance.goal)
    config_here = TrialConfig(arm=arm, scene="rgbd", seed=SEED, zoo=zoo_dir())
    here = suite_trial(config_here, task, index)
    return Row(
        index=index,
        group=task.name,
        instruction=instance.instruction,
        over_ros=not missing,
        in_process=here.success,
        reason=reason,
        wall_s=wall_s,
        sim_s=here.sim_s,
        state=state,
        cause=cause,
        lateness_p99_ms=lateness_ms,
    )


@contextmanager
def cell_processes(arm: str, instance: "Instance") -> Iterator[Ros2RobotConfig]:
    """A simulated arm with cameras and its gate, as processes."""
    context = multiprocessing.get_context("spawn")
    cell = load_cell(f"sim_{arm}")
    simulated = replace(sim_setup(cell), layout=instance.layout)
    # As a real arm's: states that come late are not forgiven.
    gate = replace(gate_setup(cell), motion=MotionConfig())
    processes = [
        context.Process(target=run_sim_robot, args=(simulated,)),
        context.Process(target=run_gate, args=(gate,)),
    ]
    for process in processes:
        process.start()
    try:
        yield robot_config(cell)
    finally:
        for process in reversed(processes):
            process.terminate()
        for process in processes:
            process.join(timeout=_ENDS_S)
            if process.is_alive():
                process.kill()


def _truth(arm: str, instance: "Instance"):
    """The scene as the simulator has it now."""
    from std_srvs.srv import Trigger

    from hardware.ros2.runtime import RosNode
    from sim.servo_cell import ServoCell
    from sim.truth import truth_scene

    with RosNode("judge_of_truth") as node:
        client = node.node.create_client(Trigger, "sim_robot/truth")
        answer = node.call(client, Trigger.Request(), 10.0)
    cell = ServoCell(arm, instance.layout)
    cell.world.data.qpos[:] = json.loads(answer.message)["pose"]
    cell.world.step(0)
    return truth_scene(cell.world, 0.0)


if __name__ == "__main__":
    main()
