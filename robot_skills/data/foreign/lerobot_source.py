"""What reading LeRobot's datasets has in common, whatever their version."""

from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from robot_skills.core.errors import DatasetError
from robot_skills.data.foreign.lerobot_info import LeRobotInfo, read_info
from robot_skills.data.foreign.lerobot_rows import Located, read_episode
from robot_skills.data.series import EpisodeData


class LeRobotSource(ABC):
    """A dataset of LeRobot (`data.series.EpisodeSource`).

    Args:
        root: Its folder, with ``meta/info.json``.
    """

    MAJOR: ClassVar[str]
    """Version that is read, as ``v3``."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def name(self) -> str:
        return self._root.name

    @property
    def kind(self) -> str:
        return f"LeRobot {self.info.version}"

    @cached_property
    def info(self) -> LeRobotInfo:
        """What it says about itself.

        Raises:
            DatasetError: That is damaged, or of another version.
        """
        info = read_info(self._root)
        if not info.version.startswith(f"{self.MAJOR}."):
            raise DatasetError(
                f"{self._root} is LeRobot {info.version}; {self.MAJOR} is read here."
            )
        return info

    @abstractmethod
    def __len__(self) -> int: ...

    def episode(self, index: int) -> EpisodeData:
        if not 0 <= index < len(self):
            raise DatasetError(f"{self._root} has no episode {index}; it has {len(self)}.")
        return read_episode(self.info, self._located(index), self.kind)

    @abstractmethod
    def _located(self, index: int) -> Located:
        """Where an episode is."""
