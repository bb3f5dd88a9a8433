"""Simulated cells that a person can demonstrate in, and that know when the task is done."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from robot_skills.core.clock import Clock
from robot_skills.core.errors import unknown_name
from robot_skills.core.policy import STATE_NAMES
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.core.se3 import Array
from robot_skills.core.types import Observation
from sim.arms import ARMS
from sim.layout import default_layout
from sim.robosuite_tasks import task_scene
from sim.robot import SimRobot
from sim.suites import robosuite
from sim.suites.robosuite import RobosuiteTask
from sim.suites.suite import STATE, Recording
from sim.truth import truth_scene


class Station(Protocol):
    """A simulated cell, from the operator's side."""

    @property
    def robot(self) -> Robot: ...

    @property
    def clock(self) -> Clock:
        """Of the simulation."""
        ...

    @property
    def kind(self) -> str:
        """Kind of arm."""
        ...

    @property
    def task(self) -> str:
        """What there is to do, in words; empty when the operator decides."""
        ...

    @property
    def number_names(self) -> Mapping[str, tuple[str, ...]]:
        """Vectors besides the arm's state that are worth recording, and their layouts."""
        ...

    def begin(self, seed: int) -> None:
        """Put everything where this seed has it; the clock starts at zero."""
        ...

    def numbers(self, observation: Observation) -> Mapping[str, Array]:
        """The vectors of `number_names` now."""
        ...

    def scene(self) -> Scene:
        """What stands where, as the simulator knows it."""
        ...

    def succeeded(self) -> bool | None:
        """Whether the task is done; None when nobody can tell."""
        ...

    def close(self) -> None: ...


class TabletopStation:
    """The tabletop cell: drawer, box, and things in places that the seed decides.

    Args:
        arm: Kind of arm.
        camera_px: Width and height of pictures.
    """

    task = ""
    number_names: Mapping[str, tuple[str, ...]] = {}

    def __init__(self, arm: str, camera_px: tuple[int, int]) -> None:
        self.kind = arm
        self._robot = SimRobot(arm, layout=default_layout(0), camera_size_px=camera_px)

    @property
    def robot(self) -> SimRobot:
        return self._robot

    @property
    def clock(self) -> Clock:
        return self._robot.clock

    def begin(self, seed: int) -> None:
        self._robot.connect()
        self._robot.reset(default_layout(seed))

    def numbers(self, observation: Observation) -> Mapping[str, Array]:
        return {}

    def scene(self) -> Scene:
        return truth_scene(self._robot.world, self._robot.clock.now_s())

    def succeeded(self) -> bool | None:
        return None

    def close(self) -> None:
        self._robot.close()


class RobosuiteStation:
    """One of robosuite's tasks; records the state that policies of the suite see.

    Args:
        name: Of the task, without its suite.
        camera_px: Width and height of pictures.
    """

    number_names: Mapping[str, tuple[str, ...]] = {STATE: STATE_NAMES}

    def __init__(self, name: str, camera_px: tuple[int, int]) -> None:
        self.kind = robosuite.ARM
        task = robosuite.TASKS[name].open(Recording(camera_px=camera_px))
        assert isinstance(task, RobosuiteTask)
        self._task = task

    @property
    def robot(self) -> Robot:
        return self._task.robot

    @property
    def clock(self) -> Clock:
        return self._task.robot.clock

    @property
    def task(self) -> str:
        return self._task.instruction

    def begin(self, seed: int) -> None:
        self._task.settle(np.random.default_rng(seed))

    def numbers(self, observation: Observation) -> Mapping[str, Array]:
        return {STATE: self._task.state(observation).astype(np.float64)}

    def scene(self) -> Scene:
        return task_scene(self._task.world, self.clock.now_s())

    def succeeded(self) -> bool | None:
        return self._task.succeeded()

    def close(self) -> None:
        self._task.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class StationSpec:
    """A station by name; nothing is loaded until it is opened."""

    name: str
    open: Callable[[tuple[int, int]], Station]


def _stations() -> Mapping[str, StationSpec]:
    found: dict[str, StationSpec] = {}
    for arm in ARMS:
        name = f"sim:{arm}"
        found[name] = StationSpec(name=name, open=lambda px, arm=arm: TabletopStation(arm, px))
    for task in robosuite.TASKS:
        name = f"robosuite:{task}"
        found[name] = StationSpec(name=name, open=lambda px, task=task: RobosuiteStation(task, px))
    return found


STATIONS: Mapping[str, StationSpec] = _stations()
"""All stations by name."""


def open_station(name: str, camera_px: tuple[int, int]) -> Station:
    """The station of that name, not begun yet.

    Raises:
        UnknownNameError: There is no such station.
    """
    if name not in STATIONS:
        raise unknown_name("robot", name, STATIONS)
    return STATIONS[name].open(camera_px)
