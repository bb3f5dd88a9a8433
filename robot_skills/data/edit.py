"""Datasets out of datasets: several as one, one as several. What they are made of stays as it is.

An episode that is taken over keeps its bytes, as a hard link where the disk allows that. It gets
another number, and its origin says where it was. Every file is compared with its manifest on the
way, so that damage never spreads. A copy that is interrupted goes on when it is repeated.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from robot_skills.core.errors import DatasetError, RefusedError, UnknownNameError
from robot_skills.data.recover import mend
from robot_skills.data.schema import DatasetSchema
from robot_skills.data.storage import storage_errors
from robot_skills.data.store import Annotation, Entry, EpisodeStore, StoreWriter, file_record

TAKEN_FROM = "taken_from"
"""In the origin of an episode: the dataset and the number that it had before."""

Told = Callable[[Entry], None]
"""Called with every episode that has been taken over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """What was done.

    Attributes:
        episodes: That were taken over now.
        before: That had been taken over by an earlier call.
        bytes: In all of them.
        twice: That have the same recording as another one of them.
    """

    episodes: int
    before: int
    bytes: int
    twice: int = 0


def merge(sources: Sequence[EpisodeStore], target: EpisodeStore, told: Told | None = None) -> Taken:
    """Put all episodes of several datasets into a new one, with what was said of them.

    Args:
        sources: At least one; they need the same robot, rates, cameras and vectors.
        target: A new dataset, or one that an interrupted call has begun.
        told: See `Told`.

    Raises:
        RefusedError: The datasets differ; says in what. Nothing is written.
        DatasetError: An episode is damaged.
        StorageError: It cannot be written.
    """
    schema = _common_schema(sources)
    named = replace(schema, name=target.root.name)
    parts = [(source, source.numbers()) for source in sources]
    return _take(parts, target, named, told)


def take_episodes(
    source: EpisodeStore, numbers: Sequence[int], target: EpisodeStore, told: Told | None = None
) -> Taken:
    """Put some episodes of a dataset into a new one. Raises as `merge`."""
    missing = sorted(set(numbers) - set(source.numbers()))
    if missing:
        shown = ", ".join(map(str, missing[:5]))
        raise UnknownNameError(f"{source.root} has no episode {shown}.")
    named = replace(source.schema, name=target.root.name)
    return _take([(source, numbers)], target, named, told)


def divide(
    groups: Mapping[str, Sequence[int]], shares: Mapping[str, float], seed: int
) -> dict[str, list[int]]:
    """Which episodes go into which part, so that every group has its share in each.

    Args:
        groups: Numbers of episodes by what they have in common.
        shares: Share of each part; together 1.
        seed: Of the choice.

    Returns:
        Numbers by part, in order. Over all groups, parts differ from their share by less than one
        episode.

    Raises:
        RefusedError: The shares make no sense.
    """
    if min(shares.values(), default=0.0) <= 0.0 or abs(sum(shares.values()) - 1.0) > 1e-6:
        said = ", ".join(f"{name}={share:g}" for name, share in shares.items())
        raise RefusedError(f"The shares of parts are above 0 and 1 together, got {said or 'none'}.")
    rng = np.random.default_rng(seed)
    order = [n for name in sorted(groups) for n in rng.permutation(groups[name]).tolist()]
    # Dealing out along the sorted groups gives each part its share of every one of them.
    found: dict[str, list[int]] = {name: [] for name in shares}
    for dealt, number in enumerate(order, start=1):
        due = max(shares, key=lambda name: shares[name] * dealt - len(found[name]))
        found[due].append(number)
    return {name: sorted(numbers) for name, numbers in found.items()}


def _common_schema(sources: Sequence[EpisodeStore]) -> DatasetSchema:
    if not sources:
        raise RefusedError("There is no dataset to merge.")
    roots = [source.root.resolve() for source in sources]
    if len(set(roots)) < len(roots):
        raise RefusedError("A dataset is named twice.")
    schema = sources[0].schema
    for other in sources[1:]:
        differences = schema.differences(other.schema)
        if differences:
            raise RefusedError(
                f"{sources[0].root} and {other.root} do not fit together: {'; '.join(differences)}."
            )
    return schema


def _take(
    parts: Iterable[tuple[EpisodeStore, Sequence[int]]],
    target: EpisodeStore,
    schema: DatasetSchema,
    told: Told | None,
) -> Taken:
    episodes = before = size = 0
    with target.writer(schema) as writer:
        mend(writer)
        known = _known(target)
        for source, numbers in parts:
            if source.root.resolve() == target.root.resolve():
                raise RefusedError(f"{target.root} cannot be made of itself.")
            for number in numbers:
                entry = source.entry(number)
                label = _label(source, entry)
                if label in known:
                    before += 1
                    _annotate(target, known[label], entry.annotation)
                else:
                    new = _take_one(writer, entry, label)
                    _annotate(target, new, entry.annotation)
                    episodes += 1
                size += entry.manifest.bytes
                if told is not None:
                    told(entry)
        strangers = len(target.numbers()) - episodes - before
        if strangers:
            raise RefusedError(
                f"{target.root} holds {strangers} episodes from elsewhere; choose another folder."
            )
    return Taken(episodes=episodes, before=before, bytes=size, twice=_twice(target))


def _twice(store: EpisodeStore) -> int:
    """Episodes whose recording is in the dataset before them."""
    recordings = [
        tuple(sorted(record.sha256 for record in entry.manifest.files.values()))
        for entry in store.entries()
    ]
    return len(recordings) - len(set(recordings))


def _known(target: EpisodeStore) -> dict[str, int]:
    """Numbers of the episodes that have been taken over, by where they were."""
    found = {}
    for entry in target.entries():
        label = entry.manifest.origin.get(TAKEN_FROM)
        if label is None:
            raise RefusedError(
                f"{target.root} has episodes of its own; choose another folder for this."
            )
        found[label] = entry.number
    return found


def _label(source: EpisodeStore, entry: Entry) -> str:
    """Where an episode is, in a way that tells it from all others."""
    content = next(iter(entry.manifest.files.values())).sha256[:12] if entry.manifest.files else ""
    return f"{source.root.resolve().name} {entry.number} {content}".strip()


def _take_one(writer: StoreWriter, entry: Entry, label: str) -> int:
    directory = writer.begin()
    try:
        for name, record in entry.manifest.files.items():
            path = directory / name
            with storage_errors(path):
                if not (entry.directory / name).is_file():
                    raise DatasetError(f"{entry.directory / name} is missing.")
                _link_or_copy(entry.directory / name, path)
                if file_record(path) != record:
                    raise DatasetError(f"{entry.directory / name} is not what was saved.")
        origin = {**entry.manifest.origin, TAKEN_FROM: label}
        return writer.commit(directory, replace(entry.manifest, origin=origin)).number
    except DatasetError:
        writer.discard(directory)
        raise


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Another disk, or one that knows no links.
        shutil.copy2(source, target)
        with target.open("rb") as file:
            os.fsync(file.fileno())


def _annotate(target: EpisodeStore, number: int, annotation: Annotation) -> None:
    changes = {one.name: getattr(annotation, one.name) for one in fields(Annotation)}
    if target.annotation(number) != annotation:
        target.annotate(number, **changes)
