"""Attempts side by side, by their numbers, until enough of them have succeeded."""

import gc
import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable, Container, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait


def make_attempts(
    attempt: Callable[[int], bool], *, made: Container[int], missing: int, workers: int
) -> Generator[bool, None, None]:
    """Make attempts until enough have succeeded, and none that is not needed.

    So which numbers are made does not depend on the number of workers. Closing the generator lets
    the attempts in flight finish.

    Args:
        attempt: Makes the attempt of a number and says whether it succeeded; a function of a module
            or a `partial` of one, because it is called in other processes.
        made: Numbers to leave out.
        missing: Successes wanted.
        workers: Processes.

    Yields:
        Whether an attempt succeeded, as each is finished.
    """
    queue = (i for i in itertools.count() if i not in made)
    pool = worker_pool(workers)
    running: set[Future[bool]] = set()
    try:
        while missing > 0 or running:
            while len(running) < min(missing, 2 * workers):
                running.add(pool.submit(attempt, next(queue)))
            ready, running = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                success = future.result()
                missing -= success
                yield success
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Processes of one thread each that leave Ctrl-C to their parent."""
    # A fresh interpreter per worker: OpenGL contexts, BLAS and torch do not survive a fork.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_quiet_worker)


def _quiet_worker() -> None:
    """Leave Ctrl-C to the parent, which lets attempts in flight finish."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
    # What has been loaded stays: looking for garbage is quick then, and worlds, which know what
    # knows them, can be let go of after every attempt.
    gc.collect()
    gc.freeze()


def let_go() -> None:
    """Free what the last attempt has left: compiled worlds of many megabytes."""
    gc.collect()
