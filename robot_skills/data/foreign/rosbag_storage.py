"""Messages of a ROS 2 bag, and pictures among them that stay there until somebody asks."""

import sqlite3
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import DatasetError
from robot_skills.data.foreign.files import library, reading


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Arrival times of one episode [ns], the end not included, and its task if the bag tells."""

    start_ns: int
    stop_ns: int
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    topic: str
    received_ns: int
    data: Any


class Bag:
    """Opens a bag for as long as something is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def open(self) -> Iterator[Any]:
        any_reader = library("rosbags.highlevel", "ROS 2 bags")
        typesys = library("rosbags.typesys", "ROS 2 bags")
        errors = (any_reader.AnyReaderError, sqlite3.Error, struct.error, ValueError, KeyError)
        with reading(self.path, *errors, IndexError, AssertionError):
            store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)
            reader = any_reader.AnyReader(self._files, default_typestore=store)
            with reader:
                yield reader

    @property
    def _files(self) -> list[Path]:
        if self.path.is_file() or (self.path / "metadata.yaml").is_file():
            return [self.path]
        return sorted([*self.path.glob("*.mcap"), *self.path.glob("*.db3")])

    @cached_property
    def topics(self) -> dict[str, str]:
        """Type of each topic."""
        with self.open() as reader:
            return {one.topic: one.msgtype for one in reader.connections}

    def messages(
        self, topics: Sequence[str], span: Span | None = None, raw: Sequence[str] = ()
    ) -> Iterator[Message]:
        """Messages in the order of their arrival; those of the topics in `raw` not deserialised."""
        with self.open() as reader:
            wanted = [one for one in reader.connections if one.topic in (*topics, *raw)]
            if not wanted:
                return
            limits = {} if span is None else {"start": span.start_ns, "stop": span.stop_ns}
            for connection, received_ns, data in reader.messages(connections=wanted, **limits):
                decoded = data
                if connection.topic not in raw:
                    decoded = reader.deserialize(data, connection.msgtype)
                yield Message(topic=connection.topic, received_ns=received_ns, data=decoded)


class BagStream:
    """Pictures of one topic (`pictures.Stream`)."""

    def __init__(
        self,
        bag: Bag,
        topic: str,
        keys: tuple[tuple[int, int], ...],
        decode: Callable[[Any], NDArray],
    ) -> None:
        self._bag, self._topic, self._keys, self._decode = bag, topic, keys, decode

    def __len__(self) -> int:
        return len(self._keys)

    def chosen(self, indices: NDArray[np.intp]) -> "BagStream":
        """Some of the pictures, in the order asked for."""
        keys = tuple(self._keys[i] for i in indices)
        return BagStream(self._bag, self._topic, keys, self._decode)

    def at(self, index: int) -> NDArray:
        return next(self._from(self._keys[index : index + 1]))

    def in_order(self) -> Iterator[NDArray]:
        if list(self._keys) != sorted(self._keys):
            return map(self.at, range(len(self)))
        return self._from(self._keys)

    def _from(self, keys: tuple[tuple[int, int], ...]) -> Iterator[NDArray]:
        """Pictures at increasing places in one pass; one that is asked for twice is kept."""
        span = Span(start_ns=keys[0][0], stop_ns=keys[-1][0] + 1, words="")
        stored = _counted(self._bag.messages([self._topic], span))
        place, message, picture = (-1, -1), None, None
        for key in keys:
            while place < key:
                place, message = next(stored, ((2**63, 0), None))
                picture = None
            if message is None or place != key:
                raise DatasetError(f"{self._bag.path}: a picture on {self._topic} is gone.")
            picture = self._decode(message.data) if picture is None else picture
            yield picture


def _counted(found: Iterator[Message]) -> Iterator[tuple[tuple[int, int], Message]]:
    """Messages with their arrival, and which they are of those that arrived at the same time."""
    last_ns, number = -1, 0
    for message in found:
        number = number + 1 if message.received_ns == last_ns else 0
        last_ns = message.received_ns
        yield (last_ns, number), message
