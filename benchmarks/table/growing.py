"""Which trial is made next: that of the cell that has the fewest."""

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from itertools import islice

from benchmarks.table.backends import Backend
from benchmarks.table.trial_log import Job, Key, Outcome, TrialLog
from robot_skills.app.trials import Trial


@dataclass(kw_only=True, slots=True, eq=False)
class Stream:
    """The trials of one cell with one training seed, by their numbers.

    Attributes:
        jobs: What is tried under each number; all of them together count as one.
        wanted: Numbers that are to be counted.
        passed: Numbers below this one are finished or under way.
    """

    jobs: tuple[Job, ...]
    wanted: int
    passed: int = field(default=0, init=False)

    def next(self, log: TrialLog, under_way: Container[Key]) -> tuple[Job, int] | None:
        """The next trial to be made; None when enough are finished or under way."""
        while self.counted(log) < self.wanted:
            for job in self.jobs:
                key = job.key(self.passed)
                if key not in log and key not in under_way:
                    return job, self.passed
            self.passed += 1
        return None

    def counted(self, log: TrialLog) -> int:
        """Numbers that are passed, without those that could not be begun."""
        return sum(not self._void(i, log) for i in range(self.passed))

    def finished(self, log: TrialLog) -> dict[int, tuple[Outcome, ...]]:
        """How the first `wanted` numbers ended whose jobs are all finished, in order."""
        found: dict[int, tuple[Outcome, ...]] = {}
        for i in log.indices(self.jobs[0]):
            outcomes = [log.outcome(job.key(i)) for job in self.jobs]
            whole = tuple(outcome for outcome in outcomes if outcome is not None)
            if len(whole) == len(outcomes):
                found[i] = whole
        return dict(islice(found.items(), self.wanted))

    def missing(self, log: TrialLog) -> set[Key]:
        """Trials that are still to be made, if every start succeeds."""
        return {
            key
            for i in range(self.wanted)
            for key in (job.key(i) for job in self.jobs)
            if key not in log
        }

    def _void(self, index: int, log: TrialLog) -> bool:
        keys = (job.key(index) for job in self.jobs)
        return any(key in log and log.outcome(key) is None for key in keys)


def grow(
    streams: Sequence[Stream],
    log: TrialLog,
    backend: Backend,
    time_left_s: Callable[[], float],
    on_trial: Callable[[Trial | None], None],
) -> None:
    """Make trials, always of the stream that has the fewest, until all are long enough.

    No trial begins when less time is left than the longest one has taken, so that the run ends in
    time; what is under way then is finished.

    Args:
        streams: What is to be measured.
        log: What is finished, and where it is added to.
        backend: Who makes the trials.
        time_left_s: Until the run is to end.
        on_trial: Told of every trial that is finished.
    """
    under_way: dict[Key, tuple[Job, int]] = {}
    longest_s = 0.0
    while True:
        while len(under_way) < backend.slots and time_left_s() > longest_s:
            request = _shortest_first(streams, log, under_way)
            if request is None:
                break
            job, index = request
            under_way[job.key(index)] = request
            backend.submit(job, index)
        if not under_way:
            return
        for key, trial in backend.finished():
            job, index = under_way.pop(key)
            log.add(job, index, trial)
            longest_s = max(longest_s, 0.0 if trial is None else trial.wall_s)
            on_trial(trial)


def _shortest_first(
    streams: Sequence[Stream], log: TrialLog, under_way: Container[Key]
) -> tuple[Job, int] | None:
    for stream in sorted(streams, key=lambda stream: stream.counted(log)):
        request = stream.next(log, under_way)
        if request is not None:
            return request
    return None
