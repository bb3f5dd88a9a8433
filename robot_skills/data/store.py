"""A dataset of episodes on disk. What is in ``episodes/`` is whole, lasting, and never changes.

::

    dataset.json               what all episodes have in common, sealed
    .lock                      held by the one process that records
    episodes/000007/           appears by one rename, after everything in it is on disk
        episode.mcap           the log
        manifest.json          sizes and SHA-256 of every file, counts, origin; sealed
    annotations/000007.json    what people said of it later; sealed, replaced as a whole
    partial/000008-xxxx/       the episode that is being recorded
    quarantine/                damaged episodes that `repair` has put aside

A file that is sealed carries its own hash (`robot_skills.data.sealed`).
"""

import fcntl
import hashlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from robot_skills.core.annotation import Outcome, Subtask
from robot_skills.core.errors import (
    DatasetError,
    DatasetInUseError,
    RefusedError,
    StorageError,
    UnknownNameError,
)
from robot_skills.data.schema import DatasetSchema
from robot_skills.data.sealed import read_sealed, write_sealed
from robot_skills.data.storage import storage_errors, sync_folder
from robot_skills.data.streams import StreamStats

_log = logging.getLogger(__name__)

FORMAT = 1
LOG_FILE, MANIFEST_FILE, DATASET_FILE = "episode.mcap", "manifest.json", "dataset.json"
_EPISODES, _PARTIAL, _ANNOTATIONS, _QUARANTINE = "episodes", "partial", "annotations", "quarantine"
_DIGITS = re.compile(r"\d{6,9}")
_BLOCK = 1 << 22


@dataclass(frozen=True, kw_only=True, slots=True)
class FileRecord:
    """Size and SHA-256 of a file."""

    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What is known of an episode when it is saved.

    Attributes:
        number: Of the episode.
        task: In words.
        outcome: As judged at the end.
        duration_s: From start to end.
        start_s: Beginning on the project clock.
        started: Wall time of the beginning, ISO 8601. Decides nothing.
        recovered: Put together after a crash; its end is missing.
        files: By name.
        streams: By name.
        origin: Code, configuration, calibration and checkpoints, as words.
        subtasks: Noted while it was recorded.
    """

    number: int
    task: str
    outcome: Outcome
    duration_s: float
    start_s: float
    started: str
    recovered: bool
    files: Mapping[str, FileRecord]
    streams: Mapping[str, StreamStats]
    origin: Mapping[str, str]
    subtasks: tuple[Subtask, ...] = ()

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files.values())

    def to_json(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "number": self.number,
            "task": self.task,
            "outcome": self.outcome.value,
            "duration_s": self.duration_s,
            "start_s": self.start_s,
            "started": self.started,
            "recovered": self.recovered,
            "files": {
                name: {"bytes": file.bytes, "sha256": file.sha256}
                for name, file in self.files.items()
            },
            "streams": {name: stats.to_json() for name, stats in self.streams.items()},
            "origin": dict(self.origin),
            "subtasks": _subtasks_to_json(self.subtasks),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Manifest":
        """What `to_json` gave. Raises `DatasetError`."""
        try:
            if data["format"] != FORMAT:
                raise DatasetError(
                    f"Episodes of format {data['format']} need a newer robot-skills."
                )
            return cls(
                number=int(data["number"]),
                task=data["task"],
                outcome=Outcome(data["outcome"]),
                duration_s=float(data["duration_s"]),
                start_s=float(data["start_s"]),
                started=data["started"],
                recovered=bool(data["recovered"]),
                files={name: FileRecord(**file) for name, file in data["files"].items()},
                streams={n: StreamStats.from_json(s) for n, s in data["streams"].items()},
                origin=dict(data["origin"]),
                subtasks=tuple(Subtask(**one) for one in data["subtasks"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DatasetError(f"A manifest cannot be read: {error!r}.") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotation:
    """What people said of an episode after it was saved; None where they said nothing.

    Attributes:
        task: Another task.
        outcome: Another outcome.
        rating: From 1 to 5.
        label: Free words.
        discarded: Left out of everything that is made of the dataset.
        trim_s: Part to use, from and to, in seconds from the episode's start.
        subtasks: Instead of those noted while recording.
    """

    task: str | None = None
    outcome: Outcome | None = None
    rating: int | None = None
    label: str = ""
    discarded: bool = False
    trim_s: tuple[float, float] | None = None
    subtasks: tuple[Subtask, ...] | None = None

    def __post_init__(self) -> None:
        if self.rating is not None and not 1 <= self.rating <= 5:
            raise RefusedError(f"A rating is from 1 to 5, got {self.rating}.")
        if self.trim_s is not None and not 0.0 <= self.trim_s[0] < self.trim_s[1]:
            raise RefusedError(f"A trim needs 0 <= from < to, got {self.trim_s}.")

    def to_json(self) -> dict[str, Any]:
        subtasks = self.subtasks
        return {
            "format": FORMAT,
            "task": self.task,
            "outcome": self.outcome.value if self.outcome else None,
            "rating": self.rating,
            "label": self.label,
            "discarded": self.discarded,
            "trim_s": list(self.trim_s) if self.trim_s else None,
            "subtasks": None if subtasks is None else _subtasks_to_json(subtasks),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Annotation":
        """What `to_json` gave. Raises `DatasetError`."""
        try:
            subtasks = data["subtasks"]
            return cls(
                task=data["task"],
                outcome=Outcome(data["outcome"]) if data["outcome"] else None,
                rating=data["rating"],
                label=data["label"],
                discarded=bool(data["discarded"]),
                trim_s=tuple(data["trim_s"]) if data["trim_s"] else None,
                subtasks=None if subtasks is None else tuple(Subtask(**one) for one in subtasks),
            )
        except (KeyError, TypeError, ValueError, RefusedError) as error:
            raise DatasetError(f"An annotation cannot be read: {error!r}.") from error


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A saved episode: its manifest, and what was said of it later."""

    manifest: Manifest
    annotation: Annotation
    directory: Path

    @property
    def number(self) -> int:
        return self.manifest.number

    @property
    def task(self) -> str:
        return self.manifest.task if self.annotation.task is None else self.annotation.task

    @property
    def outcome(self) -> Outcome:
        return self.annotation.outcome or self.manifest.outcome

    @property
    def subtasks(self) -> tuple[Subtask, ...]:
        said = self.annotation.subtasks
        return self.manifest.subtasks if said is None else said

    @property
    def log(self) -> Path:
        return self.directory / LOG_FILE


@dataclass(frozen=True, kw_only=True, slots=True)
class Damage:
    """Something that is not as it was saved.

    Attributes:
        episode: Its number; None for what belongs to the whole dataset.
        file: Which file, relative to the dataset.
        what: What is wrong, in words.
    """

    episode: int | None
    file: str
    what: str


class EpisodeStore:
    """A dataset folder. Reading needs no lock; `writer` is for the one process that records.

    Args:
        root: The folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    @property
    def schema(self) -> DatasetSchema:
        """Raises `DatasetError`: there is no dataset, or its description is damaged."""
        path = self.root / DATASET_FILE
        if not path.is_file():
            raise DatasetError(f"There is no dataset of recorded episodes at {self.root}.")
        return DatasetSchema.from_json(read_sealed(path))

    def numbers(self) -> list[int]:
        """Numbers of all saved episodes, in order."""
        folder = self.root / _EPISODES
        if not folder.is_dir():
            return []
        return sorted(int(path.name) for path in folder.iterdir() if _DIGITS.fullmatch(path.name))

    def directory(self, number: int) -> Path:
        """Folder of a saved episode."""
        return self.root / _EPISODES / f"{number:06d}"

    def entry(self, number: int) -> Entry:
        """One saved episode.

        Raises:
            UnknownNameError: There is no such episode.
            DatasetError: Its manifest or annotation is damaged.
        """
        directory = self.directory(number)
        if not directory.is_dir():
            count = len(self.numbers())
            raise UnknownNameError(f"There is no episode {number}; {self.root} has {count}.")
        manifest = Manifest.from_json(read_sealed(directory / MANIFEST_FILE))
        return Entry(manifest=manifest, annotation=self.annotation(number), directory=directory)

    def entries(self) -> Iterator[Entry]:
        """All saved episodes, in order. Raises as `entry`."""
        for number in self.numbers():
            yield self.entry(number)

    def annotation(self, number: int) -> Annotation:
        """What was said of an episode. Raises `DatasetError`."""
        path = self._annotation_path(number)
        return Annotation.from_json(read_sealed(path)) if path.is_file() else Annotation()

    def annotate(self, number: int, **changes: Any) -> Annotation:
        """Change what is said of an episode; the fields are those of `Annotation`.

        Raises:
            UnknownNameError: There is no such episode.
            RefusedError: A value that makes no sense.
            StorageError: It cannot be written.
        """
        self.entry(number)
        folder = self.root / _ANNOTATIONS
        with storage_errors(folder):
            folder.mkdir(exist_ok=True)
        with _locked(folder / ".lock", wait=True):
            annotation = replace(self.annotation(number), **changes)
            write_sealed(self._annotation_path(number), annotation.to_json())
        return annotation

    def _annotation_path(self, number: int) -> Path:
        return self.root / _ANNOTATIONS / f"{number:06d}.json"

    @contextmanager
    def writer(self, schema: DatasetSchema) -> Iterator["StoreWriter"]:
        """Become the one process that records, after mending what a crash has left.

        Raises:
            RefusedError: Somebody else records, or the dataset has another schema.
            StorageError: The folder cannot be written.
        """
        with storage_errors(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        with _locked(self.root / ".lock", wait=False):
            self._check_schema(schema)
            for name in (_EPISODES, _PARTIAL):
                with storage_errors(self.root):
                    (self.root / name).mkdir(exist_ok=True)
            with storage_errors(self.root):
                sync_folder(self.root)
            yield StoreWriter(self)

    def _check_schema(self, schema: DatasetSchema) -> None:
        if not (self.root / DATASET_FILE).exists():
            strangers = [p.name for p in self.root.iterdir() if not p.name.startswith(".")]
            if strangers:
                raise RefusedError(
                    f"{self.root} is not empty and no dataset of recorded episodes "
                    f"(it has {', '.join(sorted(strangers)[:5])}); choose another folder."
                )
            write_sealed(self.root / DATASET_FILE, {"format": FORMAT, **schema.to_json()})
            return
        differences = self.schema.differences(schema)
        if differences:
            raise RefusedError(
                f"{self.root} was recorded otherwise: {'; '.join(differences)}. Record into "
                "another folder, or with the same robot and cameras."
            )

    def leftovers(self) -> list[Path]:
        """Episodes that were being recorded when a process ended; while one records, its own."""
        folder = self.root / _PARTIAL
        return sorted(folder.iterdir()) if folder.is_dir() else []

    def verify(self, numbers: Sequence[int] | None = None) -> Iterator[tuple[int, list[Damage]]]:
        """Compare every byte of every episode with what was saved.

        Args:
            numbers: Which; all when None.

        Yields:
            Bytes that were read, and the damage found in one episode or in the dataset's own files.
        """
        yield 0, self._verify_dataset()
        for number in self.numbers() if numbers is None else numbers:
            yield self._verify_episode(number)

    def root_hash(self) -> str:
        """One hash of everything that is saved, without annotations. Raises `DatasetError`."""
        digest = hashlib.sha256((self.root / DATASET_FILE).read_bytes())
        for number in self.numbers():
            digest.update((self.directory(number) / MANIFEST_FILE).read_bytes())
        return digest.hexdigest()

    def _verify_dataset(self) -> list[Damage]:
        found = []
        try:
            _ = self.schema
        except DatasetError as error:
            found.append(Damage(episode=None, file=DATASET_FILE, what=str(error)))
        numbers = self.numbers()
        missing = sorted(set(range(max(numbers, default=-1) + 1)) - set(numbers))
        for number in missing:
            path = self.directory(number).relative_to(self.root)
            found.append(Damage(episode=number, file=str(path), what="the episode is missing"))
        for path in sorted((self.root / _ANNOTATIONS).glob("*.json")):
            number = int(path.stem) if path.stem.isdigit() else None
            try:
                Annotation.from_json(read_sealed(path))
            except DatasetError as error:
                name = str(path.relative_to(self.root))
                found.append(Damage(episode=number, file=name, what=str(error)))
        return found

    def _verify_episode(self, number: int) -> tuple[int, list[Damage]]:
        directory = self.directory(number)
        name = str(directory.relative_to(self.root))
        try:
            manifest = Manifest.from_json(read_sealed(directory / MANIFEST_FILE))
        except DatasetError as error:
            file = f"{name}/{MANIFEST_FILE}"
            return 0, [Damage(episode=number, file=file, what=str(error))]
        found, read = [], 0
        if manifest.number != number:
            what = f"says it is episode {manifest.number}"
            found.append(Damage(episode=number, file=f"{name}/{MANIFEST_FILE}", what=what))
        for file, record in manifest.files.items():
            count, what = _compare(directory / file, record)
            read += count
            if what:
                found.append(Damage(episode=number, file=f"{name}/{file}", what=what))
        known = {*manifest.files, MANIFEST_FILE}
        for path in sorted(directory.iterdir()):
            if path.name not in known:
                what = "is in no manifest"
                found.append(Damage(episode=number, file=f"{name}/{path.name}", what=what))
        return read, found


class StoreWriter:
    """Adds episodes to a store; only one exists at a time, see `EpisodeStore.writer`."""

    def __init__(self, store: EpisodeStore) -> None:
        self.store = store

    @property
    def next_number(self) -> int:
        numbers = self.store.numbers()
        return numbers[-1] + 1 if numbers else 0

    def begin(self, prefix: str = "") -> Path:
        """A new folder for the files of the next episode. Raises `StorageError`."""
        folder = self.store.root / _PARTIAL
        with storage_errors(folder):
            return Path(tempfile.mkdtemp(prefix=f"{prefix}{self.next_number:06d}-", dir=folder))

    def commit(self, directory: Path, manifest: Manifest) -> Manifest:
        """Save the episode in a folder of `begin`, whose files are on disk already.

        When this returns, the episode survives whatever happens to the machine.

        Args:
            directory: From `begin`.
            manifest: Its number is replaced by the one that the episode gets.

        Raises:
            StorageError: It cannot be written; then nothing is saved.
        """
        manifest = replace(manifest, number=self.next_number)
        target = self.store.directory(manifest.number)
        write_sealed(directory / MANIFEST_FILE, manifest.to_json())
        with storage_errors(target):
            os.chmod(directory, 0o755)
            sync_folder(directory)
            os.rename(directory, target)
            sync_folder(target.parent)
            sync_folder(directory.parent)
        return manifest

    def discard(self, directory: Path) -> None:
        """Forget a folder of `begin`."""
        shutil.rmtree(directory, ignore_errors=True)

    def quarantine(self, number: int) -> Path:
        """Put a damaged episode aside. Its number stays free, so that no other changes.

        Raises:
            StorageError: It cannot be moved.
        """
        folder = self.store.root / _QUARANTINE
        with storage_errors(folder):
            folder.mkdir(exist_ok=True)
            target = Path(tempfile.mkdtemp(prefix=f"{number:06d}-", dir=folder))
            os.rename(self.store.directory(number), target / f"{number:06d}")
            sync_folder(folder)
        return target


def _subtasks_to_json(subtasks: Sequence[Subtask]) -> list[dict[str, Any]]:
    return [{"start_s": s.start_s, "end_s": s.end_s, "words": s.words} for s in subtasks]


def file_record(path: Path) -> FileRecord:
    """Size and hash of a file. Raises `OSError`."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return FileRecord(bytes=path.stat().st_size, sha256=digest.hexdigest())


def _compare(path: Path, record: FileRecord) -> tuple[int, str]:
    """Bytes read, and what is wrong; empty when nothing is."""
    if not path.is_file():
        return 0, "is missing"
    size = path.stat().st_size
    if size != record.bytes:
        return 0, f"has {size} bytes, {record.bytes} were saved"
    try:
        found = file_record(path)
    except OSError as error:
        return 0, f"cannot be read: {error.strerror}"
    return size, "" if found == record else "has other content than was saved"


@contextmanager
def _locked(path: Path, *, wait: bool) -> Iterator[IO[Any]]:
    """Hold a lock that goes away with the process, however that ends."""
    try:
        file = path.open("a+")
    except OSError as error:
        raise StorageError(f"Cannot write {path}: {error.strerror}.") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise DatasetInUseError(
                f"Another process is recording into {path.parent}; only one can."
            ) from None
        yield file
