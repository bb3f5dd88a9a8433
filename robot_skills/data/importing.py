"""Episodes of others into a dataset of our own, with their own times.

What a source does not know is not made up: a camera without a lens is written as uncalibrated (K of
zeros, as ROS has it) and the origin says that its optics are unknown, which `known_optics` minds.
Names become such as a file can have. An import that is interrupted goes on with the next episode.
"""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_skills.core.errors import DatasetError, RefusedError, RobotSkillsError
from robot_skills.core.events import Event
from robot_skills.core.se3 import SE3
from robot_skills.core.types import ActionChunk, ArmState, single_arm_chunk
from robot_skills.data import messages
from robot_skills.data.log_writer import LogWriter, Times
from robot_skills.data.messages import Command
from robot_skills.data.recorder_process import episode_metadata
from robot_skills.data.recover import mend
from robot_skills.data.schema import CameraSpec, DatasetSchema, NumbersSpec
from robot_skills.data.series import (
    ActionSeries,
    ArmSeries,
    CameraSeries,
    EpisodeData,
    EpisodeSource,
)
from robot_skills.data.store import LOG_FILE, EpisodeStore, Manifest, StoreWriter
from robot_skills.data.streams import StreamCounter

SOURCE, SOURCE_INDEX = "source", "source_index"
OPTICS = "optics."
"""In the origin, before a camera's name: what is unknown of its optics."""
_UNKNOWN = "unknown"
_HASHED_BYTES = 1 << 28
"""Larger files are told by their size; hashing them would take longer than reading them."""
_MILLIMETRES = 1000.0
_FAR_MM = 65535.0
_SAME_S = 1e-6

Told = Callable[[int, EpisodeData], None]
"""Called with the index of every episode when it has been checked, and when it has been saved."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What was done.

    Attributes:
        episodes: That were imported now.
        before: That an earlier call had imported.
        notes: What could not be kept, in words.
    """

    episodes: int
    before: int
    notes: tuple[str, ...]


def import_episodes(
    source: EpisodeSource,
    store: EpisodeStore,
    *,
    name: str,
    path: Path | None = None,
    checked: Told | None = None,
    saved: Told | None = None,
) -> Imported:
    """Copy all episodes of a source into a store, and compare what was written with its hashes.

    Every episode is looked at before the first one is written.

    Args:
        source: Where they are.
        store: A new dataset, or one that an interrupted call has begun.
        name: Of the dataset.
        path: Of the source, for the origin.
        checked: See `Told`.
        saved: See `Told`.

    Raises:
        RefusedError: The dataset has other episodes, or another schema.
        DatasetError: The source is damaged, or its episodes differ; says in what.
        StorageError: It cannot be written.
    """
    if not len(source):
        raise DatasetError(f"{source.name} has not one episode.")
    plan = _plan(source, name, checked)
    origin = _origin(source, path)
    with store.writer(plan.schema) as writer:
        mend(writer)
        done = _done(store, origin)
        for index in range(len(source)):
            if index in done:
                continue
            episode = source.episode(index)
            _import_one(writer, plan, episode, {**origin, SOURCE_INDEX: str(index)})
            if saved is not None:
                saved(index, episode)
    return Imported(episodes=len(source) - len(done), before=len(done), notes=plan.notes)


def known_optics(episode: EpisodeData) -> EpisodeData:
    """The same episode without optics that stand for unknown ones."""
    cameras = {
        name: replace(camera, K=None, T_base_camera=None)
        if episode.meta.get(OPTICS + name) == _UNKNOWN
        else replace(camera, T_base_camera=None)
        if episode.meta.get(OPTICS + name)
        else camera
        for name, camera in episode.cameras.items()
    }
    return replace(episode, cameras=cameras)


# Plan


@dataclass(frozen=True, kw_only=True, slots=True)
class _Plan:
    """How a source fits into a store.

    Attributes:
        schema: Of the store.
        names: What everything is called in the store, by its name in the source.
        notes: See `Imported`.
    """

    schema: DatasetSchema
    names: Mapping[str, str]
    notes: tuple[str, ...]


def _plan(source: EpisodeSource, name: str, checked: Told | None) -> _Plan:
    first: _Plan | None = None
    for index in range(len(source)):
        episode = source.episode(index)
        mine = _plan_of(episode, name)
        first = first or mine
        # The rate is measured, so it is never twice the same.
        hz = {camera.name: camera.hz for camera in first.schema.cameras}
        cameras = tuple(replace(c, hz=hz.get(c.name, c.hz)) for c in mine.schema.cameras)
        differences = first.schema.differences(replace(mine.schema, cameras=cameras))
        if differences:
            raise DatasetError(
                f"Episode {index} of {source.name} does not fit in with the first one: "
                f"{'; '.join(differences)}. One dataset cannot hold both."
            )
        if checked is not None:
            checked(index, episode)
    assert first is not None
    return first


def _plan_of(episode: EpisodeData, name: str) -> _Plan:
    names = _file_names([*episode.arms, *_told(episode), *episode.numbers, *episode.cameras])
    notes = [f"{old} is called {new}" for old, new in names.items() if old != new]
    notes += [
        f"camera {camera} has no colour and is left out"
        for camera, series in episode.cameras.items()
        if not series.has_rgb
    ]
    schema = DatasetSchema(
        name=name,
        robot=episode.meta.get("robot_type") or episode.meta.get("robot") or "unknown",
        control_period_s=episode.period_s,
        arms={names[arm]: series.q_rad.shape[1] for arm, series in episode.arms.items()},
        cameras=tuple(
            CameraSpec(
                name=names[camera],
                width_px=series.width_px,
                height_px=series.height_px,
                hz=_hz(series, episode.period_s),
                depth=series.has_depth,
            )
            for camera, series in episode.cameras.items()
            if series.has_rgb
        ),
        numbers=tuple(
            NumbersSpec(name=names[vector], names=series.names)
            for vector, series in episode.numbers.items()
        ),
    )
    return _Plan(schema=schema, names=names, notes=tuple(notes))


def _told(episode: EpisodeData) -> list[str]:
    return [*episode.requested, *episode.sent]


def _file_names(names: list[str]) -> dict[str, str]:
    """A name that a file can have for each; raises `DatasetError` where two would be the same."""
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^a-z0-9._-]+", "_", name.lower()).strip("._-")[:64] or "unnamed"
        found[name] = re.sub(r"\.\.+", ".", plain)
    if len(set(found.values())) < len(found):
        raise DatasetError(f"Two names would be the same as files: {', '.join(sorted(found))}.")
    return found


def _hz(camera: CameraSeries, period_s: float) -> float:
    steps_s = np.diff(camera.stamp_s)
    usual_s = float(np.median(steps_s)) if len(steps_s) else period_s
    return round(1.0 / usual_s, 2) if usual_s > 0.0 else round(1.0 / period_s, 2)


def _origin(source: EpisodeSource, path: Path | None) -> dict[str, str]:
    found = {SOURCE: source.name, "source_kind": source.kind}
    if path is None:
        return found
    found["source_path"] = path.name
    main = path / "meta" / "info.json" if path.is_dir() else path
    if main.is_file():
        size = main.stat().st_size
        if size <= _HASHED_BYTES:
            with main.open("rb") as file:
                found["source_sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        else:
            found["source_bytes"] = str(size)
    return found


def _done(store: EpisodeStore, origin: Mapping[str, str]) -> set[int]:
    """Indices of the episodes that have been imported."""
    done = set()
    for entry in store.entries():
        have = entry.manifest.origin
        if any(have.get(key) != value for key, value in origin.items()):
            raise RefusedError(
                f"{store.root} holds episodes that are not from this {origin['source_kind']} "
                f"{origin[SOURCE]}; choose another folder."
            )
        done.add(int(have[SOURCE_INDEX]))
    return done


# Writing


@dataclass(slots=True, eq=False)
class _Log:
    """The log of one episode, and what its streams did."""

    writer: LogWriter
    shift_s: float
    counters: dict[str, StreamCounter] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)

    def json(self, topic: str, stamp_s: float, message: Mapping[str, object]) -> None:
        try:
            data = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
        except ValueError:
            raise DatasetError(f"{topic} holds numbers that are not finite.") from None
        number = self.written[topic] = self.written.get(topic, -1) + 1
        self.writer.json(topic, data, stamp_s=stamp_s, received_s=stamp_s, number=number)

    def count(self, stream: str, stamp_s: float, hz: float, *, several: bool = False) -> None:
        """Count a sample; of several devices on one stream the order says nothing."""
        counter = self.counters.setdefault(stream, StreamCounter(expected_hz=hz))
        if several:
            counter.note(stamp_s)
        else:
            counter.take(stamp_s)


def _import_one(
    writer: StoreWriter, plan: _Plan, episode: EpisodeData, origin: Mapping[str, str]
) -> None:
    shift_s = _shift_s(episode)
    origin = {**origin, **_meta(episode, plan, shift_s)}
    head = {
        "task": episode.task,
        "start_s": episode.start_s + shift_s,
        "started": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "origin": origin,
    }
    directory = writer.begin()
    log_writer = LogWriter(directory / LOG_FILE, episode_metadata(head, plan.schema, journal=False))
    log = _Log(writer=log_writer, shift_s=shift_s)
    try:
        _write(log, plan, episode)
        record = log.writer.finish()
        manifest = Manifest(
            number=-1,
            task=episode.task,
            outcome=episode.outcome,
            duration_s=episode.duration_s,
            start_s=head["start_s"],
            started=head["started"],
            recovered=False,
            files={LOG_FILE: record},
            streams={name: counter.stats() for name, counter in log.counters.items()},
            origin=origin,
            subtasks=episode.subtasks,
        )
        saved = writer.commit(directory, manifest)
    except RobotSkillsError:
        log.writer.abandon()
        writer.discard(directory)
        raise
    for _, damage in writer.store.verify([saved.number]):
        mine = [one for one in damage if one.episode == saved.number]
        if mine:
            raise DatasetError(f"{mine[0].file} {mine[0].what}, right after it was written.")


def _meta(episode: EpisodeData, plan: _Plan, shift_s: float) -> dict[str, str]:
    """What the source says of the episode, and what it does not say."""
    found = {name: str(value) for name, value in episode.meta.items() if name != "robot"}
    for camera, series in episode.cameras.items():
        if series.K is None or series.T_base_camera is None:
            what = _UNKNOWN if series.K is None else "place unknown"
            found[OPTICS + plan.names[camera]] = what
    if shift_s:
        found["shifted_s"] = repr(shift_s)
    if episode.sent and not episode.requested:
        found["requested"] = "unknown, written as sent"
    return found


def _shift_s(episode: EpisodeData) -> float:
    """Whole seconds that make all times of an episode positive, because a log has no others."""
    stamps = [episode.start_s]
    for series in (
        *episode.arms.values(),
        *episode.sent.values(),
        *episode.requested.values(),
        *episode.numbers.values(),
        *episode.cameras.values(),
    ):
        stamps.extend(series.stamp_s[:1])
    return float(max(math.ceil(-min(stamps)), 0)) if min(stamps) < 0.0 else 0.0


def _write(log: _Log, plan: _Plan, episode: EpisodeData) -> None:
    for event in episode.events:
        moved = replace(event, stamp_s=event.stamp_s + log.shift_s)
        _write_event(log, moved)
    for arm, series in episode.arms.items():
        _write_arm(log, plan.names[arm], series)
        for at_s in series.stamp_s + log.shift_s:
            hz = 1.0 / episode.period_s
            log.count("/arm/state", float(at_s), hz, several=len(episode.arms) > 1)
    for command in _commands(episode, plan.names, log.shift_s):
        log.json("/arm/command", command.stamp_s, messages.command_to_json(command))
    for vector, series in episode.numbers.items():
        topic = f"/numbers/{plan.names[vector]}"
        for at_s, values in zip(series.stamp_s + log.shift_s, series.values, strict=True):
            log.json(topic, float(at_s), {"stamp_s": float(at_s), "values": values.tolist()})
            log.count(topic, float(at_s), 1.0 / episode.period_s)
    for camera, series in episode.cameras.items():
        if series.has_rgb:
            _write_camera(log, plan.names[camera], series, episode.period_s)


def _write_event(log: _Log, event: Event) -> None:
    log.json("/events", event.stamp_s, messages.event_to_json(event))


def _write_arm(log: _Log, arm: str, series: ArmSeries) -> None:
    for i, at_s in enumerate(series.stamp_s + log.shift_s):
        state = ArmState(
            stamp_s=float(at_s),
            q_rad=series.q_rad[i],
            dq_rad_s=series.dq_rad_s[i],
            tau_nm=series.tau_nm[i],
            T_base_tool=SE3.from_matrix(series.T_base_tool[i]),
            opening=float(series.opening[i]),
        )
        log.json("/arm/state", float(at_s), messages.state_to_json(arm, state))


def _commands(episode: EpisodeData, names: Mapping[str, str], shift_s: float) -> list[Command]:
    """One command per waypoint: as requested and as sent, as far as both are known."""
    found: list[Command] = []
    for arm in dict.fromkeys(_told(episode)):
        requested = _waypoints(episode.requested.get(arm), names[arm], shift_s)
        sent = _waypoints(episode.sent.get(arm), names[arm], shift_s)
        for at in sorted({*requested, *sent}):
            asked, taken = requested.get(at), sent.get(at)
            chunk = asked or taken
            assert chunk is not None
            found.append(
                Command(
                    stamp_s=max(float(chunk.stamp_s[0]) - episode.period_s, 0.0),
                    requested=chunk,
                    accepted=taken,
                    refused=None if taken is not None else "not known to have been sent",
                )
            )
    return sorted(found, key=lambda command: command.stamp_s)


def _waypoints(series: ActionSeries | None, arm: str, shift_s: float) -> dict[int, ActionChunk]:
    """Chunks of one waypoint, by their time in units in which equal times are equal."""
    if series is None:
        return {}
    return {
        round(at_s / _SAME_S): single_arm_chunk(
            np.array([at_s]), series.T_base_tool[i][None], series.opening[i : i + 1], name=arm
        )
        for i, at_s in enumerate((series.stamp_s + shift_s).tolist())
    }


def _write_camera(log: _Log, camera: str, series: CameraSeries, period_s: float) -> None:
    K = np.zeros((3, 3)) if series.K is None else np.asarray(series.K, dtype=np.float64)
    hz = _hz(series, period_s)
    for i, (rgb, depth_m) in enumerate(series.pictures.in_order()):
        if rgb is None:
            raise DatasetError(f"Picture {i} of camera {camera} is missing.")
        if i and series.stamp_s[i] == series.stamp_s[i - 1]:
            continue  # The same picture, shown in two rows.
        at_s = float(series.stamp_s[i]) + log.shift_s
        received_s = at_s if series.received_s is None else series.received_s[i] + log.shift_s
        poses = series.T_base_camera
        T_base_camera = SE3.identity() if poses is None else SE3.from_matrix(poses[i])
        times = Times(stamp_s=at_s, received_s=float(received_s), number=i)
        log.writer.frame(camera, rgb, _millimetres(depth_m), (K, T_base_camera), times)
        log.count(f"/camera/{camera}", at_s, hz)


def _millimetres(depth_m: NDArray[np.float32] | None) -> NDArray[np.uint16] | None:
    """Depth as logs hold it; what is not finite or too far is no reading."""
    if depth_m is None:
        return None
    depth_mm = np.rint(np.nan_to_num(depth_m, nan=0.0, posinf=0.0, neginf=0.0) * _MILLIMETRES)
    return np.where((depth_mm > 0.0) & (depth_mm <= _FAR_MM), depth_mm, 0.0).astype(np.uint16)
