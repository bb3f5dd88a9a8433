"""Where trials run: in processes of this machine, or on a Ray cluster."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, Protocol

from benchmarks.table.trial_log import Job, Key
from robot_skills.app.evaluate import guarded
from robot_skills.app.trials import Trial
from robot_skills.core.errors import MissingDependencyError
from sim.attempts import worker_pool

Finished = tuple[Key, Trial | None]
"""A trial and its key; None where the start could not be brought about."""


class Backend(Protocol):
    """Makes trials, several at a time."""

    @property
    def slots(self) -> int:
        """Trials that run at the same time."""
        ...

    def submit(self, job: Job, index: int) -> None:
        """Have a trial made."""
        ...

    def finished(self) -> list[Finished]:
        """Wait for a trial to end, and return all that have. Raises what a trial has raised."""
        ...


@contextmanager
def local_backend(workers: int) -> Iterator[Backend]:
    """Processes of this machine; those that run when the block ends are waited for."""
    pool = worker_pool(workers)
    try:
        yield _Processes(pool, workers)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Processes:
    def __init__(self, pool: ProcessPoolExecutor, workers: int) -> None:
        self._pool = pool
        self._running: dict[Future[Trial | None], Key] = {}
        self.slots = workers

    def submit(self, job: Job, index: int) -> None:
        self._running[self._pool.submit(guarded, job.run, index)] = job.key(index)

    def finished(self) -> list[Finished]:
        ready, _ = wait(self._running, return_when=FIRST_COMPLETED)
        return [(self._running.pop(future), future.result()) for future in ready]


class Ray(Protocol):
    """What is used of the module `ray`."""

    def init(self, address: str) -> object:
        """Join a cluster."""
        ...

    def cluster_resources(self) -> dict[str, float]:
        """What it has, ``CPU`` among it."""
        ...

    def remote(self, function: Callable[..., Any]) -> Any:
        """A function whose ``remote`` runs it on the cluster and returns a reference."""
        ...

    def wait(self, refs: Sequence[Any], *, num_returns: int) -> tuple[list[Any], list[Any]]:
        """Which are finished, when so many are, and which are not."""
        ...

    def get(self, ref: Any) -> Any:
        """What the function returned."""
        ...

    def shutdown(self) -> None:
        """Leave the cluster."""
        ...


@contextmanager
def ray_backend(ray: Ray, address: str) -> Iterator[Backend]:
    """The processors of a Ray cluster, which is left when the block ends.

    Every node needs this project in the folder where it is here.

    Args:
        ray: The module, see `load_ray`.
        address: Of the cluster's head, or ``auto``.
    """
    ray.init(address=address)
    try:
        yield _Cluster(ray, slots=max(1, int(ray.cluster_resources().get("CPU", 1))))
    finally:
        ray.shutdown()


class _Cluster:
    def __init__(self, ray: Ray, slots: int) -> None:
        self._ray = ray
        self._trial = ray.remote(guarded)
        self._running: dict[Any, Key] = {}
        self.slots = slots

    def submit(self, job: Job, index: int) -> None:
        self._running[self._trial.remote(job.run, index)] = job.key(index)

    def finished(self) -> list[Finished]:
        ready, _ = self._ray.wait(list(self._running), num_returns=1)
        return [(self._running.pop(ref), self._ray.get(ref)) for ref in ready]


def load_ray(module: str = "ray") -> Ray:
    """The module of that name.

    Raises:
        MissingDependencyError: It is not installed.
    """
    try:
        return importlib.import_module(module)  # type: ignore[return-value]
    except ImportError as error:
        raise MissingDependencyError(
            "--ray needs Ray on this machine and on every node of the cluster, which is not part "
            f"of the project: uv pip install ray ({error})."
        ) from error
