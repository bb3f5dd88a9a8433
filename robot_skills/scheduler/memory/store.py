"""A memory: tasks with their steps and failures, and where things were last seen."""

from pathlib import Path
from types import TracebackType
from typing import Self

from robot_skills.scheduler.memory.file import MemoryFile
from robot_skills.scheduler.memory.tasks import TaskStore
from robot_skills.scheduler.memory.things import ThingStore


class TaskMemory:
    """A memory in a file. Use it as a context manager.

    Args:
        path: The file; it is made where there is none, unless it is only read.
        read_only: Leave the file as it is; tasks that nobody has ended are then said to run.

    Attributes:
        path: The file.
        tasks: What was to be done, and how far that has come.
        things: Where things were last seen.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._file = MemoryFile(path, read_only=read_only)
        self.tasks = TaskStore(self._file)
        self.things = ThingStore(self._file)

    def __enter__(self) -> Self:
        """Open the file. Raises as `MemoryFile.open` says."""
        self._file.open()
        try:
            if not self._file.read_only:
                self.tasks.interrupt_running()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def forget_all(self) -> None:
        """Forget everything. Raises `StorageError`."""
        with self._file.writing() as connection:
            connection.execute("DELETE FROM task")
            connection.execute("DELETE FROM thing")
