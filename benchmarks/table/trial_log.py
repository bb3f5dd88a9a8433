"""Trials that are finished, so that none is made twice."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from robot_skills.app.trials import Trial

Key = tuple[str, str, int]
"""Name of the job, hash of what decides it, number of the trial."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Job:
    """A trial that is made many times.

    Attributes:
        name: What is tried.
        source: Name of the training seed.
        decides: Hash of all that a trial depends on besides its number.
        run: Makes a trial, given its number; goes to other processes.
    """

    name: str
    source: str
    decides: str
    run: Callable[[int], Trial]

    def key(self, index: int) -> Key:
        """Under which the trial of a number is kept."""
        return self.name, self.decides, index


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What is kept of a trial.

    Attributes:
        success: The goal holds in the simulator's truth.
        believed: The stack says so.
        task: What was to be done, in words.
        reason: Why it ended as it did, in words.
        wall_s: Real time that it took.
    """

    success: bool
    believed: bool
    task: str
    reason: str
    wall_s: float

    @classmethod
    def of(cls, trial: Trial) -> "Outcome":
        """What is kept of a trial."""
        return cls(
            success=trial.success,
            believed=trial.believed,
            task=trial.task,
            reason=trial.reason,
            wall_s=trial.wall_s,
        )


class TrialLog:
    """Outcomes by key, one line of JSON each. An outcome is None where the start failed.

    Args:
        path: File that lines are appended to.
        outcomes: What stands in it.
    """

    def __init__(self, path: Path, outcomes: dict[Key, Outcome | None]) -> None:
        self._path = path
        self._outcomes = outcomes

    @classmethod
    def open(cls, path: Path) -> "TrialLog":
        """Read what earlier runs left; a line that was cut off in the middle is removed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if whole != data:
            path.write_bytes(whole)
        outcomes: dict[Key, Outcome | None] = {}
        for line in whole.splitlines():
            row = json.loads(line)
            kept = row["outcome"]
            outcomes[row["job"], row["decides"], row["index"]] = kept and Outcome(**kept)
        return cls(path, outcomes)

    def __contains__(self, key: Key) -> bool:
        return key in self._outcomes

    def outcome(self, key: Key) -> Outcome | None:
        """How a trial ended; None when it could not begin, or has not been made."""
        return self._outcomes.get(key)

    def indices(self, job: Job) -> list[int]:
        """Numbers of a job's trials that are finished, in order."""
        return sorted(
            index for name, decides, index in self._outcomes if (name, decides) == job.key(0)[:2]
        )

    def add(self, job: Job, index: int, trial: Trial | None) -> None:
        """Keep how a trial ended; None where its start could not be brought about."""
        outcome = None if trial is None else Outcome.of(trial)
        line = {"job": job.name, "source": job.source, "decides": job.decides, "index": index}
        line["outcome"] = None if outcome is None else asdict(outcome)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._outcomes[job.key(index)] = outcome
