"""Watches a run from outside: each wrapper stands before one part of the cell and logs it.

The parts know nothing of it; without a wrapper they behave the same.
"""

import time
from dataclasses import replace

from robot_skills.core.errors import ActionRefused
from robot_skills.core.events import Event
from robot_skills.core.perceiver import Perceiver
from robot_skills.core.plan import Plan, Planner
from robot_skills.core.robot import Robot, RobotWrapper
from robot_skills.core.scene import Scene
from robot_skills.core.types import ActionChunk, Observation
from robot_skills.data.episode_log import EpisodeLog, Latency, Look
from robot_skills.data.messages import Command

PLANNER, PERCEPTION, POLICY = "planner", "perception", "policy"
"""Stages whose wall time is taken."""
WALL_MS = "latency_ms"
"""Key under which an event says how long something took on the wall clock."""


class RecordedEvents:
    """An `EventSink` that logs events; what they say of wall time goes to the latencies.

    So the logged events of two runs with the same seed are the same.
    """

    def __init__(self, log: EpisodeLog) -> None:
        self._log = log

    def emit(self, event: Event) -> None:
        wall_ms = event.data.get(WALL_MS)
        if wall_ms is not None:
            latency = Latency(stamp_s=event.stamp_s, stage=POLICY, wall_ms=float(wall_ms))
            self._log.latency(latency)
            rest = {name: value for name, value in event.data.items() if name != WALL_MS}
            event = replace(event, data=rest)
        self._log.emit(event)


class RecordedRobot(RobotWrapper):
    """A robot whose commands are taken down, as asked for and as accepted."""

    def __init__(self, robot: Robot, log: EpisodeLog) -> None:
        super().__init__(robot)
        self._log = log

    def command(self, chunk: ActionChunk) -> ActionChunk:
        stamp_s = self.clock.now_s()
        try:
            accepted = self._robot.command(chunk)
        except ActionRefused as refusal:
            self._log.command(
                Command(
                    stamp_s=stamp_s,
                    requested=chunk,
                    accepted=None,
                    refused=f"{refusal.code}: {refusal}",
                )
            )
            raise
        self._log.command(Command(stamp_s=stamp_s, requested=chunk, accepted=accepted))
        return accepted


class RecordedPerceiver(Perceiver):
    """A perceiver whose looks are timed, and taken down with the frames they were read from."""

    def __init__(self, perceiver: Perceiver, log: EpisodeLog) -> None:
        self._perceiver = perceiver
        self._log = log

    @property
    def cameras(self) -> tuple[str, ...]:
        return self._perceiver.cameras

    def reset(self) -> None:
        self._perceiver.reset()

    def look(self, observation: Observation) -> Scene:
        started_s = time.perf_counter()
        scene = self._perceiver.look(observation)
        wall_ms = 1e3 * (time.perf_counter() - started_s)
        stamp_s = observation.stamp_s
        self._log.latency(Latency(stamp_s=stamp_s, stage=PERCEPTION, wall_ms=wall_ms))
        self._log.look(Look(scene=scene, frames=observation.cameras))
        return scene


class RecordedPlanner(Planner):
    """A planner whose plans are timed."""

    def __init__(self, planner: Planner, log: EpisodeLog) -> None:
        self._planner = planner
        self._log = log

    @property
    def name(self) -> str:
        return self._planner.name

    def plan(self, instruction: str, scene: Scene) -> Plan:
        started_s = time.perf_counter()
        plan = self._planner.plan(instruction, scene)
        self._note(scene, started_s)
        return plan

    def replan(self, plan: Plan, scene: Scene) -> Plan:
        started_s = time.perf_counter()
        new_plan = self._planner.replan(plan, scene)
        self._note(scene, started_s)
        return new_plan

    def _note(self, scene: Scene, started_s: float) -> None:
        wall_ms = 1e3 * (time.perf_counter() - started_s)
        self._log.latency(Latency(stamp_s=scene.stamp_s, stage=PLANNER, wall_ms=wall_ms))
