"""Recorded episodes as the console looks through them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from robot_skills.console.backend import EpisodeRow
from robot_skills.core.annotation import Outcome, Subtask
from robot_skills.core.errors import RefusedError, unknown_name
from robot_skills.core.se3 import Array
from robot_skills.data.reader import read_recorded
from robot_skills.data.series import CameraSeries, EpisodeData
from robot_skills.data.store import Entry, EpisodeStore
from robot_skills.data.suspicion import flags_of

_KEPT_EPISODES = 4
_SAME_S = 0.05


class StoreLibrary:
    """An `EpisodeLibrary` on a dataset folder.

    Args:
        root: The folder; it may be recorded into meanwhile.
    """

    def __init__(self, root: Path) -> None:
        self._store = EpisodeStore(root)
        self._read = lru_cache(_KEPT_EPISODES)(self._episode)

    @property
    def name(self) -> str:
        return self._store.schema.name if (self._store.root / "dataset.json").exists() else ""

    def episodes(self) -> Sequence[EpisodeRow]:
        return [self._row(entry) for entry in self._store.entries()]

    def picture(self, number: int, camera: str, at_s: float) -> NDArray[np.uint8]:
        series, index = self._nearest(number, camera, at_s)
        return series.pictures.rgb(index)

    def depth(self, number: int, camera: str, at_s: float) -> NDArray[np.float32]:
        series, index = self._nearest(number, camera, at_s)
        if not series.has_depth:
            raise RefusedError(f"Camera {camera} of episode {number} has no depth.")
        return series.pictures.depth_m(index)

    def curves(self, number: int) -> Mapping[str, Any]:
        episode = self._read(number)
        if not episode.arms:
            return {"stamp_s": []}
        name, arm = next(iter(episode.arms.items()))
        found: dict[str, Any] = {
            "stamp_s": _list(arm.stamp_s - episode.start_s),
            **{f"tool.{axis}": _list(arm.T_base_tool[:, i, 3]) for i, axis in enumerate("xyz")},
            "opening": _list(arm.opening),
        }
        for series, kind in ((episode.requested, "requested"), (episode.sent, "sent")):
            if name in series:
                found |= _held_curves(kind, series[name], arm.stamp_s)
        return found

    def annotate(
        self,
        number: int,
        *,
        task: str | None = None,
        outcome: Outcome | None = None,
        rating: int | None = None,
        label: str | None = None,
        discarded: bool | None = None,
        trim_s: tuple[float, float] | None = None,
        subtasks: Sequence[Subtask] | None = None,
    ) -> EpisodeRow:
        changes: dict[str, Any] = {
            "task": task,
            "outcome": outcome,
            "rating": rating,
            "label": label,
            "discarded": discarded,
            "subtasks": None if subtasks is None else tuple(subtasks),
        }
        changes = {name: value for name, value in changes.items() if value is not None}
        if trim_s is not None:
            changes["trim_s"] = self._trim(number, trim_s)
        self._store.annotate(number, **changes)
        self._read.cache_clear()
        return self._row(self._store.entry(number))

    def _trim(self, number: int, trim_s: tuple[float, float]) -> tuple[float, float] | None:
        """None for all of it."""
        duration_s = self._store.entry(number).manifest.duration_s
        start_s, end_s = trim_s
        if not 0.0 <= start_s < end_s <= duration_s + _SAME_S:
            raise RefusedError(
                f"A trim of episode {number} lies in [0, {duration_s:.2f}] s, got {trim_s}."
            )
        whole = start_s < _SAME_S and end_s > duration_s - _SAME_S
        return None if whole else (start_s, end_s)

    def _episode(self, number: int) -> EpisodeData:
        return read_recorded(self._store.entry(number), self._store)

    def _nearest(self, number: int, camera: str, at_s: float) -> tuple[CameraSeries, int]:
        episode = self._read(number)
        if camera not in episode.cameras:
            raise unknown_name("camera", camera, episode.cameras)
        series = episode.cameras[camera]
        stamp_s = episode.start_s + at_s
        return series, int(np.abs(series.stamp_s - stamp_s).argmin())

    def _row(self, entry: Entry) -> EpisodeRow:
        manifest, said = entry.manifest, entry.annotation
        cameras = [name for name in manifest.streams if name.startswith("/camera/")]
        return EpisodeRow(
            number=entry.number,
            task=entry.task,
            outcome=entry.outcome,
            rating=said.rating,
            label=said.label,
            duration_s=manifest.duration_s,
            started=manifest.started,
            bytes=manifest.bytes,
            flags=flags_of(manifest),
            discarded=said.discarded,
            cameras=tuple(name.removeprefix("/camera/") for name in cameras),
            trim_s=said.trim_s,
            subtasks=entry.subtasks,
        )


def _held_curves(kind: str, series: Any, at_s: Array) -> dict[str, list[float]]:
    """What was asked for at the times of the states."""
    index = np.minimum(np.searchsorted(series.stamp_s, at_s - 1e-9), len(series.stamp_s) - 1)
    return {
        **{
            f"{kind}.{axis}": _list(series.T_base_tool[index, i, 3]) for i, axis in enumerate("xyz")
        },
        f"{kind}.opening": _list(series.opening[index]),
    }


def _list(values: Array) -> list[float]:
    return [float(value) for value in values]
