"""Watches a run from outside: each wrapper stands before one part of the cell, times it, and logs.

The parts know nothing of it; without a wrapper they behave the same.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from robot_skills.core.clock import Clock
from robot_skills.core.errors import ActionRefused
from robot_skills.core.limits import ArmLimits
from robot_skills.core.perceiver import Perceiver
from robot_skills.core.plan import Plan, Planner
from robot_skills.core.policy import Policy, PolicyInput, PolicyOutput
from robot_skills.core.robot import Kinematics, Robot
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import SE3
from robot_skills.core.types import ActionChunk, Observation
from robot_skills.data.episode_log import Command, Latency, Look

PLANNER, PERCEPTION, POLICY = "planner", "perception", "policy"
"""Stages whose wall time is taken."""


class Recorder(Protocol):
    """Takes down what the wrappers see. `EpisodeLog` is one."""

    def look(self, look: Look) -> None: ...

    def command(self, command: Command) -> None: ...

    def latency(self, latency: Latency) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Stopwatch:
    """Takes the wall time of calls, and knows when they were made on the project clock."""

    clock: Clock
    latencies: list[Latency]
    recorder: Recorder | None = None

    def lap(self, stage: str, started_s: float) -> None:
        """Note that a call of `stage`, begun at `time.perf_counter() == started_s`, has ended."""
        wall_ms = 1e3 * (time.perf_counter() - started_s)
        latency = Latency(stamp_s=self.clock.now_s(), stage=stage, wall_ms=wall_ms)
        self.latencies.append(latency)
        if self.recorder is not None:
            self.recorder.latency(latency)


class RecordedRobot(Robot):
    """A robot whose commands are taken down, as asked for and as accepted."""

    def __init__(self, robot: Robot, recorder: Recorder) -> None:
        self._robot = robot
        self._recorder = recorder

    @property
    def clock(self) -> Clock:
        return self._robot.clock

    @property
    def control_period_s(self) -> float:
        return self._robot.control_period_s

    @property
    def arms(self) -> Mapping[str, ArmLimits]:
        return self._robot.arms

    @property
    def cameras(self) -> tuple[str, ...]:
        return self._robot.cameras

    def kinematics(self, arm: str) -> Kinematics:
        return self._robot.kinematics(arm)

    def home(self, arm: str) -> SE3:
        return self._robot.home(arm)

    def connect(self) -> None:
        self._robot.connect()

    def observe(self, cameras: Collection[str] = ()) -> Observation:
        return self._robot.observe(cameras)

    def command(self, chunk: ActionChunk) -> ActionChunk:
        stamp_s = self.clock.now_s()
        try:
            accepted = self._robot.command(chunk)
        except ActionRefused as refusal:
            self._recorder.command(
                Command(
                    stamp_s=stamp_s,
                    requested=chunk,
                    accepted=None,
                    refused=f"{refusal.code}: {refusal}",
                )
            )
            raise
        self._recorder.command(Command(stamp_s=stamp_s, requested=chunk, accepted=accepted))
        return accepted

    def stop(self) -> None:
        self._robot.stop()

    def close(self) -> None:
        self._robot.close()


class RecordedPerceiver(Perceiver):
    """A perceiver whose looks are timed, and taken down with the frames they were read from."""

    def __init__(
        self, perceiver: Perceiver, stopwatch: Stopwatch, recorder: Recorder | None
    ) -> None:
        self._perceiver = perceiver
        self._stopwatch = stopwatch
        self._recorder = recorder

    @property
    def cameras(self) -> tuple[str, ...]:
        return self._perceiver.cameras

    def reset(self) -> None:
        self._perceiver.reset()

    def look(self, observation: Observation) -> Scene:
        started_s = time.perf_counter()
        scene = self._perceiver.look(observation)
        self._stopwatch.lap(PERCEPTION, started_s)
        if self._recorder is not None:
            self._recorder.look(Look(scene=scene, frames=observation.cameras))
        return scene


class TimedPlanner(Planner):
    """A planner whose plans are timed."""

    def __init__(self, planner: Planner, stopwatch: Stopwatch) -> None:
        self._planner = planner
        self._stopwatch = stopwatch

    @property
    def name(self) -> str:
        return self._planner.name

    def plan(self, instruction: str, scene: Scene) -> Plan:
        started_s = time.perf_counter()
        plan = self._planner.plan(instruction, scene)
        self._stopwatch.lap(PLANNER, started_s)
        return plan

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        started_s = time.perf_counter()
        new_plan = self._planner.replan(plan, scene)
        self._stopwatch.lap(PLANNER, started_s)
        return new_plan


class TimedPolicy(Policy):
    """A policy whose chunks are timed."""

    def __init__(self, policy: Policy, stopwatch: Stopwatch) -> None:
        self._policy = policy
        self._stopwatch = stopwatch

    @property
    def period_s(self) -> float:
        return self._policy.period_s

    @property
    def horizon(self) -> int:
        return self._policy.horizon

    @property
    def observation_steps(self) -> int:
        return self._policy.observation_steps

    def reset(self, seed: int) -> None:
        self._policy.reset(seed)

    def infer(self, inputs: PolicyInput) -> PolicyOutput:
        started_s = time.perf_counter()
        output = self._policy.infer(inputs)
        self._stopwatch.lap(POLICY, started_s)
        return output
