"""Trials as they are made, one line each: an interrupted stage goes on with the next one."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from robot_skills.app.sim2real.trial import RobotTrial
from robot_skills.core.errors import StorageError


def _path(folder: Path, stage: str) -> Path:
    return folder / f"{stage}.trials.jsonl"


class TrialLog:
    """The trials of a stage that is not done.

    Args:
        folder: Of the run.
        stage: Name of the stage.
        inputs: Hash of what the trials are made with, by stage. Trials with something else are
            forgotten.
    """

    def __init__(self, folder: Path, stage: str, inputs: Mapping[str, str]) -> None:
        self._path, self._inputs = _path(folder, stage), dict(inputs)

    def read(self) -> list[RobotTrial]:
        """The trials so far; those that were made with something else are forgotten.

        Raises:
            StorageError: The file cannot be read or written.
        """
        trials: list[RobotTrial] = []
        try:
            head, *lines = self._path.read_text(encoding="utf-8").splitlines() or [""]
            if json.loads(head) == self._inputs:
                for line in lines:
                    trials.append(RobotTrial(**json.loads(line)))
        except FileNotFoundError:
            pass
        except (ValueError, TypeError):
            # A line was cut off when the process was ended: what comes before it is whole.
            pass
        except OSError as error:
            raise StorageError(f"{self._path} cannot be read: {error}") from error
        self._write([self._inputs, *map(asdict, trials)], "w")
        return trials

    def add(self, trial: RobotTrial) -> None:
        """Keep a trial. Raises `StorageError`."""
        self._write([asdict(trial)], "a")

    def _write(self, values: Iterable[Mapping[str, Any]], mode: str) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open(mode, encoding="utf-8") as file:
                file.writelines(json.dumps(value) + "\n" for value in values)
        except OSError as error:
            raise StorageError(f"{self._path} cannot be written: {error}") from error


def forget_trials(folder: Path, stage: str) -> None:
    """Of a stage that is done: its artefact has them."""
    _path(folder, stage).unlink(missing_ok=True)
