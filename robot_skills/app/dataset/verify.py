"""`robot-skills dataset verify`: every byte against what was saved, as fast as the disk gives it.

Hashing leaves Python's lock alone, so a few threads share the episodes.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from robot_skills.app.dataset.common import count_text, open_store, progress, size_text
from robot_skills.app.dataset.options import DatasetVerify
from robot_skills.app.outcome import CommandResult
from robot_skills.core.errors import DatasetError
from robot_skills.data.store import Damage, EpisodeStore

_THREADS = 4
_GIGABYTE = 1e9


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What was found.

    Attributes:
        damage: Everything that is not as it was saved.
        aside: Episodes that are missing because they were put aside.
        bytes: That were read.
        seconds: That it took.
    """

    damage: tuple[Damage, ...]
    aside: tuple[int, ...]
    bytes: int
    seconds: float


def main(options: DatasetVerify) -> CommandResult:
    """Verify a dataset and say what is wrong with it."""
    store = open_store(options.dataset)
    with progress(_size(store), "verifying", "B") as bar:
        verdict = verify(store, bar.update)
    root_hash = _root_hash(store)
    differs = options.expect is not None and options.expect != root_hash
    for one in verdict.damage:
        print(damage_text(one))
    _summary(store, verdict, root_hash)
    if differs:
        print(f"The root hash should be {options.expect}.")
    return CommandResult(
        payload={
            "episodes": len(store.numbers()),
            "bytes": verdict.bytes,
            "seconds": verdict.seconds,
            "gb_s": verdict.bytes / _GIGABYTE / max(verdict.seconds, 1e-9),
            "root_hash": root_hash,
            "expected": None if options.expect is None else not differs,
            "leftovers": len(store.leftovers()),
            "put_aside": list(verdict.aside),
            "damage": [
                {"episode": one.episode, "file": one.file, "what": one.what}
                for one in verdict.damage
            ],
        },
        exit_code=1 if verdict.damage or differs else 0,
    )


def verify(store: EpisodeStore, read: Callable[[int], object] | None = None) -> Verdict:
    """Compare a whole dataset with what was saved.

    Args:
        store: The dataset.
        read: Called with the number of bytes whenever some were read.
    """
    started_s = time.monotonic()
    numbers = store.numbers()
    threads = max(min(_THREADS, os.cpu_count() or 1, len(numbers)), 1)
    results: SimpleQueue[tuple[int, list[Damage]] | None] = SimpleQueue()
    found: list[Damage] = []
    total = 0
    with ThreadPoolExecutor(threads) as pool:
        shares = [numbers[i::threads] for i in range(threads)]
        jobs = [pool.submit(_work, store, s, i == 0, results) for i, s in enumerate(shares)]
        for size, damage in _until_all_are_done(results, threads):
            total += size
            found += damage
            if read is not None:
                read(size)
        for job in jobs:
            job.result()
    aside = _aside(store)
    missing = {one.episode for one in found if one.episode in aside and _is_missing(store, one)}
    kept = [one for one in found if one.episode not in missing]
    return Verdict(
        damage=tuple(sorted(kept, key=lambda d: (-1 if d.episode is None else d.episode, d.file))),
        aside=tuple(sorted(aside)),
        bytes=total,
        seconds=time.monotonic() - started_s,
    )


def damage_text(damage: Damage) -> str:
    """One line about what is wrong."""
    where = "dataset" if damage.episode is None else f"episode {damage.episode}"
    return f"{where}: {damage.file}: {damage.what}"


def _work(
    store: EpisodeStore,
    numbers: Sequence[int],
    first: bool,
    results: "SimpleQueue[tuple[int, list[Damage]] | None]",
) -> None:
    """Verify some episodes; the first worker reports on the dataset's own files too."""
    try:
        for i, result in enumerate(store.verify(numbers)):
            if i or first:
                results.put(result)
    finally:
        results.put(None)


def _until_all_are_done(
    results: "SimpleQueue[tuple[int, list[Damage]] | None]", workers: int
) -> Iterator[tuple[int, list[Damage]]]:
    while workers:
        result = results.get()
        if result is None:
            workers -= 1
        else:
            yield result


def _is_missing(store: EpisodeStore, damage: Damage) -> bool:
    return damage.episode is not None and not store.directory(damage.episode).exists()


def _aside(store: EpisodeStore) -> set[int]:
    """Episodes that `repair --quarantine` has put aside."""
    folder = store.root / "quarantine"
    names = [path.name.split("-")[0] for path in folder.glob("*-*")] if folder.is_dir() else []
    return {int(name) for name in names if name.isdigit()} - set(store.numbers())


def _size(store: EpisodeStore) -> int:
    folders: Iterator[Path] = (store.directory(number) for number in store.numbers())
    return sum(path.stat().st_size for folder in folders for path in folder.glob("*.mcap"))


def _root_hash(store: EpisodeStore) -> str | None:
    with suppress(DatasetError, OSError):
        return store.root_hash()
    return None


def _summary(store: EpisodeStore, verdict: Verdict, root_hash: str | None) -> None:
    rate = verdict.bytes / _GIGABYTE / max(verdict.seconds, 1e-9)
    amount = f"{count_text(len(store.numbers()), 'episode')}, {size_text(verdict.bytes)}"
    said = count_text(len(verdict.damage), "damage") if verdict.damage else "undamaged"
    print(f"{amount}, {said} ({verdict.seconds:.1f} s, {rate:.2f} GB/s)")
    for number in verdict.aside:
        print(f"episode {number} was put aside by repair")
    leftovers = len(store.leftovers())
    if leftovers:
        print(f"{count_text(leftovers, 'unfinished recording')}: repair, or recording, mends it")
    if root_hash is not None:
        print(f"root hash {root_hash}")
