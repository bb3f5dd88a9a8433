"""A process that commands an arm as a policy does, and can be killed or made to hang."""

import multiprocessing
import os
import signal
import time
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import numpy as np

from hardware.ros2.robot import Ros2Robot, Ros2RobotConfig
from robot_skills.core.errors import RobotFault
from robot_skills.core.types import DEFAULT_ARM, single_arm_chunk

_EVERY_S = 0.2
_WAYPOINT_S = 0.05
_SPEED_M_S = 0.2
_PATIENCE_S = 60.0


class Commander:
    """A process that is ready when it is needed, and another one behind it.

    Args:
        config: Of its robot.
    """

    def __init__(self, config: Ros2RobotConfig) -> None:
        self._config = config
        self._context = multiprocessing.get_context("spawn")
        self._next = self._spawn()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def _spawn(self) -> tuple[BaseProcess, Connection]:
        mine, theirs = self._context.Pipe()
        process = self._context.Process(target=_command, args=(self._config, theirs), daemon=True)
        process.start()
        theirs.close()
        return process, mine

    def go(self, way: float) -> None:
        """Take the command and move sideways, until it is ended.

        Args:
            way: 1 or -1.
        """
        if self._process is None:
            (self._process, self._pipe), self._next = self._next, self._spawn()
        assert self._pipe is not None
        self._pipe.send(way)
        if not self._pipe.poll(_PATIENCE_S):
            raise RobotFault("Who is to command does not begin.")

    def signal(self, number: signal.Signals) -> None:
        """To the process that commands."""
        assert self._process is not None
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def end(self) -> None:
        """End who commands, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._process = self._pipe = None

    def close(self) -> None:
        self.end()
        self._next[0].kill()
        self._next[0].join()


def _command(config: Ros2RobotConfig, pipe: Connection) -> None:
    robot = Ros2Robot(config, name=f"policy_{os.getpid()}")
    way = float(pipe.recv())
    robot.connect()
    times = np.asarray(_WAYPOINT_S * np.arange(1.0, 17.0), dtype=np.float64)
    while True:
        now_s = robot.clock.now_s()
        T = robot.observe().arms[DEFAULT_ARM].T_base_tool.matrix()
        poses = np.tile(T, (len(times), 1, 1))
        poses[:, 1, 3] += way * _SPEED_M_S * times
        chunk = single_arm_chunk(now_s + times, poses, np.ones(len(times)))
        robot.command(chunk)
        pipe.send("commands")
        time.sleep(_EVERY_S)
