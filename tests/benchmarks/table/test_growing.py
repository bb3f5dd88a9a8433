"""Trials of the table: shared evenly, kept, and never made twice."""

from dataclasses import replace
from functools import partial

import pytest

from benchmarks.table.backends import Backend, Finished, load_ray, local_backend, ray_backend
from benchmarks.table.growing import Stream, grow
from benchmarks.table.trial_log import Job, TrialLog
from robot_skills.app.trials import SetupFailed, Trial
from robot_skills.core.errors import MissingDependencyError


def attempt(name: str, index: int) -> Trial:
    """A trial that its name and number decide; of ``hard``, every third one cannot begin."""
    if name == "hard" and index % 3 == 0:
        raise SetupFailed("no start")
    return Trial(
        index=index,
        task=f"{name} {index}",
        group=name,
        success=index % 4 != 1,
        believed=True,
        reason="because",
        sim_s=1.0,
        wall_s=0.0,
        chunk_ms=1.0,
        attempts=1,
    )


def job(name: str, decides: str = "0") -> Job:
    return Job(name=name, source="zoo", decides=decides, run=partial(attempt, name))


def streams(wanted: int = 6, decides: str = "0") -> list[Stream]:
    easy, hard, usual = (job(name, decides) for name in ("easy", "hard", "usual"))
    return [Stream(jobs=jobs, wanted=wanted) for jobs in ((easy,), (hard,), (easy, usual))]


class Here:
    """A backend that makes every trial when it is asked for what is finished.

    Args:
        stop_after: Trials after which it is interrupted.
        slots: Trials that are taken at the same time.
    """

    def __init__(self, stop_after: int | None = None, slots: int = 2) -> None:
        self.made: list[tuple[str, int]] = []
        self.slots = slots
        self._left = stop_after
        self._waiting: list[tuple[Job, int]] = []

    def submit(self, job: Job, index: int) -> None:
        assert len(self._waiting) < self.slots
        self._waiting.append((job, index))

    def finished(self) -> list[Finished]:
        if self._left is not None:
            if self._left == 0:
                raise KeyboardInterrupt
            self._left -= 1
        job, index = self._waiting.pop(0)
        self.made.append((job.name, index))
        try:
            return [(job.key(index), job.run(index))]
        except SetupFailed:
            return [(job.key(index), None)]


def run(each: list[Stream], log: TrialLog, backend: Backend, time_left_s: float = 1e9) -> None:
    grow(each, log, backend, lambda: time_left_s, lambda trial: None)


def found(each: list[Stream], log: TrialLog) -> list[dict]:
    return [stream.finished(log) for stream in each]


def test_an_interrupted_run_goes_on_to_the_same_trials(tmp_path):
    whole, parts = tmp_path / "whole.jsonl", tmp_path / "parts.jsonl"
    run(streams(), TrialLog.open(whole), Here())
    for stop in (5, 3):
        with pytest.raises(KeyboardInterrupt):
            run(streams(), TrialLog.open(parts), Here(stop_after=stop))
    with parts.open("a") as file:
        file.write('{"job": "easy", "sou')
    rest = Here()
    run(streams(), TrialLog.open(parts), rest)
    assert sorted(parts.read_text().splitlines()) == sorted(whole.read_text().splitlines())
    assert len(rest.made) == len(whole.read_text().splitlines()) - 8
    assert found(streams(), TrialLog.open(parts)) == found(streams(), TrialLog.open(whole))


def test_what_could_not_begin_is_replaced_and_not_counted(tmp_path):
    log = TrialLog.open(tmp_path / "log.jsonl")
    run(streams(), log, Here())
    assert list(streams()[1].finished(log)) == [1, 2, 4, 5, 7, 8]


def test_a_trial_that_two_cells_share_is_made_once(tmp_path):
    backend = Here()
    run(streams(), TrialLog.open(tmp_path / "log.jsonl"), backend)
    assert len(backend.made) == len(set(backend.made)) == 6 + 9 + 6


def test_both_sides_of_a_pair_are_of_the_same_number(tmp_path):
    log = TrialLog.open(tmp_path / "log.jsonl")
    run(streams(), log, Here())
    for index, (varied, usual) in streams()[2].finished(log).items():
        assert (varied.task, usual.task) == (f"easy {index}", f"usual {index}")


def test_cells_grow_evenly_until_the_time_is_over(tmp_path):
    log = TrialLog.open(tmp_path / "log.jsonl")
    left = iter([1.0] * 16 + [0.0] * 100)
    each = streams(wanted=50)
    grow(each, log, Here(), lambda: next(left), lambda trial: None)
    counts = [len(stream.finished(log)) for stream in each]
    assert min(counts) >= 4
    assert max(counts) - min(counts) <= 1


def test_no_trial_begins_in_less_time_than_the_longest_has_taken(tmp_path):
    slow = Job(
        name="slow",
        source="zoo",
        decides="0",
        run=lambda index: replace(attempt("slow", index), wall_s=5.0),
    )
    backend = Here(slots=1)
    left = iter([20.0, 10.0, 4.9])
    stream = Stream(jobs=(slow,), wanted=9)
    log = TrialLog.open(tmp_path / "log.jsonl")
    grow([stream], log, backend, lambda: next(left), lambda trial: None)
    assert len(backend.made) == 2


def test_what_is_decided_otherwise_is_measured_anew(tmp_path):
    log = TrialLog.open(tmp_path / "log.jsonl")
    run(streams(), log, Here())
    again, other = Here(), Here()
    run(streams(), log, again)
    run(streams(decides="1"), log, other)
    assert again.made == []
    assert len(other.made) == 21


def test_processes_make_the_trials_that_one_would(tmp_path):
    one, two = (TrialLog.open(tmp_path / name) for name in ("one.jsonl", "two.jsonl"))
    run(streams(), one, Here())
    with local_backend(2) as backend:
        run(streams(), two, backend)
    assert found(streams(), two) == found(streams(), one)


class FakeRay:
    """What is used of Ray, in this process."""

    def __init__(self) -> None:
        self.address: str | None = None
        self.calls: dict[str, object] = {}

    def init(self, address: str) -> None:
        self.address = address

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 3.0, "memory": 1e9}

    def remote(self, function):
        ray = self

        class Remote:
            def remote(self, *args):
                ref = f"ref {len(ray.calls)}"
                ray.calls[ref] = partial(function, *args)
                return ref

        return Remote()

    def wait(self, refs, *, num_returns):
        assert len(refs) <= 3
        return list(refs[-num_returns:]), list(refs[:-num_returns])

    def get(self, ref):
        return self.calls[ref]()

    def shutdown(self) -> None:
        self.address = None


def test_a_cluster_makes_the_trials_that_one_process_would(tmp_path):
    here, there = (TrialLog.open(tmp_path / name) for name in ("here.jsonl", "there.jsonl"))
    run(streams(), here, Here())
    ray = FakeRay()
    with ray_backend(ray, "10.0.0.1:6379") as backend:
        assert (ray.address, backend.slots) == ("10.0.0.1:6379", 3)
        run(streams(), there, backend)
    assert ray.address is None
    assert found(streams(), there) == found(streams(), here)


def test_a_missing_ray_is_named_with_what_installs_it():
    with pytest.raises(MissingDependencyError, match="uv pip install ray"):
        load_ray("ray_that_nobody_has")
