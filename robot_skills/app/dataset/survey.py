"""Goes through a dataset once, episode by episode, and keeps the little that a report needs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from robot_skills.app.dataset.thumbnails import Thumbnail, thumbnail
from robot_skills.core.annotation import Outcome
from robot_skills.core.errors import DatasetError
from robot_skills.core.scene import TABLE
from robot_skills.core.se3 import Array
from robot_skills.data.measures import (
    AlignmentMeasures,
    MotionMeasures,
    ToolPath,
    alignment,
    first_grasp,
    first_scene,
    motion,
    shape_of,
    tool_paths,
)
from robot_skills.data.reader import read_recorded
from robot_skills.data.series import CameraSeries, EpisodeData
from robot_skills.data.store import Entry, EpisodeStore
from robot_skills.data.streams import StreamStats
from robot_skills.data.suspicion import flags_of

SHAPE_POINTS = 16
_KEPT_POINTS = 80
"""Positions that are kept per episode: enough for densities, whatever its length."""
_LOOK_AHEAD_S = 0.2
"""An action, for consistency, is the way of the tool in so much time."""
_SHOWN = 24
"""Episodes of which pictures are shown."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ToolSummary:
    """What is kept of a tool's path.

    Attributes:
        motion: How it moved.
        p: Some of its positions [m], (n, 3).
        shape: Its path at equally spaced times [m], (SHAPE_POINTS, 3).
        grasp: Where its gripper first closed [m], (3,); None where it did not.
        states: Positions and openings at some times, (n, 4).
        actions: Where it went from there, and how the opening changed, (n, 4).
    """

    motion: MotionMeasures
    p: NDArray[np.float32]
    shape: Array
    grasp: Array | None
    states: Array
    actions: Array


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EpisodeSummary:
    """What is kept of an episode.

    Attributes:
        number: Its number.
        task: In words.
        outcome: How it ended.
        label: What was said of it.
        subset: What it counts to.
        duration_s: Its length.
        tool: Of its first arm; None where nobody knows where the tool was.
        entities: Where things stood at first, [m] (3,) by name.
        streams: What every stream did.
        alignment: By camera.
        look: Its first pictures in small, (k,); None without cameras.
        thumbnails: First and last pictures; none for most episodes.
        flags: What the manifest says against it.
    """

    number: int
    task: str
    outcome: Outcome
    label: str
    subset: str
    duration_s: float
    tool: ToolSummary | None
    entities: dict[str, Array]
    streams: dict[str, StreamStats]
    alignment: dict[str, AlignmentMeasures]
    look: NDArray[np.float32] | None
    thumbnails: tuple[Thumbnail, ...]
    flags: tuple[str, ...]


@dataclass(slots=True, eq=False)
class Survey:
    """Everything that a report is made of.

    Attributes:
        episodes: In order.
        unreadable: Numbers of damaged episodes, and why they could not be read.
        discarded: How many were left out because people said so.
    """

    episodes: list[EpisodeSummary] = field(default_factory=list)
    unreadable: dict[int, str] = field(default_factory=dict)
    discarded: int = 0


def survey(store: EpisodeStore, by: str, told: Callable[[], object] | None = None) -> Survey:
    """Go through a dataset.

    Args:
        store: The dataset.
        by: ``task``, ``label``, ``outcome`` or ``origin.KEY``.
        told: Called after every episode.
    """
    numbers = store.numbers()
    shown = {numbers[int(i)] for i in np.linspace(0, len(numbers) - 1, _SHOWN)} if numbers else {}
    found = Survey()
    for number in numbers:
        try:
            entry = store.entry(number)
            if entry.annotation.discarded:
                found.discarded += 1
            else:
                found.episodes.append(_summary(store, entry, by, number in shown))
        except DatasetError as error:
            found.unreadable[number] = str(error)
        if told is not None:
            told()
    return found


def subset_of(entry: Entry, by: str) -> str:
    """What an episode counts to, in words."""
    match by:
        case "task":
            return entry.task or "(no words)"
        case "label":
            return entry.annotation.label or "(no label)"
        case "outcome":
            return entry.outcome.value
        case _:
            return entry.manifest.origin.get(by.removeprefix("origin."), "(not said)")


def _summary(store: EpisodeStore, entry: Entry, by: str, pictured: bool) -> EpisodeSummary:
    episode = read_recorded(entry, store)
    path = next(iter(tool_paths(episode).values()), None)
    measured = {name: alignment(episode, name) for name in episode.cameras}
    return EpisodeSummary(
        number=entry.number,
        task=entry.task,
        outcome=entry.outcome,
        label=entry.annotation.label,
        subset=subset_of(entry, by),
        duration_s=episode.duration_s,
        tool=None if path is None else _tool(path),
        entities=_entities(entry.log),
        streams=dict(entry.manifest.streams),
        alignment={name: one for name, one in measured.items() if one is not None},
        look=_look(episode),
        thumbnails=tuple(_thumbnails(episode)) if pictured else (),
        flags=flags_of(entry.manifest),
    )


def _tool(path: ToolPath) -> ToolSummary:
    ahead = max(round(_LOOK_AHEAD_S / path.period_s), 1)
    values = np.concatenate([path.p, path.opening[:, None]], axis=1)
    states, actions = values[:-ahead], values[ahead:] - values[:-ahead]
    rows = _spaced(len(states), _KEPT_POINTS)
    return ToolSummary(
        motion=motion(path),
        p=path.p[_spaced(len(path.p), _KEPT_POINTS)].astype(np.float32),
        shape=shape_of(path, SHAPE_POINTS),
        grasp=first_grasp(path),
        states=states[rows],
        actions=actions[rows],
    )


def _spaced(count: int, most: int) -> NDArray[np.int64]:
    return np.linspace(0, max(count - 1, 0), min(count, most)).astype(np.int64)


def _entities(log: Path) -> dict[str, Array]:
    scene = first_scene(log)
    if scene is None:
        return {}
    return {one.name: one.T_base_entity.p for one in scene if one.name != TABLE and one.movable}


def _look(episode: EpisodeData) -> NDArray[np.float32] | None:
    """The first pictures of all cameras, 16 x 16 each, as one vector of values in [0, 1]."""
    seen = [one for one in episode.cameras.values() if one.has_rgb and len(one.pictures)]
    parts = [_small(camera) for camera in seen]
    return np.concatenate(parts) if parts else None


def _small(camera: CameraSeries) -> NDArray[np.float32]:
    import cv2

    small = cv2.resize(camera.pictures.rgb(0), (16, 16), interpolation=cv2.INTER_AREA)
    return np.asarray(small, dtype=np.float32).ravel() / 255.0


def _thumbnails(episode: EpisodeData) -> Sequence[Thumbnail]:
    found = []
    for name, camera in episode.cameras.items():
        if camera.has_rgb and len(camera.pictures):
            for when, index in (("first", 0), ("last", len(camera.pictures) - 1)):
                found.append(thumbnail(f"{name}, {when}", camera.pictures.rgb(index)))
    return found
