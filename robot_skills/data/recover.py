"""Mends a dataset after a crash: what a journal has kept is saved, the rest is removed.

Idempotent: whatever interrupts it, the next call goes on, and a mended dataset stays as it is. An
episode that was recovered says from which leftover, so that none is recovered twice.
"""

import json
import logging
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mcap.exceptions import McapError
from mcap.records import Channel, Message, Metadata, Schema
from mcap.stream_reader import StreamReader

from robot_skills.core.annotation import Outcome
from robot_skills.core.events import EventKind
from robot_skills.data.log_writer import JSON_SCHEMAS, METADATA, LogWriter, Times
from robot_skills.data.store import LOG_FILE, Manifest, StoreWriter
from robot_skills.data.streams import StreamCounter
from robot_skills.data.subtasks import spans

_log = logging.getLogger(__name__)

JOURNAL = "journal"
"""In a log's metadata: whether it was forced to disk while it was written."""
_RECOVERED_FROM = "recovered_from"
_COPY = "copy-"
"""How folders begin into which a leftover is being copied."""
_SHORTEST_S = 0.5
"""What is shorter than this is no episode."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mended:
    """What was done.

    Attributes:
        recovered: Numbers of episodes that were saved from a journal.
        removed: Leftovers that held nothing to save.
    """

    recovered: tuple[int, ...]
    removed: int


def mend(writer: StoreWriter) -> Mended:
    """Save or remove every leftover. Raises `StorageError`."""
    recovered, removed = [], 0
    known = {entry.manifest.origin.get(_RECOVERED_FROM) for entry in writer.store.entries()}
    for leftover in writer.store.leftovers():
        again = leftover.name.startswith(_COPY) or leftover.name in known
        manifest = None if again else _recover(writer, leftover)
        if manifest is None:
            removed += 1
        else:
            recovered.append(manifest.number)
            _log.warning("episode %d was recovered after a crash", manifest.number)
        writer.discard(leftover)
    return Mended(recovered=tuple(recovered), removed=removed)


def _recover(writer: StoreWriter, leftover: Path) -> Manifest | None:
    """Save what can be read of a journal; None when that is nothing."""
    salvage = _Salvage()
    path = leftover / LOG_FILE
    if not path.is_file() or not salvage.scan(path):
        return None
    target = writer.begin(_COPY)
    log = LogWriter(target / LOG_FILE, salvage.metadata)
    streams = _copy(path, log)
    record = log.finish()
    manifest = Manifest(
        number=-1,
        task=salvage.metadata["task"],
        outcome=Outcome.UNKNOWN,
        duration_s=salvage.newest_s - salvage.start_s,
        start_s=salvage.start_s,
        started=salvage.metadata["started"],
        recovered=True,
        files={LOG_FILE: record},
        streams={name: counter.stats() for name, counter in streams.items()},
        origin={**salvage.origin, _RECOVERED_FROM: leftover.name},
        subtasks=spans(salvage.said, salvage.start_s, salvage.newest_s),
    )
    return writer.commit(target, manifest)


class _Salvage:
    """What a broken log holds."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.start_s = self.newest_s = 0.0
        self.said: list[tuple[float, str]] = []

    @property
    def origin(self) -> dict[str, str]:
        found = self.metadata.items()
        return {k.removeprefix("origin."): v for k, v in found if k.startswith("origin.")}

    def scan(self, path: Path) -> bool:
        """Whether it holds enough to be an episode."""
        states = 0
        for record, topic in _records(path):
            if isinstance(record, Metadata) and record.name == METADATA:
                self.metadata = dict(record.metadata)
                self.start_s = self.newest_s = float(self.metadata["start_s"])
            elif isinstance(record, Message):
                states += topic in ("/arm/state", "/arm/command") or topic.startswith("/numbers")
                self.newest_s = max(self.newest_s, record.publish_time / 1e9)
                if topic == "/events":
                    self.said += said_in(record.data)
        kept = self.metadata.get(JOURNAL) == str(True)
        return kept and states > 0 and self.newest_s - self.start_s >= _SHORTEST_S


def said_in(message: bytes) -> list[tuple[float, str]]:
    """Time and words of a subtask, if that is what an event is about."""
    event = json.loads(message)
    if event["kind"] != EventKind.SUBTASK.value:
        return []
    return [(event["stamp_s"], event["data"]["words"])]


def _copy(path: Path, log: LogWriter) -> dict[str, StreamCounter]:
    counters: dict[str, StreamCounter] = {}
    channels: dict[int, Channel] = {}
    kinds: dict[int, str] = {}
    for record, topic in _records(path):
        if isinstance(record, Schema):
            kinds[record.id] = record.name
        elif isinstance(record, Channel):
            channels[record.id] = record
        elif isinstance(record, Message):
            times = Times(
                stamp_s=record.publish_time / 1e9,
                received_s=record.log_time / 1e9,
                number=record.sequence,
            )
            _count(counters, topic, times)
            channel = channels[record.channel_id]
            if channel.message_encoding == "json":
                log.json(
                    topic,
                    record.data,
                    stamp_s=times.stamp_s,
                    received_s=times.received_s,
                    number=times.number,
                )
            else:
                log.raw(topic, kinds[channel.schema_id], record.data, times)
    return counters


def _count(counters: dict[str, StreamCounter], topic: str, times: Times) -> None:
    stream = topic.removesuffix("/rgb")
    if topic.endswith(("/depth", "/info", "/pose")):
        return
    counter = counters.setdefault(stream, StreamCounter())
    if topic in JSON_SCHEMAS and topic != "/arm/state":
        counter.note(times.stamp_s)
    else:
        counter.take(times.stamp_s, times.received_s)


def _records(path: Path) -> Iterator[tuple[Any, str]]:
    """Every record that is whole, with the topic of messages, up to where the file breaks off."""
    topics: dict[int, str] = {}
    with path.open("rb") as stream:
        try:
            for record in StreamReader(stream, validate_crcs=True).records:
                if isinstance(record, Channel):
                    topics[record.id] = record.topic
                topic = topics.get(record.channel_id, "") if isinstance(record, Message) else ""
                yield record, topic
        except (McapError, ValueError, KeyError, EOFError, struct.error) as error:
            _log.debug("%s breaks off: %r", path, error)
