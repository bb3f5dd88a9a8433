"""Calls side by side, in processes of their own."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from sim.attempts import worker_pool


def in_order[T](calls: Iterable[Callable[[], T]], workers: int) -> Iterator[T]:
    """What the calls return, in their order; a few are made ahead, and not all need be taken.

    Args:
        calls: Functions of modules, or `partial`s of such; there may be no end of them.
        workers: Processes; with one, calls are made here.
    """
    waiting = iter(calls)
    if workers == 1:
        yield from (call() for call in waiting)
        return
    with worker_pool(workers) as pool:
        try:
            ahead = [pool.submit(call) for call in islice(waiting, 2 * workers)]
            while ahead:
                yield ahead.pop(0).result()
                ahead += [pool.submit(call) for call in islice(waiting, 1)]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
