"""A hash of what a dataset says, whatever codec and library wrote it."""

import hashlib
import json
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from robot_skills.data.lerobot.layout import subtask_starts
from robot_skills.data.lerobot.rows import Rows


class ContentHash:
    """Grows with every episode; the same episodes in the same order give the same hash."""

    def __init__(self) -> None:
        self._sum = hashlib.sha256()

    def rows(self, rows: Rows) -> None:
        """Take in the numbers, task and subtasks of an episode."""
        self._text([rows.task, rows.fps, len(rows), subtask_starts(rows)])
        for name, column in rows.columns.items():
            self._text([name, list(column.names)])
            self._array(column.values)

    def pictures(self, pictures: Mapping[str, NDArray]) -> None:
        """Take in the pictures of one row, as they were before they were encoded."""
        for key in sorted(pictures):
            self._text([key])
            self._array(pictures[key])

    @property
    def sha256(self) -> str:
        return self._sum.hexdigest()

    def _text(self, values: list) -> None:
        self._sum.update(json.dumps(values).encode())

    def _array(self, values: NDArray) -> None:
        self._text([list(values.shape), str(values.dtype)])
        self._sum.update(np.ascontiguousarray(values).tobytes())
