"""A simulated cell that stays as it was left, over the end of the process.

A real cell does so by itself. Here the state of the physics is written to a file at every control
step, and the next process goes on in it: things stand where they stood, the arm is where it was,
and what the hand held it still holds.
"""

import io
import json
import logging
import os
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from robot_skills.core.errors import RefusedError
from sim.robot import SimRobot

_log = logging.getLogger(__name__)


class LeftWorld:
    """Keeps the state of a world in a file.

    Args:
        path: The file; its folder exists.
        name: Of the cell. A file of another one is refused.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._broken = False

    def restore(self, robot: SimRobot) -> bool:
        """Put a connected robot's world into the state that it was left in.

        Args:
            robot: With the arm and the layout that the state is of.

        Returns:
            Whether there was one.

        Raises:
            RefusedError: The file is damaged, or of another cell.
        """
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise RefusedError(f"{self._path} cannot be read: {error.strerror}.") from error
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
                told = json.loads(str(arrays["told"]))
                if told["name"] != self._name:
                    raise ValueError(f"it is of {told['name']}")
                robot.world.restore_physics(arrays["physics"])
            robot.world.switching.restore(told["switching"])
            robot.take_over(float(told["opening"]))
        except (BadZipFile, KeyError, TypeError, ValueError, EOFError) as error:
            raise RefusedError(
                f"The state of {self._name} in {self._path} cannot be gone on from: {error}. "
                "Remove the file to begin anew."
            ) from error
        return True

    def keep(self, robot: SimRobot) -> None:
        """Keep the state as it is now; once that fails, it is said, and no more is kept."""
        if self._broken:
            return
        told = {
            "name": self._name,
            "switching": robot.world.switching.state,
            "opening": robot.opening_goal,
        }
        buffer = io.BytesIO()
        np.savez(buffer, physics=robot.world.physics_state(), told=np.array(json.dumps(told)))
        partial = self._path.with_name(self._path.name + ".part")
        try:
            partial.write_bytes(buffer.getvalue())
            os.replace(partial, self._path)
        except OSError as error:
            self._broken = True
            _log.warning("The world is not kept from now on: %s: %s", error.strerror, self._path)
