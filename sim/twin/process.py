"""A twin in a process of its own: what it hides cannot be reached from the robot that it is.

Two pipes lead there. Through the one a robot is driven, through the other it is staged and judged;
nothing that belongs to the one is known at the other's end.
"""

import multiprocessing
from collections.abc import Callable, Mapping
from enum import Enum
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np

from robot_skills.core.errors import RobotFault, RobotSkillsError, UnknownNameError
from robot_skills.core.plan import Literal
from robot_skills.core.predicates import unmet
from robot_skills.core.robot import Robot
from robot_skills.core.scene import Scene
from robot_skills.core.types import DEFAULT_ARM
from sim.attempts import let_go
from sim.demonstrate import AttemptFailed, move_to, prepare
from sim.latency import DelayedRobot
from sim.placements import Layout
from sim.render import Quality, RgbdRenderer
from sim.scenarios import Scenario
from sim.truth import truth_scene
from sim.twin.cell import Target, TwinCell
from sim.twin.hidden import Hidden
from sim.world import FILM_CAMERA

_FILM_PX = (640, 480)


class Ending(Enum):
    """How a call ended."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN_NAME = "unknown name"
    NOT_SET_UP = "not set up"


_RAISED: Mapping[Ending, type[Exception]] = {
    Ending.FAILED: RobotFault,
    Ending.UNKNOWN_NAME: UnknownNameError,
    Ending.NOT_SET_UP: AttemptFailed,
}


class Link:
    """Calls what is at the other end of a pipe, and waits for it.

    Args:
        end: Of the pipe.
    """

    def __init__(self, end: Connection) -> None:
        self._end = end

    def call(self, name: str, *args: object) -> Any:
        """What a call gives back.

        Raises:
            RobotFault: It failed there, or nobody is there any more.
            UnknownNameError: It was asked for what is not there.
            AttemptFailed: An episode could not be set up.
        """
        try:
            self._end.send((name, args))
            ending, value = self._end.recv()
        except (EOFError, OSError):
            raise RobotFault("The twin's process has ended: make the twin again.") from None
        if ending is not Ending.DONE:
            raise _RAISED[ending](value)
        return value

    def close(self) -> None:
        """Nobody calls any more."""
        self._end.close()


def start(
    hidden: Hidden, target: Target | None, camera_size_px: tuple[int, int], *, filters: bool
) -> tuple[Link, Link]:
    """Start a twin's process; it ends when both of its pipes are closed, or with this process.

    Returns:
        Where the robot is driven, and where it is staged and judged.
    """
    context = multiprocessing.get_context("spawn")
    robot, robots = context.Pipe()
    judge, judges = context.Pipe()
    process = context.Process(
        target=serve,
        args=(robots, judges, hidden, target, camera_size_px, filters),
        daemon=True,
        name=f"twin-{hidden.arm}",
    )
    process.start()
    robots.close()
    judges.close()
    return Link(robot), Link(judge)


def serve(
    robots: Connection,
    judges: Connection,
    hidden: Hidden,
    target: Target | None,
    camera_size_px: tuple[int, int],
    filters: bool,
) -> None:
    """Answer until nobody asks any more."""
    cell = TwinCell(hidden, target, camera_size_px, filters=filters)
    stage = _Stage(cell, hidden)
    calls: dict[Connection, Mapping[str, Callable[..., object]]] = {
        robots: {
            "now_s": lambda: stage.robot.clock.now_s(),
            "sleep_until": lambda stamp_s: stage.robot.clock.sleep_until(stamp_s),
            "connect": stage.connect,
            "observe": lambda cameras: stage.robot.observe(cameras),
            "command": lambda chunk: stage.robot.command(chunk),
            "stop": lambda: stage.robot.stop(),
            "close": lambda: stage.robot.close(),
        },
        judges: {
            "begin": stage.begin,
            "prepare": stage.prepare,
            "go_home": stage.go_home,
            "scene": stage.scene,
            "missing": stage.missing,
            "film": stage.film,
        },
    }
    while calls:
        for end in [one for one in wait(list(calls)) if isinstance(one, Connection)]:
            try:
                name, args = end.recv()
            except (EOFError, OSError):
                del calls[end]
                continue
            end.send(_answer(calls[end][name], args))
    stage.close()
    cell.close()


def _answer(call: Callable[..., object], args: tuple[object, ...]) -> tuple[Ending, object]:
    try:
        return Ending.DONE, call(*args)
    except UnknownNameError as error:
        return Ending.UNKNOWN_NAME, str(error)
    except AttemptFailed as failure:
        return Ending.NOT_SET_UP, str(failure)
    except (RobotSkillsError, ValueError) as error:
        return Ending.FAILED, str(error)


class _Stage:
    """Sets episodes up and says what is true, for whoever judges.

    Attributes:
        robot: What whoever drives the twin gets; it is late, the stage is not.
    """

    def __init__(self, cell: TwinCell, hidden: Hidden) -> None:
        self._cell, self._hidden = cell, hidden
        self._number = 0
        self._film: RgbdRenderer | None = None
        self._hand_over()

    def _hand_over(self) -> None:
        """Forget what the robot was told; nothing of it is on its way any more."""
        rng = np.random.default_rng((self._hidden.seed, self._number, 1))
        self.robot: Robot = DelayedRobot(self._cell, self._hidden.delays, rng)

    def connect(self) -> None:
        self._cell.connect()
        self._hand_over()

    def begin(self, layout: Layout, number: int) -> None:
        self.close()
        let_go()
        self._number = number
        self._cell.connect()
        self._cell.begin_episode(number)
        self._cell.reset(layout)
        self._hand_over()

    def prepare(self, scenario: Scenario, seed: tuple[int, ...]) -> None:
        prepare(self._cell, scenario, np.random.default_rng(seed))
        self._hand_over()

    def go_home(self, opening: float) -> None:
        move_to(self._cell, self._cell.home(DEFAULT_ARM), opening)
        self._hand_over()

    def scene(self) -> Scene:
        return truth_scene(self._cell.world)

    def missing(self, effects: tuple[Literal, ...]) -> tuple[Literal, ...]:
        return tuple(unmet(self.scene(), effects))

    def film(self) -> np.ndarray:
        world = self._cell.world
        if self._film is None:
            self._film = RgbdRenderer(world.model, *_FILM_PX, Quality.FILM)
        world.refresh()
        return self._film.render(world.data, FILM_CAMERA).rgb

    def close(self) -> None:
        if self._film is not None:
            self._film.close()
            self._film = None
